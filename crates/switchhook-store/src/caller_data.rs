//! Finds and removes what the store holds of one caller.

use super::caller::{Caller, CallerCall, CallerRecords, CandidateCall, CandidateRow, ScrubResult};
use super::operation::CHUNK;
use super::sql::caller_data::{self as sql, DeleteRows};
use super::{Driver, Store, StoreError};

/// One caller.
impl Store {
    /// Returns everything that is stored of a caller: calls with the number as a party or in a
    /// flow variable, their documents and persisted responses, and other rows that contain the
    /// number. Reads the whole store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_caller(&self, caller: &Caller) -> Result<CallerRecords, StoreError> {
        let clue = caller.clue();
        let candidates: Vec<CandidateCall> = read!(self, sql::candidate_calls, clue)?;
        let (mut calls, mut uuids) = (Vec::new(), Vec::new());
        for candidate in candidates {
            if let Some(own) = candidate.uuids_of(caller) {
                uuids.extend(own);
                calls.push(candidate.call);
            }
        }
        sort_once(&mut uuids);
        let is_theirs = |row: &CandidateRow| {
            uuids.binary_search(&row.channel).is_ok() || caller.is_in(&row.text)
        };
        let mut responses = read!(
            self,
            sql::candidate_rows,
            |sql| sql.responses_with_text,
            clue,
            &uuids
        )?;
        let mut documents = read!(
            self,
            sql::candidate_rows,
            |sql| sql.documents_with_text,
            clue,
            &uuids
        )?;
        let mut unpublished = read!(
            self,
            sql::candidate_rows,
            |sql| sql.unpublished_with_text,
            clue,
            &uuids
        )?;
        for rows in [&mut responses, &mut documents, &mut unpublished] {
            rows.retain(is_theirs);
        }
        let of_rows = documents.iter().chain(&unpublished);
        let mut call_uuids: Vec<String> = of_rows.map(|row| row.channel.clone()).collect();
        call_uuids.extend(calls.iter().map(|call: &CallerCall| call.call_uuid.clone()));
        sort_once(&mut call_uuids);
        let legs = self.load_legs().await?;
        let legs = legs.iter().filter(|leg| is_in_leg(caller, &leg.json));
        Ok(CallerRecords {
            calls,
            responses: responses.iter().map(|row| row.id).collect(),
            documents: documents
                .iter()
                .filter_map(|row| Some((row.id, row.state()?)))
                .collect(),
            unpublished: unpublished.iter().map(|row| row.id).collect(),
            call_uuids,
            legs: legs.count(),
        })
    }

    /// Removes what was found, waiting documents as well: they are never delivered then. A
    /// document whose attempt is in progress may still arrive.
    ///
    /// # Errors
    /// [`StoreError`]; part of it may be removed then.
    pub async fn forget(&self, found: &CallerRecords) -> Result<(), StoreError> {
        let calls: Vec<i64> = found.calls.iter().map(|call| call.id).collect();
        let documents: Vec<i64> = found.documents.iter().map(|(id, _)| *id).collect();
        let rows = |table: fn(&mut DeleteRows) -> &mut Vec<i64>, ids: &[i64]| {
            // In chunks, so that other writes come in between.
            let chunks = ids.chunks(CHUNK as usize).map(move |ids| {
                let mut rows = DeleteRows::default();
                *table(&mut rows) = ids.to_vec();
                rows
            });
            chunks.collect::<Vec<_>>()
        };
        let deletions = rows(|rows| &mut rows.unpublished, &found.unpublished)
            .into_iter()
            .chain(rows(|rows| &mut rows.documents, &documents))
            .chain(rows(|rows| &mut rows.responses, &found.responses))
            .chain(rows(|rows| &mut rows.calls, &calls));
        for deletion in deletions {
            self.write(deletion).await?;
        }
        Ok(())
    }

    /// Removes copies from free pages after [`Store::forget`], as far as that is possible.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed stays removed.
    pub async fn scrub(&self) -> Result<ScrubResult, StoreError> {
        match &*self.driver {
            Driver::Sqlite(db) => db.scrub().await,
            Driver::Postgres(_) => Ok(ScrubResult::LeftToVacuum),
        }
    }
}

/// Sorts the texts and removes duplicates.
fn sort_once(texts: &mut Vec<String>) {
    texts.sort_unstable();
    texts.dedup();
}

/// Returns whether a leg has the caller's number: it holds numbers as whole JSON values, and in
/// its variables.
fn is_in_leg(caller: &Caller, json: &str) -> bool {
    caller.is_in(json.as_bytes()) || json.contains(&format!("\"{}\"", caller.clue()))
}

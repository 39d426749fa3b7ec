//! Removing what the store holds of one caller.

use super::caller::{Caller, CandidateCall, CandidateRow, Found, FoundCall, Scrubbed};
use super::{Driver, Store, StoreError, ops};

/// One caller.
impl Store {
    /// Everything that is stored of a caller: calls that one of the numbers is a party of, or
    /// whose flow variables have it; their documents and kept answers; and what has the number
    /// in it besides. Reads through the whole store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_caller(&self, caller: &Caller) -> Result<Found, StoreError> {
        let clue = caller.clue();
        let suspects: Vec<CandidateCall> = either!(self, db => db.suspect_calls(clue).await)?;
        let (mut calls, mut uuids) = (Vec::new(), Vec::new());
        for suspect in suspects {
            if let Some(own) = suspect.convicted(caller) {
                uuids.extend(own);
                calls.push(suspect.call);
            }
        }
        uuids.sort_unstable();
        uuids.dedup();
        let is_theirs = |suspect: &CandidateRow| {
            uuids.binary_search(&suspect.channel).is_ok() || caller.is_in(&suspect.text)
        };
        let answers = either!(self, db => db.suspect_answers(clue, &uuids).await)?;
        let documents = either!(self, db => db.suspect_documents(clue, &uuids).await)?;
        let unpublished = either!(self, db => db.suspect_unpublished(clue, &uuids).await)?;
        let answers = answers.iter().filter(|answer| is_theirs(answer));
        let unpublished = unpublished.iter().filter(|call| is_theirs(call));
        let documents = documents.iter().filter(|document| is_theirs(document));
        let (answers, documents): (Vec<_>, Vec<_>) = (answers.collect(), documents.collect());
        let unpublished: Vec<_> = unpublished.collect();
        let of_rows = documents.iter().chain(&unpublished);
        let mut call_uuids: Vec<String> = of_rows.map(|row| row.channel.clone()).collect();
        call_uuids.extend(calls.iter().map(|call: &FoundCall| call.call_uuid.clone()));
        call_uuids.sort_unstable();
        call_uuids.dedup();
        let legs = self.load_legs().await?;
        let legs = legs.iter().filter(|leg| leg_of(caller, &leg.json));
        Ok(Found {
            calls,
            answers: answers.iter().map(|answer| answer.id).collect(),
            documents: documents
                .iter()
                .filter_map(|document| Some((document.id, document.state()?)))
                .collect(),
            unpublished: unpublished.iter().map(|call| call.id).collect(),
            call_uuids,
            legs: legs.count(),
        })
    }

    /// Removes what was found, also documents that wait: they are never delivered then. One
    /// that is being tried just now may still arrive.
    ///
    /// # Errors
    /// [`StoreError`]; part of it may be removed then.
    pub async fn forget(&self, found: &Found) -> Result<(), StoreError> {
        let calls: Vec<i64> = found.calls.iter().map(|call| call.id).collect();
        let documents: Vec<i64> = found.documents.iter().map(|(id, _)| *id).collect();
        // In chunks: whoever waits for the writer comes in between.
        let kinds = [
            found.unpublished.clone(),
            documents,
            found.answers.clone(),
            calls,
        ];
        for (kind, ids) in kinds.iter().enumerate() {
            for ids in ids.chunks(ops::CHUNK as usize) {
                let of = |wanted| {
                    if kind == wanted {
                        ids.to_vec()
                    } else {
                        Vec::new()
                    }
                };
                let forget = ops::Forget {
                    unpublished: of(0),
                    documents: of(1),
                    answers: of(2),
                    calls: of(3),
                };
                self.write(forget).await?;
            }
        }
        Ok(())
    }

    /// After [`Store::forget`]: leaves no copy in pages that are free, as far as that can be.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed stays so.
    pub async fn scrub(&self) -> Result<Scrubbed, StoreError> {
        match &*self.driver {
            Driver::Sqlite(db) => db.scrub().await,
            Driver::Postgres(_) => Ok(Scrubbed::LeftToVacuum),
        }
    }
}

/// A leg has its numbers as whole values, and its variables.
fn leg_of(caller: &Caller, json: &str) -> bool {
    caller.is_in(json.as_bytes()) || json.contains(&format!("\"{}\"", caller.clue()))
}

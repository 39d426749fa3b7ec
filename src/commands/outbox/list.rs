//! `switchhook outbox list`.

use switchhook_core::zone::Zone;
use switchhook_service::listing::{Column, Listing, printable};
use switchhook_service::outbox;
use switchhook_store::{DocumentFilter, DocumentState};

use super::row::{Pauses, Row, kind_word};
use crate::cli::operator::List;
use crate::commands;
use crate::commands::store_context::StoreContext;

/// The columns, each with its rank for a terminal ([`Column::rank`]).
const COLUMNS: [(&str, usize); 8] = [
    ("id", 0),
    ("kind", 7),
    ("webhook", 1),
    ("call", 6),
    ("state", 2),
    ("attempts", 5),
    ("next attempt", 4),
    ("last outcome", 3),
];

/// Prints the oldest documents that match; hints go to standard error.
pub async fn list(context: &StoreContext, args: &List) -> Result<(), String> {
    if args.json && !args.columns.columns.is_empty() {
        return Err("--columns is for tables; JSON has every field".into());
    }
    // One more than is printed, to know whether there are more.
    let limit = args.limit.saturating_add(1);
    let documents = outbox::list(&context.store, &filter(args, context.times.zone), limit).await;
    let mut documents = documents.map_err(|error| error.to_string())?;
    let more = documents.len() > args.limit as usize;
    documents.truncate(args.limit as usize);
    if let (Some(webhook), true) = (&args.filter.webhook, documents.is_empty()) {
        context.check_name(webhook)?;
    }
    let pauses = context.pauses().await?;
    let rows = documents.iter();
    let rows: Vec<Row<'_>> = rows
        .map(|row| Row::new(row, &pauses, &context.times))
        .collect();
    if args.json {
        commands::write_stdout(&json(&rows)?)?;
    } else if rows.is_empty() {
        commands::write_stderr("no documents\n");
    } else {
        let layout = commands::output::layout(&args.columns);
        let listed = listing(&rows).laid_out(&layout);
        let listed = listed.map_err(|error| error.to_string())?;
        commands::write_stdout(&listed.text)?;
        commands::say_left_out(&listed.left_out);
    }
    if more {
        commands::write_stderr(&format!(
            "these are the oldest {}; there are more: see --limit\n",
            args.limit
        ));
    }
    print_pauses(&rows, &pauses);
    Ok(())
}

/// Leaves out delivered documents and expired events unless a state is given: they are kept for
/// days, and would hide the others.
fn filter(args: &List, zone: Zone) -> DocumentFilter {
    let mut filter = super::filter(&args.filter, zone);
    if filter.states.is_empty() {
        filter.states = vec![
            DocumentState::Waiting,
            DocumentState::Leased,
            DocumentState::Dead,
        ];
    }
    filter
}

/// Returns a JSON array with one line for each document.
fn json(rows: &[Row<'_>]) -> Result<String, String> {
    let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(|error| error.to_string())?;
    if lines.is_empty() {
        return Ok("[]\n".into());
    }
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

fn listing(rows: &[Row<'_>]) -> Listing {
    let column = |(name, rank): (&str, usize)| Column {
        name: name.to_owned(),
        rank,
        // An id must fit in one line, to be copied.
        whole: name == "id",
    };
    let mut listing = Listing::new(COLUMNS.map(column).to_vec());
    for row in rows {
        let attempts = row.attempts.to_string();
        let cells = [
            row.id,
            kind_word(row.kind),
            row.webhook,
            row.call,
            row.state.as_str(),
            &attempts,
            row.next_in_words(),
            row.last_outcome,
        ];
        listing.push(cells.map(str::to_owned));
    }
    listing
}

fn print_pauses(rows: &[Row<'_>], pauses: &Pauses) {
    for (webhook, reason) in pauses {
        if rows.iter().any(|row| row.webhook == webhook) {
            let reason = printable(reason);
            commands::write_stderr(&format!(
                "{webhook} is paused ({reason}); switchhook outbox resume {webhook}\n"
            ));
        }
    }
}

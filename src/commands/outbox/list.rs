//! `switchhook outbox list`.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use switchhook::outbox;
use switchhook::report::printable;
use switchhook::store::{DocumentFilter, DocumentState};

use super::row::{Pauses, Row, kind_word};
use crate::cli::operator::List;
use crate::commands;
use crate::commands::desk::Desk;

const COLUMNS: [&str; 8] = [
    "id",
    "kind",
    "webhook",
    "call",
    "state",
    "attempts",
    "next attempt",
    "last outcome",
];

/// The oldest documents that fit; what is worth knowing beside them goes to standard error.
pub async fn list(desk: &Desk, args: &List) -> Result<(), String> {
    // One more than is shown, to know whether there are more.
    let limit = args.limit.saturating_add(1);
    let documents = outbox::list(&desk.store, &filter(args), limit).await;
    let mut documents = documents.map_err(|error| error.to_string())?;
    let more = documents.len() > args.limit as usize;
    documents.truncate(args.limit as usize);
    if let (Some(webhook), true) = (&args.which.webhook, documents.is_empty()) {
        desk.check_name(webhook)?;
    }
    let pauses = desk.pauses().await?;
    let rows = documents.iter();
    let rows: Vec<Row<'_>> = rows
        .map(|row| Row::new(row, &pauses, &desk.times))
        .collect();
    match args.json {
        true => commands::say(&json(&rows)?)?,
        false if rows.is_empty() => eprintln!("no documents"),
        false => commands::say(&format!("{}\n", table(&rows)))?,
    }
    if more {
        eprintln!("the oldest {}; there are more: see --limit", args.limit);
    }
    tell_pauses(&rows, &pauses);
    Ok(())
}

/// What was delivered is kept for days, and would hide what was not.
fn filter(args: &List) -> DocumentFilter {
    let mut filter = super::filter(&args.which);
    if filter.states.is_empty() {
        filter.states = vec![
            DocumentState::Waiting,
            DocumentState::Leased,
            DocumentState::Dead,
        ];
    }
    filter
}

/// An array with a line for each document.
fn json(rows: &[Row<'_>]) -> Result<String, String> {
    let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(|error| error.to_string())?;
    Ok(match lines.is_empty() {
        true => "[]\n".into(),
        false => format!("[\n{}\n]\n", lines.join(",\n")),
    })
}

fn table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(COLUMNS);
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
        table.add_row(cells.map(printable));
    }
    if let Some(id) = table.column_mut(0) {
        // To be copied whole, however narrow the terminal is.
        id.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

fn tell_pauses(rows: &[Row<'_>], pauses: &Pauses) {
    for (webhook, reason) in pauses {
        if rows.iter().any(|row| row.webhook == webhook) {
            let reason = printable(reason);
            eprintln!("{webhook} is paused ({reason}); switchhook outbox resume {webhook}");
        }
    }
}

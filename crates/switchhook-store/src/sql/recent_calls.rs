//! Finished calls as the operator's page shows them, newest first.

use super::{SqlConnection, rows, values};
use crate::asked::asked_pattern;
use crate::model::{CallColumns, CallParties, CallSearch, RecentCall};

/// How many of the newest calls a search reads.
const CALLS_SEARCHED: i64 = 50_000;

/// Returns the calls that match, newest first.
pub(crate) async fn search_calls<C: SqlConnection>(
    db: &mut C,
    search: &CallSearch,
) -> Result<Vec<RecentCall>, sqlx::Error> {
    if search.line_1 || search.columns != CallColumns::default() {
        return find_calls(db, search).await;
    }
    let text = search.text.as_deref().map(like_pattern);
    let digits = search.digits.as_deref().map(like_pattern);
    let values = values![
        CALLS_SEARCHED,
        search.before,
        &search.call_uuid,
        &text,
        search.limit,
        &digits,
        accounts(search.accounts.as_ref()),
    ];
    db.rows(C::DIALECT.search_calls, values, rows::recent_call)
        .await
}

/// Returns the calls whose rows match, those that began last first.
async fn find_calls<C: SqlConnection>(
    db: &mut C,
    search: &CallSearch,
) -> Result<Vec<RecentCall>, sqlx::Error> {
    let columns = &search.columns;
    let pattern = |text: &Option<String>| text.as_deref().map(like_pattern);
    let [text, digits] = [&search.text, &search.digits].map(pattern);
    let [called, cause] = [&columns.called, &columns.cause].map(pattern);
    let (webhook, reason) = (columns.webhook.as_deref(), columns.reason.as_deref());
    let asked = asked_pattern(webhook, reason, search.line_1);
    // A text is looked for in all calls whose rows match.
    let by_row = search.text.is_none() && search.call_uuid.is_none();
    let chosen = if by_row {
        search.limit.into()
    } else {
        CALLS_SEARCHED
    };
    let values = values![
        CALLS_SEARCHED,
        search.before,
        &search.call_uuid,
        &text,
        &digits,
        search.limit,
        columns.from_ms.unwrap_or(i64::MIN),
        columns.until_ms.unwrap_or(i64::MAX),
        &columns.flow,
        &columns.account,
        &columns.switch,
        &called,
        &cause,
        columns.at_least_ms,
        columns.at_most_ms,
        &asked,
        chosen,
        accounts(search.accounts.as_ref()),
    ];
    db.rows(C::DIALECT.find_calls, values, rows::recent_call)
        .await
}

/// Returns the numbers of these calls.
pub(crate) async fn call_parties<C: SqlConnection>(
    db: &mut C,
    uuids: &[&str],
) -> Result<Vec<CallParties>, sqlx::Error> {
    let values = values![uuids];
    db.rows(C::DIALECT.call_parties, values, rows::call_parties)
        .await
}

/// Returns a list of accounts as a statement binds it.
pub(crate) fn accounts(list: Option<&Vec<String>>) -> Option<Vec<&str>> {
    list.map(|list| list.iter().map(String::as_str).collect())
}

/// Returns a LIKE pattern that finds the text anywhere; the wildcards in it are escaped.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

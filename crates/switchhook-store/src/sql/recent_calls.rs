//! Finished calls as the operator's page shows them, newest first.

use super::{SqlConnection, rows, values};
use crate::model::{CallParties, CallSearch, RecentCall};

/// How many of the newest calls a search reads.
const CALLS_SEARCHED: i64 = 50_000;

/// Returns the calls that match, newest first.
pub(crate) async fn search_calls<C: SqlConnection>(
    db: &mut C,
    search: &CallSearch,
) -> Result<Vec<RecentCall>, sqlx::Error> {
    let text = search.text.as_deref().map(like_pattern);
    let digits = search.digits.as_deref().map(like_pattern);
    let values = values![
        CALLS_SEARCHED,
        search.before,
        &search.call_uuid,
        &text,
        search.line_1,
        search.limit,
        &digits,
        accounts(search.accounts.as_ref()),
    ];
    db.rows(C::DIALECT.search_calls, values, rows::recent_call)
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

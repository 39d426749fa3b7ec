//! Statements without a name, and values that PostgreSQL takes.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::{Query, QueryScalar};

/// A prepared statement with its values.
pub(super) type Prepared<'q> = Query<'q, Postgres, PgArguments>;

/// A statement without a name: behind a pooler in transaction mode the next transaction
/// may run on another server connection, which knows no names of this one.
pub(super) fn sql<'q>(text: &'static str) -> Prepared<'q> {
    sqlx::query(text).persistent(false)
}

/// The same, for one value.
pub(super) fn scalar<'q, T>(text: &'static str) -> QueryScalar<'q, Postgres, T, PgArguments>
where
    (T,): for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_scalar(text).persistent(false)
}

/// Text as PostgreSQL can keep it: it has no NUL, and what comes from a switch or a
/// receiver may have one.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Each of them as [`text`].
pub(super) fn texts<'a>(of: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    of.into_iter().map(|one| text(one).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_nul_and_is_otherwise_as_it_was() {
        assert_eq!(text("Zoë\u{1F4DE}"), "Zoë\u{1F4DE}");
        assert_eq!(text("a\0b\0"), "a\u{fffd}b\u{fffd}");
    }
}

//! Takes and frees space, to learn whether a store that failed is healthy again.

use super::{SqlConnection, statements, values};
use crate::operation::{PROBE_BYTES, Probe, Write};

impl<C: SqlConnection> Write<C> for Probe {
    async fn apply(&self, db: &mut C, _: i64) -> Result<(), sqlx::Error> {
        let applied = match self {
            Self::Fill => db.run(C::DIALECT.fill_probe, values![PROBE_BYTES]).await,
            Self::Clear => db.run(statements::CLEAR_PROBE, &[]).await,
        };
        applied.map(drop)
    }
}

//! Removes what is stored of a caller; the server frees the rows at its next VACUUM.

use sqlx::postgres::PgConnection;

use crate::operation::Write;
use crate::sql::caller_data::DeleteRows;

impl Write<PgConnection> for DeleteRows {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        self.delete(db).await
    }
}

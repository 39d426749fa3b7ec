//! What an operator should know of the server.

use sqlx::Error;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::connection::unnamed;
use crate::sql::Columns as _;
use crate::{DatabaseServer, StoreError};

/// The tables that our user needs.
const TABLES: &str =
    "leg call response document attempt pause probe finished_channel switch cdr_read unpublished";

impl Postgres {
    /// Returns the server's settings and clock, and our user's privileges.
    pub(crate) async fn server(&self) -> Result<DatabaseServer, StoreError> {
        let sql = "SELECT current_setting('server_version') AS version,
                    current_setting('synchronous_commit') AS synchronous_commit,
                    current_setting('fsync') AS fsync,
                    pg_is_in_recovery() AS is_standby,
                    (extract(epoch from clock_timestamp()) * 1000)::bigint AS now_ms,
                    ARRAY(SELECT name FROM unnest(string_to_array($1, ' ')) AS t(name)
                          WHERE NOT has_table_privilege(name, 'SELECT')
                             OR NOT has_table_privilege(name, 'INSERT')
                             OR NOT has_table_privilege(name, 'UPDATE')
                             OR NOT has_table_privilege(name, 'DELETE')) AS inaccessible";
        self.read(async |db: &mut PgConnection| {
            let query = unnamed(sql).bind(TABLES);
            query.try_map(database_server).fetch_one(db).await
        })
        .await
    }
}

fn database_server(row: PgRow) -> Result<DatabaseServer, Error> {
    Ok(DatabaseServer {
        version: row.text("version")?,
        synchronous_commit: row.text("synchronous_commit")?,
        syncs: row.text("fsync")? != "off",
        is_standby: row.boolean("is_standby")?,
        now_ms: row.integer("now_ms")?,
        inaccessible_tables: sqlx::Row::try_get(&row, "inaccessible")?,
    })
}

//! What an operator should know of the server.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::sql::sql;
use crate::{DatabaseServer, StoreError};

const TABLES: &str =
    "leg call response document attempt pause probe finished_channel switch cdr_read unpublished";

impl Postgres {
    /// The server as it is now, seen by our user.
    pub(crate) async fn server(&self) -> Result<DatabaseServer, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql("SELECT current_setting('server_version') AS version,
                        current_setting('synchronous_commit') AS synchronous_commit,
                        current_setting('fsync') AS fsync,
                        pg_is_in_recovery() AS is_standby,
                        (extract(epoch from clock_timestamp()) * 1000)::bigint AS now_ms,
                        ARRAY(SELECT name FROM unnest(string_to_array($1, ' ')) AS t(name)
                              WHERE NOT has_table_privilege(name, 'SELECT')
                                 OR NOT has_table_privilege(name, 'INSERT')
                                 OR NOT has_table_privilege(name, 'UPDATE')
                                 OR NOT has_table_privilege(name, 'DELETE')) AS closed")
            .bind(TABLES)
            .try_map(server)
            .fetch_one(db)
            .await
        })
        .await
    }
}

fn server(row: PgRow) -> Result<DatabaseServer, sqlx::Error> {
    let closed: Vec<String> = row.try_get("closed")?;
    let setting = |name: &'static str| row.try_get::<String, _>(name);
    Ok(DatabaseServer {
        version: setting("version")?,
        synchronous_commit: setting("synchronous_commit")?,
        syncs: setting("fsync")? != "off",
        is_standby: row.try_get("is_standby")?,
        now_ms: row.try_get("now_ms")?,
        closed_tables: closed,
    })
}

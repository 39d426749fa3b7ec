//! What PostgreSQL's errors mean to an operator.

use crate::StoreError;

/// Returns the store's error for an error of the database at `store`.
pub(super) fn classify(store: &str, error: &sqlx::Error) -> StoreError {
    let store = store.to_owned();
    let sqlx::Error::Database(database) = error else {
        let why = error.to_string();
        return if is_of_connection(error) {
            StoreError::Unreachable { store, why }
        } else {
            StoreError::Statement(why)
        };
    };
    let why = database.message().to_owned();
    let code = database.code().unwrap_or_default();
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match &*code {
        "53100" => StoreError::Full { store },
        // Lock not available, deadlock, serialization failure, statement timeout.
        "55P03" | "40P01" | "40001" | "57014" => StoreError::Locked { store },
        // Authorization, no such database, no privilege.
        "28000" | "28P01" | "3D000" | "42501" => StoreError::Refused { store, why },
        // Idle in a transaction for too long; a server that only reads.
        "25P03" | "25006" => StoreError::Unreachable { store, why },
        "58030" | "58P01" | "58P02" => StoreError::Disk { store, why },
        "XX001" | "XX002" => StoreError::Damaged { store, why },
        // No such table: no `serve` has opened the database yet.
        "42P01" => StoreError::NoTables { store },
        // Connection exceptions (a pooler's too), out of resources, operator intervention.
        code if ["08", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            StoreError::Unreachable { store, why }
        }
        _ => StoreError::Statement(format!("{why} ({code})")),
    }
}

/// Returns whether the connection failed, and not a statement.
fn is_of_connection(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Configuration(_)
            | sqlx::Error::WorkerCrashed
    )
}

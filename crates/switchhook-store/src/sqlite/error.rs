//! What SQLite's errors mean to an operator.

use std::path::Path;

use crate::StoreError;

/// Returns the store's error for an error of the database at `path`.
pub(super) fn classify(path: &Path, error: &sqlx::Error) -> StoreError {
    let store = path.display().to_string();
    let why = error.to_string();
    let sqlx::Error::Database(database) = error else {
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) {
            return StoreError::Disk { store, why };
        }
        // For example a value of another type, or a missing column.
        return StoreError::Statement(why);
    };
    let extended = database.code().and_then(|code| code.parse::<i32>().ok());
    // https://www.sqlite.org/rescode.html: the low byte is the primary code.
    match extended.unwrap_or(1) & 0xff {
        13 => StoreError::Full { store },
        5 | 6 => StoreError::Locked { store },
        8 | 10 | 14 | 3 | 23 => StoreError::Disk { store, why },
        11 | 26 => StoreError::Damaged { store, why },
        _ => StoreError::Statement(why),
    }
}

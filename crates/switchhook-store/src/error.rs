//! Why an operation of the store failed, each error with its cure.

use std::path::PathBuf;

/// Why an operation of the store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The URL is not that of a store.
    #[error(
        "store url {url:?}: {why}; write \"sqlite:switchhook.db\" or \"postgres://user@host/database\""
    )]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no database file, and this command does not create one.
    #[error("no store at {path}; start `switchhook serve` once, or point [store] url at its file")]
    NotThere {
        /// Where the file was expected.
        path: PathBuf,
    },
    /// No database can be there, or this user may not open it.
    #[error("no store can be opened at {store}: {why}; {cure}")]
    Place {
        /// The database file.
        store: String,
        /// What is in the way.
        why: String,
        /// The cure.
        cure: String,
    },
    /// The open file no longer has its name.
    #[error("the store {path} was removed or replaced while it was open; put it back, or restart")]
    Gone {
        /// The file's name.
        path: PathBuf,
    },
    /// Another `serve` has the file open.
    #[error(
        "the store {path} is in use by another `switchhook serve`{by}; stop that one, or give this \
         one its own file in [store] url"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
        /// ` (process N)`; empty when the process is not known.
        by: String,
    },
    /// The disk is full, or the store has its maximal size.
    #[error("the store {store} is full; free space on its disk")]
    Full {
        /// The database file, or where the database is.
        store: String,
    },
    /// Another program has locked the database.
    #[error("the store {store} is locked by another program; end that program's transaction")]
    Locked {
        /// The database file, or where the database is.
        store: String,
    },
    /// The file system failed.
    #[error("the store {store} cannot be read or written ({why}); check its disk and permissions")]
    Disk {
        /// The database file, or where the database is.
        store: String,
        /// What the database said.
        why: String,
    },
    /// The database server does not answer.
    #[error(
        "the store {store} cannot be reached ({why}); check that PostgreSQL runs there, and check \
         sslmode and sslrootcert"
    )]
    Unreachable {
        /// Where the database is.
        store: String,
        /// What the system or the server said.
        why: String,
    },
    /// The database server refuses the connection or the statement.
    #[error(
        "the store {store} refuses us ({why}); check [store] url, its password and the user's \
         privileges"
    )]
    Refused {
        /// Where the database is.
        store: String,
        /// What the server said.
        why: String,
    },
    /// The file is not a database, or is damaged.
    #[error("the store {store} is damaged ({why}); restore it from a copy, or move it away")]
    Damaged {
        /// The database file, or where the database is.
        store: String,
        /// What the database said.
        why: String,
    },
    /// No `serve` has opened the database yet.
    #[error("the store {store} has no tables yet; start `switchhook serve` once with it")]
    NoTables {
        /// Where the database is.
        store: String,
    },
    /// Another version of this program made the tables.
    #[error("the store {store} has other tables than this version ({why}); {cure}")]
    Schema {
        /// The database file, or where the database is.
        store: String,
        /// How the tables differ.
        why: String,
        /// The cure.
        cure: &'static str,
    },
    /// The database was away at the start of the service; now it is there and cannot be used.
    #[error("{0}")]
    Unready(Box<StoreError>),
    /// Legs of the call are in documents of calls that another instance finished.
    #[error("{} of the call's legs are in another document already", .0.len())]
    InOtherDocuments(Vec<String>),
    /// The lease ended, and another claim has the document or has settled it.
    #[error("the lease on {webhook_id} has ended; the claim that has the document now settles it")]
    StaleLease {
        /// The document's `webhook-id`.
        webhook_id: String,
    },
    /// No document has this id.
    #[error("no document {id}; `switchhook outbox list` shows the ids", id = .webhook_id.escape_debug())]
    NoSuchDocument {
        /// The `webhook-id`.
        webhook_id: String,
    },
    /// A backup cannot be written or read.
    #[error("the backup {}: {why}", file.display())]
    Copy {
        /// The backup's file.
        file: PathBuf,
        /// What is wrong, and the cure.
        why: String,
    },
    /// A backup cannot be restored into a store that holds rows.
    #[error(
        "the store {store} is not empty; restore into an empty one: move this one away, or name \
         another in [store] url"
    )]
    NotEmpty {
        /// The database file, or where the database is.
        store: String,
    },
    /// The store was closed.
    #[error("the store is closed, the service is shutting down")]
    Closed,
    /// The database refused a statement, which is a fault of this program.
    #[error("the store refused a statement ({0}); please report this")]
    Statement(String),
}

impl StoreError {
    /// Returns whether the same call can succeed once the cause is gone. After other errors only
    /// another call or another configuration can succeed.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Gone { .. }
            | Self::Full { .. }
            | Self::Locked { .. }
            | Self::Disk { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Damaged { .. }
            | Self::Unready(_) => true,
            Self::Url { .. }
            | Self::Place { .. }
            | Self::NotThere { .. }
            | Self::InUse { .. }
            | Self::NoTables { .. }
            | Self::Schema { .. }
            | Self::InOtherDocuments(_)
            | Self::StaleLease { .. }
            | Self::NoSuchDocument { .. }
            | Self::Copy { .. }
            | Self::NotEmpty { .. }
            | Self::Closed
            | Self::Statement(_) => false,
        }
    }
}

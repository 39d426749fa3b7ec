//! What can be wrong with the store, each with its cure.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The setting is not a store that this program knows.
    #[error(
        "store url {url:?}: {why}; write \"sqlite:switchhook.db\" or \"postgres://user@host/database\""
    )]
    Url {
        /// The setting.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no database file, and this command does not make one.
    #[error("no store at {path}; start `switchhook serve` once, or point [store] url at its file")]
    NotThere {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file that is open is no longer under its name.
    #[error("the store {path} was removed or replaced while it was open; put it back, or restart")]
    Gone {
        /// The file's name.
        path: PathBuf,
    },
    /// Another `serve` has the file.
    #[error(
        "the store {path} is in use by another `switchhook serve`{by}; stop that one, or give this \
         one its own file in [store] url"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
        /// ` (process N)` when it is known.
        by: String,
    },
    /// The disk is full, or the store has the size that it may have.
    #[error("the store {store} is full; free space on its disk")]
    Full {
        /// The database file, or where the database is.
        store: String,
    },
    /// Another program keeps the database locked.
    #[error("the store {store} is locked by another program; end that program's transaction")]
    Locked {
        /// The database file, or where the database is.
        store: String,
    },
    /// Reading or writing failed in the file system.
    #[error("the store {store} cannot be read or written ({why}); check its disk and permissions")]
    Disk {
        /// The database file, or where the database is.
        store: String,
        /// What the database said.
        why: String,
    },
    /// The database server does not answer.
    #[error(
        "the store {store} cannot be reached ({why}); look whether PostgreSQL runs there, and at sslmode and sslrootcert"
    )]
    Unreachable {
        /// Where the database is.
        store: String,
        /// What the system or the server said.
        why: String,
    },
    /// The database server does not let us in, or not write.
    #[error(
        "the store {store} refuses us ({why}); look at [store] url and its password, and at the \
         user's privileges"
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
    /// A database that no `serve` has opened yet.
    #[error("the store {store} has no tables yet; start `switchhook serve` once with it")]
    NoTables {
        /// Where the database is.
        store: String,
    },
    /// The tables are of another version of this program.
    #[error("the store {store} has other tables than this version ({why}); {cure}")]
    Schema {
        /// The database file, or where the database is.
        store: String,
        /// How they differ.
        why: String,
        /// What to do.
        cure: &'static str,
    },
    /// The database was away when the service began; now it is there and does not fit.
    #[error("{0}")]
    Unready(Box<StoreError>),
    /// The lease ended and the document was claimed again, or settled, meanwhile.
    #[error("the lease on {webhook_id} is no longer ours; whoever claimed it since settles it")]
    StaleLease {
        /// The document.
        webhook_id: String,
    },
    /// No document has this id.
    #[error("no document {webhook_id}; `switchhook outbox list` shows the ids")]
    NoSuchDocument {
        /// What was asked for.
        webhook_id: String,
    },
    /// A copy cannot be written or read.
    #[error("the copy {}: {why}", file.display())]
    Copy {
        /// The copy.
        file: PathBuf,
        /// What is wrong with it, and the cure.
        why: String,
    },
    /// Where a copy would go there is something already.
    #[error(
        "the store {store} is not empty; a copy is put into an empty one only: move it away, or name \
         another in [store] url"
    )]
    NotEmpty {
        /// The database file, or where the database is.
        store: String,
    },
    /// The store was closed.
    #[error("the store is closed, the service is shutting down")]
    Closed,
    /// The database refused a statement: a fault of this program.
    #[error("the store refused a statement ({0}); please report this")]
    Statement(String),
}

impl StoreError {
    /// Whether the same call can succeed once the cause is gone. The others need
    /// another call or another configuration.
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
            | Self::NotThere { .. }
            | Self::InUse { .. }
            | Self::NoTables { .. }
            | Self::Schema { .. }
            | Self::StaleLease { .. }
            | Self::NoSuchDocument { .. }
            | Self::Copy { .. }
            | Self::NotEmpty { .. }
            | Self::Closed
            | Self::Statement(_) => false,
        }
    }
}

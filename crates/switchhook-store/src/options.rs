//! How a store is opened.

use std::time::Duration;

use crate::clock::Clock;

/// Which program opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service. It creates the tables or brings them up to date. It is alone on a SQLite file
    /// and frees the leases of a dead predecessor there. On PostgreSQL there may be many; each
    /// frees the leases of its [`StoreOptions::instance_id`], and other leases end at their time.
    Serve,
    /// A command such as `outbox` or `report`; a service may be running.
    Command,
}

/// How the store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// `sqlite:FILE` or `postgres://USER@HOST/DATABASE`.
    pub url: String,
    /// PostgreSQL's password; it replaces one in the URL.
    pub password: Option<String>,
    /// Which program opens the store.
    pub role: Role,
    /// How long a write waits for another transaction.
    pub busy_timeout: Duration,
    /// The size in bytes beyond which the store fails as on a full disk.
    pub max_bytes: Option<u64>,
    /// The clock that decides what is due.
    pub clock: Clock,
    /// A name that no other running process has, and that this one's successor will have. On
    /// PostgreSQL the next [`Role::Serve`] with the same name frees this process's leases.
    pub instance_id: Option<String>,
}

impl StoreOptions {
    /// Returns options for the store at `url`: 5 s for other transactions, no size limit, the
    /// database's clock.
    #[must_use]
    pub fn new(url: impl Into<String>, role: Role) -> Self {
        Self {
            url: url.into(),
            password: None,
            role,
            busy_timeout: Duration::from_secs(5),
            max_bytes: None,
            clock: Clock::Database,
            instance_id: None,
        }
    }
}

/// Leaves out what may hold a password.
impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

//! The database server, as `doctor` and the operator's page show it.

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseServer {
    /// `server_version`.
    pub version: String,
    /// `synchronous_commit`: when a commit is acknowledged.
    pub synchronous_commit: String,
    /// `fsync`: whether a commit waits for the disk.
    pub syncs: bool,
    /// The server is a standby, which takes no writes.
    pub is_standby: bool,
    /// The server's clock.
    pub now_ms: i64,
    /// Tables that our user may not read or write.
    pub inaccessible_tables: Vec<String>,
}

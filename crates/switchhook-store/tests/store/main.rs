//! The store: one conformance suite over SQLite and PostgreSQL, and its behaviour under failures.

mod faults;
mod kill;
mod postgres;
mod sqlite;

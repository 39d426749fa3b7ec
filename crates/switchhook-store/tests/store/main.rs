//! The store: one suite over SQLite and PostgreSQL, and what becomes of it when things break.

mod faults;
mod kill;
mod postgres;
mod sqlite;

//! The operator's commands: the real program over a prepared store, alone and beside a running
//! `serve`.

use test_support::peer;

mod backtest;
mod blocked_log;
mod call;
mod credentials;
mod events;
mod few_files;
mod forget_backup;
mod init;
mod layouts;
mod long_names;
mod many_connections;
mod masked_log;
mod outbox_commands;
mod reports;
mod secrets;
pub mod support;
mod terminal;
mod with_serve;

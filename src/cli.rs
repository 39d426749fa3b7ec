//! The command line: what can be asked of the program, and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Holds a live FreeSWITCH call while it asks a webhook, and delivers one
/// document for every call that is over.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub struct CommandLine {
    /// The configuration file.
    #[arg(
        long,
        short,
        global = true,
        value_name = "PATH",
        default_value = "switchhook.toml"
    )]
    pub config: PathBuf,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate the configuration: every fault with its line and the cure.
    Check(Check),
}

/// `switchhook check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: check what is to be deployed, and stop when it has a fault\n  \
    switchhook check freeswitch-conf/switchhook.toml\n\n\
    Start a configuration from every key and its default\n  \
    switchhook check --print-reference > switchhook.toml\n\n\
    Exit status: 0 no faults, 1 faults, 2 wrong usage"
)]
pub struct Check {
    /// Files to check [default: the one of --config].
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Print the commented file of every key and its default, and check nothing.
    #[arg(long, conflicts_with = "files")]
    pub print_reference: bool,
}

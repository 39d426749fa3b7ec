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
    /// Run the service: hold calls, ask webhooks, deliver documents.
    Serve(Serve),
    /// Validate the configuration: every fault with its line and the cure.
    Check(Check),
    /// Ask one webhook without a call, and show request, response and variables.
    Call(Call),
}

/// `switchhook serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: run it in the foreground, as a service manager does\n  \
    switchhook serve --config /etc/switchhook.toml\n\n\
    Signals: SIGTERM and SIGINT stop listening, let the calls on hold get their answers and\n\
    stop; a second one stops at once. SIGHUP reads the configuration's webhooks again.\n\
    RUST_LOG=debug says more."
)]
pub struct Serve {
    /// Log JSON, an object a line.
    #[arg(long)]
    pub json_logs: bool,
}

/// `switchhook call`.
#[derive(Debug, Args)]
#[command(after_help = "Example: what would a caller with this lead get?\n  \
    switchhook call lookup --var flow.key.leadid=HFC123 --var Caller-Caller-ID-Number=4930123\n\n\
    Exit status: 0 line 0, 1 line 1, 2 wrong usage")]
pub struct Call {
    /// The webhook's name in the configuration.
    #[arg(value_name = "WEBHOOK")]
    pub webhook: String,

    /// A channel variable; with a capital first letter, a header of the channel.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
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

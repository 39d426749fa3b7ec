//! The command line and its help.

pub mod credentials;
pub mod init;
#[cfg(feature = "lab")]
pub mod lab;
pub mod operator;
pub mod values;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};
use switchhook_core::zone;

/// Returns what `--version` prints: the version, and the rules by which times are shown.
fn long_version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let own = env!("CARGO_PKG_VERSION");
        format!("{own}\ntime zones: {}", zone::database())
    });
    &VERSION
}

/// What somebody does first who has no configuration.
#[cfg(feature = "lab")]
const FIRST_STEPS: &str = "First steps: the page with simulated calls, and a first configuration\n  \
    switchhook lab --serve\n  \
    switchhook init";
#[cfg(not(feature = "lab"))]
const FIRST_STEPS: &str = "First steps: a first configuration\n  \
    switchhook init\n\n\
    This program was built without the command lab; the cargo feature `lab` adds it.";

/// Holds a live FreeSWITCH call while it asks a webhook, and delivers one
/// document for every finished call.
#[derive(Debug, Parser)]
#[command(version, long_version = long_version(), propagate_version = true, arg_required_else_help = true)]
#[command(after_help = FIRST_STEPS)]
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

    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service: hold calls, ask webhooks, deliver documents.
    Serve(Serve),
    /// Run the service with a simulated switch and a failing webhook, in one process.
    #[cfg(feature = "lab")]
    Lab(lab::Lab),
    /// Write a first configuration, check it, and say what the dialplan needs.
    Init(init::Init),
    /// Validate the configuration; show every error with its line and the fix.
    Check(Check),
    /// Test the real switches, webhooks and store; show every fault with its fix.
    Doctor(Doctor),
    /// Send one webhook's request without a call; show request, response and variables.
    Call(Call),
    /// List, show and resend documents.
    #[command(subcommand)]
    Outbox(operator::Outbox),
    /// Print the events of living calls as JSON lines.
    Events(operator::Events),
    /// Print calls and kept answers of their webhooks.
    Report(operator::Report),
    /// Erase one caller: calls, documents, kept answers. Without --yes, only list them.
    Forget(operator::Forget),
    /// Copy the store to one file, beside a running serve.
    Backup(operator::Backup),
    /// Put a backup into an empty store.
    Restore(operator::Restore),
    /// Play recorded calls again, without a switch or a webhook, and show differences.
    Replay(operator::Replay),
    /// Test a changed configuration on past calls, and show differences.
    Backtest(operator::Backtest),
    /// Print a dashboard for Grafana or alert rules for Prometheus.
    Metrics(operator::Metrics),
    /// Hash a password for a user of the operator's page.
    Password(credentials::Password),
    /// Make a token for a user or a program, and its hash.
    Token(credentials::Token),
    /// Print the shell completions.
    Completions(Completions),
    /// Print the manual page.
    Man,
}

/// `switchhook completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: for bash, for all users of this machine\n  \
    switchhook completions bash > /usr/share/bash-completion/completions/switchhook")]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `switchhook serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: run it in the foreground, as a service manager does\n  \
    switchhook serve --config /etc/switchhook.toml\n\n\
    Signals: on SIGTERM or SIGINT, serve stops listening, lets the calls on hold get their\n\
    answers, and stops; on a second one it stops at once. On SIGHUP it reads the webhooks of\n\
    the configuration again. RUST_LOG=debug logs more."
)]
pub struct Serve {
    /// Log one JSON object a line.
    #[arg(long)]
    pub json_logs: bool,
}

/// `switchhook call`.
#[derive(Debug, Args)]
#[command(after_help = "Example: the answer for a caller with this lead\n  \
    switchhook call lookup --caller 4930123 --var flow.key.leadid=HFC123\n\n\
    Exit status: 0 line 0, 1 line 1, 2 wrong usage, 3 nothing was asked")]
pub struct Call {
    /// The webhook's name in the configuration.
    #[arg(value_name = "WEBHOOK")]
    pub webhook: String,

    /// The caller's number.
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,

    /// The number that was dialled.
    #[arg(long, value_name = "NUMBER")]
    pub destination: Option<String>,

    /// A channel variable; with a capital first letter, a header of the channel.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
}

/// `switchhook check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: check a file before a deployment; a script stops at an error\n  \
    switchhook check freeswitch-conf/switchhook.toml\n\n\
    Start a configuration from a file with every key and its default\n  \
    switchhook check --print-reference > switchhook.toml\n\n\
    Exit status: 0 no errors, 1 errors, 2 wrong usage"
)]
pub struct Check {
    /// Files to check [default: the one of --config].
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Take warnings for errors: for a deployment that must not expose anything.
    #[arg(long)]
    pub strict: bool,

    /// Print the commented file of every key and its default, and check nothing.
    #[arg(long, conflicts_with = "files")]
    pub print_reference: bool,

    /// Print a JSON Schema of the file, for editors, and check nothing.
    #[arg(long, conflicts_with_all = ["files", "print_reference"])]
    pub print_schema: bool,

    /// Print every name that templates can use, and check nothing.
    #[arg(long, conflicts_with_all = ["files", "print_reference", "print_schema"])]
    pub print_names: bool,
}

/// `switchhook doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: before the first call, and in a script before each deployment\n  \
    switchhook doctor && systemctl reload switchhook\n\n\
    For each switch, doctor sends Event Socket commands that change nothing. For each webhook, it\n\
    resolves the name, connects, and does the TLS handshake; it sends no request without --ask.\n\
    Exit status: 0 no fault (warnings do not count), 1 a fault, 2 wrong usage"
)]
pub struct Doctor {
    /// Send each webhook a HEAD request with its credentials, and check the answer.
    #[arg(long)]
    pub ask: bool,

    /// Print one JSON object: ok, and findings with subject, check, level, what and cure.
    #[arg(long)]
    pub json: bool,

    /// Show only warnings and faults.
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,

    /// The time for one switch or one webhook.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub timeout: humantime::Duration,
}

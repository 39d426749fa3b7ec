//! The command line: what can be asked of the program, and its help.

pub mod operator;
pub mod values;

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
    /// The whole thing in one process: a simulated switch, a webhook that fails, the service.
    Lab(Lab),
    /// Validate the configuration: every fault with its line and the cure.
    Check(Check),
    /// Ask the real switches and webhooks what stands in the way, with the cure for each fault.
    Doctor(Doctor),
    /// Ask one webhook without a call, and show request, response and variables.
    Call(Call),
    /// What is to be delivered: list it, show one, send again.
    #[command(subcommand)]
    Outbox(operator::Outbox),
    /// Calls, and what their webhooks' answers kept.
    Report(operator::Report),
    /// Erase one caller: calls, documents, kept answers. Says first what would go.
    Forget(operator::Forget),
    /// Copy the store to one file, beside a running serve.
    Backup(operator::Backup),
    /// Put such a copy into an empty store.
    Restore(operator::Restore),
    /// Play recorded calls again, without a switch or a webhook, and say what is different.
    Replay(operator::Replay),
    /// Run a changed configuration over the calls that are kept, and say what would be different.
    Backtest(operator::Backtest),
    /// Files for what reads the metrics: a dashboard for Grafana, alert rules for Prometheus.
    Metrics(operator::Metrics),
    /// Print what the shell needs to complete our command line.
    Completions(Completions),
    /// Print the manual page.
    Man,
}

/// `switchhook completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: for the bash of everybody on this machine\n  \
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
    Signals: SIGTERM and SIGINT stop listening, let the calls on hold get their answers and\n\
    stop; a second one stops at once. SIGHUP reads the configuration's webhooks again.\n\
    RUST_LOG=debug says more."
)]
pub struct Serve {
    /// Log JSON, an object a line.
    #[arg(long)]
    pub json_logs: bool,
}

/// `switchhook lab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: a call of each kind through the real service, nothing installed\n  \
    switchhook lab\n\n\
    Load on any program that speaks outbound Event Socket\n  \
    switchhook lab --target 127.0.0.1:8084/lookup --calls 5000 --rate 200\n\n\
    What a call costs, as a share of what this machine can do; takes about two minutes\n  \
    switchhook lab --load\n\n\
    Only its webhook, for a real FreeSWITCH with freeswitch-conf; Ctrl-C ends it\n  \
    switchhook lab --receiver 127.0.0.1:8086\n\n\
    Exit status: 0 everything was right, 1 something was not, 2 wrong usage"
)]
pub struct Lab {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,

    /// Only scenarios whose name contains one of these.
    #[arg(value_name = "SCENARIO", conflicts_with = "target")]
    pub only: Vec<String>,

    /// Play the switch's slowness too: its 20 ms tick, headers read a byte at a time.
    #[arg(long)]
    pub faithful: bool,

    /// Put load on this program instead: HOST:PORT of its socket, with the path to ask for.
    /// With --load: another handler for the table; may be repeated.
    #[arg(long, value_name = "HOST:PORT[/PATH]")]
    pub target: Vec<String>,

    /// The whole load table: this service and the null handler as processes of their own, and
    /// every --target, taking turns under the same calls. Takes about two minutes.
    #[arg(long, conflicts_with_all = ["only", "faithful", "calls", "rate", "delay", "receiver"])]
    pub load: bool,

    /// With --load: calls that wait at once while memory is measured.
    #[arg(long, value_name = "N", default_value_t = 5000, requires = "load")]
    pub waiting: u64,

    /// With --load: how often each handler has its turn.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "load")]
    pub rounds: u32,

    /// Only be the null handler there: canned bytes for every call, nothing parsed. It asks
    /// the webhook of --webhook.
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "webhook",
        conflicts_with_all = ["target", "only", "json", "faithful", "load", "receiver"]
    )]
    pub null: Option<std::net::SocketAddr>,

    /// The null handler speaks HTTP with the service's client, to tell what that takes.
    #[arg(long, requires = "null")]
    pub null_client: bool,

    /// Only answer webhooks there, and print each request and document on a line. The path
    /// chooses the answer: /slow/3000 (ms), /status/503, /silent, /rubbish, /xml, any other: JSON.
    #[arg(
        long,
        value_name = "HOST:PORT",
        conflicts_with_all = ["target", "only", "json", "faithful"]
    )]
    pub receiver: Option<std::net::SocketAddr>,

    /// How many calls.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "target")]
    pub calls: u64,

    /// Calls a second; they come when they are due, however late the target is.
    #[arg(long, value_name = "R", default_value_t = 100.0, requires = "target")]
    pub rate: f64,

    /// The target's process, to tell its memory and processor time; one for each --target.
    #[arg(long, value_name = "PID", requires = "target")]
    pub pid: Vec<u32>,

    /// Where the lab's own webhook listens, for the target to ask.
    #[arg(long, value_name = "HOST:PORT")]
    pub webhook: Option<std::net::SocketAddr>,

    /// How long that webhook takes to answer.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "100ms",
        requires = "target"
    )]
    pub delay: humantime::Duration,

    /// What a channel variable must hold when a call comes back, else the run does not count.
    #[arg(long, value_name = "NAME=VALUE", requires = "target", value_parser = values::pair)]
    pub expect: Vec<(String, String)>,
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

    /// Print a JSON Schema of the file, for editors, and check nothing.
    #[arg(long, conflicts_with_all = ["files", "print_reference"])]
    pub print_schema: bool,
}

/// `switchhook doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: before the first call, and in a script before each deployment\n  \
    switchhook doctor && systemctl reload switchhook\n\n\
    Each switch is asked over its Event Socket, with commands that change nothing. Webhooks are\n\
    looked up, connected to and greeted over TLS; no request is sent without --ask.\n\
    Exit status: 0 no fault (warnings are none), 1 a fault, 2 wrong usage"
)]
pub struct Doctor {
    /// Send each webhook a HEAD request with its credentials, and judge the answer.
    #[arg(long)]
    pub ask: bool,

    /// Print one JSON object: ok, and findings with subject, check, level, what and cure.
    #[arg(long)]
    pub json: bool,

    /// Show only warnings and faults.
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,

    /// How long one switch or one webhook may take.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub timeout: humantime::Duration,
}

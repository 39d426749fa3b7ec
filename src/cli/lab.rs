//! The command line of `lab`.

use clap::Args;

use super::values;

/// `switchhook lab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: one call of each kind through the real service; nothing needs to be installed\n  \
    switchhook lab\n\n\
    The same calls, one a second, and the page of the service; Ctrl-C ends all\n  \
    switchhook lab --serve\n\n\
    Load on any program that speaks outbound Event Socket\n  \
    switchhook lab --target 127.0.0.1:8084/lookup --calls 5000 --rate 200\n\n\
    The cost of a call, compared with what this machine can do; takes about two minutes\n  \
    switchhook lab --load\n\n\
    Only the webhook, for a real FreeSWITCH with freeswitch-conf; Ctrl-C stops it\n  \
    switchhook lab --receiver 127.0.0.1:8086\n\n\
    Exit status: 0 everything was right, 1 something was not, 2 wrong usage"
)]
pub struct Lab {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    pub json: bool,

    /// The columns.
    #[command(flatten)]
    pub columns: values::Columns,

    /// Only scenarios whose name contains one of these.
    #[arg(value_name = "SCENARIO", conflicts_with = "target")]
    pub only: Vec<String>,

    /// Simulate the switch's slowness too: its 20 ms tick, headers read a byte at a time.
    #[arg(long)]
    pub faithful: bool,

    /// Print the names of the scenarios, one a line, and place no call.
    #[arg(long, conflicts_with_all = ["serve", "target", "load", "null", "receiver", "faithful"])]
    pub list: bool,

    /// Go on placing calls, one a second, and open the service's page until Ctrl-C. Prints its URL.
    #[arg(
        long,
        conflicts_with_all = ["json", "target", "load", "null", "receiver"]
    )]
    pub serve: bool,

    /// Put load on this program instead: HOST:PORT of its socket, and the path to connect to.
    /// With --load: a further handler for the table; may be repeated.
    #[arg(long, value_name = "HOST:PORT[/PATH]")]
    pub target: Vec<String>,

    /// Measure the whole load table: this service, the null handler and every --target take
    /// turns with the same calls, each in its own process. Takes about two minutes.
    #[arg(long, conflicts_with_all = ["only", "faithful", "calls", "rate", "delay", "receiver"])]
    pub load: bool,

    /// With --load: calls on hold at once while memory is measured.
    #[arg(long, value_name = "N", default_value_t = 5000, requires = "load")]
    pub waiting: u64,

    /// With --load: the number of turns of each handler.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "load")]
    pub rounds: u32,

    /// Run only the null handler, at this address: it sends fixed bytes for every call and
    /// parses nothing. It asks the webhook of --webhook.
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "webhook",
        conflicts_with_all = ["target", "only", "json", "faithful", "load", "receiver"]
    )]
    pub null: Option<std::net::SocketAddr>,

    /// The null handler uses the service's HTTP client, to measure its cost.
    #[arg(long, requires = "null")]
    pub null_client: bool,

    /// Run only a webhook at this address, and print each request and document on a line. The
    /// path chooses the answer: /slow/3000 (ms), /status/503, /silent, /rubbish, /xml, else JSON.
    #[arg(
        long,
        value_name = "HOST:PORT",
        conflicts_with_all = ["target", "only", "json", "faithful"]
    )]
    pub receiver: Option<std::net::SocketAddr>,

    /// The number of calls.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "target")]
    pub calls: u64,

    /// Calls a second; they start on time, however slow the target is.
    #[arg(long, value_name = "R", default_value_t = 100.0, requires = "target")]
    pub rate: f64,

    /// The target's process, to measure memory and processor time; one for each --target.
    #[arg(long, value_name = "PID", requires = "target")]
    pub pid: Vec<u32>,

    /// The address of the lab's own webhook, for the target.
    #[arg(long, value_name = "HOST:PORT")]
    pub webhook: Option<std::net::SocketAddr>,

    /// The time that this webhook takes to answer.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "100ms",
        requires = "target"
    )]
    pub delay: humantime::Duration,

    /// The value that a channel variable must have after the call; otherwise the run fails.
    #[arg(long, value_name = "NAME=VALUE", requires = "target", value_parser = values::pair)]
    pub expect: Vec<(String, String)>,
}

//! The command line of the commands over the store, and of `replay`, `backtest` and `metrics`.

use clap::{ArgGroup, Args, Subcommand};
use switchhook_store::DocumentState;
use url::Url;

use super::values::{self, Columns, Format, Moment, Rate};

/// `switchhook outbox`.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// List documents that are not delivered, the oldest first.
    List(List),
    /// Show one document: its attempts and its request.
    Show(Show),
    /// Send documents again: same id, same bytes, a fresh retry schedule.
    Retry(Retry),
    /// Resume deliveries to a webhook that was paused after 410 Gone.
    Resume(Resume),
}

/// Filters of documents; all of them must match.
#[derive(Debug, Args)]
pub struct DocumentFilter {
    /// Only documents in this state; may be given more than once.
    #[arg(long, value_name = "STATE", value_parser = values::state())]
    pub state: Vec<DocumentState>,

    /// Only documents for this webhook.
    #[arg(long, value_name = "NAME")]
    pub webhook: Option<String>,

    /// Only documents made since this time: 2h (ago), 2026-07-31, or 2026-07-31T14:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only documents made before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

/// `switchhook outbox list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: the documents that are not delivered, and why\n  \
    switchhook outbox list\n\n\
    The documents that a webhook received in the last two hours\n  \
    switchhook outbox list --state delivered --webhook completed --since 2h\n\n\
    Without --state, delivered and expired ones are left out. Works beside a running serve.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage"
)]
pub struct List {
    /// The filters.
    #[command(flatten)]
    pub filter: DocumentFilter,

    /// The number of documents, at most.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,

    /// Print a JSON array instead of the table.
    #[arg(long)]
    pub json: bool,

    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
}

/// `switchhook outbox show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: the attempts of a document, and why they failed\n  \
    switchhook outbox show msg_0198c5a0b7e67cc1a6f0d3a4c3b1e2f4\n\n\
    Values of headers and query entries are hidden if the name sounds like a secret.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage"
)]
pub struct Show {
    /// The document's id, as in `outbox list` and in the header webhook-id.
    #[arg(value_name = "ID")]
    pub id: String,

    /// Print a JSON object, with the exact body.
    #[arg(long)]
    pub json: bool,
}

/// `switchhook outbox retry`.
#[derive(Debug, Args)]
#[command(
    group(
        ArgGroup::new("meant")
            .args(["ids", "state", "webhook", "since", "until", "all"])
            .required(true)
            .multiple(true)
    ),
    after_help = "Examples: the number of documents, without a change\n  \
    switchhook outbox retry --webhook completed --state dead --dry-run\n\n\
    Send them again, at a rate that the receiver can handle\n  \
    switchhook outbox retry --webhook completed --state dead --rate 10/s\n\n\
    Without ID and --state, retry takes dead and waiting documents. It sends a delivered\n\
    document again only if you name it or its state. It skips documents that are being sent\n\
    right now. It resumes a paused webhook. A running serve starts within a second; without\n\
    one, the next serve does.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage"
)]
pub struct Retry {
    /// The ids of documents, in any state.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// The filters.
    #[command(flatten)]
    pub filter: DocumentFilter,

    /// All dead and waiting documents, of every webhook.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    /// Only print the number; change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// At most this rate: 10/s, 600/m, 1000/h. The webhook's delivery.rate applies too.
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
}

/// `switchhook outbox resume`.
#[derive(Debug, Args)]
#[command(after_help = "Example: the receiver is back under its old address\n  \
    switchhook outbox resume completed\n\n\
    Waiting documents begin a fresh retry schedule. Dead ones stay dead until outbox retry.\n\
    Exit status: 0 done, also when it was not paused; 1 not done, 2 wrong usage")]
pub struct Resume {
    /// The webhook's name in the configuration.
    #[arg(value_name = "WEBHOOK")]
    pub webhook: String,
}

/// `switchhook events`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: what happens on the phones right now\n  \
    switchhook events --follow\n\n\
    The last hour of one caller: who answered, who got the call\n  \
    switchhook events --number +4930123456 --since 1h | jq -r '[.made, .event] | @tsv'\n\n\
    One JSON object a line: id, webhook, call, flow, switch, sequence, event, state, made, and\n\
    body, which is what the webhook receives. The flow must have events ([flows.NAME] events).\n\
    With --follow it looks into the store four times a second, beside a running serve, until\n\
    Ctrl-C. state is that of the delivery when the line is printed.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Events {
    /// Print events as they come, from now on; with --since, those since then first.
    #[arg(long, short)]
    pub follow: bool,

    /// Only events of calls of this flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,

    /// Only events whose body names this account.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// Only events whose body or URL has this number; +49…, 0049… and 49… are one number.
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,

    /// Only events since this time: 2h (ago), or 2026-07-31T14:00:00+02:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// The number of events, at most: the newest ones.
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "follow",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `switchhook report`.
#[derive(Debug, Args)]
#[command(after_help = "Example: yesterday's answers, for a spreadsheet\n  \
    switchhook report --flow outbound --since 1day --persisted-only --format csv > answers.csv\n\n\
    One row for each call. Kept answers (persist_response) are in columns named\n\
    WEBHOOK.VARIABLE. Times are in the time zone of the call's account.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Report {
    /// Only calls of this flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,

    /// Only calls that began since this time: 2h (ago), 2026-07-31, or 2026-07-31T14:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only calls that began before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,

    /// The output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Only calls with a kept answer.
    #[arg(long)]
    pub persisted_only: bool,

    /// CSV with values as they are. Without it, a value that a spreadsheet would calculate has an
    /// apostrophe before it, also a number that begins with +.
    #[arg(long)]
    pub raw: bool,

    /// The columns.
    #[command(flatten)]
    pub columns: Columns,
}

/// `switchhook forget`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: list what is stored about a caller\n  \
    switchhook forget +4930123456\n\n\
    Erase it\n  \
    switchhook forget +4930123456 --yes\n\n\
    It erases calls in which the number called, was called, rang, or is in a flow variable; their\n\
    documents, also waiting ones, which are then never delivered; kept answers; and anything else\n\
    that contains the number, if that has five digits or more. +49…, 0049… and 49… are one number;\n\
    run it again for other notations, such as 030…. Works beside a running serve; calls that are\n\
    not over stay. It does not reach backups (switchhook backup), the switch's own records, and the\n\
    receivers of documents.\n\
    Exit status: 0 done, or nothing found; 1 not done; 2 wrong usage")]
pub struct Forget {
    /// The caller's number; of a SIP address, the part before the @.
    #[arg(value_name = "NUMBER")]
    pub number: String,

    /// Erase it. Without this option, only list what would be erased.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,

    /// Only list what would be erased (the default).
    #[arg(long)]
    pub dry_run: bool,
}

/// `switchhook backup`.
#[derive(Debug, Args)]
#[command(after_help = "Example: every night, while serve runs\n  \
    switchhook backup /var/backups/switchhook-$(date +%F).db\n\n\
    The file has everything in the store at one moment: waiting documents, calls, numbers. Only\n\
    its owner can read it. It is a SQLite file even if the store is PostgreSQL.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Backup {
    /// A file that does not exist yet.
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
}

/// `switchhook restore`.
#[derive(Debug, Args)]
#[command(after_help = "Example: after the loss of a disk\n  \
    switchhook restore /var/backups/switchhook-2026-07-31.db && systemctl start switchhook\n\n\
    The configured store must be empty or not exist, and no serve may use it. It may be another\n\
    kind of database than the original. The next serve delivers the waiting documents. Documents\n\
    that were delivered after the backup are sent again, with the same webhook-id.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Restore {
    /// A file of `switchhook backup`.
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
}

/// `switchhook replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: compare this version with the one that recorded a call\n  \
    switchhook replay recorder/20260731T140000.000Z-5e352811-1d68-4131-8bda-eb6ccacd009a.call.jsonl\n\n\
    Play the same answers with the webhook as it is configured now\n  \
    switchhook replay --with-config recorder/*.call.jsonl\n\n\
    serve writes these files if [recorder] share is set. replay runs the code that handles real\n\
    calls, in virtual time: a timeout of 10 s takes no time. It sends nothing.\n\
    Exit status: 0 the same, 1 different or not played, 2 wrong usage"
)]
pub struct Replay {
    /// Files of the recorder.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<std::path::PathBuf>,

    /// Use the webhook's settings of --config instead of those in the file.
    #[arg(long)]
    pub with_config: bool,

    /// Name every call, also of those that differ in the same way, and show the commands to the switch.
    #[arg(long, short)]
    pub verbose: bool,
}

/// `switchhook backtest`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: test a changed template or mapping before its deployment\n  \
    switchhook --config changed.toml backtest lookup\n\n\
    The calls that would be different\n  \
    switchhook --config changed.toml backtest --json | jq -r '.changes[].call'\n\n\
    It tests the webhooks of that file: it plays recorded calls ([recorder]) again with the recorded\n\
    answer, maps kept answers (persist_response) again, and builds the documents of the outbox again.\n\
    It shows the calls with a difference (- before, + now), equal differences once, what it could not test and why, and each\n\
    path of response.map that never matched. It sends and changes nothing.\n\
    Exit status: 0 no difference, 1 a difference or nothing kept, 2 wrong usage"
)]
pub struct Backtest {
    /// Only these webhooks.
    #[arg(value_name = "WEBHOOK")]
    pub webhooks: Vec<String>,

    /// The folder of the recordings, instead of [recorder] folder.
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Option<std::path::PathBuf>,

    /// Only kept answers and documents of calls that began since this time: 2h (ago),
    /// 2026-07-31, or 2026-07-31T14:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only those of calls that began before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,

    /// Name every call, also of those that differ in the same way, and show the commands to the switch.
    #[arg(long, short)]
    pub verbose: bool,

    /// Print one JSON object: same; changes, each with call, webhook and differences (what, was, is);
    /// and tested: for each webhook the numbers, what was not tested and why, and matches per path.
    #[arg(long)]
    pub json: bool,
}

/// `switchhook metrics`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: a dashboard to import into Grafana\n  \
    switchhook metrics --dashboard > switchhook.json\n\n\
    Alert rules for Prometheus\n  \
    switchhook metrics --alerts > /etc/prometheus/rules/switchhook.yml\n\n\
    The metrics themselves are at /metrics of listen.http.")]
#[command(group = ArgGroup::new("file").required(true).args(["dashboard", "alerts"]))]
pub struct Metrics {
    /// A dashboard, in Grafana's JSON.
    #[arg(long)]
    pub dashboard: bool,

    /// Alert rules, in Prometheus's YAML.
    #[arg(long)]
    pub alerts: bool,

    /// The address of your copy of the page docs/alerts.md, for the links of the alerts
    #[arg(long, value_name = "URL", requires = "alerts")]
    pub runbooks: Option<Url>,
}

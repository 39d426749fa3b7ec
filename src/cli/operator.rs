//! The commands over the store: `outbox` and `report`.

use clap::{ArgGroup, Args, Subcommand};
use switchhook::store::DocumentState;

use super::values::{self, Format, Moment, Rate};

/// `switchhook outbox`.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// What waits, is being tried or is dead, oldest first.
    List(List),
    /// One document: its attempts and what is sent.
    Show(Show),
    /// Send documents again: same id, same bytes, a fresh schedule.
    Retry(Retry),
    /// Send to a webhook again that was paused because it answered 410 Gone.
    Resume(Resume),
}

/// Which documents; all of it must fit.
#[derive(Debug, Args)]
pub struct Which {
    /// Only documents in this state; may be given more than once.
    #[arg(long, value_name = "STATE", value_parser = values::state())]
    pub state: Vec<DocumentState>,

    /// Only documents for this webhook.
    #[arg(long, value_name = "NAME")]
    pub webhook: Option<String>,

    /// Only documents made since then: 2h (ago), or 2026-07-31T14:00:00+02:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only documents made before then.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

/// `switchhook outbox list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: what was not delivered, and why\n  \
    switchhook outbox list\n\n\
    What the webhook got in the last two hours\n  \
    switchhook outbox list --state delivered --webhook completed --since 2h\n\n\
    Without --state, what was delivered is left out. Works beside a running serve.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct List {
    /// Which documents.
    #[command(flatten)]
    pub which: Which,

    /// At most this many, the oldest.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,

    /// Print a JSON array instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// `switchhook outbox show`.
#[derive(Debug, Args)]
#[command(after_help = "Example: why was it not delivered?\n  \
    switchhook outbox show msg_0198c5a0b7e67cc1a6f0d3a4c3b1e2f4\n\n\
    Values of headers and of the query whose name sounds like a secret are hidden.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Show {
    /// The document's id, as `outbox list` shows it and its receiver got it (webhook-id).
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
    after_help = "Examples: how many would it be?\n  \
    switchhook outbox retry --webhook completed --state dead --dry-run\n\n\
    Send them again, not faster than the receiver likes it\n  \
    switchhook outbox retry --webhook completed --state dead --rate 10/s\n\n\
    Without ID and --state, the dead and the waiting are meant; what was delivered is sent\n\
    again only when it is asked for. What is being tried right now is left alone. A paused\n\
    webhook is resumed. A running serve begins within a second; without one, the next does.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage"
)]
pub struct Retry {
    /// Documents by their id, whatever their state.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// Which documents.
    #[command(flatten)]
    pub which: Which,

    /// Everything that is dead or waits, of every webhook.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    /// Only say how many; change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// So many in a time: 10/s, 600/m, 1000/h. The webhook's own delivery.rate holds too.
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
}

/// `switchhook outbox resume`.
#[derive(Debug, Args)]
#[command(after_help = "Example: the receiver is back under its old address\n  \
    switchhook outbox resume completed\n\n\
    What waits begins a fresh schedule; what is dead stays so until outbox retry.\n\
    Exit status: 0 done, also when it was not paused; 1 not done, 2 wrong usage")]
pub struct Resume {
    /// The webhook's name in the configuration.
    #[arg(value_name = "WEBHOOK")]
    pub webhook: String,
}

/// `switchhook report`.
#[derive(Debug, Args)]
#[command(after_help = "Example: yesterday's answers, for a spreadsheet\n  \
    switchhook report --flow outbound --since 1day --persisted-only --format csv > answers.csv\n\n\
    A call has a row; what its webhooks kept (persist_response) stands in columns named\n\
    WEBHOOK.VARIABLE. Times have the offset of the account that the call is of.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Report {
    /// Only calls of this flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,

    /// Only calls that began since then: 2h (ago), or 2026-07-31T14:00:00+02:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only calls that began before then.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,

    /// How it is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Only calls that a webhook's answer was kept for.
    #[arg(long)]
    pub persisted_only: bool,
}

/// `switchhook forget`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: what is there of this caller?\n  \
    switchhook forget +4930123456\n\n\
    Erase it\n  \
    switchhook forget +4930123456 --yes\n\n\
    Calls in which the number called, was called, rang, or stands in a flow variable; their\n\
    documents, also those that wait and are never delivered then; kept answers; and what has the\n\
    number in it besides, if it has five digits or more. +49…, 0049… and 49… are one number; run\n\
    it again for other ways of writing it, such as 030…. Works beside a running serve, which leaves\n\
    calls that are not over alone. Copies (switchhook backup), the switch's own records and the\n\
    receivers of documents are not touched.\n\
    Exit status: 0 done, or nothing is there; 1 not done; 2 wrong usage")]
pub struct Forget {
    /// The caller's number; of a SIP address, the part before the @.
    #[arg(value_name = "NUMBER")]
    pub number: String,

    /// Erase it. Without this only say what would go.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,

    /// Only say what would go, which is so without it too.
    #[arg(long)]
    pub dry_run: bool,
}

/// `switchhook backup`.
#[derive(Debug, Args)]
#[command(after_help = "Example: every night, while serve runs\n  \
    switchhook backup /var/backups/switchhook-$(date +%F).db\n\n\
    The file has all that the store has, at one moment: documents that wait, calls, numbers. It\n\
    can be read by its owner alone, and is a SQLite file also when the store is PostgreSQL.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Backup {
    /// A file that is not there yet.
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
}

/// `switchhook restore`.
#[derive(Debug, Args)]
#[command(after_help = "Example: after a disk was lost\n  \
    switchhook restore /var/backups/switchhook-2026-07-31.db && systemctl start switchhook\n\n\
    The store of the configuration has to be empty, or not there yet, and no serve may run on it.\n\
    It may be another database than the copy's. What waited is delivered by the next serve; what was\n\
    delivered after the copy was made is sent again, with the same webhook-id.\n\
    Exit status: 0 done, 1 not done, 2 wrong usage")]
pub struct Restore {
    /// What `switchhook backup` wrote.
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
}

/// `switchhook replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples: does this version do what that one did?\n  \
    switchhook replay recorder/20260731T140000.000Z-5e352811-1d68-4131-8bda-eb6ccacd009a.call.jsonl\n\n\
    What would the webhook as it is configured now have done with the same answers?\n  \
    switchhook replay --with-config recorder/*.call.jsonl\n\n\
    Files are written by serve with [recorder] share. The call is played through the code that\n\
    calls go through, in virtual time: a timeout of 10 s takes none. Nothing is sent anywhere.\n\
    Exit status: 0 the same, 1 different or not played, 2 wrong usage")]
pub struct Replay {
    /// Recordings.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<std::path::PathBuf>,

    /// With the webhook's settings in --config, in place of those in the recording.
    #[arg(long)]
    pub with_config: bool,
}

/// `switchhook backtest`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: before a changed template or mapping is published\n  \
    switchhook --config changed.toml backtest lookup\n\n\
    Which calls would go down another way?\n  \
    switchhook --config changed.toml backtest --json | jq -r '.changes[].call'\n\n\
    Tested are, with the webhooks as that file has them: recorded calls ([recorder]), played again with\n\
    the answer that came; answers that the store keeps (persist_response), judged and mapped anew; and\n\
    documents that the outbox still has, made anew. Shown are each call of which something would be\n\
    different (- as it was, + as it would be), what could not be tested and why, and each path of\n\
    response.map that never found anything. Nothing is sent or changed.\n\
    Exit status: 0 nothing would be different, 1 something would, or nothing is kept, 2 wrong usage"
)]
pub struct Backtest {
    /// Only these webhooks.
    #[arg(value_name = "WEBHOOK")]
    pub webhooks: Vec<String>,

    /// Recordings of this folder, in place of [recorder] folder.
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Option<std::path::PathBuf>,

    /// Only kept answers and documents of calls that began since then: 2h (ago), or
    /// 2026-07-31T14:00:00+02:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Only those of calls that began before then.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,

    /// Print one JSON object: same; changes with call, webhook and differences (what, was, is); and by
    /// webhook what was tested, what could not be and why, and how often each path matched.
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
}

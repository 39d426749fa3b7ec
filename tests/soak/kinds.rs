//! The kinds of calls, each with a service of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use switchhook_sim::switch::{Call, Inbound, Pace, Parked, Switch};
use switchhook_store::{Role, Store, StoreOptions};
use tempfile::TempDir;
use test_support::inbox::Inbox;
use test_support::played::Played;
use test_support::port8021::{NAME, Port8021};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::measured::Measured;

/// Calls at once.
const AT_ONCE: usize = 20;
/// How many times as many are at once before the first measurement.
const BURST: usize = 8;
/// Channels that a ledger remembers after their end (`LedgerOptions::remembered`).
const REMEMBERED: i64 = 200_000;
/// The time for what must happen; a test that reaches it has failed.
const PATIENT: Duration = Duration::from_secs(60);
/// Connections to the webhooks are kept, and closed soon after the last call: an open one is memory.
const KEPT: &str = "idle_timeout = \"100ms\"\n";
/// A call of two legs.
const CAPTURE: &str = "inbound-caller-hangs-up";

/// What is done with the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    OnHold,
    Parked,
    Followed,
    Delivered,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::OnHold, Self::Parked, Self::Followed, Self::Delivered];

    pub const fn trial(self) -> &'static str {
        match self {
            Self::OnHold => "a_call_on_hold_leaves_nothing_behind",
            Self::Parked => "a_parked_call_leaves_nothing_behind",
            Self::Followed => "a_followed_call_leaves_nothing_behind",
            Self::Delivered => "a_delivery_leaves_nothing_behind",
        }
    }

    /// Starts the service with what surrounds it.
    pub async fn start(self) -> Place {
        let (folder, inbox) = (tempfile::tempdir().unwrap(), Inbox::start().await);
        let store = folder.path().join("store.db");
        remember(&store).await;
        let switch = Switch::new(NAME, Pace::Wire);
        let port = match self {
            Self::OnHold => Port::None,
            Self::Parked => {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                Port::Simulated(switch.listen(any, "ClueCon").await.unwrap())
            }
            Self::Followed | Self::Delivered => Port::Played(Port8021::start().await),
        };
        let config = folder.path().join("switchhook.toml");
        std::fs::write(&config, self.config(&store, inbox.address, port.address())).unwrap();
        let simulated = switch.followed_by(2);
        let service = Measured::start(&config);
        match &port {
            Port::None => {}
            Port::Simulated(_) => simulated.await,
            Port::Played(port) => port.followed(1).await,
        }
        let options = SqliteConnectOptions::new().filename(&store).read_only(true);
        Place {
            kind: self,
            service,
            scraped: false,
            finished: 0,
            switch,
            port,
            rows: options.connect().await.unwrap(),
            _inbox: inbox,
            _folder: folder,
        }
    }

    fn config(self, store: &Path, inbox: SocketAddr, switch: Option<SocketAddr>) -> String {
        let mut text = format!(
            "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
             [limits]\ncalls_remembered = 16\n\
             [store]\nurl = \"sqlite:{}\"\n\
             [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
             [webhooks.lookup]\nurl = \"http://{inbox}/lookup\"\nbefore_answer = \"silence\"\n{KEPT}\
             [webhooks.completed]\nurl = \"http://{inbox}/completed\"\n{KEPT}\
             [account]\ndefault_webhook = \"completed\"\n\
             [flows.default]\nwebhook = {delivered}\n[flows.inbound]\nwebhook = {delivered}\n",
            store.display(),
            delivered = self == Self::Delivered
        );
        if let Some(switch) = switch {
            text += &format!(
                "[[freeswitch]]\naddress = \"{switch}\"\npassword = \"ClueCon\"\n\
                 park_service = \"one\"\n"
            );
        }
        text
    }
}

/// Makes a store in which as many channels have ended as are remembered, so that each further one
/// takes the place of another.
async fn remember(file: &Path) {
    let url = format!("sqlite:{}", file.display());
    let options = StoreOptions::new(url, Role::Serve);
    Store::open(options).await.unwrap().close().await;
    let options = SqliteConnectOptions::new().filename(file);
    let mut store: SqliteConnection = options.connect().await.unwrap();
    let channels =
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1)
         INSERT INTO finished_channel (switch, uuid, created_us, ended_ms)
         SELECT $2, 'channel-' || n, n, unixepoch() * 1000 FROM number";
    let channels = sqlx::query(channels).bind(REMEMBERED).bind(NAME);
    channels.execute(&mut store).await.unwrap();
    store.close().await.unwrap();
}

/// Port 8021 of the switch.
enum Port {
    None,
    Simulated(Inbound),
    Played(Port8021),
}

impl Port {
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::None => None,
            Self::Simulated(port) => Some(port.address()),
            Self::Played(port) => Some(port.address),
        }
    }
}

/// A service, and what surrounds it.
pub struct Place {
    kind: Kind,
    pub service: Measured,
    /// Whether `/metrics` is read after each round.
    pub scraped: bool,
    /// Calls so far.
    finished: usize,
    switch: Arc<Switch>,
    port: Port,
    rows: SqliteConnection,
    _inbox: Inbox,
    _folder: TempDir,
}

impl Place {
    /// Plays this many calls to their end.
    pub async fn calls(&mut self, calls: usize) {
        self.rounds(calls / AT_ONCE, AT_ONCE).await;
    }

    /// Plays at least this many calls, many more at once than later: what grows with the calls in
    /// progress, such as a queue, has its size before it is measured.
    pub async fn warm_up(&mut self, calls: usize) {
        let at_once = BURST * AT_ONCE;
        self.rounds(calls.div_ceil(at_once), at_once).await;
    }

    async fn rounds(&mut self, rounds: usize, at_once: usize) {
        for _ in 0..rounds {
            match self.kind {
                Kind::OnHold => self.place(at_once, None).await,
                Kind::Parked => {
                    let parked = Parked {
                        service: "one".into(),
                        untaken: PATIENT,
                    };
                    self.place(at_once, Some(parked)).await;
                }
                Kind::Followed | Kind::Delivered => self.play(at_once),
            }
            self.finished += at_once;
            self.ended().await;
            if self.scraped {
                let url = format!("http://{}/metrics", self.service.http);
                let page = test_support::http::get(url).await.unwrap();
                assert!(page.text().await.unwrap().contains("_bucket"));
            }
        }
    }

    /// Places calls into the dialplan; each takes line 0.
    async fn place(&self, at_once: usize, parked: Option<Parked>) {
        let mut calls = JoinSet::new();
        for _ in 0..at_once {
            let call = Call {
                hosts: vec![self.service.esl.to_string()],
                parked: parked.clone(),
                ..Call::default()
            };
            let switch = Arc::clone(&self.switch);
            calls.spawn(async move { switch.place(call).await });
        }
        for record in calls.join_all().await {
            assert!(record.violations.is_empty(), "{record:#?}");
            assert_eq!(record.line, Some(0), "{record:#?}");
        }
    }

    /// Sends the events of calls.
    fn play(&self, at_once: usize) {
        let Port::Played(port) = &self.port else {
            unreachable!("nothing is played");
        };
        for _ in 0..at_once {
            port.play(&Played::new(CAPTURE).bodies);
        }
    }

    /// Waits until the store says that all calls have ended.
    async fn ended(&mut self) {
        let count = match self.kind {
            Kind::OnHold => return,
            Kind::Parked | Kind::Followed => "SELECT count(*) FROM call",
            Kind::Delivered => "SELECT count(*) FROM document WHERE state = 'delivered'",
        };
        let begun = Instant::now();
        loop {
            let (rows,): (i64,) = sqlx::query_as(count)
                .fetch_one(&mut self.rows)
                .await
                .unwrap();
            if usize::try_from(rows).unwrap() >= self.finished {
                return;
            }
            assert!(
                begun.elapsed() < PATIENT,
                "{rows} of {} calls have ended",
                self.finished
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

//! `kill -9` of the real program at named points of a call's life, again and again, on either
//! database.
//!
//! The process that is killed is the one that recovered from the kill before. It dies at a
//! system call of its own (see `tests/chaos/shim`), so that each point is exactly that point.

use futures_util::future::join_all;
use switchhook_store::{DocumentFilter, DocumentState, Role, Store, StoreOptions, StoredLeg};
use tempfile::TempDir;
use tokio::process::Child;

use crate::dice;
use crate::inbox::{Answer, Inbox};
use crate::played::{Judged, Played, destroyed, each_leg_is_in_one_document, playable, uuid};
use crate::port8021::Port8021;
use crate::postgres;
use crate::program::{self, killed};
use crate::settings;
use crate::store_suite::all;
use crate::table::Row;

/// Lanes beside each other, each with a switch, a receiver and a store of its own.
const LANES: usize = 8;
/// Kills of a lane.
const KILLS: usize = 125;

/// Where the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    BeforeALegIsStored,
    AfterALegWasStored,
    BeforeTheDocumentsCommit,
    AfterTheDocumentsCommit,
    BeforeItIsSent,
    AfterItWasSent,
    BeforeTheAcknowledgementsCommit,
    AfterTheAcknowledgementsCommit,
}

impl Point {
    const ALL: [Self; 8] = [
        Self::BeforeALegIsStored,
        Self::AfterALegWasStored,
        Self::BeforeTheDocumentsCommit,
        Self::AfterTheDocumentsCommit,
        Self::BeforeItIsSent,
        Self::AfterItWasSent,
        Self::BeforeTheAcknowledgementsCommit,
        Self::AfterTheAcknowledgementsCommit,
    ];

    /// The steps to it, as the shim reads them.
    fn steps(self, base: &Base, call: &str) -> String {
        let document = format!("\"phonon-uuid\":\"{call}\"");
        match base {
            Base::Sqlite => self.on_sqlite(call, &document),
            Base::Postgres(_) => self.on_postgres(call, &document),
        }
    }

    /// What is written to the write-ahead log has the bytes of the row in it, and is synced
    /// before it is acknowledged.
    fn on_sqlite(self, call: &str, document: &str) -> String {
        match self {
            Self::BeforeALegIsStored => format!("write before {call}"),
            Self::AfterALegWasStored => format!("sync after {call}"),
            Self::BeforeTheDocumentsCommit => format!("write before {document}"),
            Self::AfterTheDocumentsCommit => format!("sync after {document}"),
            Self::BeforeItIsSent => format!("send before {document}"),
            Self::AfterItWasSent => format!("send after {document}"),
            Self::BeforeTheAcknowledgementsCommit => {
                format!("send after {document}\nwrite before delivered")
            }
            Self::AfterTheAcknowledgementsCommit => {
                format!("send after {document}\nsync after delivered")
            }
        }
    }

    /// The row is sent to the database, then over the same connection (others are polled, and
    /// what they read is a transaction too) `COMMIT`, which the database answers with that
    /// word; the document is sent to the database first, then to its receiver.
    fn on_postgres(self, call: &str, document: &str) -> String {
        const COMMITTED: &str = "same send after COMMIT\nsame read after COMMIT";
        // Not the value: other statements name the state too.
        const SETTLED: &str = "send after WITH settled AS";
        let sent = format!("send after {document}\nsend after {document}");
        match self {
            Self::BeforeALegIsStored => format!("send before {call}"),
            Self::AfterALegWasStored => format!("send after {call}\n{COMMITTED}"),
            Self::BeforeTheDocumentsCommit => {
                format!("send after {document}\nsame send before COMMIT")
            }
            Self::AfterTheDocumentsCommit => format!("send after {document}\n{COMMITTED}"),
            Self::BeforeItIsSent => format!("send after {document}\nsend before {document}"),
            Self::AfterItWasSent => sent,
            Self::BeforeTheAcknowledgementsCommit => {
                format!("{sent}\n{SETTLED}\nsame send before COMMIT")
            }
            Self::AfterTheAcknowledgementsCommit => {
                format!("{sent}\n{SETTLED}\n{COMMITTED}")
            }
        }
    }

    /// Not all that the switch had said was stored by then.
    fn may_lack(self) -> bool {
        matches!(
            self,
            Self::BeforeALegIsStored | Self::AfterALegWasStored | Self::BeforeTheDocumentsCommit
        )
    }

    /// How often its document may come.
    fn is_fine(self, judged: Judged) -> bool {
        let times = match self {
            Self::BeforeTheAcknowledgementsCommit => 2..=2,
            Self::AfterItWasSent => 1..=2,
            Self::BeforeALegIsStored
            | Self::AfterALegWasStored
            | Self::BeforeTheDocumentsCommit
            | Self::AfterTheDocumentsCommit
            | Self::BeforeItIsSent
            | Self::AfterTheAcknowledgementsCommit => 1..=1,
        };
        times.contains(&judged.times) && (judged.is_whole || self.may_lack())
    }
}

/// The database under it.
#[derive(Debug, Clone)]
enum Base {
    /// A file in the lane's folder.
    Sqlite,
    /// The database with this URL.
    Postgres(String),
}

struct Lane {
    number: usize,
    base: Base,
    url: String,
    switch: Port8021,
    inbox: Inbox,
    folder: TempDir,
    random: fastrand::Rng,
}

impl Lane {
    async fn new(number: usize, base: Base) -> Self {
        let (switch, inbox) = (Port8021::start().await, Inbox::start().await);
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("store.db").display());
        let url = match &base {
            Base::Sqlite => file.clone(),
            Base::Postgres(url) => url.clone(),
        };
        let settings = settings::all_to(folder.path(), switch.address, inbox.address);
        let settings = settings.replace(&file, &url) + "[limits]\ndetails_deadline = \"1s\"\n";
        // The place in which each finds the leases of the one before it.
        let http = format!("http = \"{}\"", program::place());
        let settings = settings.replacen("http = \"127.0.0.1:0\"", &http, 1);
        assert!(settings.contains(&http));
        std::fs::write(folder.path().join("switchhook.toml"), settings).unwrap();
        let random = dice::of("kills", number);
        Self {
            number,
            base,
            url,
            switch,
            inbox,
            folder,
            random,
        }
    }

    /// The program, when it follows the switch.
    async fn serve(&self, broken: &[(&str, &str)]) -> Child {
        let times = self.switch.times();
        let folder = self.folder.path();
        let mut program = program::serve(folder, broken);
        program::reaches(&mut program, folder, self.switch.followed(times + 1)).await;
        program
    }

    /// Plays a call to a program that dies of it; the part that is played after the restart.
    async fn die(&mut self, program: &mut Child, call: &Played, point: Point) -> Vec<String> {
        let last = call.bodies.len();
        let played = match point {
            // What nobody has stored must still have something to say of itself.
            Point::BeforeALegIsStored => self.random.usize(1..=call.first("CHANNEL_HANGUP")),
            Point::AfterALegWasStored => self.random.usize(1..last),
            Point::BeforeTheDocumentsCommit
            | Point::AfterTheDocumentsCommit
            | Point::BeforeItIsSent
            | Point::AfterItWasSent
            | Point::BeforeTheAcknowledgementsCommit
            | Point::AfterTheAcknowledgementsCommit => last,
        };
        let (before, after) = call.bodies.split_at(played);
        for (number, body) in before.iter().enumerate() {
            if point == Point::BeforeTheDocumentsCommit && number == call.first("CHANNEL_HANGUP") {
                // Or all of it is one commit, and nothing was stored before.
                self.stored(call).await;
            }
            // It may die of the first of them.
            self.switch.send(body);
        }
        let what = format!("{point:?} of {} {}", call.name, call.id());
        killed(program, self.folder.path(), &what).await;
        after.to_vec()
    }

    /// Kills the program `kills` times; every call, with the point at which it was hit.
    async fn run(mut self, kills: usize) -> Counted {
        let names = playable();
        let mut calls: Vec<(Point, Played)> = Vec::new();
        let mut rest = Vec::new();
        for kill in 0..kills {
            let point = Point::ALL[(self.number + kill) % Point::ALL.len()];
            let call = Played::new(self.random.choice(&names).unwrap());
            let steps = point.steps(&self.base, call.id());
            let mut program = self.again(&[("CHAOS_KILL", &steps)], &rest, &calls).await;
            let _told = ReportOnPanic(format!("{point:?} of {} {}", call.name, call.id()));
            rest = self.die(&mut program, &call, point).await;
            calls.push((point, call));
        }
        let mut program = self.again(&[], &rest, &calls).await;
        program.kill().await.unwrap();
        self.count(&calls).await
    }

    /// Starts the program; the call that was hit goes on, or ends meanwhile, and its document
    /// comes.
    async fn again(
        &mut self,
        broken: &[(&str, &str)],
        rest: &[String],
        calls: &[(Point, Played)],
    ) -> Child {
        let last = calls.last();
        let must_live = last.is_some_and(|(point, _)| *point == Point::BeforeALegIsStored);
        let lives = self.random.bool() || must_live;
        let alive = destroyed(if lives { rest } else { &[] });
        let alive: Vec<&str> = alive.iter().map(String::as_str).collect();
        self.switch.alive(&alive);
        if let Some((_, call)) = last.filter(|_| lives) {
            let heard = &call.bodies[..call.bodies.len() - rest.len()];
            let shown = heard.iter().filter(|body| body.contains("\"variable_"));
            shown.for_each(|body| self.switch.dumps(&uuid(body), body));
        }
        let program = self.serve(broken).await;
        self.switch.alive(&[]);
        if lives {
            self.switch.play(rest);
        }
        if let Some((point, call)) = last {
            let what = format!("{point:?} of {} {}, lives: {lives}", call.name, call.id());
            let _told = ReportOnPanic(format!("{what}, with {} more events", rest.len()));
            let comes = self.inbox.wait_for(|posts| {
                let of_call = |post: &crate::inbox::Post| {
                    post.taken && post.json()["phonon-uuid"] == call.id()
                };
                posts.iter().any(of_call)
            });
            comes.await;
            self.settled().await;
        }
        program
    }

    /// Waits until a leg of this call is stored.
    async fn stored(&self, call: &Played) {
        let store = self.store().await;
        let is_it = |leg: &StoredLeg| leg.leg_uuid == call.id();
        while !store.load_legs().await.unwrap().iter().any(is_it) {
            tokio::task::yield_now().await;
        }
        store.close().await;
    }

    /// Waits until what was taken is acknowledged: the next kill is to hit the next call alone.
    async fn settled(&self) {
        let store = self.store().await;
        let open = DocumentFilter {
            states: vec![DocumentState::Waiting, DocumentState::Leased],
            ..DocumentFilter::default()
        };
        while !store.documents(&open, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        store.close().await;
    }

    async fn count(&self, calls: &[(Point, Played)]) -> Counted {
        self.inbox.answers(Answer::Status(200));
        let posts = self.inbox.posts();
        let mut counted = Counted::default();
        for (point, call) in calls {
            let judged = call.judge(&posts);
            assert!(
                point.is_fine(judged),
                "{point:?} of {}: {judged:?}",
                call.name
            );
            counted.calls += 1;
            counted.lost += usize::from(!judged.is_taken);
            counted.repeated += usize::from(judged.times > 1);
        }
        let store = self.store().await;
        let rows = all(&store).await;
        assert!(
            rows.iter().all(|row| row.state == DocumentState::Delivered),
            "{rows:?}"
        );
        each_leg_is_in_one_document(&posts);
        assert_eq!(store.load_legs().await.unwrap(), [], "no call is left open");
        counted
    }

    async fn store(&self) -> Store {
        let options = StoreOptions::new(self.url.clone(), Role::Command);
        Store::open(options).await.unwrap()
    }
}

/// What was under way, printed when the trial fails.
struct ReportOnPanic(String);

impl Drop for ReportOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    calls: usize,
    lost: usize,
    repeated: usize,
}

/// 1,000 kills on SQLite.
pub async fn on_sqlite() -> Row {
    let what = "`kill -9` at eight points of a call's life, SQLite";
    on(what, vec![Base::Sqlite; LANES]).await
}

/// 1,000 kills on PostgreSQL; `None` where there is none.
pub async fn on_postgres() -> Option<Row> {
    let what = "`kill -9` at eight points of a call's life, PostgreSQL";
    let server = postgres::shared()?;
    let databases: Vec<_> = (0..LANES).map(|_| server.database()).collect();
    let lanes = databases.iter().map(|one| Base::Postgres(one.url()));
    Some(on(what, lanes.collect()).await)
}

async fn on(what: &'static str, lanes: Vec<Base>) -> Row {
    let kills = dice::times(KILLS);
    let faults = kills * lanes.len();
    let lanes = lanes.into_iter().enumerate();
    let lanes =
        lanes.map(|(number, base)| async move { Lane::new(number, base).await.run(kills).await });
    let counted = join_all(lanes).await;
    let sum = |of: fn(&Counted) -> usize| counted.iter().map(of).sum();
    Row {
        what,
        faults,
        calls: sum(|counted| counted.calls),
        documents: sum(|counted| counted.calls),
        lost: sum(|counted| counted.lost),
        repeated: sum(|counted| counted.repeated),
        stranded: None,
    }
}

//! A switch with callers, a webhook, a receiver of documents, and the program between them.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use switchhook_sim::receiver::{Receiver, closed_port};
use switchhook_sim::switch::{Call, CallRecord, Inbound, Left, Pace, Switch};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::inbox::{Inbox, Post};
use crate::program::{self, PATIENT};
use crate::table::Row;

/// A flag of the shim's page: writes find no space.
pub const FULL: i64 = 1;
/// Syncs fail.
pub const SYNC_FAILS: i64 = 2;

pub struct Town {
    pub switch: Arc<Switch>,
    pub inbox: Inbox,
    pub widgets: Receiver,
    pub folder: TempDir,
    pub esl: String,
    control: File,
    _port: Inbound,
}

impl Town {
    /// With `more` in the configuration, and a store in its folder.
    pub async fn new(more: &str) -> Self {
        Self::with_store(None, more).await
    }

    /// With `more` in the configuration, and the store of this URL.
    pub async fn with_store(url: Option<&str>, more: &str) -> Self {
        let switch = Switch::new("lab", Pace::Ticked);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = switch.listen(free, "ClueCon").await.unwrap();
        let (inbox, widgets) = (Inbox::start().await, Receiver::start().await.unwrap());
        let folder = tempfile::tempdir().unwrap();
        let esl = format!("127.0.0.1:{}", closed_port().unwrap());
        let settings = crate::settings::all_to(folder.path(), port.address(), inbox.address)
            .replacen("127.0.0.1:0", &esl, 1);
        let lookup = widgets.url("/lookup");
        let settings = format!(
            "{settings}[webhooks.lookup]\nurl = \"{lookup}\"\n\
             response.map = {{ customer_name = \"$.customer.name\" }}\n{more}"
        );
        let file = format!("sqlite:{}", folder.path().join("store.db").display());
        let settings = settings.replace(&file, url.unwrap_or(&file));
        std::fs::write(folder.path().join("switchhook.toml"), settings).unwrap();
        let control = File::create_new(folder.path().join("control")).unwrap();
        control.set_len(16).unwrap();
        Self {
            switch,
            inbox,
            widgets,
            folder,
            esl,
            control,
            _port: port,
        }
    }

    /// The program, when it follows the switch.
    pub async fn serve(&self) -> Child {
        let control = self.folder.path().join("control");
        self.serve_with(&[("CHAOS_CONTROL", control.to_str().unwrap())])
            .await
    }

    /// The program in this environment, when it follows the switch.
    pub async fn serve_with(&self, environment: &[(&str, &str)]) -> Child {
        let followed = self.switch.followed_by(1);
        let program = program::serve(self.folder.path(), environment);
        let said = || program::said(self.folder.path());
        assert!(timeout(PATIENT, followed).await.is_ok(), "{}", said());
        program
    }

    /// Waits until it has said this so many times.
    pub async fn says(&self, what: &str, times: usize) {
        let log = self.folder.path().join("log");
        while std::fs::read_to_string(&log).unwrap().matches(what).count() < times {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// From now on the program's clock is so many milliseconds off.
    pub fn clock_off_by(&self, ms: i64) {
        self.control.write_all_at(&ms.to_le_bytes(), 0).unwrap();
    }

    /// From now on this fails.
    pub fn fails(&self, what: i64) {
        self.control.write_all_at(&what.to_le_bytes(), 8).unwrap();
    }

    /// So many callers at once, each until its line is taken and the call over.
    pub async fn callers(&self, count: usize) -> Vec<CallRecord> {
        self.callers_talking(count, Duration::from_millis(40)).await
    }

    /// So many callers at once, each of whom stays on its line for so long.
    pub async fn callers_talking(&self, count: usize, talks: Duration) -> Vec<CallRecord> {
        let place = || {
            let call = Call {
                hosts: vec![self.esl.clone()],
                talks,
                ..Call::default()
            };
            self.switch.place(call)
        };
        join_all((0..count).map(|_| place())).await
    }

    /// The posts of these calls' documents, when each of them was taken.
    pub async fn documents(&self, calls: &[CallRecord]) -> Vec<Post> {
        self.inbox
            .wait_for(|posts| calls.iter().all(|call| is_taken(posts, call)))
            .await
    }
}

fn is_taken(posts: &[Post], call: &CallRecord) -> bool {
    let mut posts = posts.iter();
    posts.any(|post| post.taken && post.json()["phonon-uuid"] == call.uuid.as_str())
}

/// What became of callers and documents.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    pub calls: usize,
    pub lost: usize,
    pub repeated: usize,
    pub stranded: usize,
}

/// Every caller was given back on `line`; every document is there, the same each time; of a
/// service that lived it is whole.
pub fn count(calls: &[CallRecord], posts: &[Post], line: u8) -> Count {
    let is_whole = line == 0;
    let mut count = Count::default();
    for call in calls {
        // Who was killed has left the way out behind: the hook cancels it behind `socket`.
        assert!(
            !is_whole || call.violations.is_empty(),
            "{:?}",
            call.violations
        );
        let of_call = |post: &&Post| post.json()["phonon-uuid"] == call.uuid.as_str();
        let posts: Vec<&Post> = posts.iter().filter(of_call).collect();
        for post in &posts {
            assert_eq!((post.id(), &post.body), (posts[0].id(), &posts[0].body));
            let lacks = !post.json()["incomplete"].is_null();
            assert!(!(lacks && is_whole), "{:?}", post.json());
        }
        count.calls += 1;
        count.lost += usize::from(!posts.iter().any(|post| post.taken));
        count.repeated += usize::from(posts.len() > 1);
        let given_back = call.left == Left::Released && call.line == Some(line);
        count.stranded += usize::from(!given_back);
    }
    count
}

/// The row of these.
pub fn row(what: &'static str, faults: usize, counted: Count) -> Row {
    Row {
        what,
        faults,
        calls: counted.calls,
        documents: counted.calls,
        lost: counted.lost,
        repeated: counted.repeated,
        stranded: Some(counted.stranded),
    }
}

//! The service with its page, and what surrounds it.

use std::time::{SystemTime, UNIX_EPOCH};

use regex::{Captures, Regex};
use sqlx::{Connection as _, SqliteConnection};
use switchhook_service::config::Config;
use switchhook_service::service::Service;
use tempfile::TempDir;

use crate::anew::anew;
use crate::events::bodies;
use crate::inbox::{Answer, Inbox, Post};
use crate::peer::{Channel, Peer};
use crate::port8021::Port8021;
use crate::receiver::Receiver;

/// The token of the page.
pub const TOKEN: &str = "horse-battery-staple";

/// The service, a switch, a webhook that answers calls, and one that takes documents.
pub struct Fixture {
    pub service: Service,
    pub switch: Port8021,
    pub inbox: Inbox,
    pub receiver: Receiver,
    folder: TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// Adds settings to `[account]`, or sections after it.
    pub async fn with(account: &str) -> Self {
        Self::with_token(account, Some(TOKEN)).await
    }

    /// Shows the page under a path.
    pub async fn with_base(base: &str, account: &str) -> Self {
        let listen = format!("http_token = \"{TOKEN}\"\nhttp_base = \"{base}\"");
        Self::set("completed", account, &listen).await
    }

    /// Sets the page's token, or none.
    pub async fn with_token(account: &str, token: Option<&str>) -> Self {
        Self::set("completed", account, &setting(token)).await
    }

    /// Sends documents to a webhook of this name. The metrics are shared by all tests of the process,
    /// so a test with a name of its own has them for itself.
    pub async fn with_document_webhook(documents: &str) -> Self {
        Self::set(documents, "", &setting(Some(TOKEN))).await
    }

    async fn set(documents: &str, account: &str, listen: &str) -> Self {
        let (switch, inbox) = (Port8021::start().await, Inbox::start().await);
        let (receiver, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
        let settings = format!(
            r#"
[listen]
esl = "127.0.0.1:0"
http = "127.0.0.1:0"
{listen}
confirm_calls = false
[[freeswitch]]
address = "{}"
password = "ClueCon"
[store]
url = "sqlite:{}/store.db"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
[account]
default_webhook = "{documents}"
time_zone = "Asia/Kolkata"
{account}
[flows.default]
webhook = true
[flows.inbound]
webhook = true
[flows.outbound]
webhook = true
[webhooks.{documents}]
url = "http://{}/completed"
[webhooks.lookup]
url = "http://{}/callers?api_key=hidden"
persist_response = true
before_answer = "silence"
timeout = "60s"
response.map = {{ customer_name = "$.customer.name" }}
"#,
            switch.address,
            folder.path().display(),
            inbox.address,
            receiver.address,
        );
        let config =
            Config::parse(&settings, "test.toml").unwrap_or_else(|faults| panic!("{faults}"));
        let service = Service::start(&config).await.unwrap();
        switch.followed(1).await;
        Self {
            service,
            switch,
            inbox,
            receiver,
            folder,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.http)
    }

    /// Makes a call that waits for `lookup`.
    pub async fn hold(&self) -> Peer {
        Peer::call(self.service.esl, Channel::to("lookup")).await
    }

    /// Makes a call of an account that waits for `lookup`.
    pub async fn hold_for_account(&self, account: &str) -> Peer {
        let channel = Channel::to("lookup").set("flow.account", account);
        Peer::call(self.service.esl, channel).await
    }

    async fn answer(&self, mut peer: Peer, status: u16, body: &str) -> Peer {
        self.receiver.answer(status, body).await;
        peer.until_exit().await;
        peer
    }

    /// Plays a call captured on a real switch, at the current time and on new channels. Its first leg
    /// asks `lookup`, which gives this answer. Returns when its document is delivered.
    pub async fn call(&self, capture: &str, status: u16, body: &str) -> String {
        let (bodies, _) = anew(&now(&bodies(capture)));
        self.played(&bodies, None, (status, body)).await
    }

    /// Plays such a call of an account, whose request is answered 200.
    pub async fn call_of(&self, account: &str, capture: &str) -> String {
        let (bodies, _) = anew(&now(&bodies(capture)));
        let given = format!("{{\"variable_flow.account\":\"{account}\",");
        let bodies: Vec<String> = bodies
            .iter()
            .map(|body| body.replacen('{', &given, 1))
            .collect();
        self.played(&bodies, Some(account), (200, "{}")).await
    }

    async fn played(
        &self,
        bodies: &[String],
        account: Option<&str>,
        (status, body): (u16, &str),
    ) -> String {
        let first = Regex::new("\"Unique-ID\":\"([^\"]+)\"").unwrap();
        let uuid = first.captures(&bodies[0]).unwrap()[1].to_owned();
        let mut channel = Channel::to("lookup");
        channel.uuid.clone_from(&uuid);
        if let Some(account) = account {
            channel = channel.set("flow.account", account);
        }
        let peer = Peer::call(self.service.esl, channel).await;
        let peer = self.answer(peer, status, body).await;
        drop(peer);
        let before = self.inbox.posts().len();
        self.play(bodies);
        let taken = |posts: &[Post]| posts.iter().filter(|post| post.taken).count() > before;
        self.inbox.wait_for(taken).await;
        uuid
    }

    /// Sends the events on port 8021.
    fn play(&self, bodies: &[String]) {
        for body in bodies {
            let length = body.len();
            let frame =
                format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{body}");
            self.switch.send_wire(frame.into_bytes());
        }
    }

    /// Plays a call whose document is answered `410 Gone`, which pauses the webhook. Returns when the
    /// document waits again.
    pub async fn refused(&self, capture: &str) {
        self.play_refused(capture, 410).await;
        let waiting = self.url("/outbox/replay?state=waiting");
        let client = test_support::http::client();
        loop {
            let page = client.get(&waiting).send().await.unwrap();
            if page.text().await.unwrap().contains("1 document") {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Plays one more such call, while the webhook is paused or before it. Returns when its document
    /// waits.
    pub async fn refused_again(&self, capture: &str) {
        let before = self.waiting().await;
        self.inbox.answers(Answer::Status(410));
        let (bodies, _) = anew(&now(&bodies(capture)));
        self.play(&bodies);
        while self.waiting().await <= before {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the number of documents that wait and are not being sent.
    async fn waiting(&self) -> u64 {
        let waiting = self.url("/outbox/replay?state=waiting");
        let page = test_support::http::get(&waiting).await.unwrap();
        let count = Regex::new(r"<b>(\d+) document").unwrap();
        let page = page.text().await.unwrap();
        let found = count.captures(&page);
        found.map_or(0, |found| found[1].parse().unwrap())
    }

    async fn play_refused(&self, capture: &str, status: u16) {
        self.inbox.answers(Answer::Status(status));
        let (bodies, _) = anew(&now(&bodies(capture)));
        let before = self.inbox.posts().len();
        self.play(&bodies);
        self.inbox.wait(before + 1).await;
    }

    /// Plays a call whose document is answered 500.
    pub async fn failed(&self, capture: &str) {
        self.play_refused(capture, 500).await;
    }

    /// Puts calls of a week into the store. A call must have been counted before.
    pub async fn fill(&self, calls: u32) {
        let url = format!("sqlite:{}/store.db", self.folder.path().display());
        let mut store = SqliteConnection::connect(&url).await.unwrap();
        let counted = "SELECT count(*) FROM stat_value WHERE dimension = 'all'";
        loop {
            let count = sqlx::query_scalar(counted).fetch_one(&mut store).await;
            let count: i64 = count.unwrap();
            if count > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        for (at, sql) in MANY.into_iter().enumerate() {
            let fill = sqlx::query(sql);
            let fill = if at == 0 { fill.bind(calls) } else { fill };
            fill.execute(&mut store).await.unwrap();
        }
    }

    /// Plays a call whose document was not delivered within eight days: it is dead.
    pub async fn given_up(&self, capture: &str) {
        self.play_refused(capture, 500).await;
        let url = format!("sqlite:{}/store.db", self.folder.path().display());
        let mut store = SqliteConnection::connect(&url).await.unwrap();
        // Its first attempt is moved into the past; the next attempt is its last.
        let long_ago = "UPDATE document SET first_ms = first_ms - 9 * 86400000, due_ms = 0
                        WHERE state = 'waiting' AND attempts > 0";
        let dead = "SELECT count(*) FROM document WHERE state = 'dead'";
        loop {
            sqlx::query(long_ago).execute(&mut store).await.unwrap();
            let count: i64 = sqlx::query_scalar(dead)
                .fetch_one(&mut store)
                .await
                .unwrap();
            if count > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// `?1` calls of the last week, each with a long sentence, their documents, and the counts of every
/// span.
const MANY: [&str; 4] = [
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?1)
     INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms, talk_ms, caller,
                       called, legs, hangup_cause, incomplete, story, account, asked)
     SELECT 'pbx-1', printf('%08x-0000-4000-8000-000000000000', x), x, 'inbound', t, t + 900, t + 60000, 59100,
            printf('+4930%07d', x), '7000', 2, 'NORMAL_CLEARING', 0,
            printf('{\"runs\":[{\"uuid\":\"u\",\"webhook\":\"lookup\",\"ending\":\"line_1\",\"outcome\":{\"reason\":\"TIMEOUT\",\"detail\":\"number %d: the webhook at 127.0.0.1 did not answer within 10 s, and its name took 3 s\"}}]}', x),
            'acme', ' lookup TIMEOUT line_1 ' || char(10)
     FROM (SELECT x, unixepoch() * 1000 - x * (604800000 / ?1) AS t FROM n)",
    "INSERT OR IGNORE INTO document (webhook_id, kind, switch, call_uuid, created_us, flow, endpoint, state, due_ms,
                           inserted_ms, attempts, last_ms, settled_ms, headers, body)
     SELECT 'msg_' || printf('%032d', id), 'document', switch, call_uuid, created_us, flow, 'completed',
            CASE WHEN id <= 100 THEN 'dead' ELSE 'delivered' END, 0,
            ended_ms, 9, ended_ms, ended_ms, '[]', x'7b7d' FROM call",
    "INSERT INTO attempt (document_id, started_ms, took_ms, error)
     SELECT id, last_ms, 20, '127.0.0.1:8080 did not answer within 10 s, and its name took 3 s' FROM document",
    "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < 200),
          spans(s) AS (VALUES (60), (900), (3600)),
          series(name, step) AS (
              SELECT value, 0 FROM json_each('[\"call:line_0\",\"call:TIMEOUT\",\"call:HTTP_STATUS\",\"call:hung_up\",
                                             \"call:CONNECTION_FAILURE\",\"delivery:delivered\",\"delivery:failed\"]')
              UNION ALL SELECT value, 100 + x FROM json_each('[\"asked\",\"held\",\"took\"]'), n WHERE x < 25)
     INSERT OR IGNORE INTO stat
     SELECT v.id, s, (unixepoch() / s - x) * s * 1000, name, step, 1 + (x * 7919 + step * 31) % 97
     FROM stat_value AS v, spans, n, series WHERE v.dimension = 'all'",
];
/// Returns the setting of the page's token.
fn setting(token: Option<&str>) -> String {
    let token = token.map(|token| format!("http_token = \"{token}\""));
    token.unwrap_or_default()
}

/// Moves the times of the events to now.
fn now(bodies: &[String]) -> Vec<String> {
    let micros = Regex::new(r"\b1[67]\d{14}\b").unwrap();
    let found = bodies.iter().flat_map(|body| micros.find_iter(body));
    let times = found.map(|found| found.as_str().parse::<u128>().unwrap());
    let first = times.min().unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let moved = |found: &Captures<'_>| {
        let time: u128 = found[0].parse().unwrap();
        (now + time - first).to_string()
    };
    bodies
        .iter()
        .map(|body| micros.replace_all(body, moved).into_owned())
        .collect()
}

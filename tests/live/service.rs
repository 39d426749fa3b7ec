//! The program itself, `switchhook serve`, as a process of its own.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::receiver::Receiver;

const STARTING: Duration = Duration::from_secs(30);

/// A running service; killed when it is dropped.
pub struct Service {
    /// `host:port`, as the dialplan's `socket` has it.
    pub address: String,
    http: u16,
    child: Child,
    folder: TempDir,
}

impl Service {
    /// Starts it on free ports with the webhooks of the tests, all at `receiver`.
    pub async fn start(receiver: &Receiver) -> Self {
        Self::start_with(receiver, "").await
    }

    /// The same on the port where the switch's configuration expects it.
    pub async fn start_on(esl: u16, receiver: &Receiver) -> Self {
        Self::spawn(esl, receiver, "").await
    }

    /// The same with more settings at the end of its file.
    pub async fn start_with(receiver: &Receiver, more: &str) -> Self {
        Self::spawn(free_port().await, receiver, more).await
    }

    async fn spawn(esl: u16, receiver: &Receiver, more: &str) -> Self {
        let http = free_port().await;
        let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
        let config = folder.path().join("switchhook.toml");
        let store = folder.path().join("switchhook.db");
        let text = format!(
            "[listen]\nesl = \"127.0.0.1:{esl}\"\nhttp = \"127.0.0.1:{http}\"\n\n[store]\nurl = \"sqlite:{}\"\n\n{}\n{more}\n",
            store.display(),
            WEBHOOKS.replace("RECEIVER", &receiver.address),
        );
        fs::write(&config, text).expect("a config");
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_switchhook"))
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program");
        let mut service = Self {
            address: format!("127.0.0.1:{esl}"),
            http,
            child,
            folder,
        };
        service.await_readiness().await;
        service
    }

    async fn await_readiness(&mut self) {
        let began = Instant::now();
        while !self.is_ready().await {
            let status = self.child.try_wait().expect("a status");
            let well = status.is_none() && began.elapsed() < STARTING;
            assert!(
                well,
                "the service did not start ({status:?}): {}",
                self.log()
            );
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every call was let go, by its own metric.
    pub async fn await_no_call_on_hold(&self) {
        let began = Instant::now();
        while !self
            .get("/metrics")
            .await
            .is_some_and(|metrics| metrics.contains("calls_on_hold 0\n"))
        {
            assert!(
                began.elapsed() < STARTING,
                "a call stays on hold: {}",
                self.log()
            );
            tokio::task::yield_now().await;
        }
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz").await.is_some()
    }

    /// The body of a 2xx answer.
    async fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
        response.text().await.ok()
    }

    /// Ends it as a crash does: no drain, no goodbye.
    pub fn kill_9(&mut self) -> Instant {
        let at = Instant::now();
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        at
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "no signal {name}"
        );
    }

    /// What it logged.
    pub fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.folder.path().join("log")) {
            let _ = file.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the service said:\n{}", self.log());
        }
    }
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("its number").port()
}

/// One webhook for each thing to show. Only the receiver's address is allowed, and localhost is another
/// one; nobody serves port 9.
const WEBHOOKS: &str = r#"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.2/32"]

[webhooks.lookup]
url = "http://RECEIVER/lookup"
response.map = { customer_name = "$.customer.name", queue = { path = "$.queue", as = "word", default = "main" }, vip = { path = "$.vip", default = "false" } }

[webhooks.slow]
url = "http://RECEIVER/hold/slow"
timeout = "50s"

[webhooks.no_music]
url = "http://RECEIVER/hold/no_music"
hold_music = "/no/such/music.wav"
timeout = "50s"

[webhooks.silent]
url = "http://RECEIVER/hold/silent"
before_answer = "silence"
timeout = "50s"

[webhooks.answering]
url = "http://RECEIVER/hold/answering"
before_answer = "answer"
timeout = "50s"

[webhooks.fails_login]
url = "http://RECEIVER/status/401"

[webhooks.fails_status]
url = "http://RECEIVER/status/503"

[webhooks.fails_timeout]
url = "http://RECEIVER/hold/never"
timeout = "1s"

[webhooks.fails_variable]
url = "http://RECEIVER/callers/{{ flow.key.nobody_set_this }}"

[webhooks.fails_response]
url = "http://RECEIVER/rubbish"

[webhooks.fails_map]
url = "http://RECEIVER/partial"
response.map = { customer_name = "$.customer.name" }

[webhooks.fails_connection]
url = "http://127.0.0.2:9/"

[webhooks.fails_address]
url = "http://localhost:9/"
"#;

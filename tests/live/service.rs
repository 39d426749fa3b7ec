//! Runs `switchhook serve` as a process.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::receiver::Receiver;
use super::settings::{FOLLOWING, WEBHOOKS};
use super::switch::{Switch, shipped};

const STARTING: Duration = Duration::from_secs(30);

/// A running service; killed when it is dropped.
pub struct Service {
    /// `host:port` for the dialplan's `socket`.
    pub address: String,
    /// Port of its HTTP.
    pub http: u16,
    child: Child,
    folder: TempDir,
}

impl Service {
    /// Starts the service on free ports with the tests' webhooks, all at `receiver`.
    pub async fn start(receiver: &Receiver) -> Self {
        Self::start_with(receiver, "").await
    }

    /// Starts the service on the port `esl`, where the switch's configuration expects it.
    pub async fn start_on(esl: u16, receiver: &Receiver) -> Self {
        Self::start_on_with(esl, receiver, "").await
    }

    /// Starts the service on free ports with more settings at the end of its file.
    pub async fn start_with(receiver: &Receiver, more: &str) -> Self {
        Self::start_on_with(free_port().await, receiver, more).await
    }

    /// Starts the service on the port `esl` with more settings.
    pub async fn start_on_with(esl: u16, receiver: &Receiver, more: &str) -> Self {
        let webhooks = WEBHOOKS.replace("RECEIVER", &receiver.address);
        let more = more.replace("RECEIVER", &receiver.address);
        Self::spawn(esl, &format!("{webhooks}\n{more}\n")).await
    }

    /// Starts the service where the switch expects it. It follows the switch and posts a document of every
    /// finished call to `/calls` of the receiver.
    pub async fn following(switch: &Switch, receiver: &Receiver, more: &str) -> Self {
        Self::posting(switch, receiver, FOLLOWING, more).await
    }

    async fn posting(switch: &Switch, receiver: &Receiver, settings: &str, more: &str) -> Self {
        let more = format!(
            "{settings}\n[[freeswitch]]\naddress = \"127.0.0.1:{}\"\npassword = \"ClueCon\"\n{more}",
            switch.event_socket
        );
        let service = Self::start_on_with(switch.service, receiver, &more).await;
        service.await_following(switch).await;
        service
    }

    /// Starts a service that follows two switches, as fs1 and fs2.
    pub async fn following_two(switches: [&Switch; 2], receiver: &Receiver) -> Self {
        let followed = |(number, switch): (usize, &&Switch)| {
            format!(
                "[[freeswitch]]\nname = \"fs{}\"\naddress = \"127.0.0.1:{}\"\npassword = \"ClueCon\"\n",
                number + 1,
                switch.event_socket
            )
        };
        let followed: String = switches.iter().enumerate().map(followed).collect();
        let more = format!("{FOLLOWING}\n{followed}");
        let service = Self::start_on_with(switches[0].service, receiver, &more).await;
        for switch in switches {
            service.await_following(switch).await;
        }
        service
    }

    /// Starts a following service that publishes recordings as this line of `[recordings]` says.
    pub async fn publishing(switch: &Switch, receiver: &Receiver, recordings: &str) -> Self {
        let template = "public_url = \"https://rec.example/{{ file_name }}\"";
        assert!(FOLLOWING.contains(template));
        let settings = FOLLOWING.replace(template, recordings);
        Self::posting(switch, receiver, &settings, "").await
    }

    /// Starts a following service with one of its settings changed.
    pub async fn changed(switch: &Switch, receiver: &Receiver, from: &str, to: &str) -> Self {
        assert!(FOLLOWING.contains(from), "{from}");
        Self::posting(switch, receiver, &FOLLOWING.replace(from, to), "").await
    }

    /// Starts a following service that takes the calls that the switch parks.
    pub async fn parking(switch: &Switch, receiver: &Receiver, more: &str) -> Self {
        let more = format!(
            "{FOLLOWING}\n[[freeswitch]]\naddress = \"127.0.0.1:{}\"\npassword = \"ClueCon\"\n\
             park_service = \"switchhook\"\n{more}",
            switch.event_socket
        );
        let service = Self::start_on_with(switch.service, receiver, &more).await;
        service.await_following(switch).await;
        service.await_parking(switch).await;
        service
    }

    /// Starts the service with the shipped file. Only ports and the switch's folder are replaced.
    pub async fn shipped(switch: &Switch, receiver: &str) -> Self {
        let text = fs::read_to_string(shipped().join("switchhook.toml")).expect("the file");
        let http = free_port().await;
        let cdr = switch.folder.join("run/json_cdr");
        let text = text
            .replace("switch/json_cdr", &cdr.display().to_string())
            .replace("127.0.0.1:8084", &format!("127.0.0.1:{}", switch.service))
            .replace("127.0.0.1:8085", &format!("127.0.0.1:{http}"))
            .replace(
                "127.0.0.1:8021",
                &format!("127.0.0.1:{}", switch.event_socket),
            )
            .replace("127.0.0.1:8086", receiver);
        let service = Self::run(switch.service, http, &text).await;
        service.await_following(switch).await;
        service.await_parking(switch).await;
        service
    }

    async fn spawn(esl: u16, more: &str) -> Self {
        let http = free_port().await;
        let text =
            format!("[listen]\nesl = \"127.0.0.1:{esl}\"\nhttp = \"127.0.0.1:{http}\"\n{more}\n");
        Self::run(esl, http, &text).await
    }

    async fn run(esl: u16, http: u16, text: &str) -> Self {
        let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
        let config = folder.path().join("switchhook.toml");
        fs::write(&config, text).expect("a config");
        let child = Self::program(&folder);
        let mut service = Self {
            address: format!("127.0.0.1:{esl}"),
            http,
            child,
            folder,
        };
        service.await_readiness().await;
        service
    }

    fn program(folder: &TempDir) -> Child {
        let path = folder.path().join("log");
        let log = File::options().create(true).append(true).open(path);
        let log = log.expect("a log");
        Command::new(env!("CARGO_BIN_EXE_switchhook"))
            .args(["serve", "--config", "switchhook.toml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program")
    }

    /// Starts the service again with its store.
    pub async fn start_again(&mut self) {
        self.child = Self::program(&self.folder);
        self.await_readiness().await;
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

    /// Waits until no call is on hold, by the service's metric.
    pub async fn await_no_call_on_hold(&self) {
        self.await_text("/metrics", "calls_on_hold 0\n").await;
    }

    /// Waits until the service follows the switch, by its metric.
    pub async fn await_following(&self, switch: &Switch) {
        let address = format!("127.0.0.1:{}", switch.event_socket);
        self.await_following_at(&address).await;
    }

    /// Waits until the service follows the switch at that address.
    pub async fn await_following_at(&self, address: &str) {
        let metric = format!("switchhook_switch_connected{{switch=\"{address}\"}} 1\n");
        self.await_metric(&metric).await;
    }

    /// Waits for a line of the metrics.
    pub async fn await_metric(&self, line: &str) {
        self.await_text("/metrics", line).await;
    }

    /// Waits until the service takes parked calls of the switch, by its metric.
    pub async fn await_parking(&self, switch: &Switch) {
        let switch = format!("switch=\"127.0.0.1:{}\"", switch.event_socket);
        let metric = format!("switchhook_park_connected{{{switch}}} 1\n");
        self.await_text("/metrics", &metric).await;
    }

    async fn await_text(&self, path: &str, text: &str) {
        let began = Instant::now();
        while !self
            .get(path)
            .await
            .is_some_and(|answer| answer.contains(text))
        {
            assert!(
                began.elapsed() < STARTING,
                "no {text:?} in {path}: {}",
                self.log()
            );
            tokio::task::yield_now().await;
        }
    }

    /// Returns what `switchhook outbox list` prints about undelivered documents.
    pub fn outbox(&self) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_switchhook"))
            .args(["outbox", "list", "--json"])
            .current_dir(self.folder.path())
            .output();
        String::from_utf8(output.expect("the program").stdout).expect("UTF-8")
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz").await.is_some()
    }

    /// Returns a page for operators, such as `/calls`.
    pub async fn page(&self, path: &str) -> String {
        self.get(path).await.unwrap_or_default()
    }

    /// Waits until the page has this text.
    pub async fn await_page(&self, path: &str, text: &str) {
        self.await_text(path, text).await;
    }

    /// Returns the body of a 2xx answer.
    async fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        let client = test_support::http::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let response = client.get(url).send().await.ok()?.error_for_status().ok()?;
        response.text().await.ok()
    }

    /// Waits until the service has ended by itself.
    pub async fn await_end(&mut self) {
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return assert!(status.success(), "it drained: {status}");
            }
            tokio::task::yield_now().await;
        }
    }

    /// Kills the service as a crash does, without a drain.
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

    /// Returns the service's log.
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

/// Returns a port that was free a moment ago.
pub async fn free_port() -> u16 {
    test_support::ports::unused().port()
}

//! A folder with a configuration and a store, the program run in it, and a receiver.

// A failed helper fails its test.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchhook_store::{
    AttemptResult, CallSummary, ClaimRequest, DeliveryOutcome, FinishedCallRecord, NewDocument,
    PersistedResponse, RequestContent, Role, Store, StoreOptions,
};
use tempfile::TempDir;

/// A secret in the configuration and the stored URL. The program must never print it.
pub const SECRET: &str = "correct-horse-battery-staple";

/// 2023-11-14T22:13:20Z.
pub const STARTED_MS: i64 = 1_700_000_000_000;

/// The time for an expected event; a test that reaches it has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

pub struct Workdir {
    pub folder: TempDir,
}

/// Exit status and output of a run.
#[derive(Debug)]
pub struct RunResult {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl RunResult {
    fn new(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns the output of a run that succeeded.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(!self.out.contains(SECRET) && !self.err.contains(SECRET));
        self.out
    }

    /// Checks that the run failed with this status and these words.
    #[track_caller]
    pub fn refused(self, status: i32, words: &str) {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert!(self.err.contains(words), "{self:?}");
        assert!(self.out.is_empty(), "{self:?}");
    }
}

impl Workdir {
    /// Makes a folder with a configuration whose secrets are missing: operators need none.
    pub fn new() -> Self {
        let workdir = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        workdir.configure(
            "auth.bearer = { token_env = \"NOT_SET_HERE\" }\n\
             signing = { secrets_env = [\"NOT_SET_EITHER\"], secrets_file = [\"none\"] }",
        );
        workdir
    }

    /// Writes a configuration whose `completed` has these secrets.
    pub fn configure(&self, secrets: &str) {
        let text = format!(
            "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
             [keep]\ncalls = \"\"\nanswers = \"\"\n\
             [account]\ntime_zone = \"Asia/Kolkata\"\n\
             [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
             [webhooks.completed]\nurl = \"http://127.0.0.1:9/calls\"\n\
             {secrets}\n\
             [webhooks.spare]\nurl = \"http://127.0.0.1:9/spare\"\n"
        );
        std::fs::write(self.folder.path().join("switchhook.toml"), text).unwrap();
    }

    /// Opens the store as `serve` does.
    pub async fn store(&self) -> Store {
        let file = self.folder.path().join("switchhook.db");
        let url = format!("sqlite:{}", file.display());
        Store::open(StoreOptions::new(url, Role::Serve))
            .await
            .unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        command.args(args).env_clear();
        command.current_dir(self.folder.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> RunResult {
        RunResult::new(self.command(args).output().unwrap())
    }

    /// Runs a command that reads this text from standard input.
    pub fn run_with(&self, args: &[&str], text: &str) -> RunResult {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        RunResult::new(child.wait_with_output().unwrap())
    }

    /// Returns the output of a command with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args).done()).unwrap()
    }

    /// Runs the command until its JSON matches.
    #[track_caller]
    pub fn wait_for(&self, args: &[&str], is_done: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.json(args);
            if is_done(&value) {
                return value;
            }
            assert!(begun.elapsed() < TIMEOUT, "{args:?} still says {value}");
        }
    }
}

/// Returns a finished call with a document for `completed` at this receiver.
pub fn document(call: &str, address: SocketAddr) -> FinishedCallRecord {
    let content = RequestContent {
        method: Some("POST".into()),
        url: Some(format!("http://{address}/calls?token={SECRET}&lead=7")),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-api-key".into(), SECRET.into()),
        ],
        body: format!("{{\n\t\"call\": \"{call}\"\n}}").into(),
    };
    FinishedCallRecord {
        switch: "fs1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        legs: Vec::new(),
        channels: Vec::new(),
        documents: vec![NewDocument {
            content,
            ..NewDocument::document("completed", "outbound", call, "")
        }],
        summary: Some(CallSummary {
            account: String::new(),
            flow: "outbound".into(),
            started_ms: STARTED_MS,
            answered_ms: Some(STARTED_MS + 1_000),
            ended_ms: STARTED_MS + 16_000,
            talk_ms: 15_000,
            caller: "+4930123".into(),
            called: "7000".into(),
            legs: 2,
            hangup_cause: "16".into(),
            incomplete: false,
        }),
        history: String::new(),
        asked: String::new(),
        unpublished: None,
        events: Vec::new(),
    }
}

/// Returns an answer of `lookup` for a call.
pub fn kept(call: &str, variables: Value) -> PersistedResponse {
    PersistedResponse {
        call_uuid: call.into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms: STARTED_MS + 500,
        variables: variables.as_object().unwrap().clone(),
    }
}

/// Claims the oldest waiting document and marks it dead.
pub async fn let_one_die(store: &Store) {
    let want = ClaimRequest {
        endpoint: "completed".into(),
        limit: 1,
    };
    let claimed = store.claim(vec![want], TIMEOUT).await.unwrap();
    let report = AttemptResult {
        took: Duration::from_millis(123),
        status: None,
        error: Some("the connection was \u{1b}[31mrefused".into()),
    };
    let [claimed] = claimed.try_into().unwrap();
    store
        .settle(claimed.lease, DeliveryOutcome::Dead, report)
        .await
        .unwrap();
}

/// A receiver that answers 204 for as long as the test runs.
pub struct TestReceiver {
    pub address: SocketAddr,
    requests: Receiver<String>,
    answers: Option<Sender<()>>,
}

impl TestReceiver {
    pub fn start() -> Self {
        Self {
            // Without a sender, answers are not held back.
            answers: None,
            ..Self::slow()
        }
    }

    /// Starts a receiver that holds each answer back until [`Self::answer`].
    pub fn slow() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        let (answers, reported) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (request, mut stream) = request(stream.unwrap());
                if sender.send(request).is_err() {
                    return;
                }
                // An error says that answers are not held back.
                let _ = reported.recv();
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).unwrap();
            }
        });
        Self {
            address,
            requests,
            answers: Some(answers),
        }
    }

    /// Releases the answer to one request.
    pub fn answer(&self) {
        self.answers.as_ref().unwrap().send(()).unwrap();
    }

    /// Returns the next request, head and body.
    #[track_caller]
    pub fn next(&self) -> String {
        self.requests.recv_timeout(TIMEOUT).unwrap()
    }

    /// Checks that no further request came.
    #[track_caller]
    pub fn is_idle(&self) {
        assert!(self.requests.try_recv().is_err());
    }
}

fn request(stream: TcpStream) -> (String, TcpStream) {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        assert!(reader.read_line(&mut head).unwrap() > 0, "half a request");
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = head + std::str::from_utf8(&body).unwrap();
    (request, reader.into_inner())
}

/// A running `switchhook serve`; dropping it kills it.
pub struct RunningService {
    child: Child,
    lines: Receiver<String>,
    /// While it is locked, the log is not read.
    reading: Arc<Mutex<()>>,
    pub http: String,
    pub esl: SocketAddr,
    /// The log as far as it was read.
    seen: RefCell<String>,
}

/// Returns a field of a line of the log, in either format.
fn field(line: &str, name: &str) -> String {
    if line.starts_with('{') {
        let line: Value = serde_json::from_str(line).unwrap();
        return line[name].as_str().unwrap().to_owned();
    }
    let mut words = line.split_whitespace();
    let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap().to_owned()
}

impl RunningService {
    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(workdir: &Workdir) -> Self {
        Self::of(workdir.command(&["serve", "--json-logs"]))
    }

    /// Starts this command and waits until it listens.
    #[track_caller]
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        let reading = Arc::new(Mutex::new(()));
        let may_read = Arc::clone(&reading);
        // Read to the end: a test may wait for any line.
        thread::spawn(move || {
            for line in stderr.lines() {
                drop(may_read.lock().unwrap());
                drop(sender.send(line.unwrap()));
            }
        });
        let mut serving = Self {
            child,
            lines,
            reading,
            http: String::new(),
            esl: SocketAddr::from(([0; 4], 0)),
            seen: RefCell::default(),
        };
        let line = serving.wait_for_log("listening");
        serving.http = field(&line, "http");
        serving.esl = field(&line, "esl").parse().unwrap();
        serving
    }

    /// Returns the next line of the log with these words.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) -> String {
        let mut seen = self.seen.borrow_mut();
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok(line) => {
                    seen.push_str(&format!("{line}\n"));
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => panic!("no {words:?} in the log ({error}):\n{seen}"),
            }
        }
    }

    /// Stops reading the log until the guard is dropped.
    pub fn block_log(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap()
    }

    /// Stops the program and returns its whole log.
    pub fn whole_log(mut self) -> String {
        self.request_stop();
        drop(self.child.wait());
        let mut seen = self.seen.take();
        // The reader's thread ends with the program's log.
        self.lines
            .iter()
            .for_each(|line| seen.push_str(&format!("{line}\n")));
        seen
    }

    /// Returns the HTTP response at a path.
    pub fn get(&self, path: &str) -> String {
        test_support::http::page(&self.http, path, TIMEOUT)
    }

    /// Waits until `/metrics` has a line.
    pub fn wait_for_metric(&self, line: &str) {
        let began = Instant::now();
        loop {
            let metrics = self.get("/metrics");
            if metrics.lines().any(|each| each == line) {
                return;
            }
            assert!(began.elapsed() < TIMEOUT, "no {line:?} in\n{metrics}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM.
    pub fn request_stop(&self) {
        self.signal("TERM");
    }

    /// Sends SIGHUP.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let killed = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for its end; returns the exit status.
    pub fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends SIGTERM, waits for its end; returns the exit status.
    pub fn terminate(self) -> Option<i32> {
        self.request_stop();
        self.end()
    }
}

impl Drop for RunningService {
    fn drop(&mut self) {
        // After `end` there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! A folder with a configuration and a store, the program run in it, and a receiver.

// What is not as a test's helper needs it is to fail the test.
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
    AttemptReport, CallSummary, Content, FinishedCallRecord, KeptResponse, NewDocument, Role,
    Settled, Store, StoreOptions, Want,
};
use tempfile::TempDir;

/// In the configuration and the stored URL; nowhere in what the program prints.
pub const SECRET: &str = "correct-horse-battery-staple";

/// 2023-11-14T22:13:20Z.
pub const STARTED_MS: i64 = 1_700_000_000_000;

/// For what comes at once; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Place {
    pub folder: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It did what it was asked.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(!self.out.contains(SECRET) && !self.err.contains(SECRET));
        self.out
    }

    /// It did not, and says why.
    #[track_caller]
    pub fn refused(self, status: i32, words: &str) {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert!(self.err.contains(words), "{self:?}");
        assert!(self.out.is_empty(), "{self:?}");
    }
}

impl Place {
    /// With a configuration whose secrets are not there: operators need none.
    pub fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        place.configure(
            "auth.bearer = { token_env = \"NOT_SET_HERE\" }\n\
             signing = { secrets_env = [\"NOT_SET_EITHER\"], secrets_file = [\"none\"] }",
        );
        place
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

    /// The store, as `serve` opens it.
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

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::new(self.command(args).output().unwrap())
    }

    /// What a command with `--json` says.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(args).done()).unwrap()
    }

    /// Runs the command until its JSON is as it should be.
    #[track_caller]
    pub fn wait_for(&self, args: &[&str], is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.json(args);
            if is_so(&value) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "{args:?} still says {value}");
        }
    }
}

/// A document for `completed` at this receiver, of a call of this name.
pub fn document(call: &str, address: SocketAddr) -> FinishedCallRecord {
    let content = Content {
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
        story: String::new(),
        unpublished: None,
    }
}

/// What `lookup` was answered for a call.
pub fn kept(call: &str, variables: Value) -> KeptResponse {
    KeptResponse {
        call_uuid: call.into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms: STARTED_MS + 500,
        variables: variables.as_object().unwrap().clone(),
    }
}

/// Tries the oldest waiting document and gives it up.
pub async fn kill_one(store: &Store) {
    let want = Want {
        endpoint: "completed".into(),
        limit: 1,
    };
    let claimed = store.claim(vec![want], PATIENCE).await.unwrap();
    let report = AttemptReport {
        took: Duration::from_millis(123),
        status: None,
        error: Some("the connection was \u{1b}[31mrefused".into()),
    };
    let [claimed] = claimed.try_into().unwrap();
    store
        .settle(claimed.lease, Settled::Dead, report)
        .await
        .unwrap();
}

/// Takes requests for as long as the test runs, and says 204.
pub struct Receiving {
    pub address: SocketAddr,
    requests: Receiver<String>,
    answers: Option<Sender<()>>,
}

impl Receiving {
    pub fn start() -> Self {
        Self {
            // Nobody can hold back an answer.
            answers: None,
            ..Self::slow()
        }
    }

    /// One that answers each request when [`Self::answer`] says so.
    pub fn slow() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        let (answers, told) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (request, mut stream) = request(stream.unwrap());
                if sender.send(request).is_err() {
                    return;
                }
                // An error says that answers are not held back.
                let _ = told.recv();
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

    /// Lets it answer one request.
    pub fn answer(&self) {
        self.answers.as_ref().unwrap().send(()).unwrap();
    }

    /// The next request, head and body.
    #[track_caller]
    pub fn next(&self) -> String {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }

    /// Nothing came that was not looked at.
    #[track_caller]
    pub fn is_idle(&self) {
        assert!(self.requests.try_recv().is_err());
    }
}

fn request(stream: TcpStream) -> (String, TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
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

/// A running `switchhook serve`; killed when the test lets go of it.
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
    /// Whoever has it keeps the log from being read.
    reading: Arc<Mutex<()>>,
    pub http: String,
    pub esl: SocketAddr,
    /// What was read of the log so far.
    seen: RefCell<String>,
}

impl Serving {
    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(place: &Place) -> Self {
        Self::of(place.command(&["serve", "--json-logs"]))
    }

    /// The same of a command that says more.
    #[track_caller]
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        let reading = Arc::new(Mutex::new(()));
        let may_read = Arc::clone(&reading);
        // Read to its end, so that nothing is left out that a test waits for.
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
        let line = serving.wait_for_log("\"message\":\"listening\"");
        let line: Value = serde_json::from_str(&line).unwrap();
        serving.http = line["http"].as_str().unwrap().to_owned();
        serving.esl = line["esl"].as_str().unwrap().parse().unwrap();
        serving
    }

    /// The next line of the log with these words.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) -> String {
        let mut seen = self.seen.borrow_mut();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
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

    /// Reads no more of the log until what this gives is let go of.
    pub fn leave_log_unread(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap()
    }

    /// All of the log, once the program has ended.
    pub fn whole_log(mut self) -> String {
        self.ask_to_stop();
        drop(self.child.wait());
        let mut seen = self.seen.take();
        // The reader's thread ends with the program's log.
        self.lines
            .iter()
            .for_each(|line| seen.push_str(&format!("{line}\n")));
        seen
    }

    /// The body at a path of its HTTP.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends SIGTERM.
    pub fn ask_to_stop(&self) {
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

    /// Waits for its end; its exit status.
    pub fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends SIGTERM and waits for its end; its exit status.
    pub fn terminate(self) -> Option<i32> {
        self.ask_to_stop();
        self.end()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Already gone after `end`.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

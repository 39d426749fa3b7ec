//! The receiver examples as programs: which documents they store, refuse and recognise.
//!
//! An example whose runtime is missing is skipped, as `test_support::prerequisites` says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use switchhook_core::secret::Secret;
use switchhook_webhook::signing::{ID_HEADER, SIGNATURE_HEADER, Signer, TIMESTAMP_HEADER};
use tempfile::TempDir;
use test_support::prerequisites::{self, Prerequisite};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const STRANGE_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

const BODY: &[u8] = br#"{"callDetails":[{"calleeNumber":"919879072567"}]}"#;
const LARGER_THAN_ANY_LIMIT: usize = 5 * 1024 * 1024;

/// A receiver that does nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_document_is_stored_once_however_often_it_comes() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let mut receiver = Receiver::start(&example, folder.path()).await;
        let document = Request::new("msg_1");
        for _ in 0..3 {
            assert_eq!(receiver.post(&document).await, 204, "{example:?}");
        }
        assert_eq!(receiver.line().await, "stored msg_1, 49 bytes");
        assert_eq!(receiver.line().await, "repeat msg_1");
        assert_eq!(receiver.line().await, "repeat msg_1");
        let stored = [("msg_1".to_owned(), BODY.to_vec())];
        assert_eq!(example.stored(folder.path()).await, stored, "{example:?}");
    }
}

#[tokio::test]
async fn only_genuine_documents_are_stored() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&example, folder.path()).await;
        let now_s = chrono::Utc::now().timestamp();
        let changed = Request {
            body: b"{}".to_vec(),
            ..Request::new("msg_changed")
        };
        let refused = [
            (
                "a strange secret",
                Request::signed("msg_1", now_s, &[STRANGE_SECRET]),
            ),
            ("too old", Request::signed("msg_2", now_s - 330, &[SECRET])),
            ("too new", Request::signed("msg_3", now_s + 330, &[SECRET])),
            ("a changed body", changed),
            ("a dot in the id", Request::new("msg.4")),
        ];
        for (why, request) in &refused {
            assert_eq!(receiver.post(request).await, 401, "{example:?}: {why}");
        }
        assert!(example.stored(folder.path()).await.is_empty());
    }
}

#[tokio::test]
async fn any_of_several_secrets_and_signatures_will_do() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&example, folder.path()).await;
        let now_s = chrono::Utc::now().timestamp();
        let genuine: [(&str, &[&str]); 4] = [
            ("msg_new", &[SECRET]),
            ("msg_old", &[OLD_SECRET]),
            ("msg_both", &[SECRET, OLD_SECRET]),
            ("msg_second", &[STRANGE_SECRET, OLD_SECRET]),
        ];
        for (id, secrets) in genuine {
            let request = Request::signed(id, now_s, secrets);
            assert_eq!(receiver.post(&request).await, 204, "{example:?}: {id}");
        }
        assert_eq!(example.stored(folder.path()).await.len(), 4);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_413() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&example, folder.path()).await;
        let large = Request {
            body: vec![b' '; LARGER_THAN_ANY_LIMIT],
            ..Request::new("msg_1")
        };
        assert_eq!(receiver.post(&large).await, 413, "{example:?}");
        assert_eq!(receiver.post(&Request::new("msg_2")).await, 204);
        assert_eq!(example.stored(folder.path()).await.len(), 1);
    }
}

#[tokio::test]
async fn a_kill_right_after_the_reply_loses_nothing() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let document = Request::new("msg_1");
        let mut receiver = Receiver::start(&example, folder.path()).await;
        assert_eq!(receiver.post(&document).await, 204, "{example:?}");
        receiver.child.kill().await.unwrap();

        let mut receiver = Receiver::start(&example, folder.path()).await;
        assert_eq!(receiver.post(&document).await, 204, "{example:?}");
        assert_eq!(receiver.line().await, "repeat msg_1", "{example:?}");
        assert_eq!(example.stored(folder.path()).await.len(), 1);
    }
}

#[tokio::test]
async fn sigterm_ends_a_receiver_also_beside_silent_connections() {
    for example in installed() {
        let folder = tempfile::tempdir().unwrap();
        let mut receiver = Receiver::start(&example, folder.path()).await;
        let address = receiver.address.as_str();
        let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
        assert_eq!(receiver.post(&Request::new("msg_1")).await, 204);
        let id = i32::try_from(receiver.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        let status = timeout(PATIENCE, receiver.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        assert!(status.success(), "{example:?}: {status}");
    }
}

/// A receiver example.
#[derive(Debug, Clone, Copy)]
struct Example {
    runtime: &'static Prerequisite,
    file: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        runtime: &prerequisites::PYTHON,
        file: "receiver.py",
    },
    Example {
        runtime: &prerequisites::NODE,
        file: "receiver.mjs",
    },
];

/// Prints the stored documents of receiver.py, one a line: the id, and the body in hexadecimal.
const PRINT_STORED: &str = "import sqlite3, sys
for id_, body in sqlite3.connect(sys.argv[1]).execute('SELECT id, hex(body) FROM documents ORDER BY id'):
    print(id_, body)";

impl Example {
    fn program(self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/receivers");
        folder.join(self.file)
    }

    /// Returns the ids and bodies of the documents in `folder`, in order of the ids.
    async fn stored(self, folder: &Path) -> Vec<(String, Vec<u8>)> {
        if self.runtime.program == "node" {
            return files(folder);
        }
        let mut command = Command::new(self.runtime.program);
        command.args(["-c", PRINT_STORED]);
        let output = command.arg(folder.join("documents.db")).output();
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| {
                let (id, body) = line.split_once(' ').unwrap();
                (id.to_owned(), from_hex(body))
            })
            .collect()
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let id = name.strip_suffix(".document")?.to_owned();
            Some((id, std::fs::read(&path).unwrap()))
        })
        .collect();
    found.sort();
    found
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Returns the examples whose runtime is installed.
fn installed() -> Vec<Example> {
    let mut examples = Vec::from(EXAMPLES);
    examples.retain(|example| {
        let is_there = example.runtime.is_there();
        if !is_there {
            example.runtime.skip();
        }
        is_there
    });
    examples
}

/// A running receiver. It is killed when it is dropped.
struct Receiver {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
    client: reqwest::Client,
    _log: TempDir,
}

impl Receiver {
    /// Starts the example on a free port and waits until it listens.
    async fn start(example: &Example, folder: &Path) -> Self {
        let log = tempfile::tempdir().unwrap();
        let errors = log.path().join("stderr");
        let mut child = Command::new(example.runtime.program)
            .arg(example.program())
            .args(["--listen", "127.0.0.1:0", "--folder"])
            .arg(folder)
            .env("WEBHOOK_SECRETS", format!("{SECRET} {OLD_SECRET}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, lines.next_line()).await;
        let first = first.expect("a line").unwrap().unwrap_or_default();
        let Some(address) = first.strip_prefix("listening on ") else {
            let errors = std::fs::read_to_string(&errors).unwrap();
            panic!("{example:?} does not listen; it printed {first:?} and {errors:?}");
        };
        Self {
            child,
            lines,
            address: address.to_owned(),
            client: test_support::http::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            _log: log,
        }
    }

    /// Returns the next line that the receiver prints.
    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("a line").unwrap().expect("it runs")
    }

    /// Posts `request` and returns the status of the reply.
    async fn post(&self, request: &Request) -> u16 {
        let response = self
            .client
            .post(format!("http://{}/calls", self.address))
            .header("content-type", "application/json")
            .header(ID_HEADER, &request.id)
            .header(TIMESTAMP_HEADER, request.timestamp_s.to_string())
            .header(SIGNATURE_HEADER, &request.signature)
            .body(request.body.clone())
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    }
}

/// One attempt to deliver a document.
struct Request {
    id: String,
    timestamp_s: i64,
    signature: String,
    body: Vec<u8>,
}

impl Request {
    /// A genuine request of now.
    fn new(id: &str) -> Self {
        Self::signed(id, chrono::Utc::now().timestamp(), &[SECRET])
    }

    fn signed(id: &str, timestamp_s: i64, secrets: &[&str]) -> Self {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let signer = Signer::new(&secrets).unwrap();
        Self {
            id: id.to_owned(),
            timestamp_s,
            signature: signer.sign(id, timestamp_s, BODY),
            body: BODY.to_vec(),
        }
    }
}

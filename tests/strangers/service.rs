//! `switchhook serve` as a process.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// The time for a page.
const PATIENT: Duration = Duration::from_secs(60);

/// A running service; killed when it is dropped.
pub struct Service {
    pub esl: SocketAddr,
    pub http: SocketAddr,
    child: Child,
    /// Reads the log to its end.
    log: Option<JoinHandle<String>>,
}

impl Service {
    /// Starts it with the configuration in this folder, and waits until it listens.
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchhook"))
            .args(["serve", "--json-logs"])
            .env_clear()
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut read, mut line) = (String::new(), String::new());
        while !line.contains("\"listening\"") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {read}");
            read.push_str(&line);
        }
        let listening: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| listening[name].as_str().unwrap().parse().unwrap();
        let log = thread::spawn(move || {
            log.read_to_string(&mut read).unwrap();
            read
        });
        Self {
            esl: address("esl"),
            http: address("http"),
            child,
            log: Some(log),
        }
    }

    /// Returns the HTTP response at a path.
    pub fn get(&self, path: &str) -> String {
        test_support::http::page(self.http, path, PATIENT)
    }

    /// Returns the value of a metric.
    pub fn metric(&self, name: &str) -> u64 {
        let [(_, value)] = &self.metrics(&format!("{name} "))[..] else {
            panic!("no metric {name}")
        };
        *value
    }

    /// Returns the metrics that begin like this.
    pub fn metrics(&self, begin: &str) -> Vec<(String, u64)> {
        let metrics = self.get("/metrics");
        let lines = metrics.lines().filter(|line| line.starts_with(begin));
        let metrics = lines.filter_map(|line| line.rsplit_once(' '));
        metrics
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// Returns the most memory that it ever used, in KiB.
    pub fn most_memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Returns the number of open sockets. The store opens files as it needs them, and keeps them.
    pub fn sockets(&self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        // A descriptor may be closed while they are counted.
        let open = folder.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
        open.filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count()
    }

    /// Ends it and returns its log.
    pub fn log(mut self) -> String {
        self.end();
        self.log.take().unwrap().join().unwrap()
    }

    fn end(&mut self) {
        // After it has ended there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

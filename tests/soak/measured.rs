//! The service in a process of its own, which says how many bytes it has in use.

use std::alloc::System;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cap::Cap;
use switchhook_service::config::Config;
use switchhook_service::service::Service;
use tokio::runtime::Builder;
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The configuration's file, for the process that is measured.
const CONFIG: &str = "SOAK_CONFIG";
/// The time for what must happen; a test that reaches it has failed.
const PATIENT: Duration = Duration::from_secs(30);
/// Equal readings in a row that make rest.
const AT_REST: usize = 25;
/// The pause between two readings.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether this is the process that is measured.
pub fn is_it() -> bool {
    std::env::var_os(CONFIG).is_some()
}

/// Serves until standard input ends. Each line of it is answered with the bytes in use.
pub fn serve() {
    let file = std::env::var(CONFIG).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::parse(&text, &file).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let service = runtime.block_on(Service::start(&config)).unwrap();
    println!("{} {}", service.esl, service.http);
    for _ in std::io::stdin().lock().lines() {
        println!("{}", ALLOCATOR.allocated());
    }
    runtime.block_on(service.stop());
}

/// A running service.
pub struct Measured {
    pub esl: SocketAddr,
    pub http: SocketAddr,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Measured {
    /// Starts it with the configuration in this file.
    pub fn start(config: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(CONFIG, config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let (esl, http) = line.trim().split_once(' ').expect("two addresses");
        Self {
            esl: esl.parse().unwrap(),
            http: http.parse().unwrap(),
            child,
            input,
            output,
        }
    }

    /// Returns the bytes in use now.
    fn bytes(&mut self) -> usize {
        writeln!(self.input.as_mut().unwrap()).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    /// Waits until the bytes in use stay the same, and returns them.
    pub async fn at_rest(&mut self) -> usize {
        let begun = Instant::now();
        let (mut last, mut equal) = (self.bytes(), 0);
        while equal < AT_REST {
            assert!(begun.elapsed() < PATIENT, "no rest: {last} bytes");
            sleep(PAUSE).await;
            let now = self.bytes();
            equal = if now == last { equal + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// Waits until at most this many bytes are in use. Returns the bytes in use, more if they stay more.
    pub async fn at_most(&mut self, bytes: usize) -> usize {
        let begun = Instant::now();
        loop {
            let now = self.at_rest().await;
            if now <= bytes || begun.elapsed() > PATIENT {
                return now;
            }
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

//! How many instructions a whole call takes in user space: callgrind counts those of `serve`,
//! while `lab` plays the switch and the webhook, which answers at once.
//!
//! The difference of two runs leaves out starting and stopping. Both take equally long, so that it
//! leaves out what the service does by the clock as well.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Calls of the two runs.
const FEW: u64 = 40;
const MANY: u64 = 240;
/// The time that the calls of a run are spread over, in seconds.
const SECONDS: u64 = 10;
/// The least of so many differences is taken. A call that waits for a busy machine takes more
/// commands.
const TIMES: usize = 3;
/// How long the program may take to start or to stop under callgrind.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Returns the instructions of one call of this program.
pub fn count(program: &Path) -> u64 {
    let each = (0..TIMES).map(|_| {
        let (few, many) = (run(program, FEW), run(program, MANY));
        many.saturating_sub(few) / (MANY - FEW)
    });
    each.min().expect("it is measured more than once")
}

/// Returns the instructions of the service in a run with so many calls.
fn run(program: &Path, calls: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let webhook = free_address();
    let config = folder.path().join("switchhook.toml");
    let store = folder.path().join("store.db");
    fs::write(&config, settings(&webhook, &store)).expect("the configuration is written");
    let log = folder.path().join("log");
    let mut service = serve(program, &config, &log);
    let esl = wait_for(&log, "listening esl=");
    play(program, &esl, &webhook, calls);
    end(&mut service);
    let count = wait_for(&log, "Collected : ");
    count.parse().expect("valgrind writes a number")
}

fn settings(webhook: &str, store: &Path) -> String {
    format!(
        r#"
[listen]
esl = "127.0.0.1:0"
http = "127.0.0.1:0"
[store]
url = "sqlite:{}"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
[webhooks.lookup]
url = "http://{webhook}/lookup"
response.map = {{ customer_name = "$.customer.name", queue = "$.queue" }}
"#,
        store.display()
    )
}

/// Starts the service under callgrind, with one worker thread.
fn serve(program: &Path, config: &Path, log: &Path) -> Child {
    Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["serve", "--config"])
        .arg(config)
        .env("TOKIO_WORKER_THREADS", "1")
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(File::create(log).expect("a log"))
        .spawn()
        .expect("valgrind runs")
}

/// Has `lab` play the calls. That calls begin late beside a busy machine does not matter here.
fn play(program: &Path, esl: &str, webhook: &str, calls: u64) {
    let (all, rate) = (calls.to_string(), (calls / SECONDS).to_string());
    let played = Command::new(program)
        .args(["lab", "--target", &format!("{esl}/lookup")])
        .args(["--webhook", webhook, "--delay", "0ms"])
        .args(["--calls", &all, "--rate", &rate])
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&played.stdout);
    let right = "0 errors, 0 on a wrong line, 0 with a wrong variable, 0 with violations";
    let why = String::from_utf8_lossy(&played.stderr);
    assert!(said.contains(right), "{said}{why}");
}

fn end(service: &mut Child) {
    let id = i32::try_from(service.id()).ok();
    let id = id.and_then(rustix::process::Pid::from_raw);
    let signal = rustix::process::Signal::TERM;
    rustix::process::kill_process(id.expect("it runs"), signal).expect("it is ours");
    service.wait().expect("it is ours");
}

/// Waits for a text in the log, and returns the word behind it.
fn wait_for(log: &Path, text: &str) -> String {
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        let lines = fs::read_to_string(log).expect("the log is text");
        let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if let Some((_, rest)) = whole.split_once(text) {
            let word = rest.split_whitespace().next();
            return word.unwrap_or_default().to_owned();
        }
        sleep(LOOK);
    }
    let lines = fs::read_to_string(log).unwrap_or_default();
    panic!("{text:?} did not come: {lines}");
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it listens").to_string()
}

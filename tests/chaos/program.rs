//! The program that is shipped, as a process of its own, with what breaks it around it.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

/// For what is sure to come.
pub const PATIENT: Duration = Duration::from_secs(120);

/// The library that is loaded before the program: cargo puts it beside the tests.
pub fn shim() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let shim = tests.with_file_name("libchaos_shim.so");
    assert!(shim.exists(), "{} is not there", shim.display());
    shim
}

/// A new address for the HTTP of a program, which nobody else takes between two of its lives:
/// connections to elsewhere leave from 127.0.0.1.
pub fn place() -> SocketAddr {
    static PLACES: AtomicU8 = AtomicU8::new(1);
    let ours = std::process::id().to_be_bytes();
    let number = PLACES.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, ours[2], ours[3], number], 8085))
}

/// Waits for what a program is to reach; told at once when it ends instead.
pub async fn reaches<T>(program: &mut Child, folder: &Path, what: impl Future<Output = T>) -> T {
    tokio::select! {
        reached = what => reached,
        ended = program.wait() => panic!("it ended: {ended:?}; {}", said(folder)),
    }
}

/// `switchhook serve` with the configuration in `folder`; it dies with the suite.
pub fn serve(folder: &Path, broken: &[(&str, &str)]) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    if !broken.is_empty() {
        command.env("LD_PRELOAD", shim());
    }
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.join("switchhook.toml"))
        .envs(broken.iter().copied())
        .stderr(log)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits until it has died by itself, as by `kill -9`.
pub async fn killed(program: &mut Child, folder: &Path, point: &str) {
    let Ok(status) = timeout(PATIENT, program.wait()).await else {
        panic!("{point}: was never reached; {}", said(folder));
    };
    let status: ExitStatus = status.unwrap();
    assert_eq!(
        status.signal(),
        Some(9),
        "{point}: {status}; {}",
        said(folder)
    );
}

/// The end of what it said.
pub fn said(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

//! Runs the examples of eslclient.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than any example takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running example. It ends when dropped.
pub struct Example {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary(name))
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the next line; `None` at the end of the output.
    pub async fn line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line())
            .await
            .unwrap()
            .unwrap()
    }

    /// Returns all further output and how the example ended.
    pub async fn finish(mut self) -> (String, ExitStatus) {
        let mut output = String::new();
        while let Some(line) = self.line().await {
            output.push_str(&line);
            output.push('\n');
        }
        (output, self.child.wait().await.unwrap())
    }
}

/// Returns the program of an example. `cargo test` builds the examples into the folder beside that
/// of the tests.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let binary = folder.join("examples").join(name);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build --workspace --examples` first",
        binary.display()
    );
    binary
}

//! Runs each handler as its own process, so that its memory and processor time are its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child as Process, Command};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::TableError;
use super::cores;

/// Time within which a handler must log its address.
const STARTS: Duration = Duration::from_secs(20);
/// Interval between checks of the handler's log.
const LOOKS: Duration = Duration::from_millis(1);

/// A running handler, which is killed when dropped.
#[derive(Debug)]
pub(super) struct Child {
    _process: Process,
    pub(super) pid: u32,
    pub(super) address: String,
    /// Time from the start of the process until it listened.
    pub(super) started_in: Duration,
}

/// The program that children run and the folder that they may write to.
#[derive(Debug)]
pub(super) struct ChildProcesses<'a> {
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) core: Option<usize>,
}

impl ChildProcesses<'_> {
    /// Starts the service with `url` as its only webhook. It trusts only the certificate in
    /// `trusted`.
    pub(super) async fn service(
        &self,
        url: &str,
        trusted: Option<&Path>,
    ) -> Result<Child, TableError> {
        let name = format!("serve-{}", fastrand::u64(..));
        let config = self.folder.join(format!("{name}.toml"));
        std::fs::write(&config, settings(&self.folder.join(&name), url)).map_err(cannot)?;
        let mut command = Command::new(self.program);
        command
            .args(["serve", "--json-logs", "--config"])
            .arg(config);
        if let Some(trusted) = trusted {
            command.env("SSL_CERT_FILE", trusted);
        }
        // The service runs with its default settings, its log included.
        command.env_remove("RUST_LOG");
        self.start(command, &name, r#""esl":""#).await
    }

    /// Starts a null handler that sends its requests to the webhook at `webhook`.
    pub(super) async fn null(
        &self,
        webhook: SocketAddr,
        with_client: bool,
    ) -> Result<Child, TableError> {
        let mut command = Command::new(self.program);
        command
            .args(["lab", "--null", "127.0.0.1:0", "--webhook"])
            .arg(webhook.to_string());
        if with_client {
            command.arg("--null-client");
        }
        let name = format!("null-{}", fastrand::u64(..));
        self.start(command, &name, "null handler on ").await
    }

    /// Starts a child. Its log goes to a file, because reading it along would cost this process
    /// processor time.
    async fn start(
        &self,
        mut command: Command,
        name: &str,
        before: &str,
    ) -> Result<Child, TableError> {
        let log = self.folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).map_err(cannot)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true);
        let runtime = Handle::current();
        let began = Instant::now();
        let spawned = cores::on(self.core, move || {
            let _entered = runtime.enter();
            command.spawn()
        });
        let process = spawned
            .ok_or_else(|| cannot(io::ErrorKind::Other.into()))?
            .map_err(cannot)?;
        let said = timeout(STARTS, listening(&log, before)).await;
        let address = said.map_err(|_| TableError::Silent {
            log: log_text(&log),
        })?;
        Ok(Child {
            pid: process.id().unwrap_or_default(),
            _process: process,
            address,
            started_in: began.elapsed(),
        })
    }
}

fn cannot(source: io::Error) -> TableError {
    TableError::Child { source }
}

fn log_text(log: &PathBuf) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// Waits for the address after `before` in the log and returns it.
async fn listening(log: &PathBuf, before: &str) -> String {
    loop {
        let text = log_text(log);
        if let Some((_, rest)) = text.split_once(before) {
            let address = rest.split(['"', '\n', ' ']).next().unwrap_or_default();
            if rest.len() > address.len() {
                return address.to_owned();
            }
        }
        sleep(LOOKS).await;
    }
}

/// Returns a configuration of the defaults and the required settings.
fn settings(store: &Path, url: &str) -> String {
    format!(
        r#"# Written by `switchhook lab --load`.
[listen]
esl = "127.0.0.1:0"
http = "127.0.0.1:0"
[store]
url = "sqlite:{}.db"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
[webhooks.lookup]
url = "{url}/lookup"
query = [{{ name = "lead", value = "{{{{ flow.key.leadid }}}}" }}]
timeout = "60s"
response.map = {{ customer_name = "$.customer.name", queue = {{ path = "$.queue", as = "word", default = "main" }} }}
"#,
        store.display()
    )
}

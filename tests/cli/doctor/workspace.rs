//! Makes a folder with a configuration, and runs the program in it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The switch's password and the webhook's token. No output of the program may hold it.
pub const SECRET: &str = "correct-horse-battery-staple";

pub struct Workspace {
    folder: TempDir,
}

/// Exit status and output of a run.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Workspace {
    /// Writes a configuration with a webhook below `url`, and with the switch unless its address is
    /// empty.
    pub fn new(switch: &str, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let followed = format!("[[freeswitch]]\naddress = \"{switch}\"\npassword = \"{SECRET}\"\n");
        let followed = if switch.is_empty() { "" } else { &followed };
        let text = format!(
            "[listen]\nesl = \"127.0.0.1:8084\"\nhttp = \"127.0.0.1:0\"\n{followed}\
             [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\", \"::1/128\"]\n\
             [webhooks.lookup]\nurl = \"{url}callers/{{{{ flow.key.customernum }}}}\"\n\
             query = {{ token = \"{SECRET}\" }}\nauth.bearer = {{ token = \"{SECRET}\" }}\n\
             response.map = {{ customer_name = \"$.name\", queue = {{ path = \"$.queue\", as = \"word\" }} }}\n"
        );
        std::fs::write(folder.path().join("switchhook.toml"), text).unwrap();
        Self { folder }
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Adds settings at the end of the configuration.
    pub fn add(&self, more: &str) {
        let file = self.path("switchhook.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text + more).unwrap();
    }

    /// Runs the program with the system's certificates.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        ran(&self.command(args).output().unwrap())
    }

    /// Runs the program with the tests' authority as the only trusted one.
    #[track_caller]
    pub fn trusting(&self, args: &[&str]) -> Ran {
        let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/doctor/tls/ca.pem");
        let mut command = self.command(args);
        ran(&command.env("SSL_CERT_FILE", authority).output().unwrap())
    }

    #[track_caller]
    pub fn json(&self, ran: &Ran) -> Value {
        serde_json::from_str(&ran.out).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        command.args(args).env_clear();
        command.current_dir(self.folder.path());
        command
    }
}

#[track_caller]
fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let ran = Ran {
        status: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    };
    for hidden in [SECRET, "ClueCon"] {
        assert!(
            !ran.out.contains(hidden) && !ran.err.contains(hidden),
            "{ran:?}"
        );
    }
    ran
}

/// Returns an address where no program listens.
pub fn unused_address() -> String {
    test_support::ports::unused().to_string()
}

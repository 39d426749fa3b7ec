//! The configuration: what a file is read into, and the messages about a faulty one.
#![allow(clippy::expect_used, reason = "a helper that fails fails its test")]

mod faults;
mod good;
mod names;
mod recordings;
mod retry;
mod schema;
mod secrets;
mod tenants;
mod users;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use switchhook_service::config::{Config, Diagnostics, Environment};

/// Environment variables, and files whose path is a name here.
#[derive(Default)]
struct TestEnvironment(BTreeMap<&'static str, &'static str>);

impl Environment for TestEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.variable(path));
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn read_in(
    text: &str,
    environment: &[(&'static str, &'static str)],
) -> Result<Config, Diagnostics> {
    let environment = TestEnvironment(environment.iter().copied().collect());
    Config::parse_in(text, "switchhook.toml", &environment)
}

/// Reads `text` after the required section.
fn read(text: &str) -> Result<Config, Diagnostics> {
    read_in(&format!("[listen]\n{text}"), &[])
}

/// Reads a webhook `lookup` with these further keys; `url` is line 3, and they begin at line 4.
fn webhook(keys: &str) -> Result<Config, Diagnostics> {
    read(&format!(
        "[webhooks.lookup]\nurl = \"https://crm.example/\"\n{keys}"
    ))
}

/// Returns all messages about a file with faults.
#[track_caller]
fn messages(result: Result<Config, Diagnostics>) -> String {
    result.expect_err("a file with faults").to_string()
}

/// Returns the one webhook of [`webhook`].
#[track_caller]
fn lookup(keys: &str) -> switchhook_service::config::Webhook {
    let config = webhook(keys).expect("a file without faults");
    config.webhooks["lookup"].clone()
}

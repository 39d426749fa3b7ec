//! A switch, a webhook receiver, and the service between them.

use std::fmt::Write as _;

use serde_json::Value;
use switchhook_service::config::Config;
use switchhook_service::service::Service;
use tempfile::TempDir;

use crate::follow::inbox::Inbox;
use crate::follow::port8021::Port8021;
use crate::follow::settings;

/// Everything that a test needs.
pub struct Stage {
    pub switch: Port8021,
    pub inbox: Inbox,
    pub folder: TempDir,
}

impl Stage {
    pub async fn new() -> Self {
        Self {
            switch: Port8021::start().await,
            inbox: Inbox::start().await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns settings that post every call's document, with further ones.
    pub fn settings(&self, more: &str) -> String {
        let mut text =
            settings::all_to(self.folder.path(), self.switch.address, self.inbox.address);
        writeln!(text, "{more}").unwrap();
        text
    }

    /// Returns the common settings with `rest`, in which `INBOX` stands for the receiver's URL.
    pub fn own_settings(&self, rest: &str) -> String {
        let head = settings::head(self.folder.path(), self.switch.address);
        let inbox = format!("http://{}", self.inbox.address);
        head + &rest.replace("INBOX", &inbox)
    }

    /// Starts the service and waits until it follows the switch.
    pub async fn serve(&self, settings: &str) -> Service {
        let times = self.switch.times();
        let service = start(settings).await;
        self.switch.followed(times + 1).await;
        service
    }
}

pub async fn start(settings: &str) -> Service {
    let config = Config::parse(settings, "test.toml").unwrap_or_else(|faults| panic!("{faults}"));
    Service::start(&config).await.unwrap()
}

/// Reads `/readyz`: returns the status, and the check of that name.
pub async fn check(service: &Service, name: &str) -> (u16, Value) {
    let url = format!("http://{}/readyz", service.http);
    let answer = test_support::http::get(url).await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let checks = body["checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|check| check["name"].as_str().unwrap().starts_with(name));
    (status, found.unwrap().clone())
}

/// Reads `/readyz` until the check has this state.
pub async fn until(service: &Service, name: &str, ok: bool) -> (u16, Value) {
    loop {
        let (status, found) = check(service, name).await;
        if found["ok"] == ok {
            return (status, found);
        }
        tokio::task::yield_now().await;
    }
}

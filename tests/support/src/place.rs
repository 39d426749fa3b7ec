//! Sets up the lab's switch with its port 8021, two receivers, and a service between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchhook_service::config::Config;
use switchhook_service::service::Service;
use switchhook_sim::receiver::{Receiver, Request};
use switchhook_sim::switch::{Call, CallRecord, Inbound, Pace, Parked, Switch};
use tempfile::TempDir;

/// A time that no working test reaches.
const LONG: Duration = Duration::from_secs(3_600);

pub struct Place {
    pub switch: Arc<Switch>,
    pub port: Inbound,
    /// Answers the lookups of calls.
    pub webhooks: Receiver,
    /// Receives every call's document, at `/completed`.
    pub documents: Receiver,
    pub folder: TempDir,
}

impl Place {
    pub async fn set() -> Self {
        let switch = Switch::new("fs1", Pace::Ticked);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            port: switch.listen(any, "ClueCon").await.unwrap(),
            switch,
            webhooks: Receiver::start().await.unwrap(),
            documents: Receiver::start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns a configuration that ends with `sections`. Their first lines belong to `[account]`,
    /// and `{webhooks}` in them stands for the webhooks' URL.
    pub fn config(&self, sections: &str) -> Config {
        let text = format!(
            "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
             [store]\nurl = \"sqlite:{}/store.db\"\n\
             [[freeswitch]]\naddress = \"{}\"\npassword = \"ClueCon\"\npark_service = \"one\"\n\
             [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
             [flows.default]\nwebhook = true\n\
             [webhooks.completed]\nurl = \"{}\"\n\
             [account]\ndefault_webhook = \"completed\"\n{}",
            self.folder.path().display(),
            self.port.address(),
            self.documents.url("/completed"),
            sections.replace("{webhooks}", &self.webhooks.url("")),
        );
        Config::parse(&text, "test.toml").unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    /// Starts a service that follows the switch and takes its parked calls.
    pub async fn serve(&self, config: &Config) -> Service {
        let followed = self.switch.followed_by(2);
        let service = Service::start(config).await.unwrap();
        followed.await;
        service
    }

    /// Plays a call to the webhook `path` and returns its record.
    pub async fn place(&self, service: &Service, path: &str, parked: bool) -> CallRecord {
        let park = Parked {
            service: "one".into(),
            untaken: LONG,
        };
        let call = Call {
            path: path.into(),
            parked: parked.then_some(park),
            ..Call::default()
        };
        self.play(service, call).await
    }

    pub async fn play(&self, service: &Service, call: Call) -> CallRecord {
        let call = Call {
            hosts: vec![service.esl.to_string()],
            ..call
        };
        let record = self.switch.place(call).await;
        assert_eq!(record.violations, [""; 0], "{record:#?}");
        record
    }
}

/// Returns the request about a call, once it is answered.
pub async fn request(receiver: &Receiver, suffix: &str, uuid: &str) -> Request {
    let of_call = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body);
        body.contains(uuid) && request.answered.is_some()
    };
    receiver.wait(suffix, LONG, of_call).await.unwrap()
}

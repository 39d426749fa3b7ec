//! Phones that answer at once and stay until they are hung up: SIPp, on one port.

use std::net::UdpSocket;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::call::Exchange;
use super::control::Event;

const STARTING: Duration = Duration::from_secs(20);

/// Any number of phones.
pub struct Phones {
    /// Their port for SIP.
    pub port: u16,
    _sipp: Child,
}

impl Phones {
    /// Starts SIPp. It runs until this is dropped.
    pub async fn start(exchange: &Exchange) -> Self {
        let [port, media] = [0; 2].map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            socket.local_addr().expect("its number").port()
        });
        let sipp = Command::new("sipp")
            .args(["-sn", "uas", "-i", "127.0.0.1", "-nostdin"])
            .args(["-p", &port.to_string(), "-mp", &(media & !1).to_string()])
            .current_dir(&exchange.switch.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("sipp is installed");
        let phones = Self { port, _sipp: sipp };
        phones.are_there(exchange).await;
        phones
    }

    /// Calls a phone until one answers: SIPp does not say when it listens.
    async fn are_there(&self, exchange: &Exchange) {
        let command = format!("originate {} &hangup", self.number("0"));
        let began = Instant::now();
        while !exchange.control.api(&command).await.starts_with("+OK") {
            assert!(began.elapsed() < STARTING, "sipp does not answer");
        }
    }

    /// Returns where the switch reaches a phone.
    pub fn number(&self, name: &str) -> String {
        format!("sofia/internal/{name}@127.0.0.1:{}", self.port)
    }

    /// Calls a phone with these variables, and waits until the leg does what `then` says, `&park` or a
    /// number with its context. Returns its Unique-ID.
    pub async fn call(
        &self,
        exchange: &Exchange,
        name: &str,
        variables: &str,
        then: &str,
    ) -> String {
        let uuid = uuid::Uuid::new_v4().to_string();
        self.call_as(exchange, &uuid, name, variables, then).await;
        uuid
    }

    /// Does the same with a given Unique-ID.
    pub async fn call_as(
        &self,
        exchange: &Exchange,
        uuid: &str,
        name: &str,
        variables: &str,
        then: &str,
    ) {
        let number = self.number(name);
        let command = format!("originate {{origination_uuid={uuid},{variables}}}{number} {then}");
        let answer = exchange.control.api(&command).await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }
}

/// Hangs a leg up, and waits for its end.
pub async fn hang_up(exchange: &Exchange, uuid: &str) {
    exchange.control.api(&format!("uuid_kill {uuid}")).await;
    let ended =
        |event: &Event| event.name() == "CHANNEL_HANGUP_COMPLETE" && event.get("Unique-ID") == uuid;
    exchange.events.wait("end of a leg", ended).await;
}

/// Waits until a leg talks with another one, and returns the other.
pub async fn partner(exchange: &Exchange, uuid: &str, after: &[&str]) -> String {
    let ends = |event: &Event| {
        ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| event.get(name).to_owned())
    };
    let other = |event: &Event| {
        let ends = ends(event);
        let other = ends.iter().find(|end| *end != uuid)?;
        let is_new = ends.iter().any(|end| end == uuid) && !after.contains(&other.as_str());
        (event.name() == "CHANNEL_BRIDGE" && is_new).then(|| other.clone())
    };
    let bridged = exchange
        .events
        .wait("bridge", |event| other(event).is_some())
        .await;
    other(&bridged).expect("just seen")
}

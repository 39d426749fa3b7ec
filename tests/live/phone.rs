//! A small telephone: SIP over UDP; it receives RTP and sends none.

use std::path::Path;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::process::Command;
use tokio::time::timeout;

use super::rtp_receiver::RtpReceiver;
use super::sip::{Dialog, Message};
use super::switch::Switch;

const PATIENCE: Duration = Duration::from_secs(60);
/// SIPp registers the phone, because the password of a registration needs MD5.
const SIPP: &str = "sipp";
const PASSWORD: &str = "switchhook";

/// A phone with an account of the shipped configuration, or none.
pub struct Phone {
    /// The RTP that it receives.
    pub rtp_receiver: RtpReceiver,
    /// The port for SIP.
    pub port: u16,
    host: &'static str,
    socket: UdpSocket,
    account: &'static str,
    switch: &'static Switch,
}

impl Phone {
    /// Returns a phone that does not register: the configuration trusts callers from loopback.
    pub async fn new(switch: &'static Switch, account: &'static str) -> Self {
        Self::on(switch, account, "127.0.0.1").await
    }

    /// Returns a phone on another host, such as 127.0.0.2.
    pub async fn on(switch: &'static Switch, account: &'static str, host: &'static str) -> Self {
        let socket = UdpSocket::bind((host, 0)).await.expect("a port");
        let port = socket.local_addr().expect("its number").port();
        Self {
            rtp_receiver: RtpReceiver::open(),
            socket,
            port,
            host,
            account,
            switch,
        }
    }

    /// Returns a phone that the switch can ring. SIPp registers it from the phone's port.
    pub async fn registered(switch: &'static Switch, account: &'static str) -> Self {
        Self::registered_as(switch, account, account).await
    }

    /// Returns a phone that the switch can ring, whose contact is not its account, as of many phones.
    pub async fn registered_as(
        switch: &'static Switch,
        account: &'static str,
        contact: &str,
    ) -> Self {
        let mut phone = Self::new(switch, account).await;
        drop(phone.socket);
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/register.xml");
        let output = Command::new(SIPP)
            .arg(format!("127.0.0.1:{}", switch.sip))
            .arg("-sf")
            .arg(scenario)
            .args(["-i", "127.0.0.1", "-p", &phone.port.to_string()])
            .args(["-s", account, "-au", account, "-ap", PASSWORD])
            .args(["-key", "contact", contact])
            .args(["-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error"])
            .current_dir(&switch.folder)
            .kill_on_drop(true)
            .output()
            .await
            .expect("sipp is installed");
        assert!(
            output.status.success(),
            "sipp could not register: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        phone.socket = UdpSocket::bind(("127.0.0.1", phone.port))
            .await
            .expect("the port again");
        phone
    }

    /// Returns the Call-ID of its call, the switch's variable `sip_call_id`.
    pub fn call_id(&self) -> String {
        format!("live-{}", self.port)
    }

    /// Dials a number.
    pub async fn dial(&self, number: &str) {
        let from = format!("<sip:{}@127.0.0.1>", self.account);
        self.dial_as(&from, number, "").await;
    }

    /// Dials a number, the user part of the request's URI, as the caller `from`. `headers` are further
    /// header lines.
    pub async fn dial_as(&self, from: &str, number: &str, headers: &str) {
        let (port, account) = (self.port, self.account);
        let sdp = self.sdp();
        self.send(&format!(
            "INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}\r\n\
             From: {from};tag={port}\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: live-{port}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{account}@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n{headers}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        ))
        .await;
    }

    /// Receives the next message.
    pub async fn receive(&self) -> Message {
        let mut buffer = vec![0; 65_535];
        let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
        let length = received
            .unwrap_or_else(|_| {
                panic!(
                    "{} hears nothing\n{}",
                    self.account,
                    self.switch.last_words()
                )
            })
            .expect("the socket is there");
        Message::parse(&String::from_utf8_lossy(&buffer[..length]))
    }

    /// Waits for the next message whose first line begins with `beginning`.
    pub async fn await_message(&self, beginning: &str) -> Message {
        loop {
            let message = self.receive().await;
            if message.first.starts_with(beginning) {
                return message;
            }
        }
    }

    /// Sends 180 Ringing. Without it the switch may not cancel (RFC 3261, 9.1).
    pub async fn ring(&self, invite: &Message) {
        self.respond(invite, "180 Ringing", "").await;
    }

    /// Forwards the call to another phone (302).
    pub async fn forward(&self, invite: &Message, to: &Self) {
        let contact = format!("<sip:{}@{}:{}>", to.account, to.host, to.port);
        self.respond_at(invite, "302 Moved", &contact, "").await;
    }

    /// Answers the call.
    pub async fn answer(&self, invite: &Message) -> Dialog {
        self.respond(invite, "200 OK", &self.sdp()).await;
        Dialog::of_callee(invite, self.port)
    }

    /// Waits until the dialled call is answered.
    pub async fn is_answered(&self) -> (Message, Dialog) {
        let answer = self.await_message("SIP/2.0 200").await;
        let dialog = Dialog::of_caller(&answer);
        self.send(&dialog.request("ACK", 1, self.port)).await;
        (answer, dialog)
    }

    /// Joins the far end of `call` with the far end of `other`, which this phone dialled (REFER).
    pub async fn join(&self, call: &Dialog, other: &Dialog, number: &str) {
        let (account, port, replaces) = (self.account, self.port, other.replaces());
        let headers = format!(
            "Contact: <sip:{account}@127.0.0.1:{port}>\r\nReferred-By: <sip:{account}@127.0.0.1>\r\n\
             Refer-To: <sip:{number}@127.0.0.1?{replaces}>\r\n"
        );
        let refer = call.request_with("REFER", 2, port, &headers);
        self.send(&refer).await;
        self.await_message("SIP/2.0 202").await;
    }

    /// Hangs up.
    pub async fn hang_up(&self, dialog: &Dialog) {
        self.send(&dialog.request("BYE", 2, self.port)).await;
        self.await_message("SIP/2.0 200").await;
    }

    /// Waits until the other end has hung up.
    pub async fn is_hung_up(&self) {
        let bye = self.await_message("BYE").await;
        self.respond(&bye, "200 OK", "").await;
    }

    async fn respond(&self, request: &Message, status: &str, sdp: &str) {
        let contact = format!("<sip:{}@{}:{}>", self.account, self.host, self.port);
        self.respond_at(request, status, &contact, sdp).await;
    }

    async fn respond_at(&self, request: &Message, status: &str, contact: &str, sdp: &str) {
        let header = |name: &str| request.header(name).to_owned();
        let to = match header("To") {
            to if to.contains(";tag=") => to,
            to => format!("{to};tag={}", self.port),
        };
        self.send(&format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: {contact}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            header("Via"),
            header("From"),
            header("Call-ID"),
            header("CSeq"),
            sdp.len()
        ))
        .await;
    }

    fn sdp(&self) -> String {
        let rtp = self.rtp_receiver.port;
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {rtp} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
    }

    async fn send(&self, message: &str) {
        let to = ("127.0.0.1", self.switch.sip);
        self.socket
            .send_to(message.as_bytes(), to)
            .await
            .expect("the switch is there");
    }
}

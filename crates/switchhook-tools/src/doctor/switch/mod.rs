//! One switch, over its port 8021: first whether it lets us in, then what it says of itself.

mod answers;
mod cdr;
mod core;
mod event_socket;
mod modules;
mod music;
mod questions;
mod recordings;
mod settings;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::{Finding, Findings};
use super::net::{self, millis};
use super::{Plan, Switch, dialplan};
use eslclient::{Command, Connection, Error, Incoming, authenticate};

pub(super) use answers::{Answers, Reply};
pub(super) use settings::is_true;

/// More than a switch is ever asked; what a dialplan says cannot make it more.
const QUESTIONS: usize = 200;

/// When there is no switch to ask.
pub(super) fn none(posts: bool) -> Vec<Finding> {
    let mut findings = Findings::about("switches");
    let cure = "add a section [[freeswitch]] with its address and password";
    if posts {
        let what = "none is followed, so no document of a call is ever posted, though a flow has its webhook enabled";
        findings.warn("configured", what, cure);
    } else {
        findings.note(
            "configured",
            "none is followed: calls are taken over, and no documents are made",
            cure,
        );
    }
    findings.list()
}

/// Asks one switch and judges what it says.
pub(super) async fn examine(switch: &Switch, plan: &Plan, within: Duration) -> Vec<Finding> {
    let mut findings = Findings::about(format!("switch {}", switch.address));
    let Some((connection, same_machine)) = reach(switch, within, &mut findings).await else {
        return findings.list();
    };
    let mut answers = Answers::of(same_machine);
    if timeout(within, ask(connection, switch, plan, &mut answers))
        .await
        .is_err()
    {
        let what = format!("it did not answer every question within {within:?}");
        findings.warn(
            "answers",
            what,
            "is it overloaded? ask again with a longer --timeout",
        );
    }
    if let Some(why) = &answers.broken {
        let what = format!("the connection ended before every question was answered: {why}");
        findings.warn("answers", what, "look at the switch's log");
    }
    judge(switch, plan, &answers, &mut findings);
    findings.list()
}

/// Everything that follows from the answers.
fn judge(switch: &Switch, plan: &Plan, answers: &Answers, findings: &mut Findings) {
    core::version(answers, findings);
    core::state(answers, plan, findings);
    core::clock(answers, findings);
    core::modules(answers, findings);
    event_socket::judge(answers, findings);
    core::way_back(answers, plan, findings);
    dialplan::judge(answers, switch, plan, findings);
    music::judge(answers, plan, findings);
    cdr::judge(answers, switch, findings);
    recordings::judge(answers, plan, findings);
}

/// A connection that took the password, and whether it is to this machine.
async fn reach(
    switch: &Switch,
    within: Duration,
    findings: &mut Findings,
) -> Option<(Connection<TcpStream>, bool)> {
    let resolved = match net::resolve(&switch.address, within).await {
        Ok(resolved) => resolved,
        Err(why) => {
            let what = format!("no address found for it: {why}");
            findings.fault(
                "reachable",
                what,
                "correct [[freeswitch]] address, or this machine's name servers",
            );
            return None;
        }
    };
    let connected = match net::connect(&resolved.what, within).await {
        Ok(connected) => connected,
        Err(why) => {
            let cure = "start FreeSWITCH with mod_event_socket; look at listen-ip and listen-port of event_socket.conf, and at firewalls";
            findings.fault("reachable", format!("cannot connect: {why}"), cure);
            return None;
        }
    };
    let same_machine = is_same_machine(&connected.what);
    let began = Instant::now();
    let said = authenticate(connected.what, switch.password.reveal(), switch.frames);
    match timeout(within, said).await {
        Ok(Ok(connection)) => {
            let took = millis(connected.took + began.elapsed());
            findings.ok(
                "reachable",
                format!("it takes connections and the password ({took})"),
            );
            Some((connection, same_machine))
        }
        Ok(Err(error)) => {
            refused(&error, findings);
            None
        }
        Err(_) => {
            let what = format!("it takes connections and says nothing within {within:?}");
            findings.fault(
                "reachable",
                what,
                "is FreeSWITCH at this port, and not overloaded?",
            );
            None
        }
    }
}

fn is_same_machine(stream: &TcpStream) -> bool {
    let ends = (stream.local_addr(), stream.peer_addr());
    let canonical = |address: std::net::SocketAddr| -> IpAddr { address.ip().to_canonical() };
    matches!(ends, (Ok(ours), Ok(theirs)) if canonical(ours) == canonical(theirs))
}

fn refused(error: &Error, findings: &mut Findings) {
    match error {
        Error::Denied { .. } => {
            let what = "its ACL does not let this machine in";
            let cure = "add this machine to the list that apply-inbound-acl of event_socket.conf names (without one: loopback only), then reloadacl";
            findings.fault("ACL", what, cure);
        }
        Error::BadPassword => {
            let what = "it does not take the password";
            let cure = "write the password of its event_socket.conf; the switch keeps the old one until the module is loaded again";
            findings.fault("password", what, cure);
        }
        Error::Closed { .. } | Error::Cut { .. } | Error::Io(_) => {
            let what = format!("it takes the connection and closes it: {error}");
            findings.fault("reachable", what, "is FreeSWITCH at this port?");
        }
        Error::Decode(_)
        | Error::UnexpectedReply
        | Error::Handshake { .. }
        | Error::Timeout { .. }
        | Error::Connect { .. }
        | Error::Refused { .. }
        | Error::Command(_) => {
            let what = format!("it does not speak Event Socket: {error}");
            findings.fault(
                "reachable",
                what,
                "write the port of mod_event_socket, 8021 unless listen-port says another",
            );
        }
    }
}

/// Asks until there is nothing more to ask. What was answered stays when it is cut off.
async fn ask(
    mut connection: Connection<TcpStream>,
    switch: &Switch,
    plan: &Plan,
    answers: &mut Answers,
) {
    while let Some(next) = questions::next(answers, switch, plan) {
        if answers.len() >= QUESTIONS {
            return;
        }
        let began_us = now_us();
        match one(&mut connection, &next).await {
            Ok(text) => answers.put(next, text, (began_us, now_us())),
            Err(error) => {
                answers.broken = Some(error.to_string());
                return;
            }
        }
    }
}

/// What the switch says to one API command.
async fn one(connection: &mut Connection<TcpStream>, question: &str) -> Result<Reply, Error> {
    let (name, args) = question.split_once(' ').unwrap_or((question, ""));
    let Ok(command) = Command::api(name, args) else {
        // What the switch said before cannot be said back to it.
        return Ok(Reply::Unaskable);
    };
    let ticket = connection.queue(&command);
    loop {
        if let Incoming::Reply(of, reply) = connection.next().await?
            && of == ticket
        {
            return Ok(Reply::of(&reply.text()));
        }
    }
}

fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

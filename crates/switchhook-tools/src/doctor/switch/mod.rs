//! Checks one switch over its port 8021: first whether it admits us, then what it reports.

mod cdr;
mod core;
mod event_socket;
mod include_lines;
mod modules;
mod music;
mod profiles;
mod queries;
mod recordings;
mod settings;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answers::{Answers, Reply};
use super::finding::{Finding, Findings};
use super::net::{self, millis};
use super::{ExpectedSetup, Switch, dialplan};
use eslclient::{Client, ClientOptions, Command, ConnectOptions, Error};
use switchhook_core::clock::now_us;

/// Most queries to one switch, whatever its dialplan says.
const MAX_QUERIES: usize = 200;

/// Returns the finding if the configuration has no switch.
pub(super) fn no_switches(posts: bool) -> Vec<Finding> {
    let mut findings = Findings::about("switches");
    let cure = "add a section [[freeswitch]] with its address and password";
    if posts {
        let what = "no switch is configured, so no document is ever posted, though a flow has its webhook enabled";
        findings.warn("configured", what, cure);
    } else {
        findings.note(
            "configured",
            "no switch is configured: calls are taken over, and no documents are made",
            cure,
        );
    }
    findings.list()
}

/// Queries one switch and judges its answers.
pub(super) async fn examine(
    switch: &Switch,
    expected: &ExpectedSetup,
    within: Duration,
) -> Vec<Finding> {
    let mut findings = Findings::about(format!("switch {}", switch.address));
    let Some((client, same_machine)) = reach(switch, within, &mut findings).await else {
        return findings.list();
    };
    let mut answers = Answers::new(same_machine);
    if timeout(within, run_queries(&client, switch, expected, &mut answers))
        .await
        .is_err()
    {
        let what = format!("it did not answer every query within {within:?}");
        findings.warn(
            "answers",
            what,
            "check whether it is overloaded, and run doctor again with a longer --timeout",
        );
    }
    if let Some(why) = &answers.broken {
        let what = format!("the connection ended before every query was answered: {why}");
        findings.warn("answers", what, "see the switch's log");
    }
    judge(switch, expected, &answers, &mut findings);
    include_lines::judge(&include_lines::find(&answers).await, &mut findings);
    findings.list()
}

/// Adds all findings that follow from the answers.
fn judge(switch: &Switch, expected: &ExpectedSetup, answers: &Answers, findings: &mut Findings) {
    core::version(answers, findings);
    core::state(answers, expected, findings);
    core::clock(answers, findings);
    core::modules(answers, findings);
    event_socket::judge(answers, findings);
    core::way_back(answers, expected, findings);
    dialplan::judge(answers, switch, expected, findings);
    music::judge(answers, expected, findings);
    profiles::judge(answers, expected, findings);
    cdr::judge(answers, switch, findings);
    recordings::judge(answers, expected, findings);
}

/// Connects and logs in. Returns the connection and whether the switch is on this machine.
async fn reach(
    switch: &Switch,
    within: Duration,
    findings: &mut Findings,
) -> Option<(Client, bool)> {
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
    let connected = match net::connect(&resolved.value, within).await {
        Ok(connected) => connected,
        Err(why) => {
            let cure = "start FreeSWITCH with mod_event_socket; check listen-ip and listen-port of event_socket.conf, and firewalls";
            findings.fault("reachable", format!("cannot connect: {why}"), cure);
            return None;
        }
    };
    let same_machine = is_same_machine(&connected.value);
    let began = Instant::now();
    let options = connect_options(switch, within);
    match Client::connect_over(connected.value, &options).await {
        // Nothing is subscribed to, so that no event is missed.
        Ok((client, _)) => {
            let took = millis(connected.took + began.elapsed());
            findings.ok(
                "reachable",
                format!("it accepts connections and the password ({took})"),
            );
            Some((client, same_machine))
        }
        Err(error) => {
            refused(&error, findings);
            None
        }
    }
}

/// The queries share one deadline, and the connection ends with them.
fn connect_options(switch: &Switch, within: Duration) -> ConnectOptions {
    let client = ClientOptions::default().deadline(None).keep_alive(None);
    ConnectOptions::new(&switch.address, switch.password.reveal())
        .limits(switch.frames)
        .within(within)
        .client(client)
}

fn is_same_machine(stream: &TcpStream) -> bool {
    let ends = (stream.local_addr(), stream.peer_addr());
    let canonical = |address: std::net::SocketAddr| -> IpAddr { address.ip().to_canonical() };
    matches!(ends, (Ok(ours), Ok(theirs)) if canonical(ours) == canonical(theirs))
}

fn refused(error: &Error, findings: &mut Findings) {
    match error {
        Error::Denied { .. } => {
            let what = "its ACL does not admit this machine";
            let cure = "add this machine to the list that apply-inbound-acl of event_socket.conf names (without one: loopback only), then run reloadacl";
            findings.fault("ACL", what, cure);
        }
        Error::BadPassword => {
            let what = "it rejects the password";
            let cure = "set the password of its event_socket.conf; the switch keeps the old one until the module is reloaded";
            findings.fault("password", what, cure);
        }
        Error::Closed { .. } | Error::Goodbye { .. } | Error::Cut { .. } | Error::Io(_) => {
            let what = format!("it accepts the connection and closes it: {error}");
            findings.fault(
                "reachable",
                what,
                "check that FreeSWITCH listens at this port",
            );
        }
        Error::Timeout { within, .. } => {
            let what = format!("it accepts connections and sends nothing within {within:?}");
            findings.fault(
                "reachable",
                what,
                "check that FreeSWITCH listens at this port and is not overloaded",
            );
        }
        Error::Decode(_)
        | Error::UnexpectedReply
        | Error::Handshake { .. }
        | Error::Connect { .. }
        | Error::Refused { .. }
        | Error::Command(_)
        | Error::Lost { .. }
        | Error::Silent { .. }
        | Error::EventsNotRead { .. }
        | Error::HungUp { .. }
        | _ => {
            let what = format!("it does not speak Event Socket: {error}");
            findings.fault(
                "reachable",
                what,
                "set the port of mod_event_socket, 8021 unless listen-port says another",
            );
        }
    }
}

/// Sends queries until none is left. Answers so far stay in `answers` if the time ends.
async fn run_queries(
    client: &Client,
    switch: &Switch,
    expected: &ExpectedSetup,
    answers: &mut Answers,
) {
    while let Some(next) = queries::next(answers, switch, expected) {
        if answers.len() >= MAX_QUERIES {
            return;
        }
        let began_us = now_us();
        match run_api(client, &next).await {
            Ok(text) => answers.put(next, text, (began_us, now_us())),
            Err(error) => {
                answers.broken = Some(if let Error::Lost { cause } = &error {
                    cause.to_string()
                } else {
                    error.to_string()
                });
                return;
            }
        }
    }
}

/// Runs one API command and returns the reply.
async fn run_api(client: &Client, query: &str) -> Result<Reply, Error> {
    let (name, args) = query.split_once(' ').unwrap_or((query, ""));
    let Ok(command) = Command::api(name, args) else {
        // A query made from the switch's own answers may hold characters that no command can have.
        return Ok(Reply::NotSendable);
    };
    let reply = client.command(command).await?;
    Ok(Reply::parse(&reply.text()))
}

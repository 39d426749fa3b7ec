//! Checks callers whom somebody else fetches from hold: the talk goes on, and nothing of ours cuts it off.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::call::{Call, Exchange, is_run};
use super::control::{Control, Event};
use super::dialplan::connect;
use super::receiver::Receiver;
use super::service::Service;

/// How often each way is tried while the answer comes at the same moment.
const ROUNDS: usize = 8;
/// A talk that no dialplan ends.
const TALK: &str = "endless_playback:tone_stream://%(1000,0,440)";
const FIFO: &str = "<include>\n<configuration name=\"fifo.conf\"><settings/><fifos/></configuration>\n</include>\n";

/// A way to fetch a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Transfer,
    Bridge,
    BridgeFromTheAgent,
    Intercept,
    Park,
    Schedule,
    Queue,
}

const WAYS: [Way; 7] = [
    Way::Transfer,
    Way::Bridge,
    Way::BridgeFromTheAgent,
    Way::Intercept,
    Way::Park,
    Way::Schedule,
    Way::Queue,
];

impl Way {
    async fn fetch(self, exchange: &Exchange, call: &Call<'_>) {
        let control = &exchange.control;
        let uuid = &call.uuid;
        match self {
            Self::Transfer => {
                let command = format!("uuid_transfer {uuid} '{TALK}' inline");
                control.api(&command).await
            }
            Self::Bridge => {
                let agent = agent(exchange, "park").await;
                control.api(&format!("uuid_bridge {uuid} {agent}")).await
            }
            Self::BridgeFromTheAgent => {
                let agent = agent(exchange, "park").await;
                control.api(&format!("uuid_bridge {agent} {uuid}")).await
            }
            Self::Intercept => agent(exchange, &format!("intercept({uuid})")).await,
            Self::Park => control.api(&format!("uuid_park {uuid}")).await,
            Self::Schedule => {
                let command = format!("sched_transfer +1 {uuid} '{TALK}' inline");
                control.api(&command).await
            }
            Self::Queue => {
                let command = format!("uuid_transfer {uuid} 'answer,fifo:sales in' inline");
                control.api(&command).await
            }
        };
    }

    /// Waits until the call is where this way put it.
    async fn arrived(self, call: &Call<'_>) {
        loop {
            let (state, application) = (
                call.now("Channel-State").await,
                call.now("variable_current_application").await,
            );
            if self.is_there(&state, &application) {
                return;
            }
            assert!(state.starts_with("CS_"), "{self:?}: {state}");
            tokio::task::yield_now().await;
        }
    }

    fn is_there(self, state: &str, application: &str) -> bool {
        match self {
            Self::Transfer | Self::Schedule => {
                (state, application) == ("CS_EXECUTE", "endless_playback")
            }
            Self::Bridge | Self::BridgeFromTheAgent | Self::Intercept => {
                ["CS_SOFT_EXECUTE", "CS_EXCHANGE_MEDIA"].contains(&state)
            }
            Self::Park => state == "CS_PARK",
            Self::Queue => (state, application) == ("CS_EXECUTE", "fifo"),
        }
    }

    /// Returns the words of the log line that say who has the call.
    fn taken_by(self) -> &'static str {
        match self {
            Self::Transfer | Self::Schedule | Self::Queue => "transferred to ",
            Self::Bridge | Self::BridgeFromTheAgent | Self::Intercept => "bridged with ",
            Self::Park => "parked",
        }
    }
}

/// Calls an agent whose own leg runs `application`, and returns the leg.
async fn agent(exchange: &Exchange, application: &str) -> String {
    let uuid = uuid::Uuid::new_v4().to_string();
    let command = format!(
        "originate {{origination_uuid={uuid}}}loopback/m:^:answer^park/agents/inline &{application}"
    );
    let answer = exchange.control.api(&command).await;
    // An intercept ends the originate as soon as the legs talk.
    assert!(
        answer.starts_with("+OK") || application != "park",
        "{answer}"
    );
    uuid
}

async fn with_queue(exchange: &Exchange) {
    let file = exchange.switch.folder.join("conf/config/fifo.xml");
    fs::write(file, FIFO).expect("a file");
    exchange.control.api("reloadxml").await;
    exchange.control.api("load mod_fifo").await;
}

async fn answered(exchange: &Exchange, call: &Call<'_>) {
    let answer = format!("uuid_answer {}", call.uuid);
    exchange.control.api(&answer).await;
    call.wait("answer", |event| event.name() == "CHANNEL_ANSWER")
        .await;
}

/// Lets the switch wait for this time.
async fn passes(clock: &Control, time: Duration) {
    clock.api(&format!("msleep {}", time.as_millis())).await;
}

/// Waits for the log line of the call.
async fn line_of(service: &Service, uuid: &str) -> String {
    loop {
        let log = service.log();
        let mut lines = log.lines();
        if let Some(line) = lines.find(|line| line.contains(uuid) && line.contains("ending=")) {
            return line.to_owned();
        }
        tokio::task::yield_now().await;
    }
}

/// Tells whether the log line has this field.
fn has(line: &str, name: &str, value: &str) -> bool {
    line.contains(&format!("{name}=\"{value}"))
}

/// Checks that the call stays where it is until a timer of the user's own ends it, later than the hook's
/// schedule would have moved it.
async fn stays(exchange: &Exchange, call: &Call<'_>, way: Way) {
    exchange
        .control
        .api(&format!("sched_hangup +5 {}", call.uuid))
        .await;
    let end = call
        .wait("end", |event| event.name() == "CHANNEL_HANGUP_COMPLETE")
        .await;
    assert_eq!(end.get("Hangup-Cause"), "ALLOTTED_TIMEOUT", "{way:?}");
    let moved = |event: &Event| {
        event.get("Caller-Context") == "flows"
            || event
                .get("Caller-Destination-Number")
                .starts_with("way-out")
    };
    assert!(!call.had(moved), "{way:?}: the call was moved");
}

/// Checks every way, with the hook `ask` or `park`, for a caller who has been on hold for `held`.
async fn every_way(hook: &str, held: Duration) {
    let exchange = Exchange::acquire().await;
    with_queue(&exchange).await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    for (round, way) in WAYS.into_iter().enumerate() {
        let number = format!("{hook}-slow-within-4");
        let call = exchange.dial(&number, &service.address).await;
        // The switch bridges nobody without media.
        answered(&exchange, &call).await;
        receiver.requested("/hold/slow", round + 1).await;
        passes(&exchange.control, held).await;
        way.fetch(&exchange, &call).await;
        way.arrived(&call).await;
        let fetched = Instant::now();
        receiver.all_cancelled("/hold/slow", round + 1).await;
        let cancelled = fetched.elapsed();
        println!("{hook} {way:?}: the request was cancelled after {cancelled:?}");
        stays(&exchange, &call, way).await;
        let line = line_of(&service, &call.uuid).await;
        assert!(has(&line, "ending", "fetched"), "{way:?}: {line}");
        assert!(has(&line, "taken_by", way.taken_by()), "{way:?}: {line}");
        service.await_no_call_on_hold().await;
    }
    let documents = receiver.documents(WAYS.len()).await;
    for document in &documents {
        let keys = document["keys"].to_string();
        assert!(!keys.contains("response_status"), "{document:#}");
        assert!(!keys.contains("error_reason"), "{document:#}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_on_a_socket_who_is_fetched_keeps_talking() {
    every_way("ask", Duration::from_millis(1500)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_on_a_socket_who_is_fetched_within_the_first_second_keeps_talking() {
    every_way("ask", Duration::from_millis(60)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_caller_who_is_fetched_keeps_talking() {
    every_way("park", Duration::from_millis(1500)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_caller_who_is_fetched_within_the_first_second_keeps_talking() {
    every_way("park", Duration::from_millis(60)).await;
}

/// Checks that the answer which comes in the moment in which somebody fetches the caller tears no talk.
async fn answered_in_the_same_moment(held: Duration) {
    let exchange = Exchange::acquire().await;
    with_queue(&exchange).await;
    let mut fetched = 0;
    for way in WAYS {
        for round in 0..ROUNDS {
            let receiver = Receiver::start().await;
            receiver.set_answer("/hold/slow", "{}");
            let service = Service::start(&receiver).await;
            let call = exchange
                .dial("ask-slow-within-4-then-kept", &service.address)
                .await;
            answered(&exchange, &call).await;
            receiver.requested("/hold/slow", 1).await;
            passes(&exchange.control, held).await;
            let clock = Control::connect(exchange.switch).await;
            let answer = async {
                passes(&clock, Duration::from_millis(4 * round as u64)).await;
                receiver.release("/hold/slow");
            };
            tokio::join!(way.fetch(&exchange, &call), answer);
            way.arrived(&call).await;
            let line = line_of(&service, &call.uuid).await;
            fetched += usize::from(has(&line, "ending", "fetched"));
            // It is still there when the socket is closed and the hook's schedule is over.
            let end = format!("sched_hangup +3 {}", call.uuid);
            exchange.control.api(&end).await;
            let end = call
                .wait("end", |event| event.name() == "CHANNEL_HANGUP_COMPLETE")
                .await;
            assert_eq!(
                end.get("Hangup-Cause"),
                "ALLOTTED_TIMEOUT",
                "{way:?}: {line}"
            );
            assert_ne!(end.get("Channel-State"), "CS_RESET", "{way:?}: {line}");
        }
    }
    println!(
        "{fetched} of {} ended as fetched, all kept talking",
        WAYS.len() * ROUNDS
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_in_the_moment_of_the_fetch_tears_no_talk() {
    answered_in_the_same_moment(Duration::from_millis(1200)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_in_the_moment_of_the_fetch_within_the_first_second_tears_no_talk() {
    answered_in_the_same_moment(Duration::from_millis(150)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_who_is_fetched_into_the_next_hook_is_asked_about_there() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/silent", "{}");
    let service = Service::parking(exchange.switch, &receiver, "").await;
    for (round, (from, to)) in [
        ("ask", "ask"),
        ("ask", "park"),
        ("park", "ask"),
        ("park", "park"),
    ]
    .into_iter()
    .enumerate()
    {
        let first = exchange
            .dial(&format!("{from}-slow-within-4"), &service.address)
            .await;
        receiver.requested("/hold/slow", round + 1).await;
        first.runs("playback").await;
        let on = format!(
            "uuid_transfer {} {to}-silent-then-next{round} XML switchhook",
            first.uuid
        );
        exchange.control.api(&on).await;
        receiver.requested("/hold/silent", round + 1).await;
        // Longer than the first socket takes to be closed, and longer than the first schedule.
        passes(&exchange.control, Duration::from_secs(5)).await;
        assert!(!first.had(|event| event.get("Caller-Context") == "flows"));
        receiver.release("/hold/silent");
        let line = first.line_of(&format!("next{round}")).await;
        assert_eq!(line.number, "0", "{from} to {to}");
        assert_eq!(
            line.key("response_status"),
            Some("SUCCESS"),
            "{from} to {to}"
        );
        receiver.hold("/hold/silent");
        first.hang_up().await;
    }
}

/// Calls through a dialplan of our own, whose hook is wrong.
async fn through(exchange: &Exchange, mode: &str, address: &str) -> Value {
    let uuid = uuid::Uuid::new_v4().to_string();
    let hook = format!(
        "m:^:answer^set:socket_resume=true^set:flow.line=1^sched_transfer:+4 '{TALK}' inline^\
         set:flow.way_out=${{last_sched_id}}^socket:{address}/lookup {mode}^set:reached=after^park"
    );
    let command = format!(
        "originate {{origination_uuid={uuid}}}loopback/m:^:answer^park/x/inline '{hook}' inline"
    );
    exchange.control.api(&command).await;
    loop {
        let dump = exchange
            .control
            .api(&format!("uuid_dump {uuid} json"))
            .await;
        let dump: Value = serde_json::from_str(&dump).expect("a channel");
        if dump["variable_reached"] == "after" {
            return dump;
        }
        assert_ne!(dump["Channel-State"], "CS_RESET", "{mode}: {dump:#}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_hook_in_a_mode_of_no_use_takes_line_1_and_the_log_says_the_cure() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", "{}");
    let service = Service::start(&receiver).await;
    for mode in ["full", "async", ""] {
        let channel = through(&exchange, mode, &service.address).await;
        let uuid = channel["Unique-ID"].as_str().expect("a UUID");
        assert_eq!(channel["variable_flow.line"], "1", "{mode}");
        assert_eq!(
            channel["variable_flow.key.error_reason"], "INVALID_REQUEST",
            "{mode}"
        );
        let detail = channel["variable_flow.key.error_detail"].to_string();
        assert!(detail.contains("async full"), "{mode}: {detail}");
        let line = line_of(&service, uuid).await;
        assert!(has(&line, "ending", "line_1"), "{mode}: {line}");
        assert!(line.contains("async full"), "{mode}: {line}");
        // A cancelled task is there until the scheduler's next second.
        passes(&exchange.control, Duration::from_secs(2)).await;
        let task = channel["variable_flow.way_out"].as_str().expect("a number");
        let left = exchange.control.api(&format!("sched_del {task}")).await;
        assert!(
            !left.contains("Deleted: 1"),
            "{mode}: the schedule was left behind"
        );
        exchange.control.api(&format!("uuid_kill {uuid}")).await;
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_goes_on_when_its_connected_socket_ends_without_socket_resume() {
    // The fact that a release rests on: this switch behaves as the ones that were measured.
    let exchange = Exchange::acquire().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number").to_string();
    let call = exchange
        .dial("ask-lookup-within-60-then-kept", &address)
        .await;
    let (mut stream, _) = listener.accept().await.expect("the switch connects");
    connect(&mut stream).await;
    let unset = format!("api uuid_setvar {} socket_resume\n\nexit\n\n", call.uuid);
    let written = stream.write_all(unset.as_bytes()).await;
    written.expect("the switch reads");
    assert_eq!(call.line_of("kept").await.number, "1");
    assert!(call.had(|event| is_run(event, "socket")));
}

//! Checks callers whom somebody else fetches from hold: the talk goes on, and nothing of ours cuts it off.

use std::time::{Duration, Instant};

use super::call::{Call, Exchange};
use super::control::{Control, Event};
use super::extensions;
use super::receiver::Receiver;
use super::service::Service;

/// A talk that no dialplan ends. (A tone has commas, which `inline` would take for the next action;
/// half of one makes the switch spin.)
pub const TALK: &str = "endless_playback:silence_stream://-1";

/// A way to fetch a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Transfer,
    Bridge,
    BridgeFromTheAgent,
    Intercept,
    Park,
    Schedule,
    Fifo,
    Callcenter,
}

/// All ways.
pub const WAYS: [Way; 8] = [
    Way::Transfer,
    Way::Bridge,
    Way::BridgeFromTheAgent,
    Way::Intercept,
    Way::Park,
    Way::Schedule,
    Way::Fifo,
    Way::Callcenter,
];

impl Way {
    /// Returns the leg of an agent who waits to fetch the caller, if this way needs one.
    pub async fn agent(self, exchange: &Exchange) -> Option<String> {
        match self {
            Self::Bridge | Self::BridgeFromTheAgent | Self::Intercept => {
                Some(agent(exchange).await)
            }
            Self::Transfer | Self::Park | Self::Schedule | Self::Fifo | Self::Callcenter => None,
        }
    }

    /// Fetches the caller.
    pub async fn fetch(self, control: &Control, uuid: &str, agent: Option<&str>) {
        let agent = agent.unwrap_or_default();
        let command = match self {
            Self::Transfer => format!("uuid_transfer {uuid} '{TALK}' inline"),
            Self::Bridge => format!("uuid_bridge {uuid} {agent}"),
            Self::BridgeFromTheAgent => format!("uuid_bridge {agent} {uuid}"),
            Self::Intercept => format!("uuid_transfer {agent} 'intercept:{uuid}' inline"),
            Self::Park => format!("uuid_park {uuid}"),
            Self::Schedule => format!("sched_transfer +1 {uuid} '{TALK}' inline"),
            Self::Fifo => format!("uuid_transfer {uuid} 'answer,fifo:sales in' inline"),
            Self::Callcenter => {
                format!("uuid_transfer {uuid} 'answer,callcenter:support@default' inline")
            }
        };
        control.api(&command).await;
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
            // Hold music that began after the transfer was ended by the service, and left its name.
            if state == "CS_EXECUTE"
                && application == "playback"
                && !call.now("variable_transfer_source").await.is_empty()
                && call.now("variable_total_loops").await.is_empty()
            {
                return;
            }
            assert!(state.starts_with("CS_"), "{self:?}: {state}");
            tokio::task::yield_now().await;
        }
    }

    /// Tells whether a channel with this state and application is where this way put it.
    pub fn is_there(self, state: &str, application: &str) -> bool {
        match self {
            Self::Transfer | Self::Schedule => {
                (state, application) == ("CS_EXECUTE", "endless_playback")
            }
            Self::Bridge | Self::BridgeFromTheAgent | Self::Intercept => {
                ["CS_SOFT_EXECUTE", "CS_EXCHANGE_MEDIA"].contains(&state)
            }
            Self::Park => state == "CS_PARK",
            Self::Fifo => (state, application) == ("CS_EXECUTE", "fifo"),
            Self::Callcenter => (state, application) == ("CS_EXECUTE", "callcenter"),
        }
    }

    /// Returns the words of the log line that say who has the call.
    fn taken_by(self) -> &'static str {
        match self {
            Self::Transfer | Self::Schedule | Self::Fifo | Self::Callcenter => "transferred to ",
            Self::Bridge | Self::BridgeFromTheAgent | Self::Intercept => "bridged with ",
            Self::Park => "parked",
        }
    }
}

/// Calls an agent who waits in a park, and returns the leg.
async fn agent(exchange: &Exchange) -> String {
    let uuid = uuid::Uuid::new_v4().to_string();
    let command = format!(
        "originate {{origination_uuid={uuid}}}loopback/m:^:answer^park/agents/inline &park"
    );
    let answer = exchange.control.api(&command).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    uuid
}

/// Loads the queues.
pub async fn with_queues(exchange: &Exchange) {
    let modules = ["mod_fifo", "mod_callcenter"];
    extensions::load(exchange.switch, &exchange.control, &modules).await;
}

/// Answers the call: the switch bridges nobody without media.
pub async fn answered(exchange: &Exchange, call: &Call<'_>) {
    let answer = format!("uuid_answer {}", call.uuid);
    exchange.control.api(&answer).await;
    call.wait("answer", |event| event.name() == "CHANNEL_ANSWER")
        .await;
}

/// Lets the switch wait for this time.
pub async fn passes(clock: &Control, time: Duration) {
    clock.api(&format!("msleep {}", time.as_millis())).await;
}

/// Waits for the log line of the call.
pub async fn line_of(service: &Service, uuid: &str) -> String {
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
pub fn has(line: &str, name: &str, value: &str) -> bool {
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
    with_queues(&exchange).await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    for (round, way) in WAYS.into_iter().enumerate() {
        let number = format!("{hook}-slow-within-4");
        let call = exchange.dial(&number, &service.address).await;
        answered(&exchange, &call).await;
        receiver.requested("/hold/slow", round + 1).await;
        let agent = way.agent(&exchange).await;
        passes(&exchange.control, held).await;
        let control = &exchange.control;
        way.fetch(control, &call.uuid, agent.as_deref()).await;
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

/// When the first caller is fetched, some time before the music begins, and how much later each next one is.
const FIRST_FETCH: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(3);

/// Checks callers who are fetched around the moment in which their music is sent. The switch keeps
/// a `playback` that is queued through the transfer, and would play it for ever.
async fn fetched_as_the_music_begins(hook: &str) {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let number = format!("{hook}-slow-within-60");
    let mut calls = Vec::new();
    for round in 0..24 {
        let call = exchange.dial(&number, &service.address).await;
        passes(&exchange.control, FIRST_FETCH + STEP * round).await;
        Way::Transfer
            .fetch(&exchange.control, &call.uuid, None)
            .await;
        let line = line_of(&service, &call.uuid).await;
        assert!(has(&line, "ending", "fetched"), "{line}");
        calls.push(call);
    }
    // Later than all that the service still does.
    passes(&exchange.control, Duration::from_secs(2)).await;
    for call in &calls {
        let music = call.now("variable_total_loops").await;
        assert_eq!(music, "", "the hold music plays on");
        assert_eq!(call.now("Channel-State").await, "CS_EXECUTE");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_on_a_socket_who_is_fetched_as_the_music_begins_hears_no_more_of_it() {
    fetched_as_the_music_begins("ask").await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_caller_who_is_fetched_as_the_music_begins_hears_no_more_of_it() {
    fetched_as_the_music_begins("park").await;
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

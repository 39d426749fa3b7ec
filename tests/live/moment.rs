//! Checks callers whose webhook answers in the moment in which somebody fetches them.
//!
//! The answer or the fetch may win, and a fetch also takes a call that is on line 0 already. But the
//! caller is at one of the two places, and at only one.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::call::{Call, Exchange};
use super::control::{Control, Event};
use super::extensions;
use super::fetched::{WAYS, Way, answered, has, line_of, passes, with_queues};
use super::receiver::Receiver;
use super::service::Service;

/// How often each way is tried, each time with the answer a little later.
const ROUNDS: u32 = 8;
const STEP: Duration = Duration::from_millis(4);
/// Seconds of the hook's schedule, and a longer time: the schedule would move the caller once more.
const WITHIN: u64 = 4;
const SETTLES: Duration = Duration::from_secs(WITHIN + 1);

/// Where a caller is in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Fetched,
    LineZero,
}

/// The connections of one race. The switch lets no more than five wait to be accepted, and speaks
/// first: they are made one after another, and used again.
struct Lane {
    fetch: Control,
    clock: Control,
}

impl Lane {
    async fn open(exchange: &Exchange) -> Self {
        Self {
            fetch: Control::connect(exchange.switch).await,
            clock: Control::connect(exchange.switch).await,
        }
    }
}

/// One caller, and the agent who fetches this caller.
struct Race<'x> {
    lane: &'x Lane,
    call: Call<'x>,
    way: Way,
    agent: Option<String>,
}

impl<'x> Race<'x> {
    /// Calls the hook.
    async fn begin(
        exchange: &'x Exchange,
        lane: &'x Lane,
        (way, agent): (Way, Option<String>),
        (hook, service): (&str, &Service),
    ) -> Self {
        let number = format!("{hook}-each-within-{WITHIN}-then-stays");
        let call = exchange.dial(&number, &service.address).await;
        answered(exchange, &call).await;
        Self {
            lane,
            call,
            way,
            agent,
        }
    }

    /// Lets the webhook answer `after` the fetch.
    async fn run(&self, receiver: &Receiver, held: Duration, after: Duration) {
        let path = format!("/hold/{}", self.call.uuid);
        receiver.set_answer(&path, "{}");
        receiver.requested(&path, 1).await;
        let Lane { fetch, clock } = self.lane;
        passes(clock, held).await;
        let answer = async {
            passes(clock, after).await;
            receiver.release(&path);
        };
        let agent = self.agent.as_deref();
        tokio::join!(self.way.fetch(fetch, &self.call.uuid, agent), answer);
    }

    /// Returns the ending and the place.
    async fn place(&self, service: &Service) -> (&'static str, Place) {
        let line = line_of(service, &self.call.uuid).await;
        let state = self.call.now("Channel-State").await;
        let application = self.call.now("variable_current_application").await;
        // Applications that run `inline` leave the number as it was.
        let dialplan = self.call.now("Caller-Dialplan").await;
        let number = self.call.now("Caller-Destination-Number").await;
        let told = format!(
            "{:?}: {state} {application} {dialplan} {number}: {line}",
            self.way
        );
        let ending = ["fetched", "line_0"];
        let ending = ending.iter().find(|name| has(&line, "ending", name));
        let ending = ending.unwrap_or_else(|| panic!("{told}"));
        let on_line = (dialplan.as_str(), number.as_str()) == ("XML", "stays-line-0");
        if on_line && state == "CS_EXECUTE" {
            assert_eq!(*ending, "line_0", "{told}");
            return (ending, Place::LineZero);
        }
        // The release ends the music by `break`, and that name then stays.
        let talks = matches!(self.way, Way::Transfer | Way::Schedule) && application == "break";
        let application = if talks {
            "endless_playback"
        } else {
            &application
        };
        assert!(self.way.is_there(&state, application), "{told}");
        if self.agent.is_some() {
            self.talks().await;
        }
        (ending, Place::Fetched)
    }

    /// Checks that caller and agent talk with each other.
    async fn talks(&self) {
        let agent = self.agent.as_deref().expect("an agent");
        let with = self.call.now("variable_bridge_uuid").await;
        assert_eq!(with, agent, "{:?}", self.way);
        let lives = self.lane.fetch.api(&format!("uuid_exists {agent}")).await;
        assert_eq!(lives, "true", "{:?}", self.way);
    }

    /// Hangs up, and checks that nobody did before.
    async fn ends(&self) {
        let ended = |event: &Event| event.name() == "CHANNEL_HANGUP_COMPLETE";
        assert!(
            !self.call.had(ended),
            "{:?}: the caller was hung up",
            self.way
        );
        self.call.hang_up().await;
        self.call.wait("end", ended).await;
    }
}

async fn answered_in_the_same_moment(hook: &str, held: Duration) {
    let exchange = Exchange::acquire().await;
    with_queues(&exchange).await;
    extensions::add(exchange.switch, &exchange.control).await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let mut lanes = Vec::new();
    for _ in 0..ROUNDS {
        lanes.push(Lane::open(&exchange).await);
    }
    let mut races = Vec::new();
    for way in WAYS {
        let mut agents = Vec::new();
        for lane in &lanes {
            agents.push((lane, way.agent(&exchange).await));
        }
        let begun = agents.into_iter().zip(0..).map(|((lane, agent), round)| {
            let (exchange, receiver, service) = (&exchange, &receiver, &service);
            async move {
                let race = Race::begin(exchange, lane, (way, agent), (hook, service)).await;
                race.run(receiver, held, STEP * round).await;
                race
            }
        });
        races.extend(join_all(begun).await);
    }
    passes(&exchange.control, SETTLES).await;
    let mut count = BTreeMap::new();
    for race in &races {
        let (ending, place) = race.place(&service).await;
        *count.entry((race.way, ending, place)).or_insert(0) += 1;
    }
    for race in &races {
        race.ends().await;
    }
    for ((way, ending, place), count) in count {
        println!("{hook}, {way:?}: {count} ended as {ending} and are at {place:?}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_in_the_moment_of_the_fetch_tears_no_talk() {
    answered_in_the_same_moment("ask", Duration::from_millis(1200)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_in_the_moment_of_the_fetch_within_the_first_second_tears_no_talk() {
    answered_in_the_same_moment("ask", Duration::from_millis(150)).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_in_the_moment_of_the_fetch_of_a_parked_caller_tears_no_talk() {
    answered_in_the_same_moment("park", Duration::from_millis(1200)).await;
}

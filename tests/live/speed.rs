//! Measures the time from the webhook's answer to the next dialplan action, and how often the service
//! waits for the switch.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedSender};

use super::call::{Call, Exchange, is_run};
use super::control::Event;
use super::receiver::Receiver;
use super::service::Service;

/// Longest time from the webhook's answer to the next dialplan action; the switch's tick is 20 ms.
const GOES_ON: Duration = Duration::from_millis(30);
/// Calls of each kind. The quickest counts, because the machine may be busy. With real-time priority
/// (`chrt -r 1`) all of them are within the limit.
const CALLS: usize = 21;
/// How many values an answer is mapped to.
const VALUES: usize = 10;

/// Returns an answer of `size` bytes, most of them in mapped values.
fn answer(size: usize) -> String {
    let of = |length: usize| {
        let value = |index| (format!("v{index}"), json!("x".repeat(length)));
        Value::Object((0..VALUES).map(value).collect()).to_string()
    };
    let filling = (size - of(0).len()) / VALUES;
    of(filling)
}

fn webhook(name: &str, path: &str) -> String {
    let map: Vec<_> = (0..VALUES)
        .map(|index| format!("v{index} = \"$.v{index}\""))
        .collect();
    format!(
        "[webhooks.{name}]\nurl = \"http://RECEIVER{path}\"\ntimeout = \"50s\"\nresponse.map = {{ {} }}\n",
        map.join(", ")
    )
}

/// Hands the call over to the service. The next dialplan action connects to the port `next`, whose
/// peer closes at once: without `socket_resume`, which the service unsets, the call would stay there.
async fn hand_over(exchange: &Exchange, call: &Call<'_>, turn: &str, service: &str, next: u16) {
    let plan = format!(
        "uuid_transfer {} 'm:^:set:turn={turn}^set:socket_resume=true^socket:{service} async full^\
         set:socket_resume=true^socket:127.0.0.1:{next} async full^park' inline",
        call.uuid
    );
    exchange.control.api(&plan).await;
}

/// Waits until the call runs this application in this round.
async fn runs(call: &Call<'_>, turn: &str, application: &str) {
    let wanted = |event: &Event| is_run(event, application) && event.variable("turn") == Some(turn);
    call.wait(application, wanted).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_dialplan_goes_on_within_30_ms_of_an_answer_of_up_to_4_kib() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, &webhook("timed", "/hold/timed")).await;
    let service = format!("{}/timed", service.address);
    let next = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = next.local_addr().expect("its number").port();
    let call = exchange.dial("0", &service).await;
    call.park().await;
    for (size, before) in [(256, 0), (4096, CALLS)] {
        receiver.set_answer("/hold/timed", answer(size));
        let mut times = Vec::with_capacity(CALLS);
        for requested in before + 1..=before + CALLS {
            receiver.hold("/hold/timed");
            let turn = requested.to_string();
            hand_over(&exchange, &call, &turn, &service, port).await;
            receiver.requested("/hold/timed", requested).await;
            runs(&call, &turn, "playback").await;
            let answered = Instant::now();
            receiver.release("/hold/timed");
            let (stream, _) = next.accept().await.expect("the next action");
            times.push(answered.elapsed());
            drop(stream);
            runs(&call, &turn, "park").await;
        }
        times.sort();
        let (best, middle, last) = (times[0], times[CALLS / 2], times[CALLS - 1]);
        println!("{size} bytes: {best:?} at best, {middle:?} in the middle, {last:?} at worst");
        assert!(best <= GOES_ON, "{size} bytes: {times:?}");
    }
}

/// The side that sent bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Switch,
    Service,
}

/// Carries bytes in one direction and notes each time that some came.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    side: Side,
    noted: UnboundedSender<Side>,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        noted.send(side).expect("the test counts");
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Relays one call between switch and service. Returns how often the service sent after the switch had.
async fn turns(listener: &TcpListener, service: &str) -> usize {
    let (switch, _) = listener.accept().await.expect("the switch connects");
    let service = TcpStream::connect(service).await.expect("the service");
    for stream in [&switch, &service] {
        stream.set_nodelay(true).expect("small writes");
    }
    let ((from_switch, to_switch), (from_service, to_service)) =
        (switch.into_split(), service.into_split());
    let (noted, mut sides) = mpsc::unbounded_channel();
    tokio::spawn(carry(from_switch, to_service, Side::Switch, noted.clone()));
    tokio::spawn(carry(from_service, to_switch, Side::Service, noted));
    let mut turns = 0;
    let mut last = Side::Switch;
    while let Some(side) = sides.recv().await {
        turns += usize::from(side == Side::Service && last == Side::Switch);
        last = side;
    }
    turns
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_costs_two_round_trips_and_its_music_one_write_that_nobody_waits_for() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", answer(4096));
    let service = Service::start_with(&receiver, &webhook("counted", "/lookup")).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hosts = proxy.local_addr().expect("its number").to_string();
    for _ in 0..CALLS {
        let counted = turns(&proxy, &service.address);
        let (call, turns) = tokio::join!(exchange.dial("ask-counted", &hosts), counted);
        assert_eq!(call.line_of("counted").await.number, "0");
        // An answer that takes longer is waited for with music.
        let waited = call.had(|event| {
            is_run(event, "playback") && !event.get("Caller-Destination-Number").contains("-line-")
        });
        assert_eq!(turns, 2 + usize::from(waited), "music: {waited}");
        call.hang_up().await;
    }
}

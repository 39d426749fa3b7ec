//! The examples of the Event Socket client on a real switch: `cargo build --workspace --examples`
//! builds them.

use eslclient::{Client, Endpoint, Event, EventName, Events, HangupCause, Originate, Subscription};
use test_support::example::Example;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::switch::Switch;

const PASSWORD: &str = "ClueCon";

fn address() -> String {
    format!("127.0.0.1:{}", Switch::shared().event_socket)
}

/// A channel without a phone, which answers at once.
fn phone() -> Originate {
    Originate::new(Endpoint::custom("null/phone"))
}

async fn connect() -> (Client, Events) {
    let (client, events) = Client::connect(&address(), PASSWORD).await.unwrap();
    let hangups = Subscription::to([EventName::ChannelHangupComplete]);
    client.subscribe(&hangups).await.unwrap();
    (client, events)
}

/// Places a call that is hung up with this cause; returns its UUID.
async fn ended_call(client: &Client, cause: HangupCause) -> String {
    let job = client.originate(&phone()).await.unwrap();
    let channel = job.channel().await.unwrap();
    channel.hangup(&cause).await.unwrap();
    channel.uuid().to_owned()
}

/// Waits for the end of a channel.
async fn end_of(events: &mut Events, uuid: &str) -> Event {
    loop {
        let event = events.next().await.unwrap();
        if event.unique_id().as_deref() == Some(uuid) {
            return event;
        }
    }
}

/// Reads until a line that begins so; returns the rest of it.
async fn line_after(example: &mut Example, beginning: &str) -> String {
    loop {
        let line = example.line().await.expect("a further line");
        if let Some(rest) = line.strip_prefix(beginning) {
            return rest.to_owned();
        }
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_readmes_program_prints_the_end_of_a_call() {
    let (client, _events) = connect().await;
    let mut example = Example::start("readme", &[&address()]);
    let version = example.line().await.unwrap();
    assert!(version.starts_with("FreeSWITCH Version"), "{version}");
    // The program subscribes after it printed the version, so the first calls may be too early.
    let calls = async {
        loop {
            ended_call(&client, HangupCause::UserBusy).await;
        }
    };
    let told = tokio::select! {
        told = example.line() => told.unwrap(),
        () = calls => unreachable!("it places calls for ever"),
    };
    let (_uuid, told) = told.split_once(' ').unwrap();
    assert_eq!(told, "ended: USER_BUSY, Q.850 Some(17)");
}

/// Forwards one connection to the switch.
fn forward(listener: TcpListener) -> JoinHandle<TcpListener> {
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(address()).await.unwrap();
        // Both ends may close.
        let _ = copy_bidirectional(&mut near, &mut far).await;
        listener
    })
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn watch_prints_calls_and_comes_back_after_a_loss() {
    let (client, mut events) = connect().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let first = forward(listener);
    let mut example = Example::start("watch", &[&proxy.to_string(), PASSWORD]);
    assert_eq!(example.line().await.unwrap(), "connected");
    for again in [false, true] {
        if again {
            first.abort();
            line_after(&mut example, "lost: ").await;
            forward(TcpListener::bind(proxy).await.unwrap());
            let back = line_after(&mut example, "back, restarted: ").await;
            assert!(back.starts_with("Some(false); "), "{back}");
        }
        let uuid = ended_call(&client, HangupCause::CallRejected).await;
        end_of(&mut events, &uuid).await;
        for expected in ["calls from", "is answered"] {
            line_after(&mut example, &format!("{uuid} {expected}")).await;
        }
        let told = line_after(&mut example, &format!("{uuid} ended: ")).await;
        assert_eq!(told, "CALL_REJECTED, Q.850 Some(21)");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn originate_plays_to_who_answers_and_says_why_nobody_came() {
    for (endpoint, told) in [
        ("null/phone", "ticket 17\ndone\n"),
        (
            "error/USER_BUSY",
            "nobody came: USER_BUSY, Q.850 Some(17)\n",
        ),
    ] {
        let example = Example::start("originate", &[&address(), PASSWORD, endpoint]);
        let (output, status) = example.finish().await;
        assert!(status.success() && output.ends_with(told), "{output}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn ivr_takes_a_digit_or_none_and_sends_the_call_on() {
    let (client, mut events) = connect().await;
    let mut example = Example::start("ivr", &["127.0.0.1:0", "silence_stream://10"]);
    let host = line_after(&mut example, "listening on ").await;
    for (press, told, choice) in [
        (Some("2"), "pressed 2", "2"),
        (None, "pressed nothing that fits", "none"),
    ] {
        let call = phone().variable("socket_resume", "true");
        let call = call.application("socket", &format!("{host} async full"));
        let job = client.originate(&call).await.unwrap();
        let channel = job.channel().await.unwrap();
        let uuid = channel.uuid();
        if let Some(digit) = press {
            let press = format!("{uuid} {digit}");
            client.api("uuid_recv_dtmf", &press).await.unwrap();
        }
        line_after(&mut example, &format!("{uuid}: call from ")).await;
        for expected in [told, "sent on"] {
            let line = line_after(&mut example, &format!("{uuid}: ")).await;
            assert_eq!(line, expected);
        }
        let end = end_of(&mut events, uuid).await;
        assert_eq!(end.variable("choice").as_deref(), Some(choice));
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn concurrent_gets_every_reply() {
    let example = Example::start("concurrent", &[&address(), PASSWORD, "500"]);
    let (output, status) = example.finish().await;
    assert!(status.success(), "{output}");
    assert!(
        output.starts_with("500 of 500 replies\nswitchname: "),
        "{output}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn parked_transfers_a_parked_call_and_reports_its_end() {
    let (client, mut events) = connect().await;
    let arguments = [&*address(), PASSWORD, "no-such-extension", "flows"];
    let mut example = Example::start("parked", &arguments);
    assert_eq!(example.line().await.unwrap(), "waiting for parked calls");
    let call = phone().application("park", "");
    let job = client.originate(&call).await.unwrap();
    let channel = job.channel().await.unwrap();
    let uuid = channel.uuid();
    let told = line_after(&mut example, &format!("{uuid}: ")).await;
    assert_eq!(told, "transferred to no-such-extension");
    let told = line_after(&mut example, &format!("{uuid}: ")).await;
    assert_eq!(told, "ended, NO_ROUTE_DESTINATION");
    let end = end_of(&mut events, uuid).await;
    assert_eq!(end.variable("taken_by").as_deref(), Some("parked example"));
}

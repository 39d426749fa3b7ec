//! Checks the dialplan's hook by itself: what a caller gets if no service answers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::call::{Exchange, is_run};

/// An address where no program listens.
const NOBODY: &str = "127.0.0.1:9";

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn dialling_0_sounds_and_answers() {
    let exchange = Exchange::acquire().await;
    let call = exchange.dial("0", NOBODY).await;
    call.wait("answer", |event| event.name() == "CHANNEL_ANSWER")
        .await;
    let playback = call.runs("playback").await;
    assert!(
        playback
            .get("Application-Data")
            .starts_with("tone_stream://")
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn when_nobody_listens_the_call_takes_line_1_with_the_failure_of_the_hook() {
    let exchange = Exchange::acquire().await;
    let call = exchange.dial("7021", "127.0.0.1:1").await;
    let line = call.line_of("failed").await;
    assert_eq!(line.number, "1");
    assert_eq!(line.key("response_status"), Some("FAILED"));
    assert_eq!(line.key("response_error"), Some("true"));
    assert_eq!(line.key("error_reason"), Some("CONNECTION_FAILURE"));
    assert_eq!(line.variable("flow.line"), Some("1"));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_way_out_of_the_hook_does_not_reach_a_call_that_has_gone_on() {
    let exchange = Exchange::acquire().await;
    let call = exchange.dial("ask-lookup-within-1-then-kept", NOBODY).await;
    let line = call.line_of("kept").await;
    assert_eq!(line.variable("flow.way_out"), None);
    // A schedule of the user, later than the way out would have been.
    exchange
        .control
        .api(&format!("sched_hangup +3 {}", call.uuid))
        .await;
    call.park().await;
    let end = call
        .wait("hang-up", |event| event.name() == "CHANNEL_HANGUP_COMPLETE")
        .await;
    assert_eq!(end.get("Hangup-Cause"), "ALLOTTED_TIMEOUT");
    assert!(!call.had(|event| {
        event
            .get("Caller-Destination-Number")
            .starts_with("way-out")
    }));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_host_that_accepts_and_says_nothing_costs_the_schedule_and_then_nothing_more() {
    let exchange = Exchange::acquire().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = listener.local_addr().expect("its number").to_string();
    let call = exchange
        .dial("ask-lookup-within-2-then-rescued", &silent)
        .await;
    let (mut stream, _) = listener.accept().await.expect("the switch connects");
    let line = call.line_of("rescued").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("CONNECTION_FAILURE"))
    );
    assert!(call.had(|event| event.get("Caller-Destination-Number") == "way-out-rescued"));
    call.park().await;
    // The switch gives up the silent host after 25 s; the call has left long before.
    let mut goodbye = Vec::new();
    stream.read_to_end(&mut goodbye).await.expect("an end");
    let over = |event: &super::control::Event| event.get("Unique-ID") == call.uuid;
    let last = exchange.events.all(over).pop();
    assert_eq!(call.now("Channel-State").await, "CS_EXECUTE", "{last:?}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_hook_tries_the_services_in_the_order_of_the_list() {
    let exchange = Exchange::acquire().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let second = listener.local_addr().expect("its number").to_string();
    let call = exchange.dial("7023", &second).await;
    let (mut stream, _) = listener
        .accept()
        .await
        .expect("the switch connects to the second");
    let socket = call.runs("socket").await;
    assert_eq!(
        socket.get("Application-Data"),
        format!("{NOBODY}|{second} async full")
    );
    let channel = connect(&mut stream).await;
    assert!(
        channel.contains("variable_socket_path: lookup\n"),
        "{channel}"
    );
    // The dialled number, not the hook's name: a webhook may need it.
    assert!(
        channel.contains("Caller-Destination-Number: 7023\n"),
        "{channel}"
    );
    call.hang_up().await;
    stream.read_to_end(&mut Vec::new()).await.expect("an end");
    assert!(!call.had(|event| is_run(event, "transfer")));
}

/// Sends `connect` as a service does, and returns the switch's reply.
pub async fn connect(stream: &mut TcpStream) -> String {
    stream
        .write_all(b"connect\n\n")
        .await
        .expect("the switch reads");
    let mut reply = Vec::new();
    while !reply.ends_with(b"\n\n") {
        let read = stream
            .read_buf(&mut reply)
            .await
            .expect("the switch answers");
        assert_ne!(read, 0, "the switch closed");
    }
    String::from_utf8(reply).expect("UTF-8")
}

//! Connections against a scripted switch: order of replies, writes, notices, ends, and dropped
//! futures.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

use std::task::{Context, Poll};
use std::time::Duration;

use eslclient::{
    Command, Connection, Error, ExecuteOptions, Incoming, Limits, Notice, Refusal, Reply, Ticket,
};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};

use crate::captures;
use crate::far_end::{command, send};

pub fn connected(size: usize) -> (Connection<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(size);
    (Connection::new(near, Limits::default()), far)
}

pub fn api_reply(text: &str) -> String {
    format!(
        "Content-Type: api/response\nContent-Length: {}\n\n{text}",
        text.len()
    )
}

pub async fn reply(
    connection: &mut Connection<impl AsyncRead + AsyncWrite + Unpin>,
) -> (Ticket, Reply) {
    match connection.next().await.unwrap() {
        Incoming::Reply(ticket, reply) => (ticket, reply),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dropped_futures_among_a_thousand_commands_shift_no_reply() {
    let (mut connection, mut switch) = connected(500);
    let server = tokio::spawn(async move {
        for number in 0..1000 {
            let seen = command(&mut switch).await;
            assert_eq!(seen, format!("api echo {number}\n\n"));
            // In two parts, with an event before every seventh reply.
            if number % 7 == 0 {
                let event = "Event-Name: HEARTBEAT\n\n";
                send(&mut switch, "Content-Type: text/event-plain\n").await;
                let length = event.len();
                send(&mut switch, &format!("Content-Length: {length}\n\n{event}")).await;
            }
            let whole = api_reply(&number.to_string());
            let (first, rest) = whole.split_at(number % whole.len());
            send(&mut switch, first).await;
            tokio::task::yield_now().await;
            send(&mut switch, rest).await;
        }
        switch
    });
    let mut tickets = Vec::new();
    for number in 0..1000 {
        let args = number.to_string();
        tickets.push(connection.queue(&Command::api("echo", &args).unwrap()));
    }
    let (mut replies, mut events, mut dropped) = (0, 0, 0);
    while replies < 1000 {
        // A future that is not ready at once is dropped.
        let next = tokio::select! {
            biased;
            next = connection.next() => Some(next),
            () = std::future::ready(()) => None,
        };
        let Some(next) = next else {
            dropped += 1;
            tokio::task::yield_now().await;
            continue;
        };
        match next.unwrap() {
            Incoming::Reply(ticket, reply) => {
                assert_eq!(ticket, tickets[replies]);
                assert_eq!(reply.text(), replies.to_string());
                replies += 1;
            }
            Incoming::Event(event) => {
                assert_eq!(event.name(), "HEARTBEAT");
                events += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(dropped > 0);
    assert_eq!(events, 143);
    assert_eq!(connection.outstanding(), 0);
    drop(server.await.unwrap());
    let end = connection.next().await;
    assert!(matches!(end, Err(Error::Closed { unanswered: 0 })));
}

#[tokio::test]
async fn an_end_between_frames_inside_a_frame_and_a_reset_are_different_errors() {
    let (mut connection, switch) = connected(1024);
    connection.queue(&Command::resume());
    connection.flush().await.unwrap();
    drop(switch);
    let end = connection.next().await;
    assert!(
        matches!(end, Err(Error::Closed { unanswered: 1 })),
        "{end:?}"
    );

    let (mut connection, mut switch) = connected(1024);
    send(&mut switch, "Content-Length: 10\n\nabc").await;
    drop(switch);
    let end = connection.next().await;
    assert!(matches!(end, Err(Error::Cut { bytes: 23 })), "{end:?}");

    let (mut connection, switch) = connected(1024);
    drop(switch);
    connection.queue(&Command::resume());
    let end = connection.next().await;
    assert!(matches!(end, Err(Error::Io(_))), "{end:?}");
}

#[tokio::test]
async fn frames_sent_before_the_close_are_read_although_writing_fails() {
    let (mut connection, mut switch) = connected(1024);
    send(
        &mut switch,
        "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
    )
    .await;
    drop(switch);
    connection.queue(&Command::resume());
    let said = connection.next().await.unwrap();
    assert!(matches!(said, Incoming::Rejection(text) if text == "Access Denied, go away."));
    assert!(connection.next().await.is_err());
}

#[tokio::test]
async fn a_reply_without_a_command_is_an_error_and_so_is_malformed_input() {
    let (mut connection, mut switch) = connected(1024);
    send(
        &mut switch,
        "Content-Type: command/reply\nReply-Text: +OK\n\n",
    )
    .await;
    assert!(matches!(
        connection.next().await,
        Err(Error::UnexpectedReply)
    ));

    let (mut connection, mut switch) = connected(1024);
    send(&mut switch, "HTTP/1.1 400 Bad Request\n\n").await;
    assert!(matches!(connection.next().await, Err(Error::Decode(_))));
    assert!(matches!(connection.next().await, Err(Error::Decode(_))));

    let (mut connection, mut switch) = connected(1024);
    let frame = "Content-Length: 2\nContent-Type: text/event-json\n\n[]";
    send(&mut switch, frame).await;
    assert!(matches!(connection.next().await, Err(Error::Decode(_))));
}

#[tokio::test]
async fn replies_tell_whether_the_switch_refused() {
    let cases = [
        (api_reply("+OK\n"), Ok("+OK"), Ok(Some("+OK\n"))),
        (
            api_reply("-ERR No such channel!\n"),
            Err("-ERR No such channel!"),
            Err("-ERR No such channel!"),
        ),
        (api_reply("-USAGE: x\n"), Err("-USAGE: x"), Err("-USAGE: x")),
        (api_reply("_undef_"), Ok("_undef_"), Ok(None)),
        (
            api_reply("two\nlines\n"),
            Ok("two\nlines"),
            Ok(Some("two\nlines\n")),
        ),
        (
            api_reply("-ERR is what it holds"),
            Err("-ERR is what it holds"),
            Ok(Some("-ERR is what it holds")),
        ),
        (
            "Content-Type: command/reply\nReply-Text: -ERR command not found\n\n".to_owned(),
            Err("-ERR command not found"),
            Ok(Some("-ERR command not found")),
        ),
        (
            "Content-Type: command/reply\nReply-Text: +OK Job-UUID: j\nJob-UUID: j\n\n".to_owned(),
            Ok("+OK Job-UUID: j"),
            Ok(Some("+OK Job-UUID: j")),
        ),
    ];
    let (mut connection, mut switch) = connected(4096);
    for (wire, result, variable) in cases {
        connection.queue(&Command::resume());
        send(&mut switch, &wire).await;
        let (_, reply) = reply(&mut connection).await;
        assert_eq!(reply.is_ok(), result.is_ok());
        assert_eq!(reply.result().as_deref().map_err(Refusal::text), result);
        if wire.contains("api/response") {
            let found = reply.variable();
            assert_eq!(
                found.as_ref().map(Option::as_deref).map_err(Refusal::text),
                variable
            );
        }
        let job = wire.contains("Job-UUID").then_some("j");
        assert_eq!(reply.header("Job-UUID").as_deref(), job);
    }
}

#[tokio::test]
async fn a_captured_call_arrives_as_replies_events_and_notices() {
    for path in captures::all() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (near, mut switch) = duplex(1 << 20);
        let entries = captures::load(&path);
        let mut connection = Connection::new(near, Limits::default());
        let mut kinds = [0; 5];
        for entry in entries {
            if entry.direction == captures::Direction::Sent {
                continue;
            }
            // The captures leave some commands out, such as the password.
            if connection.outstanding() == 0 {
                connection.queue(&Command::resume());
            }
            switch.write_all(&entry.bytes).await.unwrap();
            let kind = match connection.next().await.unwrap() {
                Incoming::Reply(..) => 0,
                Incoming::Event(event) => {
                    assert!(!event.name().is_empty());
                    1
                }
                Incoming::Notice(Notice::Linger { session, closes_in }) => {
                    assert!(session.is_some());
                    assert_eq!(closes_in, Some(Duration::from_secs(5)));
                    2
                }
                Incoming::Notice(Notice::Disconnected { session }) => {
                    assert!(session.is_some() || !name.starts_with("socket"));
                    3
                }
                Incoming::AuthRequest => 4,
                other => panic!("{name}: {other:?}"),
            };
            kinds[kind] += 1;
        }
        let [replies, events, lingers, disconnected, asked] = kinds;
        // A socket that asks for none has no events.
        let has_events = !name.starts_with("socket-resume");
        assert!(replies >= 2 && (events >= 1) == has_events, "{name}");
        if name.starts_with("socket") {
            assert_eq!((disconnected, asked), (1, 0), "{name}");
            assert_eq!(lingers, usize::from(name.contains("hangs-up")), "{name}");
        } else {
            assert_eq!(asked, 1, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replies_match_in_order_however_the_wire_is_cut(
        sizes in prop::collection::vec(1..80usize, 1..20),
        count in 1..40usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut connection, mut switch) = connected(1 << 16);
            let command = Command::execute("log", "x", ExecuteOptions::default()).unwrap();
            let tickets: Vec<_> = (0..count).map(|_| connection.queue(&command)).collect();
            let wire: String = (0..count).map(|n| api_reply(&n.to_string())).collect();
            let mut rest = wire.as_bytes();
            let mut sizes = sizes.iter().cycle();
            let mut next = 0;
            while next < count {
                let (part, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                switch.write_all(part).await.unwrap();
                rest = after;
                // Every await here is ready, so the runtime needs a turn.
                tokio::task::yield_now().await;
                let mut waker = Context::from_waker(std::task::Waker::noop());
                while let Poll::Ready(incoming) = connection.poll_next(&mut waker) {
                    let Incoming::Reply(ticket, reply) = incoming.unwrap() else {
                        panic!("no reply");
                    };
                    assert_eq!(ticket, tickets[next]);
                    assert_eq!(reply.text(), next.to_string());
                    next += 1;
                }
            }
        });
    }
}

//! One connection that many callers share.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use eslclient::{Client, Command, Connection, Error, Events, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

fn started(events: usize) -> (Client, Events, DuplexStream) {
    let (near, switch) = duplex(4096);
    let (client, events) = Client::start(Connection::new(near, Limits::default()), events);
    (client, events, switch)
}

fn echo(number: usize) -> Command {
    Command::api("echo", &number.to_string()).unwrap()
}

async fn command(switch: &mut DuplexStream) -> Option<String> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n\n") {
        seen.push(switch.read_u8().await.ok()?);
    }
    Some(String::from_utf8(seen).unwrap())
}

async fn answer(switch: &mut DuplexStream, text: &str) {
    let length = text.len();
    let frame = format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}");
    switch.write_all(frame.as_bytes()).await.unwrap();
}

async fn event(switch: &mut DuplexStream, number: usize) {
    let body = format!("{{\"Event-Name\":\"X\",\"n\":\"{number}\"}}");
    let length = body.len();
    let frame = format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{body}");
    switch.write_all(frame.as_bytes()).await.unwrap();
}

/// Answers every `api echo N` with N.
async fn serve(mut switch: DuplexStream) -> usize {
    let mut served = 0;
    while let Some(seen) = command(&mut switch).await {
        let number = seen.trim().strip_prefix("api echo ").unwrap().to_owned();
        answer(&mut switch, &number).await;
        served += 1;
    }
    served
}

#[tokio::test]
async fn a_batch_has_no_command_of_another_caller_between_its_own() {
    let (client, events, mut switch) = started(1);
    let callers: Vec<_> = (0..20_usize)
        .map(|caller| {
            let client = client.clone();
            tokio::spawn(async move {
                let numbers = caller * 10..caller * 10 + 3;
                let replies = client.send_batch(numbers.clone().map(echo).collect()).await;
                let texts: Vec<_> = replies
                    .unwrap()
                    .iter()
                    .map(|r| r.text().into_owned())
                    .collect();
                let wanted: Vec<_> = numbers.map(|number| number.to_string()).collect();
                assert_eq!(texts, wanted);
            })
        })
        .collect();
    let mut seen = Vec::new();
    for _ in 0..60 {
        let asked = command(&mut switch).await.unwrap();
        let number = asked.trim().strip_prefix("api echo ").unwrap().to_owned();
        answer(&mut switch, &number).await;
        seen.push(number.parse::<usize>().unwrap());
    }
    for three in seen.chunks(3) {
        assert_eq!([three[0] + 1, three[0] + 2], three[1..], "{seen:?}");
    }
    for caller in callers {
        caller.await.unwrap();
    }
    drop((client, events));
}

#[tokio::test]
async fn each_caller_gets_its_own_reply_although_others_drop_their_futures() {
    let (client, events, switch) = started(1);
    let server = tokio::spawn(serve(switch));
    let callers: Vec<_> = (0..1000)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let asking = client.command(echo(number));
                if number % 3 == 0 {
                    // Drops the future at its first wait.
                    tokio::select! {
                        biased;
                        () = tokio::task::yield_now() => return,
                        _ = asking => return,
                    }
                }
                assert_eq!(asking.await.unwrap().text(), number.to_string());
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    drop((client, events));
    // Commands of dropped futures may have been sent too.
    assert!(server.await.unwrap() >= 666);
}

#[tokio::test]
async fn no_event_is_lost_when_the_receiver_is_slow_and_the_lag_can_be_seen() {
    let (client, mut events, mut switch) = started(4);
    let sending = tokio::spawn(async move {
        for number in 0..2000 {
            event(&mut switch, number).await;
        }
        switch
    });
    // The receiver's channel fills, then the pipe, then the sender waits.
    while client.stalled() == Duration::ZERO {
        tokio::task::yield_now().await;
    }
    assert_eq!(events.waiting(), 4);
    assert!(!sending.is_finished());
    for number in 0..2000 {
        let event = events.next().await.unwrap();
        assert_eq!(event.get("n").unwrap(), number.to_string());
    }
    drop(sending.await.unwrap());
    let end = events.next().await;
    assert!(matches!(end, Err(Error::Closed { unanswered: 0 })));
    assert!(matches!(events.next().await, Err(Error::Closed { .. })));
    let late = client.command(echo(1)).await.unwrap_err();
    assert!(matches!(late, Error::Lost { cause } if matches!(*cause, Error::Closed { .. })));
}

#[tokio::test]
async fn a_receiver_that_sends_a_command_while_events_pile_up_gets_its_reply() {
    let (client, mut events, mut switch) = started(1);
    let server = tokio::spawn(async move {
        for number in 0..100 {
            event(&mut switch, number).await;
        }
        let seen = command(&mut switch).await.unwrap();
        for number in 100..200 {
            event(&mut switch, number).await;
        }
        answer(&mut switch, &seen).await;
        switch
    });
    assert_eq!(events.next().await.unwrap().get("n").unwrap(), "0");
    // No event is taken during this wait.
    let reply = client.command(echo(7)).await.unwrap();
    assert_eq!(reply.text(), "api echo 7\n\n");
    for number in 1..200 {
        let event = events.next().await.unwrap();
        assert_eq!(event.get("n").unwrap(), number.to_string());
    }
    drop(server.await.unwrap());
}

#[tokio::test]
async fn when_the_connection_ends_commands_fail_at_once_and_events_arrive_first() {
    let (client, mut events, mut switch) = started(1);
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.command(echo(1)).await.err() }
    });
    command(&mut switch).await.unwrap();
    for number in 0..3 {
        event(&mut switch, number).await;
    }
    switch.write_all(b"Content-Le").await.unwrap();
    drop(switch);
    let error = asking.await.unwrap();
    assert!(
        matches!(&error, Some(Error::Lost { cause }) if matches!(**cause, Error::Cut { bytes: 10 })),
        "{error:?}"
    );
    for number in 0..3 {
        let event = events.next().await.unwrap();
        assert_eq!(event.get("n").unwrap(), number.to_string());
    }
    assert!(matches!(events.next().await, Err(Error::Cut { bytes: 10 })));
}

#[tokio::test]
async fn the_connection_lives_until_all_handles_and_the_receiver_are_dropped() {
    // Without a receiver, events are discarded and commands still work.
    let (client, events, mut switch) = started(1);
    drop(events);
    for number in 0..50 {
        event(&mut switch, number).await;
    }
    let server = tokio::spawn(serve(switch));
    assert_eq!(client.command(echo(5)).await.unwrap().text(), "5");
    drop(client);
    assert_eq!(server.await.unwrap(), 1);

    // Without callers, events still arrive.
    let (client, mut events, mut switch) = started(1);
    drop(client);
    event(&mut switch, 1).await;
    assert_eq!(events.next().await.unwrap().get("n").unwrap(), "1");
    drop(events);
    assert_eq!(command(&mut switch).await, None);
}

//! Events that nobody reads, and the ways to read them.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::pin::Pin;
use std::time::Duration;

use eslclient::{Error, Retry, WhenFull};
use futures_util::Stream;

use crate::far_end::{command, heartbeat, options, output, send, started};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn events_that_nobody_reads_fail_a_command_instead_of_blocking_it_for_ever() {
    let options = options().capacity(10).deadline(None).patience(SECOND);
    let (client, mut events, mut switch) = started(options.keep_alive(SECOND));
    let server = tokio::spawn(async move {
        loop {
            command(&mut switch).await;
            // Two events for every command, as on a switch whose calls the program makes.
            send(&mut switch, &heartbeat()).await;
            send(&mut switch, &heartbeat()).await;
            send(&mut switch, &output("ok")).await;
        }
    });
    let mut answered = 0;
    let error = loop {
        match client.api("status", "").await {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::EventsNotRead { waiting } if waiting >= 4096 + 10));
    assert_eq!(error.retry(), Retry::Later);
    assert!(answered >= 2000, "only {answered}");
    // No event is lost, and commands go on once they are read.
    let mut read = 0;
    while events.waiting() > 0 {
        assert_eq!(events.next().await.unwrap().name(), "HEARTBEAT");
        read += 1;
    }
    assert!(read >= 2 * answered, "{read} of {answered}");
    assert_eq!(client.api("status", "").await.unwrap(), "ok");
    assert_eq!(events.lost(), 0);
    server.abort();
}

#[tokio::test]
async fn a_client_that_may_lose_events_counts_them_and_answers_on() {
    let options = options().capacity(10).when_full(WhenFull::Lose);
    let (client, mut events, mut switch) = started(options);
    let server = tokio::spawn(async move {
        for _ in 0..5000 {
            command(&mut switch).await;
            send(&mut switch, &heartbeat()).await;
            send(&mut switch, &output("ok")).await;
        }
        switch
    });
    for _ in 0..5000 {
        assert_eq!(client.api("status", "").await.unwrap(), "ok");
    }
    let _switch = server.await.unwrap();
    assert_eq!((events.waiting(), events.lost()), (10, 4990));
    for _ in 0..10 {
        events.next().await.unwrap();
    }
    assert_eq!(events.waiting(), 0);
}

#[tokio::test]
async fn events_are_a_stream_that_ends_after_its_error() {
    let (_client, mut events, mut switch) = started(options());
    send(&mut switch, &heartbeat()).await;
    drop(switch);
    let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await;
    assert_eq!(next().await.unwrap().unwrap().name(), "HEARTBEAT");
    assert!(matches!(next().await, Some(Err(Error::Closed { .. }))));
    assert!(next().await.is_none());
}

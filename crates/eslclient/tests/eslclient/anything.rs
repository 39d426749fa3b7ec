//! Whatever is dropped, cancelled, split or closed at any byte: no reply reaches another caller,
//! and every caller gets an answer or the reason.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use eslclient::{Client, Command, Connection, Error, Limits};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, duplex, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::far_end::{event, output, reply};

/// What one caller does.
#[derive(Debug, Clone, Copy)]
enum Caller {
    Asks,
    /// Drops its future after so many polls.
    Drops(usize),
    /// Waits a millisecond at most.
    Hurries,
    Batches,
    RunsJob,
    Executes,
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        3 => Just(Caller::Asks),
        2 => (0..5_usize).prop_map(Caller::Drops),
        1 => Just(Caller::Hurries),
        1 => Just(Caller::Batches),
        1 => Just(Caller::RunsJob),
        1 => Just(Caller::Executes),
    ]
}

/// Answers every command with its own number.
fn answer(command: &str) -> String {
    let line = |name: &str| {
        let found = command.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    if let Some(number) = command.strip_prefix("api echo ") {
        return event(&[("Event-Name", "HEARTBEAT")], "") + &output(number.trim_end());
    }
    let done = if command.starts_with("bgapi echo ") {
        let headers = [
            ("Event-Name", "BACKGROUND_JOB"),
            ("Job-UUID", &line("Job-UUID: ")),
        ];
        event(&headers, &line("bgapi echo "))
    } else if command.starts_with("sendmsg") {
        let headers = [
            ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
            ("Application-UUID", &line("event-uuid: ")),
            ("Application-Response", &line("execute-app-arg: ")),
        ];
        event(&headers, "")
    } else {
        String::new()
    };
    // The event comes before the reply for every second command.
    if command.len().is_multiple_of(2) {
        done + &reply("+OK")
    } else {
        reply("+OK") + &done
    }
}

async fn read(mut near: ReadHalf<DuplexStream>, answers: mpsc::UnboundedSender<String>) {
    let mut seen = Vec::new();
    while let Ok(byte) = near.read_u8().await {
        seen.push(byte);
        if seen.ends_with(b"\n\n") {
            let command = String::from_utf8(std::mem::take(&mut seen)).unwrap();
            if answers.send(answer(&command)).is_err() {
                return;
            }
        }
    }
}

/// Writes in pieces of these sizes, and closes after so many bytes.
async fn switch(stream: DuplexStream, pieces: Vec<usize>, mut close_after: Option<usize>) {
    let (near, mut far) = split(stream);
    let (sender, mut answers) = mpsc::unbounded_channel();
    let reading = tokio::spawn(read(near, sender));
    let mut sizes = pieces.into_iter().cycle();
    'all: while let Some(answer) = answers.recv().await {
        let mut rest = answer.as_bytes();
        while !rest.is_empty() {
            let most = sizes.next().unwrap().min(rest.len());
            let size = close_after.map_or(most, |left| left.min(most));
            let (piece, after) = rest.split_at(size);
            if far.write_all(piece).await.is_err() {
                break 'all;
            }
            rest = after;
            if let Some(left) = &mut close_after {
                *left -= size;
                if *left == 0 {
                    break 'all;
                }
            }
            tokio::task::yield_now().await;
        }
    }
    reading.abort();
}

/// Polls a future so often and drops it.
async fn poll_times<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(done) = polled {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Returns what the caller got: nothing if it dropped its future, else a number or the reason.
async fn call(client: Client, caller: Caller, number: String) -> Option<Result<String, Error>> {
    match caller {
        Caller::Asks => Some(client.api("echo", &number).await),
        Caller::Drops(times) => poll_times(times, client.api("echo", &number)).await,
        Caller::Hurries => {
            let hasty = client.within(Duration::from_millis(1));
            Some(hasty.api("echo", &number).await)
        }
        Caller::Batches => {
            let echo = Command::api("echo", &number).unwrap();
            let replies = client.send_batch(vec![echo.clone(), echo]).await;
            Some(replies.map(|replies| {
                assert_eq!(replies.len(), 2);
                assert_eq!(replies[0].text(), replies[1].text());
                replies[0].text().into_owned()
            }))
        }
        Caller::RunsJob => Some(match client.bgapi("echo", &number).await {
            Ok(job) => job.result().await,
            Err(error) => Err(error),
        }),
        Caller::Executes => {
            let ended = client.channel("u-1").execute("echo", &number).await;
            Some(ended.map(|event| event.application_response().unwrap().into_owned()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_reply_reaches_another_caller_and_every_caller_gets_an_answer_or_the_reason(
        callers in prop::collection::vec(caller(), 1..40),
        pieces in prop::collection::vec(1..120_usize, 1..12),
        close_after in prop::option::of(1..6000_usize),
        reads_events in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, far) = duplex(256);
            let server = tokio::spawn(switch(far, pieces, close_after));
            let connection = Connection::new(near, Limits::default());
            let (client, mut events) = Client::start(connection, 5);
            let tasks: Vec<_> = callers
                .into_iter()
                .enumerate()
                .map(|(number, caller)| {
                    let number = number.to_string();
                    let called = call(client.clone(), caller, number.clone());
                    (caller, number, tokio::spawn(called))
                })
                .collect();
            let reader = tokio::spawn(async move {
                while reads_events && events.next().await.is_ok() {}
                events
            });
            for (caller, number, task) in tasks {
                // The clock stands still while anything can go on: this is for ever.
                let told = timeout(Duration::from_secs(3600), task).await;
                match told.expect("a caller waits for ever").unwrap() {
                    None => assert!(matches!(caller, Caller::Drops(_))),
                    Some(Ok(text)) => assert_eq!(text, number, "{caller:?}"),
                    Some(Err(Error::Lost { cause })) => {
                        assert!(close_after.is_some(), "{caller:?}: {cause}");
                    }
                    Some(Err(Error::Timeout { .. })) => {
                        assert!(matches!(caller, Caller::Hurries), "{caller:?}");
                    }
                    Some(Err(error)) => panic!("{caller:?}: {error}"),
                }
            }
            drop(client);
            reader.abort();
            server.abort();
        });
    }
}

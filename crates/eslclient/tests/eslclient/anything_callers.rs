//! Callers of every kind, of which each asks with a number of its own.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use eslclient::{Client, Command, Error, Event};
use proptest::prelude::*;

/// What one caller does.
#[derive(Debug, Clone, Copy)]
pub enum Caller {
    Asks,
    /// Drops its future after so many polls.
    Drops(usize),
    /// Its task is stopped after so many turns.
    Aborts(usize),
    /// Waits a millisecond at most.
    Hurries,
    Batches,
    IsRefused,
    RunsJob,
    /// Drops the wait for a job's result after so many polls.
    DropsJob(usize),
    Executes,
    /// Drops the wait for an application after so many polls.
    DropsExecution(usize),
    /// Executes on a channel that is hung up meanwhile.
    IsHungUp,
    Queues,
    /// Executes on a channel whose events it reads.
    Watches,
}

pub fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        4 => Just(Caller::Asks),
        2 => (0..5_usize).prop_map(Caller::Drops),
        1 => (0..9_usize).prop_map(Caller::Aborts),
        1 => Just(Caller::Hurries),
        1 => Just(Caller::Batches),
        1 => Just(Caller::IsRefused),
        1 => Just(Caller::RunsJob),
        1 => (0..9_usize).prop_map(Caller::DropsJob),
        1 => Just(Caller::Executes),
        1 => (0..9_usize).prop_map(Caller::DropsExecution),
        1 => Just(Caller::IsHungUp),
        1 => Just(Caller::Queues),
        1 => Just(Caller::Watches),
    ]
}

/// What a caller got: nothing if it gave up, else its number or the reason.
pub type Told = Option<Result<String, Error>>;

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

fn response(event: &Event) -> String {
    event.application_response().unwrap().into_owned()
}

async fn execute(client: &Client, channel: &str, number: &str) -> Result<String, Error> {
    let ended = client.channel(channel).execute("echo", number).await;
    ended.map(|event| response(&event))
}

async fn run_job(client: &Client, number: &str) -> Result<String, Error> {
    client.bgapi("echo", number).await?.result().await
}

async fn batch(client: &Client, number: &str) -> Result<String, Error> {
    let echo = Command::api("echo", number).unwrap();
    let replies = client.send_batch(vec![echo.clone(), echo]).await?;
    assert_eq!(replies.len(), 2);
    assert_eq!(replies[0].text(), replies[1].text());
    Ok(replies[0].text().into_owned())
}

async fn watch(client: &Client, number: &str) -> Result<String, Error> {
    let uuid = format!("watched-{number}");
    let channel = client.channel(&uuid);
    let mut own = channel.events().await?;
    let ended = channel.execute("echo", number).await?;
    // The same event is the first of the channel's own, unless there was no room for it.
    if let Some(event) = own.next().await {
        assert_eq!(event.unique_id().as_deref(), Some(&*uuid));
    }
    Ok(response(&ended))
}

pub async fn call(client: Client, caller: Caller, number: String) -> Told {
    Some(match caller {
        Caller::Asks => client.api("echo", &number).await,
        Caller::Drops(times) => return poll_times(times, client.api("echo", &number)).await,
        Caller::Aborts(turns) => {
            let task = tokio::spawn(async move { client.api("echo", &number).await });
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            task.abort();
            return task.await.ok();
        }
        Caller::Hurries => {
            let hasty = client.within(Duration::from_millis(1));
            hasty.api("echo", &number).await
        }
        Caller::Batches => batch(&client, &number).await,
        Caller::IsRefused => client.api("refuse", &number).await,
        Caller::RunsJob => run_job(&client, &number).await,
        Caller::DropsJob(times) => return poll_times(times, run_job(&client, &number)).await,
        Caller::Executes => execute(&client, "u-1", &number).await,
        Caller::DropsExecution(times) => {
            return poll_times(times, execute(&client, "u-1", &number)).await;
        }
        Caller::IsHungUp => execute(&client, &format!("dies-{number}"), &number).await,
        Caller::Queues => {
            let queued = client.channel("u-1").queue("echo", &number).await;
            queued.map(|()| number)
        }
        Caller::Watches => watch(&client, &number).await,
    })
}

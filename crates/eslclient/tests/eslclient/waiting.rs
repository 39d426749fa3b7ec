//! What a client waits for besides replies: deadlines, signs of life, jobs and applications.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use eslclient::{Command, Endpoint, Error, Format, HangupCause, Originate, Retry};

use crate::far_end::{command, event, heartbeat, options, output, reply, send, started};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the UUID in a header line of a command.
fn line<'a>(command: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    command
        .lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_command_fails_at_its_deadline_and_its_late_reply_reaches_nobody_else() {
    let (client, _events, mut switch) = started(options().deadline(SECOND));
    let error = client.api("slow", "").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { within, .. } if within == SECOND));
    assert_eq!(error.retry(), Retry::Later);
    assert_eq!(command(&mut switch).await, "api slow\n\n");
    let serving = async {
        assert_eq!(command(&mut switch).await, "api next\n\n");
        send(&mut switch, &output("of slow")).await;
        send(&mut switch, &output("of next")).await;
    };
    let (next, ()) = tokio::join!(client.api("next", ""), serving);
    assert_eq!(next.unwrap(), "of next");
}

#[tokio::test(start_paused = true)]
async fn one_command_may_have_another_deadline_or_none() {
    let (client, _events, mut switch) = started(options().deadline(SECOND).keep_alive(None));
    let patient = client.within(None);
    let asking = tokio::spawn(async move { patient.api("slow", "").await });
    command(&mut switch).await;
    tokio::time::advance(SECOND * 3600).await;
    send(&mut switch, &output("done\n")).await;
    assert_eq!(asking.await.unwrap().unwrap(), "done");
    let hasty = client.within(Duration::from_millis(5));
    let error = hasty.api("slow", "").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { within, .. } if within.as_millis() == 5));
}

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_asked_and_then_given_up() {
    let (client, mut events, mut switch) = started(options().keep_alive(SECOND).deadline(None));
    let start = tokio::time::Instant::now();
    // A switch that answers stays.
    for _ in 0..5 {
        assert_eq!(command(&mut switch).await, "api switchname\n\n");
        send(&mut switch, &output("-ERR permission denied\n")).await;
    }
    assert!(start.elapsed() >= SECOND * 5);
    // One that sends events is not asked.
    for _ in 0..5 {
        tokio::time::sleep(SECOND / 2).await;
        send(&mut switch, &heartbeat()).await;
        events.next().await.unwrap();
    }
    let asking = tokio::spawn(async move { client.api("status", "").await });
    assert!(matches!(events.next().await, Err(Error::Silent { within }) if within == SECOND));
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Lost { cause } if matches!(**cause, Error::Silent { .. })));
    assert_eq!(error.retry(), Retry::Reconnect);
}

#[tokio::test]
async fn a_job_returns_its_output_also_when_its_event_comes_before_the_reply() {
    for early in [true, false] {
        let (client, _events, mut switch) = started(options());
        let serving = async {
            assert_eq!(
                command(&mut switch).await,
                "event json BACKGROUND_JOB\n\n",
                "the client subscribes first"
            );
            let asked = command(&mut switch).await;
            assert!(asked.starts_with("bgapi status\nJob-UUID: "), "{asked}");
            let uuid = line(&asked, "Job-UUID");
            let other = event(
                &[("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", "other")],
                "no\n",
            );
            let done = event(
                &[("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", uuid)],
                "UP\n",
            );
            let replied = format!(
                "Content-Type: command/reply\nReply-Text: +OK Job-UUID: {uuid}\nJob-UUID: {uuid}\n\n"
            );
            let order = if early {
                [
                    &reply("+OK event listener enabled json"),
                    &other,
                    &done,
                    &replied,
                ]
            } else {
                [
                    &reply("+OK event listener enabled json"),
                    &replied,
                    &other,
                    &done,
                ]
            };
            for wire in order {
                send(&mut switch, wire).await;
            }
            uuid.to_owned()
        };
        let asking = async {
            let job = client.bgapi("status", "").await.unwrap();
            (job.uuid().to_owned(), job.result().await.unwrap())
        };
        let (uuid, (known, text)) = tokio::join!(serving, asking);
        assert_eq!((known, text.as_str()), (uuid, "UP"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_originate_returns_its_channel_or_ends_at_the_programs_deadline() {
    let (client, _events, mut switch) = started(options().keep_alive(None));
    let serving = async {
        assert_eq!(command(&mut switch).await, "event json BACKGROUND_JOB\n\n");
        send(&mut switch, &reply("+OK")).await;
        for answer in [Some("+OK 4f6e\n"), None] {
            let asked = command(&mut switch).await;
            let uuid = line(&asked, "Job-UUID");
            send(&mut switch, &reply("+OK")).await;
            if let Some(answer) = answer {
                let headers = [("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", uuid)];
                send(&mut switch, &event(&headers, answer)).await;
            }
        }
    };
    let asking = async {
        let call = Originate::new(Endpoint::user("1001"));
        let job = client.originate(&call).await.unwrap();
        let channel = job.channel_within(SECOND).await.unwrap();
        let job = client.originate(&call).await.unwrap();
        let late = job.channel_within(SECOND).await.unwrap_err();
        (channel.uuid().to_owned(), late)
    };
    let ((), (uuid, late)) = tokio::join!(serving, asking);
    assert_eq!(uuid, "4f6e");
    assert!(matches!(&late, Error::JobRuns { within, .. } if *within == SECOND));
    // The phone rings on, and a switch that is asked later says the same.
    assert_eq!(late.retry(), Retry::Later);
    assert!(late.to_string().contains("goes on"), "{late}");
}

#[tokio::test]
async fn jobs_do_not_disturb_the_programs_own_events() {
    let (client, mut events, mut switch) = started(options());
    let serving = async {
        assert_eq!(command(&mut switch).await, "event plain HEARTBEAT\n\n");
        send(&mut switch, &reply("+OK")).await;
        assert_eq!(command(&mut switch).await, "filter Core-UUID x\n\n");
        send(&mut switch, &reply("+OK")).await;
        // In the program's format, with a filter, and once only.
        assert_eq!(command(&mut switch).await, "event plain BACKGROUND_JOB\n\n");
        send(&mut switch, &reply("+OK")).await;
        let filter = command(&mut switch).await;
        let first = command(&mut switch).await;
        let uuid = line(&first, "Job-UUID");
        assert_eq!(filter, format!("filter Job-UUID {uuid}\n\n"));
        for wire in [
            reply("+OK"),
            reply("+OK"),
            event(
                &[("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", "other")],
                "no",
            ),
            event(
                &[("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", uuid)],
                "yes",
            ),
            heartbeat(),
        ] {
            send(&mut switch, &wire).await;
        }
        assert_eq!(
            command(&mut switch).await,
            format!("filter delete Job-UUID {uuid}\n\n")
        );
        send(&mut switch, &reply("+OK")).await;
        switch
    };
    let asking = async {
        let subscription = Command::event(Format::Plain, ["HEARTBEAT"]).unwrap();
        client.run(subscription).await.unwrap();
        let filter = Command::filter("Core-UUID", "x").unwrap();
        client.run(filter).await.unwrap();
        let job = client.bgapi("status", "").await.unwrap();
        job.result().await.unwrap()
    };
    let (_switch, text) = tokio::join!(serving, asking);
    assert_eq!(text, "yes");
    // The job of somebody else was not wanted.
    assert_eq!(events.next().await.unwrap().name(), "HEARTBEAT");
}

#[tokio::test]
async fn a_job_that_fails_is_an_error_with_the_cause_and_so_is_a_lost_connection() {
    let (client, _events, mut switch) = started(options());
    let serving = async {
        command(&mut switch).await;
        let asked = command(&mut switch).await;
        let uuid = line(&asked, "Job-UUID").to_owned();
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &reply("+OK")).await;
        let headers = [
            ("Event-Name", "BACKGROUND_JOB"),
            ("Job-UUID", uuid.as_str()),
            ("Job-Command", "originate"),
        ];
        send(&mut switch, &event(&headers, "-ERR NO_ANSWER\n")).await;
        command(&mut switch).await;
        send(&mut switch, &reply("+OK")).await;
        drop(switch);
    };
    let asking = async {
        let job = client.bgapi("originate", "user/1000 &park").await.unwrap();
        let failed = job.result().await.unwrap_err();
        let job = client.bgapi("originate", "user/1000 &park").await.unwrap();
        (failed, job.result().await.unwrap_err())
    };
    let ((), (failed, lost)) = tokio::join!(serving, asking);
    assert_eq!(
        failed.to_string(),
        "the switch refused bgapi originate: -ERR NO_ANSWER"
    );
    assert_eq!(
        failed.refusal().unwrap().cause(),
        Some(HangupCause::NoAnswer)
    );
    assert!(matches!(lost, Error::Lost { cause } if matches!(*cause, Error::Closed { .. })));
}

#[tokio::test]
async fn a_refused_job_or_subscription_is_told() {
    let (client, _events, mut switch) = started(options());
    let serving = async {
        command(&mut switch).await;
        command(&mut switch).await;
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &reply("-ERR permission denied")).await;
        switch
    };
    let (switch, refused) = tokio::join!(serving, client.bgapi("status", ""));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the switch refused bgapi: -ERR permission denied"
    );
    drop(switch);

    let (client, _events, mut switch) = started(options());
    let serving = async {
        command(&mut switch).await;
        command(&mut switch).await;
        send(&mut switch, &reply("-ERR permission denied")).await;
        send(&mut switch, &reply("+OK")).await;
        switch
    };
    let asking = async { client.bgapi("status", "").await.unwrap().result().await };
    let (_switch, refused) = tokio::join!(serving, asking);
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn execute_waits_for_its_own_end_or_the_hangup() {
    let (client, mut events, mut switch) = started(options());
    let channel = client.channel("u-1");
    let serving = async {
        assert_eq!(
            command(&mut switch).await,
            "event json CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY\n\n"
        );
        let asked = command(&mut switch).await;
        assert!(asked.starts_with("sendmsg u-1\ncall-command: execute\n"));
        let id = line(&asked, "event-uuid");
        let ended = |id: &str, response: &str| {
            event(
                &[
                    ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
                    ("Unique-ID", "u-1"),
                    ("Application-UUID", id),
                    ("Application-Response", response),
                ],
                "",
            )
        };
        let hangup = |uuid: &str| {
            event(
                &[
                    ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
                    ("Unique-ID", uuid),
                    ("Hangup-Cause", "USER_BUSY"),
                ],
                "",
            )
        };
        for wire in [
            reply("+OK"),
            reply("+OK"),
            ended("another", "NO"),
            hangup("u-2"),
            ended(id, "FILE PLAYED"),
        ] {
            send(&mut switch, &wire).await;
        }
        // The subscription is there already.
        assert!(command(&mut switch).await.starts_with("sendmsg u-1\n"));
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &hangup("u-1")).await;
        assert!(command(&mut switch).await.starts_with("sendmsg u-1\n"));
        send(&mut switch, &reply("-ERR invalid session id [u-1]")).await;
        send(&mut switch, &heartbeat()).await;
        switch
    };
    let asking = async {
        (
            channel.playback("a.wav").await,
            channel.execute("sleep", "1000").await,
            channel.answer().await,
        )
    };
    let (_switch, (played, slept, answered)) = tokio::join!(serving, asking);
    let played = played.unwrap();
    assert_eq!(played.application_response().unwrap(), "FILE PLAYED");
    let slept = slept.unwrap_err();
    assert!(
        matches!(&slept, Error::HungUp { cause: Some(cause) } if *cause == HangupCause::UserBusy)
    );
    assert_eq!(slept.to_string(), "the channel was hung up: USER_BUSY");
    assert_eq!(
        answered.unwrap_err().to_string(),
        "the switch refused execute answer: -ERR invalid session id [u-1]"
    );
    // None of these events was the program's wish.
    assert_eq!(events.next().await.unwrap().name(), "HEARTBEAT");
}

#[tokio::test]
async fn the_events_of_a_channel_have_a_reader_of_their_own() {
    let (client, mut events, mut switch) = started(options());
    let mut channel = client.channel("u-1").events().await.unwrap();
    let of = |name, uuid| event(&[("Event-Name", name), ("Unique-ID", uuid)], "");
    let subscription = Command::event(Format::Json, ["ALL"]).unwrap();
    let (subscribed, ()) = tokio::join!(client.run(subscription), async {
        command(&mut switch).await;
        send(&mut switch, &reply("+OK")).await;
    });
    subscribed.unwrap();
    for wire in [
        of("CHANNEL_ANSWER", "u-1"),
        of("CHANNEL_ANSWER", "u-2"),
        of("CHANNEL_DESTROY", "u-1"),
        of("CHANNEL_ANSWER", "u-1"),
    ] {
        send(&mut switch, &wire).await;
    }
    assert_eq!(channel.next().await.unwrap().name(), "CHANNEL_ANSWER");
    assert_eq!(channel.next().await.unwrap().name(), "CHANNEL_DESTROY");
    let second = events.next().await.unwrap();
    assert_eq!(second.unique_id().unwrap(), "u-2");
    // A destroyed channel has no reader any more.
    assert_eq!(events.next().await.unwrap().unique_id().unwrap(), "u-1");
    drop(switch);
    assert!(channel.next().await.is_none());
}

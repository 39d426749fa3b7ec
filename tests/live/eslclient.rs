//! The Event Socket client's own promises on a real switch: calls that it originates, jobs,
//! applications, digits, a call's mode, and values that arrive exactly as they were given.

use std::time::Duration;

use eslclient::{
    Client, Command, Control, Digits, Endpoint, Error, EventName, ExecuteOptions, HangupCause,
    Mode, Originate, Server, ServerOptions, Subscription,
};

use super::switch::Switch;

/// A channel without a phone, which answers at once.
fn phone() -> Originate {
    Originate::new(Endpoint::custom("null/phone"))
}

async fn connect() -> (Client, eslclient::Events) {
    let address = format!("127.0.0.1:{}", Switch::shared().event_socket);
    Client::connect(&address, "ClueCon").await.unwrap()
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn every_value_that_originate_accepts_arrives_as_it_was_given() {
    let (client, _events) = connect().await;
    let special = " _.-+*#@/:;=!?%~";
    let mut values = vec![
        "Grüß Gott, 100%25".replace(',', ""),
        special.trim().to_owned(),
    ];
    for character in special.chars() {
        let forms = [
            format!("{character}a"),
            format!("a{character}"),
            format!("a{character}{character}b"),
            character.to_string(),
        ];
        values.extend(forms);
    }
    let mut arrived = 0;
    for value in values {
        let call = phone().variable("probe", &value).variable("second", "2");
        if call.command().is_err() {
            continue;
        }
        let job = client.originate(&call).await.unwrap();
        let channel = job.channel().await.unwrap();
        let stored = channel.variable("probe").await.unwrap();
        assert_eq!(stored.as_deref(), Some(&*value));
        let second = channel.variable("second").await.unwrap();
        assert_eq!(second.as_deref(), Some("2"), "{value:?}");
        channel.hangup(&HangupCause::NormalClearing).await.unwrap();
        arrived += 1;
    }
    assert!(arrived > 50, "only {arrived}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_that_fails_tells_its_cause_and_the_next_endpoint_is_tried() {
    let (client, _events) = connect().await;
    for cause in [HangupCause::UserBusy, HangupCause::NoAnswer] {
        let call = Originate::new(Endpoint::error(cause.clone()));
        let job = client.originate(&call).await.unwrap();
        let error = job.channel().await.unwrap_err();
        assert_eq!(error.refusal().unwrap().cause(), Some(cause));
    }
    let call = Originate::new(Endpoint::error(HangupCause::UserBusy));
    let call = call
        .or(Endpoint::custom("null/phone"))
        .uuid("chosen-uuid.1");
    let channel = client
        .originate(&call)
        .await
        .unwrap()
        .channel()
        .await
        .unwrap();
    assert_eq!(channel.uuid(), "chosen-uuid.1");
    let played = channel
        .playback("tone_stream://%(100,0,640)")
        .await
        .unwrap();
    assert_eq!(played.application_response().unwrap(), "FILE PLAYED");
    channel.hangup(&HangupCause::NormalClearing).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_application_that_does_not_exist_ends_in_a_hangup_and_a_gone_channel_is_refused() {
    let (client, _events) = connect().await;
    let job = client.originate(&phone()).await.unwrap();
    let channel = job.channel().await.unwrap();
    let ended = channel.execute("no_such_application", "").await;
    assert!(matches!(ended, Err(Error::HungUp { .. })), "{ended:?}");
    // The switch removes the channel a moment after the hangup.
    let gone = loop {
        match channel.playback("silence_stream://10").await {
            Err(Error::HungUp { .. }) => {}
            other => break other,
        }
    };
    assert!(matches!(gone, Err(Error::Refused(_))), "{gone:?}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_channels_events_end_with_its_destruction() {
    let (client, _events) = connect().await;
    client.subscribe(&Subscription::all()).await.unwrap();
    let job = client.originate(&phone()).await.unwrap();
    let channel = job.channel().await.unwrap();
    let mut events = channel.events().await.unwrap();
    channel.hangup(&HangupCause::UserBusy).await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        assert_eq!(event.unique_id().unwrap(), channel.uuid());
        last = Some(event.kind());
    }
    assert_eq!(last, Some(EventName::ChannelDestroy));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_presses_a_digit_or_none_and_the_socket_tells_its_mode() {
    let (client, _events) = connect().await;
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let to = |options: &str| {
        format!("{} {options}", server.address())
            .trim_end()
            .to_owned()
    };
    let menu = Digits::new("silence_stream://10", 1, 1)
        .accept("[1-3]")
        .timeout(Duration::from_secs(2));
    for digit in ["2", "9", ""] {
        let call = phone().application("socket", &to("async full"));
        let job = client.originate(&call).await.unwrap();
        let call = server.accept().await.unwrap().open().await.unwrap();
        assert_eq!((call.mode, call.control), (Mode::Async, Control::Full));
        let _channel = job.channel().await.unwrap();
        // The digit waits in the channel's queue for the question.
        if !digit.is_empty() {
            let press = format!("{} {digit}", call.uuid());
            client.api("uuid_recv_dtmf", &press).await.unwrap();
        }
        let pressed = call.channel.ask(&menu).await.unwrap();
        let expected = (digit == "2").then_some(digit);
        assert_eq!(pressed.as_deref(), expected, "{digit:?}");
        call.release().await.unwrap();
    }
    let call = phone().application("socket", &to(""));
    let job = client.originate(&call).await.unwrap();
    let refused = server.accept().await.unwrap().open().await;
    assert!(
        matches!(refused, Err(Error::NotAsyncFull { .. })),
        "{refused:?}"
    );
    drop(job);
    let any = server.with_options(ServerOptions::default().needs_async_full(false));
    let call = phone().application("socket", any.address());
    let _job = client.originate(&call).await.unwrap();
    let call = any.accept().await.unwrap().open().await.unwrap();
    assert_eq!(
        (call.mode, call.control),
        (Mode::Sync, Control::SingleChannel)
    );
    call.channel
        .hangup(&HangupCause::NormalClearing)
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_switch_takes_an_application_after_the_hangup_and_the_client_refuses_it_with_the_cause()
{
    let (client, _events) = connect().await;
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let to = format!("{} async full", server.address());
    let job = client.originate(&phone().application("socket", &to)).await;
    let mut call = server.accept().await.unwrap().open().await.unwrap();
    let channel = job.unwrap().channel().await.unwrap();
    channel.hangup(&HangupCause::UserBusy).await.unwrap();
    while call.events.next().await.unwrap().kind() != EventName::ChannelHangupComplete {}
    let options = ExecuteOptions {
        uuid: Some(call.uuid()),
        ..ExecuteOptions::default()
    };
    let command = Command::execute("playback", "silence_stream://10", options).unwrap();
    // It says that it queued it, and runs it never.
    let reply = call.channel.client().command(command).await.unwrap();
    assert_eq!(reply.text().trim(), "+OK");
    let ended = call.channel.playback("silence_stream://10").await;
    assert!(
        matches!(&ended, Err(Error::HungUp { cause: Some(cause) }) if *cause == HangupCause::UserBusy),
        "{ended:?}"
    );
    assert!(
        call.channel.client().ended().is_none(),
        "the socket lingers"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn jobs_come_through_filters_and_after_noevents() {
    let (client, _events) = connect().await;
    let run = async |command| client.run(command).await.unwrap();
    let status = async || {
        client
            .bgapi("status", "")
            .await
            .unwrap()
            .result()
            .await
            .unwrap()
    };
    run(Command::filter("Core-UUID", "none").unwrap()).await;
    assert!(status().await.starts_with("UP "));
    run(Command::filter_delete_all()).await;
    run(Command::noevents()).await;
    assert!(status().await.starts_with("UP "));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_switch_has_every_event_and_skips_an_unknown_one_beside_a_known_one() {
    let (client, _events) = connect().await;
    let version = client.api("version", "").await.unwrap();
    let newer = version
        .contains("Version 1.10.")
        .then_some(EventName::CertReload);
    for name in EventName::all() {
        let subscribed = client.subscribe(&Subscription::to([name.clone()])).await;
        let is_known = newer.as_ref() != Some(&name);
        assert_eq!(subscribed.is_ok(), is_known, "{name}: {subscribed:?}");
    }
    let told = async |line| client.run(Command::raw(line).unwrap()).await;
    let alone = told("event json CHANNEL_ANSWERED").await.unwrap_err();
    let alone = alone.refusal().unwrap().to_string();
    assert!(alone.contains("no keywords supplied"), "{alone}");
    let beside = told("event json CHANNEL_ANSWERED HEARTBEAT").await;
    assert!(beside.unwrap().starts_with("+OK"));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn early_media_is_no_answer_and_a_call_that_rings_can_be_ended() {
    let (client, _events) = connect().await;
    // A leg that sends media and never answers.
    let rings = Originate::new(Endpoint::custom("loopback/app=sleep:20000"));
    let rings = rings.timeout(Duration::from_secs(1));
    let cause = |error: Error| error.refusal().and_then(eslclient::Refusal::cause);
    let job = client.originate(&rings).await.unwrap();
    assert_eq!(
        cause(job.channel().await.unwrap_err()),
        Some(HangupCause::NoAnswer)
    );
    let early = client.originate(&rings.clone().early_media()).await;
    let channel = early.unwrap().channel().await.unwrap();
    channel.hangup(&HangupCause::NormalClearing).await.unwrap();
    let uuid = eslclient::random_uuid();
    let long = Originate::new(Endpoint::custom("loopback/app=sleep:20000")).uuid(&uuid);
    let job = client.originate(&long).await.unwrap();
    // The channel is there a moment after the job began.
    while let Err(error) = client
        .channel(&uuid)
        .hangup(&HangupCause::OriginatorCancel)
        .await
    {
        assert!(error.refusal().is_some(), "{error}");
    }
    assert_eq!(
        cause(job.channel().await.unwrap_err()),
        Some(HangupCause::OriginatorCancel)
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_hangup_during_an_application_is_always_told_with_its_cause() {
    let (client, _events) = connect().await;
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    for linger in [None, Some(Duration::from_secs(5))] {
        let server = ServerOptions::default().linger(linger);
        let server = Server::bind("127.0.0.1:0")
            .await
            .unwrap()
            .with_options(server);
        let to = format!("{} async full", server.address());
        for _ in 0..3 {
            let job = client.originate(&phone().application("socket", &to)).await;
            let call = server.accept().await.unwrap().open().await.unwrap();
            let channel = job.unwrap().channel().await.unwrap();
            let playing = call.channel.playback("tone_stream://%(20000,0,640)");
            let ending = channel.hangup(&HangupCause::UserBusy);
            let (played, ended) = tokio::join!(playing, ending);
            ended.unwrap();
            let text = played.unwrap_err().to_string();
            assert!(
                text.ends_with("the channel was hung up: USER_BUSY"),
                "{text}"
            );
        }
    }
    let to = format!("{} async full", server.address());
    let job = client.originate(&phone().application("socket", &to)).await;
    let call = server.accept().await.unwrap().open().await.unwrap();
    let missing = call.channel.playback("/no/such/file.wav").await;
    assert!(
        matches!(&missing, Err(Error::Playback { response, .. }) if response == "FILE NOT FOUND"),
        "{missing:?}"
    );
    let channel = job.unwrap().channel().await.unwrap();
    channel.hangup(&HangupCause::NormalClearing).await.unwrap();
}

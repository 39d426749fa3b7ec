//! Strangers whose word counts for nothing: what they claim, post and guess leaves no trace.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::peer::{Channel, Peer};
use super::port8021::{PASSWORD, Port8021};
use super::running::Running;

/// Starts a service that follows `switch`, records every call and keeps every answer.
async fn following(switch: &Port8021) -> Running {
    following_into(switch, std::path::Path::new("/nonexistent")).await
}

/// As [`following`], with the recordings in `folder`.
async fn following_into(switch: &Port8021, folder: &std::path::Path) -> Running {
    let running = Running::start(&format!(
        "[[freeswitch]]\naddress = \"{}\"\npassword = \"{PASSWORD}\"\nname = \"fs1\"\n\
         json_cdr_post = true\njson_cdr_auth = {{ username = \"fs1\", password = \"right\" }}\n\
         [recorder]\nshare = 1.0\nfolder = \"{}\"\n\
         [webhooks.lookup]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         persist_response = true\n",
        switch.address,
        folder.display(),
    ))
    .await;
    switch.followed(1).await;
    running.is_healthy("switch ").await;
    running
}

fn channel(uuid: &str, webhook: &str) -> Channel {
    let mut channel = Channel::to(webhook);
    channel.uuid = uuid.into();
    channel
}

fn reason(peer: &Peer) -> String {
    let get = |name| peer.channel.get(name).unwrap_or_default().to_owned();
    format!(
        "{} {}",
        get("flow.key.error_reason"),
        get("flow.key.error_detail")
    )
}

async fn call(running: &Running, uuid: &str, webhook: &str) -> String {
    let mut peer = Peer::call(running.esl(), channel(uuid, webhook)).await;
    peer.until_exit().await;
    assert_eq!(peer.channel.get("flow.line"), Some("1"));
    reason(&peer)
}

/// Returns the value of a metric, which all tests of this process count in.
async fn count(service: &switchhook_service::service::Service, name: &str) -> u64 {
    let metrics = test_support::http::get(format!("http://{}/metrics", service.http));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_is_not_given_to_another_caller_nor_twice() {
    let switch = Port8021::start().await;
    let running = following(&switch).await;
    let (own, another) = (
        "11111111-1111-1111-1111-111111111111",
        "22222222-1111-1111-1111-111111111111",
    );
    switch.has_peers(&[own, another]);
    // The switch has that call with another number.
    let dump = test_support::peer::dump(another).replace("7000", "9999");
    switch.dumps(another, &dump);
    let refused = call(&running, another, "lookup").await;
    assert!(
        refused.starts_with("INVALID_REQUEST the switch has this call with another"),
        "{refused}"
    );
    // The first connection holds its call; a second is not asked for.
    let mut first = Peer::call(running.esl(), channel(own, "lookup")).await;
    let mut request = running.receiver.next().await;
    let refused = call(&running, own, "lookup").await;
    assert!(
        refused.starts_with("INVALID_REQUEST another connection holds"),
        "{refused}"
    );
    request.answer(200, "{}").await;
    first.until_exit().await;
    assert_eq!(first.channel.get("flow.line"), Some("0"));
    // A later one of the same channel is served.
    let mut again = Peer::call(running.esl(), channel(own, "lookup")).await;
    tokio::join!(running.receiver.answer(200, "{}"), again.until_exit());
    assert_eq!(again.channel.get("flow.line"), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_questions_at_once_are_no_reason_to_believe() {
    let switch = Port8021::start().await;
    let running = following(&switch).await;
    // The switch is connected, and answers nothing.
    switch.vanish();
    let mut calls = JoinSet::new();
    // More than the switch is asked at once.
    for number in 0..300 {
        let uuid = format!("{number:08}-1111-1111-1111-111111111111");
        let esl = running.esl();
        calls.spawn(async move {
            let mut peer = Peer::call(esl, channel(&uuid, "lookup")).await;
            peer.until_exit().await;
            reason(&peer)
        });
    }
    for reason in calls.join_all().await {
        assert!(reason.starts_with("OVERLOADED too many calls"), "{reason}");
    }
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_a_switch_is_believed_of_its_own_address_alone() {
    let switch = Port8021::start().await;
    let running = following(&switch).await;
    switch.vanish();
    let uuid = "55555555-1111-1111-1111-111111111111";
    let elsewhere = std::net::Ipv4Addr::new(127, 0, 0, 2);
    let mut peer = Peer::call_from(elsewhere, running.esl(), channel(uuid, "lookup")).await;
    peer.until_exit().await;
    let refused = reason(&peer);
    assert!(
        refused.starts_with("OVERLOADED no switch confirmed this call within a second"),
        "{refused}"
    );
    let mut own = Peer::call(running.esl(), channel(uuid, "lookup")).await;
    let (request, _) = tokio::join!(running.receiver.answer(200, "{}"), own.until_exit());
    assert!(request.body.contains(uuid), "{}", request.body);
    assert_eq!(own.channel.get("flow.line"), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_before_its_call_is_confirmed_was_no_call() {
    let switch = Port8021::start().await;
    let running = following(&switch).await;
    // The switch is connected, and answers nothing.
    switch.vanish();
    let uuid = "66666666-1111-1111-1111-111111111111";
    let unconfirmed = async |outcome: &str| {
        let name = format!("switchhook_unconfirmed_calls_total{{outcome=\"{outcome}\"}}");
        count(&running.service, &name).await
    };
    let before = unconfirmed("left").await;
    drop(Peer::call(running.esl(), channel(uuid, "lookup")).await);
    while unconfirmed("left").await <= before {
        tokio::task::yield_now().await;
    }
    assert!(!running.get("/calls").await.contains(uuid));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_refused_stranger_is_kept_or_shown() {
    let switch = Port8021::start().await;
    let folder = tempfile::tempdir().unwrap();
    let running = following_into(&switch, folder.path()).await;
    let uuid = "33333333-1111-1111-1111-111111111111";
    for webhook in ["lookup", "no_such_webhook"] {
        let refused = call(&running, uuid, webhook).await;
        assert!(refused.contains("confirm_calls"), "{webhook}: {refused}");
    }
    // A stranger names a live call, whose number it does not know.
    let served = "44444444-1111-1111-1111-111111111111";
    let dump = test_support::peer::dump(served).replace("7000", "9999");
    switch.dumps(served, &dump);
    let refused = call(&running, served, "lookup").await;
    assert!(refused.contains("the switch has this call with another"));
    // A call that is served comes after them: what was to be kept of them is kept by now.
    switch.has_peers(&[served]);
    let mut peer = Peer::call(running.esl(), channel(served, "lookup")).await;
    tokio::join!(running.receiver.answer(200, "{}"), peer.until_exit());
    let shows = async |text: &str| running.get("/calls").await.contains(text);
    while !shows(served).await {
        tokio::task::yield_now().await;
    }
    assert!(!shows(uuid).await);
    // The call that was named has its own story.
    let story = running.get(&format!("/calls/{served}")).await;
    assert!(
        story.contains("line 0") && !story.contains("line 1"),
        "{story}"
    );
    let recorded = || -> Vec<String> {
        let files = std::fs::read_dir(folder.path()).into_iter().flatten();
        files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect()
    };
    while recorded().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(
        recorded().iter().all(|name| name.contains(served)),
        "{:?}",
        recorded()
    );
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_id_is_one_or_the_connection_is_closed() {
    let running = Running::start("[webhooks.lookup]\nurl = \"{receiver}/x\"\n").await;
    for uuid in [
        "not a uuid",
        "unload mod_event_socket",
        &"u".repeat(300_000),
    ] {
        let mut peer = Peer::call(running.esl(), channel(uuid, "lookup")).await;
        assert!(peer.until_exit().await.is_empty(), "{}", &uuid[..10]);
    }
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_are_cut() {
    let running = Running::start("[webhooks.lookup]\nurl = \"{receiver}/x\"\n").await;
    let mut peer = Peer::call(running.esl(), Channel::to(&"w".repeat(300_000))).await;
    peer.until_exit().await;
    let detail = reason(&peer);
    assert!(
        detail.starts_with("INVALID_REQUEST no webhook is named"),
        "{}",
        &detail[..60]
    );
    assert!(detail.len() < 400, "{}", detail.len());
    running.service.stop().await;
}

const HALF: &str = "POST /json_cdr/fs1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n";

/// Sends half a post; returns the connection.
async fn post(running: &Running, authorization: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.service.http).await.unwrap();
    let head = format!("{HALF}{authorization}\r\nhalf");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn status(stream: &mut TcpStream) -> String {
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_take_no_place_from_a_switch_that_posts() {
    const RIGHT: &str = "authorization: Basic ZnMxOnJpZ2h0\r\n";
    let switch = Port8021::start().await;
    let running = following(&switch).await;
    let mut strangers = Vec::new();
    for _ in 0..40 {
        let mut stranger = post(&running, "").await;
        // Refused by its head.
        assert_eq!(status(&mut stranger).await, "HTTP/1.1 401");
        strangers.push(stranger);
    }
    let mut right = post(&running, RIGHT).await;
    right.write_all(b" more").await.unwrap();
    assert_eq!(status(&mut right).await, "HTTP/1.1 400", "it is no CDR");
    drop(right);
    // The switch's own places are limited: of 17 unfinished posts, one is refused.
    let mut unfinished = JoinSet::new();
    for _ in 0..17 {
        let mut stream = post(&running, RIGHT).await;
        unfinished.spawn(async move { (status(&mut stream).await, stream) });
    }
    let (first, _stream) = unfinished.join_next().await.unwrap().unwrap();
    assert_eq!(first, "HTTP/1.1 503");
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_switch_that_posts_there_is_no_such_route() {
    let running = Running::start("").await;
    let mut stream = post(&running, "").await;
    assert_eq!(status(&mut stream).await, "HTTP/1.1 403");
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_slow_their_address_down_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = super::receiver::Receiver::start().await;
    let mut config = super::running::config(folder.path(), receiver.address, "");
    let token = "the right one, long enough";
    config.listen.http_token = Some(switchhook_core::secret::Secret::new(token));
    let service = switchhook_service::service::Service::start(&config)
        .await
        .unwrap();
    let url = format!("http://{}/outbox/replay", service.http);
    let client = test_support::http::client();
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let guess = client.post(&url);
        guesses.spawn(guess.bearer_auth(format!("guess {number}")).send());
    }
    let rejected =
        |reason: &str| format!("switchhook_rejected_requests_total{{reason=\"{reason}\"}}");
    let mut statuses = std::collections::BTreeMap::new();
    while let Some(answer) = guesses.join_next().await {
        let status = answer.unwrap().unwrap().status().as_u16();
        *statuses.entry(status).or_insert(0_u64) += 1;
    }
    // Most were not even looked at.
    assert!(statuses[&429] > 100, "{statuses:?}");
    assert_eq!(statuses[&429] + statuses[&401], 200, "{statuses:?}");
    for (reason, status) in [("token", 401), ("too_many", 429)] {
        let counted = count(&service, &rejected(reason)).await;
        assert!(
            counted >= statuses[&status],
            "{reason}: {counted} {statuses:?}"
        );
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_token_is_not_slowed_by_wrong_ones_of_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = super::receiver::Receiver::start().await;
    let mut config = super::running::config(folder.path(), receiver.address, "");
    let token = "the right one, long enough";
    config.listen.http_token = Some(switchhook_core::secret::Secret::new(token));
    let service = switchhook_service::service::Service::start(&config)
        .await
        .unwrap();
    let url = format!("http://{}/outbox/replay", service.http);
    let client = test_support::http::client();
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let guess = client.post(&url);
        guesses.spawn(guess.bearer_auth(format!("guess {number}")).send());
    }
    // Once a guess is refused at once, every place to wait is taken.
    while let Some(answer) = guesses.join_next().await {
        if answer.unwrap().unwrap().status() == 429 {
            break;
        }
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    let right = client.post(&url).bearer_auth(token).header(form.0, form.1);
    let answer = right.body("state=dead").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    service.stop().await;
}

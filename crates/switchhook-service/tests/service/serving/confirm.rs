//! Any program that connects may claim to be any call, so the followed switches are asked.

use super::peer::{Channel, Peer};
use super::port8021::{PASSWORD, Port8021};
use super::running::Running;

/// Returns settings that follow `switch`, with one webhook that waits and one in the background.
async fn following(switch: &Port8021, more: &str) -> Running {
    let address = switch.address;
    let running = Running::start(&format!(
        "{more}\n[[freeswitch]]\naddress = \"{address}\"\npassword = \"{PASSWORD}\"\n\
         [webhooks.lookup]\nurl = \"{{receiver}}/x\"\nbefore_answer = \"silence\"\n\
         [webhooks.later]\nurl = \"{{receiver}}/later\"\nwait_for_response = false\n"
    ))
    .await;
    switch.followed(1).await;
    running.is_healthy("switch ").await;
    running
}

/// Makes one call. Returns the line that it took.
async fn call(running: &Running, uuid: &str, webhook: &str) -> Peer {
    let mut channel = Channel::to(webhook);
    channel.uuid = uuid.into();
    let mut peer = Peer::call(running.esl(), channel).await;
    peer.until_exit().await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_no_switch_has_is_let_go_politely_and_asks_no_webhook() {
    let switch = Port8021::start().await;
    let running = following(&switch, "").await;
    let liars = ["00000000-0000-0000-0000-000000000000", "all"];
    for uuid in liars {
        for webhook in ["lookup", "later"] {
            let peer = call(&running, uuid, webhook).await;
            let get = |name| peer.channel.get(name);
            assert_eq!(get("flow.line"), Some("1"), "{uuid} {webhook}");
            assert_eq!(get("flow.key.error_reason"), Some("INVALID_REQUEST"));
            let detail = get("flow.key.error_detail").unwrap();
            assert!(detail.contains("confirm_calls"), "{detail}");
        }
    }
    // The first request belongs to a call that exists.
    let known = "11111111-1111-1111-1111-111111111111";
    switch.has_peers(&[known]);
    let (request, peer) = tokio::join!(
        running.receiver.answer(200, "{}"),
        call(&running, known, "lookup")
    );
    assert!(request.body.contains(known), "{}", request.body);
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_switch_cannot_say_calls_are_served() {
    let switch = Port8021::start().await;
    let running = following(&switch, "").await;
    // The switch is connected and does not answer that command.
    switch.refuse(Some("api uuid_dump"));
    let (_, peer) = tokio::join!(
        running.receiver.answer(200, "{}"),
        call(&running, "22222222-1111-1111-1111-111111111111", "lookup")
    );
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    // The switch is gone, and gives no reply for as long as a caller could wait.
    switch.vanish();
    let (_, peer) = tokio::join!(
        running.receiver.answer(200, "{}"),
        call(&running, "33333333-1111-1111-1111-111111111111", "lookup")
    );
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_do_without() {
    let switch = Port8021::start().await;
    let running = following(&switch, "").await;
    drop(running);
    let (folder, receiver) = (
        tempfile::tempdir().unwrap(),
        super::receiver::Receiver::start().await,
    );
    let sections = format!(
        "[[freeswitch]]\naddress = \"{}\"\npassword = \"{PASSWORD}\"\n\
         [webhooks.lookup]\nurl = \"{{receiver}}/x\"\n",
        switch.address
    );
    let mut config = super::running::config(folder.path(), receiver.address, &sections);
    config.listen.confirm_calls = false;
    let service = switchhook_service::service::Service::start(&config)
        .await
        .unwrap();
    switch.followed(2).await;
    let mut peer = Peer::call(service.esl, Channel::to("lookup")).await;
    tokio::join!(receiver.answer(200, "{}"), peer.until_exit());
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_listed_addresses_may_connect() {
    use tokio::io::AsyncReadExt as _;
    let (folder, receiver) = (
        tempfile::tempdir().unwrap(),
        super::receiver::Receiver::start().await,
    );
    let sections = "[webhooks.lookup]\nurl = \"{receiver}/x\"\n";
    let mut config = super::running::config(folder.path(), receiver.address, sections);
    for (allow, is_served) in [("127.0.0.2/32", false), ("127.0.0.1/32", true)] {
        config.listen.allow = vec![allow.parse().unwrap()];
        let service = switchhook_service::service::Service::start(&config)
            .await
            .unwrap();
        if is_served {
            let mut peer = Peer::call(service.esl, Channel::to("lookup")).await;
            tokio::join!(receiver.answer(200, "{}"), peer.until_exit());
            assert_eq!(peer.channel.get("flow.line"), Some("0"));
        } else {
            let mut stream = tokio::net::TcpStream::connect(service.esl).await.unwrap();
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
            assert!(said.is_empty(), "a stranger was spoken to");
        }
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchs_new_password_is_used_at_the_next_connection() {
    let switch = Port8021::start().await;
    let (folder, receiver) = (
        tempfile::tempdir().unwrap(),
        super::receiver::Receiver::start().await,
    );
    let with = |password: &str| {
        let sections = format!(
            "[[freeswitch]]\naddress = \"{}\"\npassword = \"{password}\"\n",
            switch.address
        );
        super::running::config(folder.path(), receiver.address, &sections)
    };
    let service = switchhook_service::service::Service::start(&with("an old one"))
        .await
        .unwrap();
    switch.asked("auth an old one").await;
    assert_eq!(switch.times(), 0, "followed with the wrong password");
    service.reload(&with(PASSWORD)).unwrap();
    switch.followed(1).await;
    service.stop().await;
}

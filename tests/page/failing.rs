//! Backed-off endpoints and open circuits: what the page shows, and that it ends with a success.

use switchhook_service::service::Service;

use crate::browser::Browser;
use crate::fixture::Fixture;
use crate::inbox::{Answer, Inbox, Post};
use crate::peer::{Channel, Peer};

const CALL: &str = "inbound-caller-hangs-up";
/// Failures in a row after which deliveries back off.
const BACKOFF_AFTER: usize = 5;

/// Returns a script that matches the text of a webhook's card.
fn says(webhook: &str, words: &str) -> String {
    format!("/{words}/.test(document.querySelector('#webhook-{webhook}')?.innerText)")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_deliveries_fail_is_named_with_its_next_attempt_until_it_takes_one() {
    let fixture = Fixture::with_document_webhook("slow_crm").await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    for _ in 0..BACKOFF_AFTER {
        fixture.failed(CALL).await;
    }
    browser.go(&fixture.url("/webhooks")).await;
    let backoff =
        "deliveries back off: one every [\\d.]+\\ss, next (at \\d\\d:\\d\\d:\\d\\d|is due)";
    browser.wait_until(&says("slow_crm", backoff)).await;
    let first = "document.querySelector('article.card').id === 'webhook-slow_crm'";
    browser.wait_until(first).await;
    let healthy = browser.text("#webhook-lookup").await;
    assert!(!healthy.contains("back off"), "{healthy}");
    browser.screenshot("slowed").await;
    fixture.inbox.answers(Answer::Status(200));
    let taken = |posts: &[Post]| posts.iter().any(|post| post.taken);
    fixture.inbox.wait_for(taken).await;
    // The page updates itself.
    browser
        .wait_until(&format!("!{}", says("slow_crm", "back off")))
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

/// Makes a call that asks `frail`, and waits for its end.
async fn request(service: &Service) {
    let mut peer = Peer::call(service.esl, Channel::to("frail")).await;
    peer.until_exit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_webhook_shows_since_when_and_until_when_until_a_call_succeeds() {
    let frail = Inbox::start().await;
    frail.answers(Answer::Hold);
    let settings = format!(
        "[webhooks.frail]\nurl = \"{}\"\ntimeout = \"1s\"\nbreaker = {{ failures = 2, pause = \"1s\" }}\n",
        frail.url("frail")
    );
    let fixture = Fixture::with(&settings).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    request(&fixture.service).await;
    frail.answers(Answer::Status(503));
    request(&fixture.service).await;
    browser.go(&fixture.url("/webhooks")).await;
    let open = "circuit open since \\d\\d:\\d\\d:\\d\\d, next try (at \\d\\d:\\d\\d:\\d\\d|with the next call)";
    browser.wait_until(&says("frail", open)).await;
    let card = browser.text("article.card").await;
    assert!(card.starts_with("frail"), "failing ones first: {card}");
    let settings = "circuit opens for 1\u{a0}s after 2 failures in a row";
    assert!(card.contains(settings), "{card}");
    let title = "return document.querySelector('#webhook-frail .pill').title";
    let title = browser.run(title).await.to_string();
    assert!(
        title.contains("CIRCUIT_OPEN") && title.contains(" 503 "),
        "{title}"
    );
    browser.screenshot("resting").await;
    let brief = fixture.url("/");
    browser.go(&brief).await;
    browser
        .wait_until("document.querySelector('.hooks').innerText.includes('circuit open since')")
        .await;
    // The page of a call from before the circuit opened shows the circuit, too.
    let timed_out = fixture.url("/calls?webhook=frail&reason=TIMEOUT");
    browser.go(&timed_out).await;
    let page = "document.querySelector('main a[href^=\"/calls/\"]').href";
    let call = browser.run(&format!("return {page}")).await;
    browser.go(call.as_str().expect("a call's page")).await;
    browser
        .wait_until("document.querySelector('.verdict').innerText.includes('circuit open since')")
        .await;
    browser.screenshot("resting_call").await;
    frail.answers(Answer::Status(200));
    while !frail.posts().iter().any(|post| post.taken) {
        request(&fixture.service).await;
    }
    browser.go(&fixture.url("/webhooks")).await;
    browser
        .wait_until(&format!("!{}", says("frail", "circuit open since")))
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

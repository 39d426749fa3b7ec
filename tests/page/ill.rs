//! Endpoints that are spared while they are ill: what a person reads of it, and that it goes.

use switchhook_service::service::Service;

use crate::browser::Browser;
use crate::inbox::{Answer, Inbox, Post};
use crate::peer::{Channel, Peer};
use crate::stage::Stage;

const CALL: &str = "inbound-caller-hangs-up";
/// Failures in a row after which a lane is slowed.
const SLOW_AFTER: usize = 5;

/// What the card of a webhook says, for a script in the page.
fn says(webhook: &str, words: &str) -> String {
    format!("/{words}/.test(document.querySelector('#webhook-{webhook}')?.innerText)")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_deliveries_fail_is_named_with_its_next_attempt_until_it_takes_one() {
    let stage = Stage::posting_to("slow_crm").await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    for _ in 0..SLOW_AFTER {
        stage.failed(CALL).await;
    }
    browser.go(&stage.url("/webhooks")).await;
    let slowed =
        "deliveries slowed to one in [\\d.]+\\ss, the next (at \\d\\d:\\d\\d:\\d\\d|is due)";
    browser.until(&says("slow_crm", slowed)).await;
    let first = "document.querySelector('article.card').id === 'webhook-slow_crm'";
    browser.until(first).await;
    let well = browser.text("#webhook-lookup").await;
    assert!(!well.contains("slowed"), "{well}");
    browser.picture("slowed").await;
    stage.inbox.answers(Answer::Status(200));
    let taken = |posts: &[Post]| posts.iter().any(|post| post.taken);
    stage.inbox.wait_for(taken).await;
    // The page hears of it by itself.
    browser
        .until(&format!("!{}", says("slow_crm", "slowed")))
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(browser);
    stage.service.stop().await;
}

/// A call that asks `frail`, until it is let go.
async fn ask(service: &Service) {
    let mut peer = Peer::call(service.esl, Channel::to("frail")).await;
    peer.until_exit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_rests_says_since_when_and_until_when_until_a_call_finds_it_well() {
    let frail = Inbox::start().await;
    frail.answers(Answer::Hold);
    let settings = format!(
        "[webhooks.frail]\nurl = \"{}\"\ntimeout = \"1s\"\nbreaker = {{ failures = 2, pause = \"1s\" }}\n",
        frail.url("frail")
    );
    let stage = Stage::with(&settings).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    ask(&stage.service).await;
    frail.answers(Answer::Status(503));
    ask(&stage.service).await;
    browser.go(&stage.url("/webhooks")).await;
    let rests = "resting since \\d\\d:\\d\\d:\\d\\d, asked again (at \\d\\d:\\d\\d:\\d\\d|with the next call)";
    browser.until(&says("frail", rests)).await;
    let card = browser.text("article.card").await;
    assert!(card.starts_with("frail"), "the ill first: {card}");
    let settings = "rests for 1\u{a0}s after 2 failures in a row";
    assert!(card.contains(settings), "{card}");
    let title = "return document.querySelector('#webhook-frail .pill').title";
    let title = browser.run(title).await.to_string();
    assert!(
        title.contains("CIRCUIT_OPEN") && title.contains(" 503 "),
        "{title}"
    );
    browser.picture("resting").await;
    let brief = stage.url("/");
    browser.go(&brief).await;
    browser
        .until("document.querySelector('.hooks').innerText.includes('resting since')")
        .await;
    // Of a call that waited for it in vain before it rested: what becomes of the next ones.
    let timed_out = stage.url("/calls?webhook=frail&reason=TIMEOUT");
    browser.go(&timed_out).await;
    let page = "document.querySelector('main a[href^=\"/calls/\"]').href";
    let call = browser.run(&format!("return {page}")).await;
    browser.go(call.as_str().expect("a call's page")).await;
    browser
        .until("document.querySelector('.verdict').innerText.includes('resting since')")
        .await;
    browser.picture("resting_call").await;
    frail.answers(Answer::Status(200));
    while !frail.posts().iter().any(|post| post.taken) {
        ask(&stage.service).await;
    }
    browser.go(&stage.url("/webhooks")).await;
    browser
        .until(&format!("!{}", says("frail", "resting since")))
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(browser);
    stage.service.stop().await;
}

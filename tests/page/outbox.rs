//! What is stuck in the outbox and since when, and how it is sent on.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::{Fixture, TOKEN};
use crate::inbox::{Answer, Post};

const CALL: &str = "inbound-caller-hangs-up";
/// Failures in a row after which deliveries slow down.
const SLOW_AFTER: usize = 5;

/// Returns a script that matches the text of the first element.
fn says(selector: &str, words: &str) -> String {
    format!("/{words}/.test(document.querySelector(\"{selector}\")?.innerText)")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slowed_endpoint_stands_above_the_list_and_is_tried_at_once() {
    let fixture = Fixture::with_document_webhook("late_crm").await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/outbox")).await;
    let pill = browser.text("header > .pill").await;
    assert!(pill.contains("ready"), "{pill}");
    for _ in 0..SLOW_AFTER {
        fixture.failed(CALL).await;
    }
    // The page updates itself.
    let card = "article[data-endpoint=late_crm]";
    browser
        .wait_until(&says(
            card,
            "slowed down\\s+since \\d\\d:\\d\\d:\\d\\d, [^]*failures in a row",
        ))
        .await;
    let stuck = browser.text(card).await;
    for part in [
        "500",
        "Next attempt:",
        "one every",
        "while it fails",
        "documents wait, the oldest since",
    ] {
        assert!(stuck.contains(part), "{part}: {stuck}");
    }
    let first = "document.querySelector('main h1 + section').matches('.stuck')";
    browser.wait_until(first).await;
    browser
        .wait_until("document.querySelector('header > .pill').matches('.odd')")
        .await;
    let pill = browser.text("header > .pill").await;
    assert!(pill.contains("deliveries held up"), "{pill}");
    // A row says since when it is due, and how its last attempt ended.
    browser
        .wait_until("[...document.querySelectorAll('.calls li')].some((row) => /due for \\d+\\ss/.test(row.innerText) && /500[^]*last attempt/.test(row.innerText))")
        .await;
    browser.screenshot("outbox-slowed").await;
    fixture.inbox.answers(Answer::Status(200));
    browser.type_into(".small .token", TOKEN).await;
    browser.click(".small button").await;
    let all = |posts: &[Post]| posts.iter().filter(|post| post.taken).count() >= SLOW_AFTER;
    fixture.inbox.wait_for(all).await;
    browser.go(&fixture.url("/outbox")).await;
    browser
        .wait_until("!document.querySelector('.stuck')")
        .await;
    browser
        .wait_until("document.querySelector('header > .pill').matches('.good')")
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_endpoint_says_why_and_since_when_and_is_resumed_with_one_button() {
    let fixture = Fixture::with_document_webhook("gone_crm").await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.refused(CALL).await;
    browser.go(&fixture.url("/outbox")).await;
    let card = "article[data-endpoint=gone_crm]";
    browser
        .wait_until(&says(card, "paused\\s+since \\d\\d:\\d\\d:\\d\\d"))
        .await;
    let stuck = browser.text(card).await;
    for part in [
        "it answered 410 Gone",
        "none until it is resumed",
        "1 document waits",
    ] {
        assert!(stuck.contains(part), "{part}: {stuck}");
    }
    let row = browser.text(".calls li").await;
    assert!(
        row.contains("waits until gone_crm is resumed") && row.contains("410"),
        "{row}"
    );
    // The pill turns amber at once.
    browser
        .wait_until("document.querySelector('header > .pill').matches('.odd')")
        .await;
    browser.screenshot("outbox-paused").await;
    fixture.inbox.answers(Answer::Status(200));
    browser.type_into(".small .token", TOKEN).await;
    browser.click(".small button").await;
    fixture
        .inbox
        .wait_for(|posts: &[Post]| posts.iter().any(|post| post.taken))
        .await;
    browser.go(&fixture.url("/outbox")).await;
    browser
        .wait_until("document.querySelector('main').innerText.includes('Everything is delivered.')")
        .await;
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_documents_are_selected_and_sent_again_or_discarded() {
    let fixture = Fixture::with_document_webhook("picky_crm").await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    for _ in 0..3 {
        fixture.refused_again(CALL).await;
    }
    let outbox = fixture.url("/outbox");
    browser.go(&outbox).await;
    browser
        .wait_until("document.querySelectorAll('.calls li').length === 3")
        .await;
    browser.click(".calls li:nth-child(1) input").await;
    browser.click(".calls li:nth-child(2) input").await;
    browser.click("button[formaction]").await;
    browser
        .wait_until("location.pathname === '/outbox/discard'")
        .await;
    let asked = browser.text("main").await;
    assert!(asked.contains("2 documents would be given up"), "{asked}");
    browser.type_into("#token", TOKEN).await;
    browser.click("form.replay button").await;
    let done = "document.querySelector('.result').innerText === '2 given up, 0 deleted.'";
    browser.wait_until(done).await;
    browser.go(&fixture.url("/outbox?state=dead")).await;
    browser
        .wait_until("[...document.querySelectorAll('.calls li')].filter((row) => row.innerText.includes('given up by an operator')).length === 2")
        .await;
    // What was given up can still be sent, or is deleted for good.
    fixture.inbox.answers(Answer::Status(200));
    browser.click(".calls li:nth-child(1) input").await;
    browser.click(".actions button:first-child").await;
    browser
        .wait_until("location.pathname === '/outbox/replay'")
        .await;
    browser.click("form.replay button").await;
    let sent = "document.querySelector('.result').innerText === '1 document will be sent again.'";
    browser.wait_until(sent).await;
    browser.go(&fixture.url("/outbox?state=dead")).await;
    browser.click(".calls li input").await;
    browser.click("button[formaction]").await;
    browser
        .wait_until("location.pathname === '/outbox/discard'")
        .await;
    let asked = browser.text("main").await;
    assert!(
        asked.contains("1 document would be deleted for good"),
        "{asked}"
    );
    browser.click("form.replay button").await;
    browser
        .wait_until("document.querySelector('.result').innerText === '0 given up, 1 deleted.'")
        .await;
    browser.go(&fixture.url("/outbox?state=dead")).await;
    let rows = browser
        .run("return document.querySelectorAll('.calls li').length")
        .await;
    assert_eq!(rows, json!(0));
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

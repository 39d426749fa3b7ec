//! What a person does.

use serde_json::json;

use crate::browser::Browser;
use crate::inbox::Answer;
use crate::stage::{Stage, TOKEN};

const CALL: &str = "inbound-caller-hangs-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_took_is_sent_again_after_a_dry_run() {
    let stage = Stage::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    stage.refused(CALL).await;
    browser.go(&stage.url("/outbox")).await;
    browser
        .until("document.body.innerText.includes('410')")
        .await;
    stage.inbox.answers(Answer::Status(200));
    browser.click(".actions .button").await;
    browser
        .until("location.pathname === '/outbox/replay'")
        .await;
    let asked = browser.text("main").await;
    assert!(asked.contains("1 document would be sent again"), "{asked}");
    assert_eq!(stage.inbox.posts().len(), 1, "nothing is changed yet");
    browser.type_into("#token", TOKEN).await;
    browser.click("form.replay button").await;
    let posts = stage.inbox.wait(2).await;
    assert_eq!(posts[0].id(), posts[1].id());
    assert_eq!(posts[0].body, posts[1].body);
    browser
        .until("document.querySelector('.said').innerText === '1 document will be sent again.'")
        .await;
    browser.go(&stage.url("/outbox?state=delivered")).await;
    browser
        .until("document.querySelector('.calls')?.innerText.includes('delivered')")
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(browser);
    stage.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_token_nothing_is_sent_again() {
    let stage = Stage::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    stage.refused(CALL).await;
    browser.go(&stage.url("/outbox/replay?state=waiting")).await;
    browser.type_into("#token", "wrong").await;
    browser.click("form.replay button").await;
    browser
        .until("document.querySelector('.said').innerText.includes('token')")
        .await;
    assert_eq!(stage.inbox.posts().len(), 1);
    let button = browser
        .run("return document.querySelector('form.replay button').disabled")
        .await;
    assert_eq!(button, json!(false), "it may be tried again");
    drop(browser);
    stage.service.stop().await;
}

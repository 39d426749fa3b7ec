//! Sending documents again from the page.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::{Fixture, TOKEN};
use crate::inbox::Answer;

const CALL: &str = "inbound-caller-hangs-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_took_is_sent_again_after_a_dry_run() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.given_up(CALL).await;
    let before = fixture.inbox.posts().len();
    browser.go(&fixture.url("/outbox")).await;
    browser.click("a[href='/outbox?state=dead&webhook=']").await;
    browser
        .wait_until(
            "document.querySelector('.calls')?.innerText.includes('given up (dead letter)')",
        )
        .await;
    let filters = browser.text(".filters").await;
    assert!(filters.contains("Given up (dead letters) 1"), "{filters}");
    let row = browser.text(".calls .parties").await;
    assert!(row.contains("→") && row.contains("to completed"), "{row}");
    fixture.inbox.answers(Answer::Status(200));
    browser.click(".actions a.again").await;
    browser
        .wait_until("location.pathname === '/outbox/replay'")
        .await;
    let asked = browser.text("main").await;
    assert!(asked.contains("1 document would be sent again"), "{asked}");
    assert_eq!(
        fixture.inbox.posts().len(),
        before,
        "nothing is changed yet"
    );
    browser.type_into("#token", TOKEN).await;
    browser.click("form.replay button").await;
    let posts = fixture.inbox.wait(before + 1).await;
    assert_eq!(posts[0].id(), posts[before].id());
    assert_eq!(posts[0].body, posts[before].body);
    browser
        .wait_until(
            "document.querySelector('.result').innerText === '1 document will be sent again.'",
        )
        .await;
    browser.go(&fixture.url("/outbox?state=delivered")).await;
    browser
        .wait_until("document.querySelector('.calls')?.innerText.includes('delivered')")
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_token_nothing_is_sent_again() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.refused(CALL).await;
    browser
        .go(&fixture.url("/outbox/replay?state=waiting"))
        .await;
    browser.type_into("#token", "wrong").await;
    browser.click("form.replay button").await;
    browser
        .wait_until("document.querySelector('.result').innerText.includes('token')")
        .await;
    assert_eq!(fixture.inbox.posts().len(), 1);
    let button = browser
        .run("return document.querySelector('form.replay button').disabled")
        .await;
    assert_eq!(button, json!(false), "it may be tried again");
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_in_the_settings_buttons_are_off_and_say_why() {
    let fixture = Fixture::with_token("", None).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.refused(CALL).await;
    let off = "return [...document.querySelectorAll('main button')].map((one) => \
               one.disabled && document.getElementById(one.getAttribute('aria-describedby')).innerText)";
    for (view, command) in [
        (
            "/outbox/replay?state=waiting",
            "switchhook outbox retry --state waiting",
        ),
        ("/webhooks/lookup/try", "switchhook call lookup --var"),
    ] {
        browser.go(&fixture.url(view)).await;
        let why = browser.run(off).await;
        let why = why.as_array().unwrap();
        assert_eq!(why.len(), 1, "{view}");
        let why = why[0].as_str().unwrap();
        assert!(why.contains("[listen] http_token_env"), "{view}: {why}");
        assert!(browser.text("main").await.contains(command), "{view}");
    }
    drop(browser);
    fixture.service.stop().await;
}

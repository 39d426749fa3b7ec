//! Testing a webhook from the page.

use reqwest::header::{AUTHORIZATION, ORIGIN};
use tokio::time::{Duration, timeout};

use crate::browser::Browser;
use crate::fixture::{Fixture, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tried_with_given_variables_and_only_when_the_button_is_pressed() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/webhooks")).await;
    browser.click("a[aria-label='Try it: lookup']").await;
    browser
        .wait_until("location.pathname === '/webhooks/lookup/try'")
        .await;
    browser.type_into("#caller", "919822003887").await;
    browser
        .type_into("#variables", "flow.key.leadid=HFC=1 23")
        .await;
    browser.type_into("#token", TOKEN).await;
    // A call that comes and goes updates other views, but not a form that is being filled in.
    let mut peer = fixture.hold().await;
    fixture.receiver.answer(200, "{}").await;
    peer.until_exit().await;
    drop(peer);
    let quiet = timeout(Duration::from_millis(50), fixture.receiver.next()).await;
    assert!(
        quiet.is_err(),
        "nothing is sent before the button is pressed"
    );
    browser.click("form.try button").await;
    let answer = r#"{"customer": {"name": "Ann <b>"}}"#;
    let request = fixture.receiver.answer(200, answer).await;
    assert!(request.body.contains("919822003887"), "{}", request.body);
    assert!(request.body.contains("HFC=1 23"), "{}", request.body);
    browser
        .wait_until("document.querySelector('.result')?.innerText.includes('line 0')")
        .await;
    let shown = browser.text(".result").await;
    for part in [
        "HTTP 200",
        "headers",
        "POST http://",
        "Ann <b>",
        "flow.key.customer_name",
        "flow.line",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    browser.screenshot("trying").await;
    // Once more, with a failure.
    browser.click("form.try button").await;
    fixture.receiver.answer(503, "later").await;
    browser
        .wait_until("document.querySelector('.result')?.innerText.includes('line 1 · HTTP_STATUS')")
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

/// Posts the form with these headers and fields; returns status and body.
async fn post(
    fixture: &Fixture,
    webhook: &str,
    headers: &[(&str, &str)],
    fields: &str,
) -> (u16, String) {
    let url = fixture.url(&format!("/webhooks/{webhook}/try"));
    let mut request = test_support::http::client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let message = answer.bytes().await.unwrap();
    (status, String::from_utf8_lossy(&message).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_the_token_for_another_site_or_to_a_forbidden_address() {
    let inside = "[webhooks.inside]\nurl = \"http://10.0.0.1/\"\n";
    let fixture = Fixture::with(inside).await;
    let bearer = format!("Bearer {TOKEN}");
    let right = (AUTHORIZATION.as_str(), bearer.as_str());
    for (headers, status) in [
        (vec![], 401),
        (vec![(AUTHORIZATION.as_str(), "Bearer wrong")], 401),
        (vec![right, (ORIGIN.as_str(), "http://evil.example")], 403),
    ] {
        assert_eq!(post(&fixture, "lookup", &headers, "").await.0, status);
    }
    let (status, message) = post(&fixture, "nosuch", &[right], "").await;
    assert_eq!(status, 404, "{message}");
    let (status, message) = post(&fixture, "lookup", &[right], "variables=nonsense").await;
    assert_eq!(status, 400);
    assert!(
        message.contains("\"nonsense\" is not NAME=VALUE; nothing was sent"),
        "{message}"
    );
    let large = format!("variables={}", "x".repeat(70_000));
    assert_eq!(post(&fixture, "lookup", &[right], &large).await.0, 413);
    let (status, message) = post(&fixture, "inside", &[right], "").await;
    assert_eq!(status, 200);
    assert!(message.contains("line 1 · BLOCKED_ADDRESS"), "{message}");
    let quiet = timeout(Duration::from_millis(50), fixture.receiver.next()).await;
    assert!(quiet.is_err(), "nothing was sent");
    fixture.service.stop().await;
}

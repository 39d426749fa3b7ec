//! Trying a webhook from the page.

use reqwest::header::{AUTHORIZATION, ORIGIN};
use tokio::time::{Duration, timeout};

use crate::browser::Browser;
use crate::stage::{Stage, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tried_with_given_variables_and_only_when_the_button_is_pressed() {
    let stage = Stage::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&stage.url("/webhooks")).await;
    browser.click("a[aria-label='Try lookup']").await;
    browser
        .until("location.pathname === '/webhooks/lookup/try'")
        .await;
    browser.type_into("#caller", "919822003887").await;
    browser
        .type_into("#variables", "flow.key.leadid=HFC=1 23")
        .await;
    browser.type_into("#token", TOKEN).await;
    // A call that comes and goes changes the other views, and nothing that is being written.
    let mut peer = stage.hold().await;
    stage.receiver.answer(200, "{}").await;
    peer.until_exit().await;
    drop(peer);
    let quiet = timeout(Duration::from_millis(50), stage.receiver.next()).await;
    assert!(
        quiet.is_err(),
        "nothing is sent before the button is pressed"
    );
    browser.click("form.try button").await;
    let answer = r#"{"customer": {"name": "Ann <b>"}}"#;
    let request = stage.receiver.answer(200, answer).await;
    assert!(request.body.contains("919822003887"), "{}", request.body);
    assert!(request.body.contains("HFC=1 23"), "{}", request.body);
    browser
        .until("document.querySelector('.said')?.innerText.includes('line 0')")
        .await;
    let shown = browser.text(".said").await;
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
    browser.picture("trying").await;
    // Once more, to another end.
    browser.click("form.try button").await;
    stage.receiver.answer(503, "later").await;
    browser
        .until("document.querySelector('.said')?.innerText.includes('line 1 · HTTP_STATUS')")
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(browser);
    stage.service.stop().await;
}

/// What is said of a POST to the form's address with these headers and fields.
async fn post(
    stage: &Stage,
    webhook: &str,
    headers: &[(&str, &str)],
    fields: &str,
) -> (u16, String) {
    let url = stage.url(&format!("/webhooks/{webhook}/try"));
    let mut request = test_support::http::client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let said = answer.bytes().await.unwrap();
    (status, String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_the_token_for_another_site_or_to_a_forbidden_address() {
    let inside = "[webhooks.inside]\nurl = \"http://10.0.0.1/\"\n";
    let stage = Stage::with(inside).await;
    let bearer = format!("Bearer {TOKEN}");
    let right = (AUTHORIZATION.as_str(), bearer.as_str());
    for (headers, status) in [
        (vec![], 401),
        (vec![(AUTHORIZATION.as_str(), "Bearer wrong")], 401),
        (vec![right, (ORIGIN.as_str(), "http://evil.example")], 403),
    ] {
        assert_eq!(post(&stage, "lookup", &headers, "").await.0, status);
    }
    let (status, said) = post(&stage, "nosuch", &[right], "").await;
    assert_eq!(status, 404, "{said}");
    let (status, said) = post(&stage, "lookup", &[right], "variables=nonsense").await;
    assert_eq!(status, 400);
    assert!(
        said.contains("\"nonsense\" is not NAME=VALUE; nothing was sent"),
        "{said}"
    );
    let large = format!("variables={}", "x".repeat(70_000));
    assert_eq!(post(&stage, "lookup", &[right], &large).await.0, 413);
    let (status, said) = post(&stage, "inside", &[right], "").await;
    assert_eq!(status, 200);
    assert!(said.contains("line 1 · BLOCKED_ADDRESS"), "{said}");
    let quiet = timeout(Duration::from_millis(50), stage.receiver.next()).await;
    assert!(quiet.is_err(), "nothing was sent");
    stage.service.stop().await;
}

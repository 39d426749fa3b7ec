//! The search, and the links from a view to its details.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::Fixture;

const ANN: &str = r#"{"customer": {"name": "Ann"}}"#;
/// Its lead is HFC123.
const RECORDED: &str = "outbound-customer-then-agent-recorded";

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_found_as_people_write_it_and_a_variable_by_its_whole_value() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let uuid = fixture.call(RECORDED, 200, ANN).await;
    let post = fixture.inbox.posts().pop().unwrap().json();
    let legs = post["callDetails"].as_array().unwrap();
    let numbers = legs.iter().filter_map(|leg| leg["calleeNumber"].as_str());
    let number = numbers.into_iter().find(|one| one.len() > 8).unwrap();
    let own = &number[number.len() - 8..];
    let written = format!("+99 (1) {}-{}", &own[..3], &own[3..]);
    for search in [written, format!("0099{own}"), "leadid=HFC123".to_owned()] {
        browser.go(&fixture.url("/calls")).await;
        browser.type_into("#q", &format!("{search}\u{e007}")).await;
        browser.wait_until("location.search.includes('q=')").await;
        let found = format!("document.activeElement?.getAttribute('href') === '/calls/{uuid}'");
        browser.wait_until(&found).await;
    }
    for search in ["leadid=HFC12", "1111111111"] {
        browser
            .go(&fixture.url(&format!("/calls?q={search}")))
            .await;
        let message = browser.text("main").await;
        assert!(message.contains("No call found"), "{search}: {message}");
        assert_eq!(
            message.contains("last 4-6 digits"),
            !search.contains('='),
            "{message}"
        );
    }
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_shows_what_was_asked_and_what_came_back_without_secrets() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let uuid = fixture.call(RECORDED, 200, "<html>down").await;
    // The answer is stored a moment later.
    let address = fixture.url(&format!("/calls/{uuid}"));
    while !test_support::http::get(&address)
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
        .contains("<pre")
    {
        tokio::task::yield_now().await;
    }
    browser.go(&address).await;
    let card = browser.text("section[aria-labelledby=lookups]").await;
    for part in [
        "POST http://",
        "/callers?api_key=",
        "HTTP 200",
        "<html>down",
        "could not be used",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    assert!(!card.contains("hidden"), "{card}");
    let healthy = fixture.call(RECORDED, 200, ANN).await;
    browser.go(&fixture.url(&format!("/calls/{healthy}"))).await;
    let verdict = browser.text(".verdict").await;
    assert!(
        verdict.contains("line 0 (the webhook answered)"),
        "{verdict}"
    );
    let variables = browser.text("section[aria-labelledby=variables]").await;
    assert!(variables.contains("no answer: the dialplan"), "{variables}");
    // The form has its values.
    browser.click("a[href*='/try?call=']").await;
    browser
        .wait_until("location.pathname === '/webhooks/lookup/try'")
        .await;
    let values = browser
        .run("return document.getElementById('variables').value")
        .await;
    assert!(
        values.as_str().unwrap().contains("flow.key.leadid=HFC123"),
        "{values}"
    );
    assert!(
        browser
            .text("main")
            .await
            .contains("--var flow.key.leadid=HFC123")
    );
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_is_first_and_leads_to_the_calls_that_it_failed() {
    let settings = "[accounts.acme]\ndefault_webhook = \"completed\"\n[webhooks.aaa]\nurl = \"http://127.0.0.1:1/\"\n";
    let fixture = Fixture::with(settings).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.call(RECORDED, 503, "later").await;
    browser.go(&fixture.url("/")).await;
    let tiles = browser.text(".tiles").await;
    assert!(tiles.contains("went down line 1: 1 of 1"), "{tiles}");
    browser.click(".hooks a.name").await;
    browser
        .wait_until("location.pathname === '/webhooks'")
        .await;
    assert_eq!(
        browser.run("return location.hash").await,
        json!("#webhook-lookup")
    );
    let first = browser.text("article").await;
    for part in [
        "lookup",
        "failing since",
        "last success never",
        "1 of 1 failed",
        "timeout 60",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("hidden"), "{first}");
    let other = browser.text("#webhook-aaa").await;
    assert!(other.contains("not asked since the start"), "{other}");
    browser
        .click("a[href='/calls?webhook=lookup&reason=HTTP_STATUS']")
        .await;
    browser
        .wait_until("document.querySelectorAll('.calls li').length === 1")
        .await;
    browser
        .go(&fixture.url("/calls?webhook=lookup&reason=TIMEOUT"))
        .await;
    assert!(browser.text("main").await.contains("No call found"));
    // A call on hold shows its account.
    let held = fixture.hold_for_account("acme").await;
    browser.go(&fixture.url("/")).await;
    browser
        .wait_until("document.querySelector('.held')?.innerText.includes('account acme')")
        .await;
    drop(held);
    browser.go(&fixture.url("/nonsense")).await;
    browser.click("main a[href='/']").await;
    browser.click("header > a.pill").await;
    browser.wait_until("location.pathname === '/readyz'").await;
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_asked_no_webhook_says_so() {
    let fixture = Fixture::new().await;
    fixture.failed(RECORDED).await;
    let page = async |path: &str| {
        let answer = test_support::http::get(fixture.url(path)).await.unwrap();
        answer.text().await.unwrap()
    };
    let link = regex::Regex::new(r"/calls/[0-9a-f-]{36}").unwrap();
    let calls = page("/calls").await;
    let call = link.find(&calls).unwrap().as_str();
    let page_text = page(call).await;
    assert!(
        page_text.contains("No webhook is known that this call asked."),
        "{page_text}"
    );
    fixture.service.stop().await;
}

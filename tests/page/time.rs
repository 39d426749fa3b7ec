//! What happened over time, beside the time before.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::Fixture;

const ANN: &str = r#"{"customer": {"name": "Ann"}}"#;
const CALL: &str = "inbound-caller-hangs-up";

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_window_are_counted_by_line_and_reason_with_their_times() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/time")).await;
    let empty = browser.text("main").await;
    assert!(
        empty.contains("No call left the hold in this time."),
        "{empty}"
    );
    for status in [200, 200, 503] {
        fixture.call(CALL, status, ANN).await;
    }
    // Counts are stored every two seconds.
    let all = "[...document.querySelectorAll('.numbers li')].some((tile) => /Calls\\s+3\\s/.test(tile.innerText)) && document.body.innerText.includes('delivered 3')";
    let view = fixture.url("/time?window=15m");
    loop {
        browser.go(&view).await;
        if browser.run(&format!("return {all}")).await == json!(true) {
            break;
        }
    }
    let page = browser.text("main").await;
    for part in [
        "each bar a minute",
        "33.3\u{a0}%",
        "line 1: HTTP_STATUS",
        "p95",
        "a day before",
        "3 attempts",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let bars = "return [...document.querySelectorAll('svg.chart path')].every((path) => path.getAttribute('d').startsWith('M'))";
    assert_eq!(browser.run(bars).await, json!(true));
    browser.screenshot("time").await;
    // The reason leads to its calls of that time.
    browser.click("tbody a[href*='HTTP_STATUS']").await;
    browser.wait_until("location.pathname === '/calls'").await;
    browser
        .wait_until("document.querySelectorAll('.calls li').length === 1")
        .await;
    let chips = browser.text(".filters").await;
    assert!(
        chips.contains("reason HTTP_STATUS") && chips.contains("from "),
        "{chips}"
    );
    // Of one value, and the windows keep it.
    browser.go(&view).await;
    let of = "document.querySelector('select[name=of]')";
    for group in ["webhook", "flow", "account", "switch"] {
        let known = format!("{of}.querySelector('optgroup[label={group}]')");
        browser.wait_until(&known).await;
    }
    browser.run(&format!("{of}.value = 'webhook:lookup'; {of}.dispatchEvent(new Event('change', {{ bubbles: true }}))")).await;
    browser
        .wait_until("location.search.includes('webhook%3Alookup')")
        .await;
    browser
        .wait_until("document.querySelector('.numbers li').innerText.includes('3')")
        .await;
    for (window, bar) in [("24 hours", "a quarter of an hour"), ("7 days", "an hour")] {
        let link = "[...document.querySelectorAll('.filters a')]";
        browser
            .run(&format!(
                "{link}.find((one) => one.innerText === '{window}').click()"
            ))
            .await;
        browser
            .wait_until(&format!(
                "document.body.innerText.includes('each bar {bar}')"
            ))
            .await;
        browser
            .wait_until("document.querySelector('.numbers li')?.innerText.includes('3')")
            .await;
    }
    // No call of another webhook.
    browser
        .go(&fixture.url("/time?window=1h&of=webhook:other"))
        .await;
    let none = browser.text("main").await;
    assert!(none.contains("No call left the hold"), "{none}");
    browser
        .go(&fixture.url("/time?window=custom&from=2020-01-01T00:00&until=2020-01-02T00:00"))
        .await;
    let old = browser.text("main").await;
    assert!(
        old.contains("each bar a day of UTC") && old.contains("No call left"),
        "{old}"
    );
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

//! The views: live updates, the way to a cause, accessibility, no scripts, masked numbers.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::Fixture;

const ANN: &str = r#"{"customer": {"name": "Ann"}}"#;
const BUSY: &str = "come back later";
/// Two agents, one after the other.
const TRANSFER: &str = "inbound-blind-transfer-refer";
const RECORDED: &str = "outbound-customer-then-agent-recorded";
const ACCESSIBLE: &str = include_str!("accessible.js");

#[tokio::test(flavor = "multi_thread")]
async fn a_call_appears_while_it_is_on_hold_and_moves_on_by_itself() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/")).await;
    browser
        .wait_until("document.body.innerText.includes('No calls on hold')")
        .await;
    let mut peer = fixture.hold().await;
    browser
        .wait_until("document.querySelector('.held li')?.innerText.includes('lookup')")
        .await;
    let shown = browser.text(".held").await;
    assert!(shown.contains("ends by itself in"), "{shown}");
    browser.screenshot("now-on-hold").await;
    fixture.receiver.answer(503, BUSY).await;
    peer.until_exit().await;
    drop(peer);
    browser
        .wait_until("document.querySelector('.calls li')?.innerText.includes('HTTP_STATUS')")
        .await;
    assert!(browser.text("main").await.contains("No calls on hold"));
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_caller_went_down_line_1_is_found_with_one_search() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.call(TRANSFER, 200, ANN).await;
    let uuid = fixture.call(RECORDED, 401, "who are you?").await;
    browser.go(&fixture.url("/")).await;
    // The key "/" goes to the search; only this call has the lead as a flow variable.
    browser.press("/").await;
    browser.type_into("#q", "hfc123\u{e007}").await;
    browser.wait_until("location.pathname === '/calls'").await;
    assert_eq!(
        browser
            .run("return document.querySelectorAll('.calls li').length")
            .await,
        json!(1)
    );
    let found = browser.text(".calls li").await;
    assert!(found.contains("line 1 · AUTHENTICATION_FAILURE"), "{found}");
    assert!(found.contains("401"), "the sentence: {found}");
    browser.click(".calls .parties").await;
    browser
        .wait_until(&format!("location.pathname === '/calls/{uuid}'"))
        .await;
    let verdict = browser.text(".verdict").await;
    assert!(
        verdict.contains("line 1 (the fallback) because the webhook refused our credentials"),
        "{verdict}"
    );
    assert!(verdict.contains("What to do"), "{verdict}");
    let page = browser.text("main").await;
    assert!(page.contains("talked to"), "{page}");
    browser.screenshot("call").await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_accessible_on_a_desk_and_on_a_phone_in_light_and_in_dark() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let uuid = fixture.call(TRANSFER, 200, ANN).await;
    fixture.call(RECORDED, 503, BUSY).await;
    fixture.refused(TRANSFER).await;
    let waiting = fixture.hold().await;
    browser.go(&fixture.url("/outbox")).await;
    browser
        .wait_until("document.querySelector('.calls .parties')")
        .await;
    let document = browser
        .run("return document.querySelector('.calls .parties').getAttribute('href')")
        .await;
    let call = format!("/calls/{uuid}");
    let views = [
        "/",
        "/calls",
        "/calls?q=1&reason=SUCCESS",
        "/time?window=15m",
        &call,
        "/webhooks",
        "/webhooks/lookup/try",
        "/nonsense",
        "/outbox",
        "/switches",
        "/outbox/replay?state=dead",
        document.as_str().unwrap(),
    ];
    for (size, width) in [("desk", 1280), ("phone", 390)] {
        browser.size(width, 900).await;
        for scheme in ["light", "dark"] {
            browser.scheme(scheme).await;
            for view in views {
                browser.go(&fixture.url(view)).await;
                let faults = browser.run(ACCESSIBLE).await;
                assert_eq!(faults, json!([]), "{view}, {size}, {scheme}");
                let name = view.split('/').nth(1).unwrap();
                let one = if view.matches('/').count() > 1 {
                    "-one"
                } else {
                    ""
                };
                browser
                    .screenshot(&format!("{size}-{scheme}-{name}{one}"))
                    .await;
            }
        }
    }
    // Chromium reports a 404 page as an error.
    let mut console_errors = browser.console_errors().await;
    console_errors.retain(|one| !one.contains("/nonsense - Failed to load"));
    assert_eq!(console_errors, [""; 0]);
    drop((browser, waiting));
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_everything_can_be_read() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let uuid = fixture.call(RECORDED, 503, BUSY).await;
    // The store learns of the delivery a moment after the receiver.
    let (headers, text) = loop {
        let url = fixture.url(&format!("/calls/{uuid}"));
        let answer = test_support::http::get(url).await.unwrap();
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        if !text.contains("being sent") {
            break (headers, text);
        }
        tokio::task::yield_now().await;
    };
    for part in [
        "HTTP_STATUS",
        "talked to",
        "delivered",
        "<svg class=\"legs\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let elsewhere = regex::Regex::new("(href|src|action)=\"(https?:)?//").unwrap();
    assert!(!elsewhere.is_match(&text), "nothing of another host");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    browser.scripts(false).await;
    browser.go(&fixture.url("/")).await;
    browser.scripts(true).await;
    assert!(browser.text(".calls").await.contains("HTTP_STATUS"));
    drop(browser);
    fixture.service.stop().await;
}

/// Returns the page at a path, without a browser.
async fn read(fixture: &Fixture, path: &str) -> String {
    let answer = test_support::http::get(fixture.url(path)).await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_masked_on_every_view_and_nowhere_else() {
    for masked in [true, false] {
        let fixture = Fixture::with(&format!("mask_numbers = {masked}")).await;
        let held = fixture.hold().await;
        let on_hold = read(&fixture, "/").await;
        fixture.receiver.answer(503, BUSY).await;
        drop(held);
        let uuid = fixture.call(RECORDED, 200, ANN).await;
        let post = fixture.inbox.posts().pop().unwrap();
        let own: serde_json::Value = serde_json::from_slice(&post.body).unwrap();
        let legs = own["callDetails"].as_array().unwrap();
        let numbers = legs.iter().filter_map(|leg| leg["calleeNumber"].as_str());
        let long: Vec<String> = numbers
            .filter(|one| one.len() > 5)
            .map(str::to_owned)
            .collect();
        let mut pages = vec![on_hold];
        let id = format!("/outbox/{}", post.header("webhook-id"));
        for path in ["/", "/calls", &format!("/calls/{uuid}"), &id] {
            pages.push(read(&fixture, path).await);
        }
        let all = pages.concat();
        assert_eq!(all.contains("•••"), masked);
        assert!(long.len() > 1, "{own}");
        for one in &long {
            assert_eq!(all.contains(one.as_str()), !masked, "{one}");
        }
        fixture.service.stop().await;
    }
}

/// Views over a full store.
const VIEWS: [&str; 14] = [
    "/",
    "/calls",
    "/calls?line=1&reason=TIMEOUT&account=acme",
    "/calls?reason=BLOCKED_ADDRESS",
    "/calls?q=did+not+answer",
    "/calls?q=nothing+like+it",
    "/time?window=15m",
    "/time?window=1h",
    "/time?window=24h",
    "/time?window=7d",
    "/webhooks",
    "/outbox",
    "/outbox?state=dead",
    "/switches",
];

/// Bytes of a view with its style and script, as a browser that has none of it loads them.
const WEIGHT: usize = 60 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn no_view_weighs_more_than_sixty_kilobytes_however_much_the_store_has() {
    let fixture = Fixture::new().await;
    let uuid = fixture.call(RECORDED, 503, BUSY).await;
    fixture.fill(1_000).await;
    let call = format!("/calls/{uuid}");
    let file = regex::Regex::new("\"(/files/[^\"]+)\"").unwrap();
    for view in VIEWS.into_iter().chain([call.as_str()]) {
        let page = read(&fixture, view).await;
        let mut weight = page.len();
        for file in file.captures_iter(&page) {
            weight += read(&fixture, &file[1]).await.len();
        }
        assert!(weight > page.len() + 10_000, "{view}: its files count");
        assert!(weight <= WEIGHT, "{view}: {weight} bytes");
    }
    fixture.service.stop().await;
}

/// Prints how fast the views are: `cargo test --test page views_over -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: it fills a store with a million calls"]
async fn views_over_a_million_calls() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.call(RECORDED, 503, BUSY).await;
    fixture.fill(1_000_000).await;
    println!(
        "{:<44} {:>12} {:>12}",
        "median of five, ms", "first byte", "first paint"
    );
    for view in VIEWS {
        let mut times = Vec::new();
        for _ in 0..5 {
            browser.go(&fixture.url(view)).await;
            let painted = "performance.getEntriesByName('first-contentful-paint').length > 0";
            browser.wait_until(painted).await;
            let times_of = "const [page] = performance.getEntriesByType('navigation');\
                            const [paint] = performance.getEntriesByName('first-contentful-paint');\
                            return [page.responseStart - page.requestStart, paint.startTime];";
            let both = browser.run(times_of).await;
            times.push([0, 1].map(|at| both[at].as_f64().unwrap()));
        }
        let median = |at: usize| {
            let mut all: Vec<f64> = times.iter().map(|both| both[at]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!("{view:<44} {:>12.0} {:>12.0}", median(0), median(1));
    }
    drop(browser);
    fixture.service.stop().await;
}

//! Finding calls with chips, why a search matched, and the filtered calls as files.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::fixture::Fixture;

const ANN: &str = r#"{"customer": {"name": "Ann"}}"#;
const TRANSFER: &str = "inbound-blind-transfer-refer";
/// Its lead is HFC123.
const RECORDED: &str = "outbound-customer-then-agent-recorded";

async fn get(fixture: &Fixture, path: &str) -> String {
    let answer = test_support::http::get(fixture.url(path)).await.unwrap();
    answer.text().await.unwrap()
}

/// Returns the Unique-IDs of the calls of a filter.
async fn found(fixture: &Fixture, query: &str) -> Vec<String> {
    let text = get(fixture, &format!("/calls.json?{query}")).await;
    let calls: Vec<Value> = serde_json::from_str(&text).unwrap();
    let uuids = calls
        .iter()
        .map(|call| call["uuid"].as_str().unwrap().to_owned());
    uuids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_chip_finds_its_calls_and_a_file_has_what_the_list_has() {
    let fixture = Fixture::new().await;
    let inbound = fixture.call(TRANSFER, 200, ANN).await;
    let outbound = fixture.call(RECORDED, 401, "who are you?").await;
    let all = get(&fixture, "/calls.json").await;
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    let of = |uuid: &String| all.iter().find(|call| call["uuid"] == **uuid).unwrap();
    let (one, other) = (of(&inbound), of(&outbound));
    let text = |call: &Value, name: &str| call[name].as_str().unwrap().to_owned();
    let cause = text(other, "hangup_cause");
    let seconds = |call: &Value| call["duration_ms"].as_i64().unwrap() / 1_000;
    let (shorter, longer) = (
        seconds(one).min(seconds(other)),
        seconds(one).max(seconds(other)),
    );
    assert!(shorter < longer, "{all:?}");
    let both = vec![outbound.clone(), inbound.clone()];
    let longest = if seconds(one) == longer {
        &inbound
    } else {
        &outbound
    };
    let shortest = if seconds(one) == longer {
        &outbound
    } else {
        &inbound
    };
    for (query, expected) in [
        ("".to_owned(), both.clone()),
        ("line=1".to_owned(), vec![outbound.clone()]),
        ("webhook=lookup".to_owned(), both.clone()),
        ("webhook=look_p".to_owned(), vec![]),
        ("webhook=other".to_owned(), vec![]),
        (
            "reason=AUTHENTICATION_FAILURE".to_owned(),
            vec![outbound.clone()],
        ),
        (
            "reason=SUCCESS&webhook=lookup".to_owned(),
            vec![inbound.clone()],
        ),
        (format!("flow={}", text(one, "flow")), vec![inbound.clone()]),
        ("account=(default)".to_owned(), both.clone()),
        ("account=acme".to_owned(), vec![]),
        (format!("switch={}", text(one, "switch")), both.clone()),
        ("switch=nowhere".to_owned(), vec![]),
        (
            format!("called={}", text(other, "called")),
            vec![outbound.clone()],
        ),
        (
            format!("cause={}", &cause[1..cause.len() - 1]),
            both.clone(),
        ),
        ("cause=NO_SUCH_CAUSE".to_owned(), vec![]),
        (format!("longer={longer}"), vec![longest.clone()]),
        (format!("shorter={}", longer - 1), vec![shortest.clone()]),
        ("from=2020-01-01T00:00".to_owned(), both.clone()),
        ("until=2020-01-01T00:00".to_owned(), vec![]),
        ("q=hfc123".to_owned(), vec![outbound.clone()]),
        ("q=hfc123&reason=SUCCESS".to_owned(), vec![]),
        (
            "q=hfc123&line=1&from=2020-01-01T00:00".to_owned(),
            vec![outbound.clone()],
        ),
    ] {
        let mut uuids = found(&fixture, &query).await;
        let mut expected = expected;
        uuids.sort();
        expected.sort();
        assert_eq!(uuids, expected, "{query}");
        let csv = get(&fixture, &format!("/calls.csv?{query}")).await;
        assert_eq!(csv.lines().count(), 1 + expected.len(), "{query}: {csv}");
        let list = get(&fixture, &format!("/calls?{query}")).await;
        let rows = list.matches("<li data-key").count();
        assert_eq!(rows, expected.len(), "{query}");
    }
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chips_are_added_in_a_form_and_taken_away_with_a_click() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.call(TRANSFER, 200, ANN).await;
    let outbound = fixture.call(RECORDED, 401, "who are you?").await;
    let rows = "document.querySelectorAll('.calls li').length";
    browser.go(&fixture.url("/calls")).await;
    browser.wait_until(&format!("{rows} === 2")).await;
    browser.click(".filter summary").await;
    browser.click("option[value=AUTHENTICATION_FAILURE]").await;
    browser.click(".filter button").await;
    browser.wait_until(&format!("{rows} === 1")).await;
    let chip = browser.text(".chip").await;
    assert!(chip.contains("reason AUTHENTICATION_FAILURE"), "{chip}");
    browser.screenshot("chips").await;
    // A link keeps the filter.
    for format in ["csv", "json"] {
        let link = format!("document.querySelector('a[href^=\"/calls.{format}?reason=AUTH\"]')");
        browser.wait_until(&link).await;
    }
    browser.click(".filters a:nth-child(2)").await;
    browser
        .wait_until("location.search.includes('line=1') && location.search.includes('reason=AUTH')")
        .await;
    browser.click(".chip").await;
    browser
        .wait_until("!location.search.includes('reason') && location.search.includes('line=1')")
        .await;
    browser.wait_until(&format!("{rows} === 1")).await;
    // A search says what of the call it found.
    browser.type_into("#q", "hfc123\u{e007}").await;
    browser.wait_until("location.search.includes('q=')").await;
    let row = browser.text(".calls li").await;
    assert!(row.contains("found in: flow variable leadid"), "{row}");
    browser
        .go(&fixture.url(&format!("/calls?q={outbound}")))
        .await;
    let row = browser.text(".calls li").await;
    assert!(row.contains("found in: UUID of the call"), "{row}");
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_sentences_are_folded_and_each_call_is_one_row() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    for _ in 0..3 {
        fixture.call(RECORDED, 503, "later").await;
    }
    fixture.call(RECORDED, 401, "who are you?").await;
    browser.go(&fixture.url("/calls")).await;
    browser
        .wait_until("document.querySelectorAll('.calls li').length === 4")
        .await;
    let sentences =
        "return [...document.querySelectorAll('.calls .why')].map((one) => one.innerText)";
    let sentences = browser.run(sentences).await;
    let sentences = sentences.as_array().unwrap();
    assert_eq!(sentences.len(), 2, "{sentences:?}");
    let folded = sentences[1].as_str().unwrap();
    assert!(
        folded.contains("503") && folded.contains("the same of 3 calls"),
        "{folded}"
    );
    let height = "return document.querySelector('.calls li:last-child').offsetHeight";
    let height = browser.run(height).await.as_f64().unwrap();
    assert!(height < 60.0, "one row: {height}");
    assert_ne!(browser.run("return location.pathname").await, json!("/"));
    drop(browser);
    fixture.service.stop().await;
}

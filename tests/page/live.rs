//! The page keeps itself up to date and holds still while somebody uses it; its keys.

use serde_json::json;

use crate::browser::Browser;
use crate::fixture::Fixture;

const ANN: &str = r#"{"customer": {"name": "Ann"}}"#;
const CALL: &str = "inbound-caller-hangs-up";
const ROWS: &str = "document.querySelectorAll('.calls li').length";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_under_the_pointer_and_new_calls_are_counted() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    fixture.call(CALL, 200, ANN).await;
    browser.go(&fixture.url("/calls")).await;
    browser.wait_until(&format!("{ROWS} === 1")).await;
    browser.point_at(".calls li").await;
    for _ in 0..2 {
        fixture.call(CALL, 503, "later").await;
    }
    browser
        .wait_until("document.getElementById('news').innerText === '2 new'")
        .await;
    assert_eq!(
        browser.run(&format!("return {ROWS}")).await,
        json!(1),
        "held still"
    );
    browser.screenshot("held-still").await;
    // Away from the list: what waited is shown.
    browser.point_at("header .brand").await;
    browser.wait_until(&format!("{ROWS} === 3")).await;
    browser
        .wait_until("document.getElementById('news').hidden")
        .await;
    // The same with the button, while the pointer stays.
    browser.point_at(".calls li").await;
    fixture.call(CALL, 200, ANN).await;
    browser
        .wait_until("document.getElementById('news').innerText === '1 new'")
        .await;
    browser.click("#news").await;
    browser.wait_until(&format!("{ROWS} === 4")).await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_page_stays_as_it_is_until_it_goes_on() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/calls")).await;
    browser.click("#pause").await;
    let pressed = "document.getElementById('pause').getAttribute('aria-pressed')";
    browser.wait_until(&format!("{pressed} === 'true'")).await;
    fixture.call(CALL, 200, ANN).await;
    browser
        .wait_until("document.getElementById('news').innerText === '1 new'")
        .await;
    assert_eq!(
        browser.run(&format!("return {ROWS}")).await,
        json!(0),
        "paused"
    );
    browser.press("p").await;
    browser
        .wait_until(&format!("{pressed} === 'false' && {ROWS} === 1"))
        .await;
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_go_through_the_rows_and_tell_what_they_do() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let older = fixture.call(CALL, 200, ANN).await;
    let newer = fixture.call(CALL, 503, "later").await;
    browser.go(&fixture.url("/calls")).await;
    browser.wait_until(&format!("{ROWS} === 2")).await;
    let chosen = "document.activeElement.closest('[data-key]')?.dataset.key";
    for (key, row) in [("j", &newer), ("j", &older), ("j", &older), ("k", &newer)] {
        browser.press(key).await;
        browser.wait_until(&format!("{chosen} === '{row}'")).await;
    }
    // A chosen row stays where it is.
    fixture.call(CALL, 200, ANN).await;
    browser
        .wait_until("document.getElementById('news').innerText === '1 new'")
        .await;
    browser.press("?").await;
    browser
        .wait_until("document.getElementById('keys').open")
        .await;
    let help = browser.text("#keys").await;
    for part in ["next row", "row before", "search", "pause updates"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    browser.screenshot("keys").await;
    // Escape closes the help.
    browser.press("\u{e00c}").await;
    browser
        .wait_until("!document.getElementById('keys').open")
        .await;
    browser.press("k").await;
    browser.wait_until(&format!("{chosen} === '{newer}'")).await;
    browser.press("\u{e007}").await;
    browser
        .wait_until(&format!("location.pathname === '/calls/{newer}'"))
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

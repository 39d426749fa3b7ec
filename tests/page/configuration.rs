//! The page of the configuration, and the way from a call to its trace.

use switchhook_service::config::Config;
use switchhook_service::service::needs_restart;

use crate::browser::Browser;
use crate::fixture::Fixture;

const RECORDED: &str = "outbound-customer-then-agent-recorded";

#[tokio::test(flavor = "multi_thread")]
async fn version_settings_and_the_last_reload_are_on_a_page_of_their_own() {
    let fixture = Fixture::new().await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.go(&fixture.url("/")).await;
    browser.click("footer a[href='/configuration']").await;
    browser
        .wait_until("location.pathname === '/configuration'")
        .await;
    let page = browser.text("main").await;
    for part in [
        env!("CARGO_PKG_VERSION"),
        "test.toml",
        "Not reloaded since the start",
        "[webhooks.lookup]",
        "/callers?api_key=",
        "http_token",
        "Asia/Kolkata",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let hidden = [crate::fixture::TOKEN, "ClueCon", "api_key=hidden"];
    let source = browser
        .run("return document.documentElement.outerHTML")
        .await;
    let source = source.as_str().unwrap();
    for secret in hidden {
        assert!(!source.contains(secret), "{secret}");
    }
    // A reload with a fault in the file.
    let faulty = Config::parse("[listen]\nesl = \"nowhere\"\n", "test.toml");
    let why = faulty
        .map(|_| Vec::new())
        .map_err(|faults| faults.to_string());
    fixture.service.note_reload(&why).await;
    browser.go(&fixture.url("/configuration")).await;
    let page = browser.text("main").await;
    for part in [
        "Last reload",
        "refused",
        "from before stays in force",
        "test.toml:2",
        "\"nowhere\" is not an IP address",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    browser.screenshot("configuration").await;
    // One without, but with a setting that needs a restart.
    let before = Config::parse("[listen]\n", "test.toml").unwrap();
    let after = Config::parse("[listen]\n[limits]\ncalls_on_hold = 7\n", "test.toml").unwrap();
    fixture.service.reload(&after).unwrap();
    fixture
        .service
        .note_reload(&Ok(needs_restart(&before, &after)))
        .await;
    browser.go(&fixture.url("/configuration")).await;
    let page = browser.text("main").await;
    for part in [
        "in force, in part",
        "A restart is needed for: limits.",
        "calls_on_hold\n7",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    browser.go(&fixture.url("/audit")).await;
    let audit = browser.text("main").await;
    assert!(
        audit.contains("reload") && audit.contains("SIGHUP"),
        "{audit}"
    );
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_leads_to_its_trace() {
    let traces = "[traces]\nurl = \"http://127.0.0.1:9/v1/traces\"\n\
                  link = \"https://traces.example/trace/{trace_id}\"\n";
    let fixture = Fixture::with(traces).await;
    let Some(browser) = Browser::start().await else {
        return;
    };
    let uuid = fixture.call(RECORDED, 200, "{}").await;
    browser.go(&fixture.url(&format!("/calls/{uuid}"))).await;
    let address = "return [...document.querySelectorAll('a')].find((one) => one.innerText === 'Open its trace').href";
    let address = browser.run(address).await;
    let id = uuid.replace('-', "");
    assert_eq!(address, format!("https://traces.example/trace/{id}"));
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop(browser);
    fixture.service.stop().await;
}

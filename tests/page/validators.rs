//! axe and html-validate over every view.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use switchhook_admin::access::hashes::hash_password;
use test_support::prerequisites;

use crate::browser::Browser;
use crate::fixture::Fixture;

const PASSWORD: &str = "correct horse battery";
const TRANSFER: &str = "inbound-blind-transfer-refer";
const RECORDED: &str = "outbound-customer-then-agent-recorded";
/// Pages that are no HTML.
const OTHERS: [&str; 9] = [
    "/calls.csv",
    "/calls.json",
    "/outbox/endpoint",
    "/healthz",
    "/readyz",
    "/metrics",
    "/files/{name}",
    "/logout",
    "/changes",
];

/// The service with calls, documents and an operator who is signed in to the browser.
struct Site {
    fixture: Fixture,
    /// A view for each route, and a few more.
    views: Vec<String>,
}

impl Site {
    async fn start() -> Self {
        let hash = hash_password(PASSWORD).unwrap();
        let settings = format!(
            "[users.ann]\nrole = \"operator\"\npassword_hash = \"{hash}\"\n\
             [traces]\nurl = \"http://127.0.0.1:9/v1/traces\"\nlink = \"https://t.example/{{trace_id}}\"\n"
        );
        let fixture = Fixture::with(&settings).await;
        let call = fixture
            .call(TRANSFER, 200, r#"{"customer": {"name": "Ann"}}"#)
            .await;
        let failed = fixture.call(RECORDED, 503, "later").await;
        let document = fixture.inbox.posts()[0].header("webhook-id").to_owned();
        let views = [
            "/",
            "/calls",
            "/calls?q=nobody",
            "/webhooks",
            "/webhooks/lookup/try",
            "/outbox",
            "/outbox?state=delivered",
            "/outbox/replay?state=delivered",
            "/outbox/discard",
            "/time",
            "/time?window=custom",
            "/switches",
            "/configuration",
            "/audit",
            "/login",
            "/nonsense",
        ];
        let mut views: Vec<String> = views.map(str::to_owned).into();
        views.extend([
            format!("/calls/{call}"),
            format!("/calls/{failed}"),
            format!("/outbox/{document}"),
        ]);
        Self { fixture, views }
    }

    /// Checks that every route is among the views.
    fn assert_whole(&self) {
        let shape = |path: &str| {
            let path = path.split('?').next().unwrap();
            let parts: Vec<&str> = path.split('/').collect();
            let routes = switchhook_admin::http::paths();
            let fits = |route: &&&str| {
                let route: Vec<&str> = route.split('/').collect();
                route.len() == parts.len()
                    && route
                        .iter()
                        .zip(&parts)
                        .all(|(one, part)| one == part || one.starts_with('{'))
            };
            let exact = routes.iter().find(|route| **route == path);
            exact.or_else(|| routes.iter().find(fits)).copied()
        };
        let seen: BTreeSet<_> = self.views.iter().filter_map(|view| shape(view)).collect();
        let routes = switchhook_admin::http::paths();
        let missing: Vec<_> = routes
            .iter()
            .filter(|route| !seen.contains(*route) && !OTHERS.contains(route))
            .collect();
        assert!(missing.is_empty(), "no view is looked at of {missing:?}");
    }

    async fn sign_in(&self, browser: &Browser) {
        browser.go(&self.fixture.url("/login")).await;
        browser.type_into("#name", "ann").await;
        browser.type_into("#secret", PASSWORD).await;
        browser.click("form.try button").await;
        browser.wait_until("document.querySelector('.who')").await;
    }
}

/// Returns what axe finds on a view.
async fn faults(browser: &Browser, axe: &str, site: &Site, view: &str) -> Vec<String> {
    browser.go(&site.fixture.url(view)).await;
    // A driver's script is not the page's: its policy is not in the way.
    browser.run(axe).await;
    let start = "window.found = null;
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        const shown = (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`;
        axe.run({ runOnly: tags }).then((report) => { window.found = report.violations.map(shown); })";
    browser.run(start).await;
    browser.wait_until("window.found").await;
    let found = browser.run("return window.found").await;
    let found = found.as_array().unwrap().iter();
    found.map(|fault| format!("{view}: {fault}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_view_in_light_and_in_dark() {
    let Some(axe) = prerequisites::axe() else {
        prerequisites::VALIDATORS.skip();
        return;
    };
    let Some(browser) = Browser::start().await else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let site = Site::start().await;
    site.assert_whole();
    let mut found = Vec::new();
    for view in ["/login", "/calls"] {
        found.extend(faults(&browser, &axe, &site, view).await);
    }
    site.sign_in(&browser).await;
    let waiting = site.fixture.hold().await;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        for view in &site.views {
            let faults = faults(&browser, &axe, &site, view).await;
            found.extend(faults.iter().map(|fault| format!("{fault}, {scheme}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    drop((browser, waiting));
    site.fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn html_validate_finds_nothing_on_any_view() {
    let Some(program) = prerequisites::html_validate() else {
        prerequisites::VALIDATORS.skip();
        return;
    };
    let site = Site::start().await;
    site.assert_whole();
    let folder = tempfile::tempdir().unwrap();
    // Checkboxes of one name are a list, as HTML has it.
    let shared = json!(["error", {"shared": ["radio", "button", "reset", "submit", "checkbox"]}]);
    let rules = json!({
        "root": true,
        "extends": ["html-validate:recommended"],
        "rules": {"form-dup-name": shared},
    });
    std::fs::write(folder.path().join(".htmlvalidate.json"), rules.to_string()).unwrap();
    let waiting = site.fixture.hold().await;
    for signed_in in [true, false] {
        for (at, view) in site.views.iter().enumerate() {
            let client = test_support::http::client().get(site.fixture.url(view));
            let request = client.header("accept", "text/html");
            let request = if signed_in {
                request.bearer_auth(crate::fixture::TOKEN)
            } else {
                request
            };
            let page = request.send().await.unwrap().text().await.unwrap();
            let name = format!("{at}-{signed_in}{}.html", view.replace(['/', '?'], "_"));
            std::fs::write(folder.path().join(name), page).unwrap();
        }
    }
    // Into a file: the program ends before a pipe has all of it.
    let (report, said) = (
        folder.path().join("report.json"),
        folder.path().join("errors.txt"),
    );
    let [out, err] = [&report, &said].map(|file| std::fs::File::create(file).unwrap());
    let mut command = Command::new("node");
    command.arg(program).args(["--formatter", "json", "."]);
    command.current_dir(folder.path()).stdout(out).stderr(err);
    // Its status says whether it found something; the report says what.
    command.status().unwrap();
    let [report, said] = [report, said].map(|file| std::fs::read_to_string(file).unwrap());
    let report: Value =
        serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {said}"));
    let files = report.as_array().unwrap();
    let of = |file: &Value| {
        let name = file["filePath"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let messages = file["messages"].as_array().unwrap().clone();
        messages.into_iter().map(move |one| {
            format!(
                "{name}:{}: {} ({})",
                one["line"], one["message"], one["ruleId"]
            )
        })
    };
    let found: Vec<String> = files.iter().flat_map(of).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    drop(waiting);
    site.fixture.service.stop().await;
}

//! Who may see and do what: a table of every route and everybody, and the same in a browser.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::json;
use switchhook_admin::access::hashes::{TokenHash, hash_password};

use crate::browser::Browser;
use crate::fixture::Fixture;
use crate::routes::{Routes, TOKEN};

/// Two agents, one after the other.
const TRANSFER: &str = "inbound-blind-transfer-refer";
const RECORDED: &str = "outbound-customer-then-agent-recorded";
const PASSWORD: &str = "correct horse battery";

/// The users: a viewer and an operator of the account `acme`, and both of everything.
fn users() -> String {
    let token = |name: &str| TokenHash::of(&format!("the token of {name}, long enough"));
    let mut users = String::from("[accounts.acme]\n[accounts.other]\n");
    for (name, role, accounts) in [
        ("acmes-viewer", "viewer", "[\"acme\"]"),
        ("acmes-operator", "operator", "[\"acme\"]"),
        ("viewer", "viewer", "[]"),
        ("operator", "operator", "[]"),
    ] {
        users += &format!(
            "[users.{name}]\nrole = \"{role}\"\naccounts = {accounts}\ntoken_hash = \"{}\"\n",
            token(name)
        );
    }
    users + &format!("password_hash = \"{}\"\n", hash_password(PASSWORD).unwrap())
}

fn bearer(name: &str) -> String {
    format!("the token of {name}, long enough")
}

/// Returns the status of a request as a user, or as nobody.
async fn status(
    fixture: &Fixture,
    method: &str,
    path: &str,
    token: Option<&str>,
    address: [u8; 4],
) -> u16 {
    let client = test_support::http::builder()
        .redirect(reqwest::redirect::Policy::none())
        .local_address(IpAddr::from(address))
        .build()
        .unwrap();
    let request = client.request(method.parse().unwrap(), fixture.url(path));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let request = match method {
        "POST" => request.header(form.0, form.1).body("state=dead"),
        _ => request,
    };
    request.send().await.unwrap().status().as_u16()
}

/// What everybody gets, in this order: nobody, acme's viewer, viewer, acme's operator, operator, a
/// wrong token. `ACMES` and `OTHERS` stand for a call or a document of that account.
const TABLE: [(&str, &str, [u16; 6]); 50] = [
    ("GET", "/healthz", [200; 6]),
    ("POST", "/healthz", [401, 403, 403, 405, 405, 401]),
    ("GET", "/readyz", [200; 6]),
    ("POST", "/readyz", [401, 403, 403, 405, 405, 401]),
    ("GET", "/metrics", [200; 6]),
    ("POST", "/metrics", [401, 403, 403, 405, 405, 401]),
    ("GET", "/files/page.js", [200; 6]),
    ("POST", "/files/page.js", [401, 403, 403, 405, 405, 401]),
    ("GET", "/login", [200; 6]),
    ("POST", "/login", [401; 6]),
    ("GET", "/logout", [405; 6]),
    ("POST", "/logout", [303; 6]),
    ("GET", "/", [401, 200, 200, 200, 200, 401]),
    ("POST", "/", [401, 403, 403, 405, 405, 401]),
    ("GET", "/calls", [401, 200, 200, 200, 200, 401]),
    ("POST", "/calls", [401, 403, 403, 405, 405, 401]),
    ("GET", "/calls.csv", [401, 200, 200, 200, 200, 401]),
    ("POST", "/calls.csv", [401, 403, 403, 405, 405, 401]),
    ("GET", "/calls.json", [401, 200, 200, 200, 200, 401]),
    ("POST", "/calls.json", [401, 403, 403, 405, 405, 401]),
    ("GET", "/time", [401, 403, 200, 403, 200, 401]),
    ("POST", "/time", [401, 403, 403, 405, 405, 401]),
    ("GET", "/calls/ACMES", [401, 200, 200, 200, 200, 401]),
    ("GET", "/calls/OTHERS", [401, 404, 200, 404, 200, 401]),
    ("POST", "/calls/ACMES", [401, 403, 403, 405, 405, 401]),
    ("GET", "/webhooks", [401, 403, 200, 403, 200, 401]),
    ("POST", "/webhooks", [401, 403, 403, 405, 405, 401]),
    (
        "GET",
        "/webhooks/lookup/try",
        [401, 403, 200, 403, 200, 401],
    ),
    (
        "POST",
        "/webhooks/nosuch/try",
        [401, 403, 403, 403, 404, 401],
    ),
    ("GET", "/outbox", [401, 200, 200, 200, 200, 401]),
    ("POST", "/outbox", [401, 403, 403, 405, 405, 401]),
    ("GET", "/outbox/replay", [401, 200, 200, 200, 200, 401]),
    ("POST", "/outbox/replay", [401, 403, 403, 200, 200, 401]),
    ("GET", "/outbox/discard", [401, 200, 200, 200, 200, 401]),
    ("POST", "/outbox/discard", [401, 403, 403, 200, 200, 401]),
    ("GET", "/outbox/endpoint", [401, 405, 405, 405, 405, 401]),
    ("POST", "/outbox/endpoint", [401, 403, 403, 403, 422, 401]),
    ("GET", "/outbox/ACMES", [401, 200, 200, 200, 200, 401]),
    ("GET", "/outbox/OTHERS", [401, 404, 200, 404, 200, 401]),
    ("POST", "/outbox/ACMES", [401, 403, 403, 405, 405, 401]),
    ("GET", "/switches", [401, 403, 200, 403, 200, 401]),
    ("POST", "/switches", [401, 403, 403, 405, 405, 401]),
    ("GET", "/configuration", [401, 403, 200, 403, 200, 401]),
    ("POST", "/configuration", [401, 403, 403, 405, 405, 401]),
    ("GET", "/audit", [401, 403, 403, 403, 200, 401]),
    ("POST", "/audit", [401, 403, 403, 405, 405, 401]),
    ("GET", "/changes", [401, 200, 200, 200, 200, 401]),
    ("POST", "/changes", [401, 403, 403, 405, 405, 401]),
    ("GET", "/nonsense", [401, 404, 404, 404, 404, 401]),
    ("POST", "/nonsense", [401, 403, 403, 404, 404, 401]),
];

/// The columns of the table: a token, or none.
fn everybody() -> [Option<String>; 6] {
    let known = ["acmes-viewer", "viewer", "acmes-operator", "operator"];
    let [one, two, three, four] = known.map(|name| Some(bearer(name)));
    [
        None,
        one,
        two,
        three,
        four,
        Some("a wrong token, long enough".into()),
    ]
}

/// The service with the users, and with a call of each account.
struct Accounts {
    fixture: Fixture,
    /// Unique-ID and `webhook-id` of acme's call and of the other's.
    acmes: (String, String),
    others: (String, String),
}

impl Accounts {
    async fn start() -> Self {
        let users = users().replace(
            "[accounts.acme]",
            "[accounts.acme]\ndefault_webhook = \"completed\"",
        );
        let users = users.replace(
            "[accounts.other]",
            "[accounts.other]\ndefault_webhook = \"completed\"",
        );
        let fixture = Fixture::with(&users).await;
        let mut calls = Vec::new();
        for (account, capture) in [("acme", RECORDED), ("other", TRANSFER)] {
            let uuid = fixture.call_of(account, capture).await;
            let post = fixture.inbox.posts().pop().unwrap();
            calls.push((uuid, post.header("webhook-id").to_owned()));
        }
        let [acmes, others] = calls.try_into().unwrap();
        Self {
            fixture,
            acmes,
            others,
        }
    }

    /// Returns the path with a call or a document in place of the words of the table.
    fn path(&self, path: &str) -> String {
        let id = |(uuid, document): &(String, String)| {
            if path.starts_with("/calls") {
                uuid.clone()
            } else {
                document.clone()
            }
        };
        path.replace("ACMES", &id(&self.acmes))
            .replace("OTHERS", &id(&self.others))
    }
}

/// Returns the route that a path of the table leads to.
fn route(path: &str) -> Option<&'static str> {
    let fits = |route: &&str| {
        let (mut ours, mut asked) = (route.split('/'), path.split('/'));
        let same = ours
            .by_ref()
            .zip(asked.by_ref())
            .all(|(one, other)| one == other || one.starts_with('{'));
        same && route.split('/').count() == path.split('/').count()
    };
    let routes = switchhook_admin::http::paths();
    let exact = routes.iter().find(|route| **route == path).copied();
    exact.or_else(|| routes.iter().copied().find(fits))
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_the_table_says_of_every_route() {
    let mut rows = BTreeMap::new();
    for (method, path, _) in TABLE {
        *rows.entry((method, route(path))).or_insert(0) += 1;
    }
    for route in switchhook_admin::http::paths() {
        for method in ["GET", "POST"] {
            assert!(
                rows.contains_key(&(method, Some(route))),
                "no row: {method} {route}"
            );
        }
    }
    let accounts = Accounts::start().await;
    let mut wrong = Vec::new();
    for (at, (method, path, statuses)) in TABLE.into_iter().enumerate() {
        let path = accounts.path(path);
        // An address that sends many wrong tokens is slowed: each row has its own.
        let address = [127, 0, 1, u8::try_from(at).unwrap()];
        for (token, wanted) in everybody().iter().zip(statuses) {
            let token = token.as_deref();
            let found = status(&accounts.fixture, method, &path, token, address).await;
            if found != wanted {
                wrong.push(format!(
                    "{method} {path} as {token:?}: {found}, not {wanted}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    accounts.fixture.service.stop().await;
}

/// Returns what a user reads at a path.
async fn read(fixture: &Fixture, path: &str, user: &str) -> String {
    let client = test_support::http::client();
    let request = client.get(fixture.url(path)).bearer_auth(bearer(user));
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_one_account_reads_nothing_of_another_on_any_page() {
    let accounts = Accounts::start().await;
    let fixture = &accounts.fixture;
    let held = [
        fixture.hold_for_account("acme").await,
        fixture.hold_for_account("other").await,
    ];
    let on_hold = held.each_ref().map(|peer| peer.channel.uuid.clone());
    let marks =
        |call: &(String, String), held: &String| [call.0.clone(), call.1.clone(), held.clone()];
    let (ours, others) = (
        marks(&accounts.acmes, &on_hold[0]),
        marks(&accounts.others, &on_hold[1]),
    );
    let mut seen = (String::new(), String::new());
    let searches = others.each_ref().map(|mark| format!("/calls?q={mark}"));
    let mut paths: Vec<String> = [
        "/",
        "/calls",
        "/calls?q=other",
        "/calls?line=1",
        "/calls?account=other",
        "/calls?longer=0",
        "/calls.csv",
        "/calls.json?longer=0",
        "/outbox?state=delivered",
        "/outbox/replay?state=delivered",
        "/outbox",
        "/calls/ACMES",
        "/calls/OTHERS",
        "/outbox/OTHERS",
        "/outbox/ACMES",
    ]
    .iter()
    .map(|path| accounts.path(path))
    .collect();
    paths.push(format!("/calls/{}", on_hold[1]));
    for path in &paths {
        // A page that says that there is no such document repeats what was asked for.
        if !others.iter().any(|mark| path.contains(mark.as_str())) {
            seen.0 += &read(fixture, path, "acmes-viewer").await;
        }
        seen.1 += &read(fixture, path, "viewer").await;
    }
    for mark in &others {
        assert!(!seen.0.contains(mark.as_str()), "{mark}");
        assert!(
            seen.1.contains(mark.as_str()),
            "who may see everything sees {mark}"
        );
    }
    for mark in &ours {
        assert!(seen.0.contains(mark.as_str()), "their own: {mark}");
    }
    for search in &searches {
        let found = read(fixture, search, "acmes-viewer").await;
        assert!(found.contains("No call found"), "{search}");
    }
    for change in ["/outbox/replay", "/outbox/discard"] {
        let bearer = format!("Bearer {}", bearer("acmes-operator"));
        let form = format!("id={}", accounts.others.1);
        let answer = post(fixture, change, &[("authorization", &bearer)], &form).await;
        assert_eq!(answer.status(), 404, "{change}");
    }
    let dry_run = read(fixture, "/outbox/replay?state=delivered", "acmes-operator").await;
    assert!(dry_run.contains("<b>1 document</b>"), "{dry_run}");
    drop(held);
    accounts.fixture.service.stop().await;
}

/// Sends a form as a signed-in browser would; returns the answer.
async fn post(
    fixture: &Fixture,
    path: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> reqwest::Response {
    let client = test_support::http::builder().redirect(reqwest::redirect::Policy::none());
    let mut request = client.build().unwrap().post(fixture.url(path));
    request = request.header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(form.to_owned()).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_from_a_session_needs_what_only_our_page_has() {
    let accounts = Accounts::start().await;
    let fixture = &accounts.fixture;
    let form = format!(
        "name=operator&secret={}&next=/outbox",
        PASSWORD.replace(' ', "+")
    );
    let wrong = post(fixture, "/login", &[], &form.replace("horse", "donkey")).await;
    assert_eq!(wrong.status(), 401);
    let signed_in = post(
        fixture,
        "/login",
        &[("origin", "https://evil.example")],
        &form,
    )
    .await;
    assert_eq!(signed_in.status(), 403, "another site signs nobody in");
    let signed_in = post(fixture, "/login", &[], &form).await;
    assert_eq!(signed_in.status(), 303);
    assert_eq!(signed_in.headers()["location"], "/outbox");
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.ends_with("Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let cookie = ("cookie", cookie.split(';').next().unwrap());
    let client = test_support::http::client();
    let page = client.get(fixture.url("/outbox/replay?state=delivered"));
    let page = page.header(cookie.0, cookie.1).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let csrf = page
        .split("data-token=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(csrf.len(), 64, "{csrf}");
    let replay = "state=delivered&id=&webhook=";
    for (headers, status) in [
        (vec![cookie], 403),
        (vec![cookie, ("x-csrf-token", "wrong")], 403),
        (vec![("x-csrf-token", csrf)], 401),
        (vec![cookie, ("x-csrf-token", csrf)], 200),
    ] {
        let answer = post(fixture, "/outbox/replay", &headers, replay).await;
        assert_eq!(answer.status(), status, "{headers:?}");
    }
    post(fixture, "/logout", &[cookie], "").await;
    let answer = post(
        fixture,
        "/outbox/replay",
        &[cookie, ("x-csrf-token", csrf)],
        replay,
    )
    .await;
    assert_eq!(answer.status(), 401, "the session is over");
    accounts.fixture.service.stop().await;
}

#[test]
fn other_machines_see_nothing_until_somebody_can_sign_in() {
    let mut without = Routes::without_token();
    let (status, page) = without.get_as(b"/", None).unwrap();
    assert_eq!(status, 403);
    assert!(
        page.contains("add [users.NAME] or [trusted_proxy]"),
        "{page}"
    );
    assert!(page.contains("switchhook password"), "{page}");
    for open in ["/healthz", "/readyz", "/metrics"] {
        let (status, _) = without.get_as(open.as_bytes(), None).unwrap();
        assert_eq!(status, 200, "{open}");
    }
    let mut with = Routes::new(None);
    let (status, page) = with.get_as(b"/calls?q=1", None).unwrap();
    assert_eq!(status, 401);
    assert!(
        page.contains("name=\"next\" value=\"/calls?q=1\""),
        "{page}"
    );
    let (status, _) = with.get_as(b"/calls", Some(TOKEN)).unwrap();
    assert_eq!(status, 200, "the token opens the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_sends_a_document_again_and_the_audit_says_so() {
    let accounts = Accounts::start().await;
    let fixture = &accounts.fixture;
    let Some(browser) = Browser::start().await else {
        return;
    };
    // Whoever asks for a page is asked for a name, and gets that page.
    let document = format!("/outbox/{}", accounts.others.1);
    browser.go(&fixture.url(&document)).await;
    assert!(browser.text("h1").await.contains("Sign in"));
    assert!(
        !browser.text("body").await.contains("completed"),
        "nothing is shown"
    );
    browser.type_into("#name", "operator").await;
    browser.type_into("#secret", "a wrong password").await;
    browser.click("form.try button").await;
    browser
        .wait_until("document.querySelector('[role=alert]')?.innerText.includes('wrong')")
        .await;
    browser.screenshot("sign-in").await;
    browser.type_into("#name", "operator").await;
    browser.type_into("#secret", PASSWORD).await;
    browser.click("form.try button").await;
    browser
        .wait_until(&format!("location.pathname === '{document}'"))
        .await;
    assert!(browser.text(".who").await.starts_with("operator"));
    let before = fixture.inbox.posts().len();
    // Signed in, nobody is asked for a token.
    assert_eq!(
        browser.run("return document.querySelector('#token')").await,
        json!(null)
    );
    browser.click("form.replay button").await;
    fixture.inbox.wait(before + 1).await;
    browser
        .wait_until(
            "document.querySelector('.result').innerText === '1 document will be sent again.'",
        )
        .await;
    browser.go(&fixture.url(&document)).await;
    let again = browser.text("section[aria-labelledby=again]").await;
    assert!(
        again.contains("operator") && again.contains("127.0.0.1"),
        "{again}"
    );
    browser.click("footer a[href='/audit']").await;
    browser.wait_until("location.pathname === '/audit'").await;
    let audit = browser.text("main").await;
    for part in [
        "resend",
        &accounts.others.1,
        "1 document will be sent again",
        "sign in",
        "signed in",
        "refused",
    ] {
        assert!(audit.contains(part), "{part}: {audit}");
    }
    browser.screenshot("audit").await;
    browser.click(".who button").await;
    browser.wait_until("location.pathname === '/login'").await;
    browser.go(&fixture.url("/audit")).await;
    assert!(browser.text("h1").await.contains("Sign in"));
    let mut console_errors = browser.console_errors().await;
    console_errors.retain(|one| !one.contains("401"));
    assert_eq!(console_errors, [""; 0]);
    drop(browser);
    accounts.fixture.service.stop().await;
}

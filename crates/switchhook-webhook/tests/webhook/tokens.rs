//! OAuth 2.0 client credentials: one token for all calls, within the deadline, under the egress
//! rule.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchhook_core::outcome::Reason;
use switchhook_core::secret::Secret;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::options::{Auth, OAuth2, RetryOn, RetryOptions, SecretIn, WebhookOptions};
use switchhook_webhook::{Client, Webhook};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::*;

/// A token endpoint and a webhook in one. `/token` returns `token-1`, `token-2`, …; the webhook
/// accepts only the token in `accepted`.
struct TokenServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    accepted: Arc<Mutex<String>>,
}

type Give = fn(usize) -> Vec<u8>;

fn token(number: usize) -> Vec<u8> {
    let body = format!(
        "{{\"access_token\":\"token-{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
    );
    answer("200 OK", "", body)
}

impl TokenServer {
    async fn open(accepted: &str, give: Give, gate: Option<Arc<Notify>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::new(Mutex::new(accepted.to_owned()));
        let both = Self {
            address,
            seen: Arc::clone(&seen),
            accepted: Arc::clone(&accepted),
        };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, accepted) = (Arc::clone(&seen), Arc::clone(&accepted));
                let gate = gate.clone();
                tokio::spawn(async move {
                    loop {
                        let request = read_request(&mut stream).await;
                        if request.is_empty() {
                            return;
                        }
                        let number = note(&seen, &request);
                        let response = if request.starts_with("POST /token") {
                            if let Some(gate) = &gate {
                                gate.notified().await;
                            }
                            give(number)
                        } else {
                            webhook_response(&request, &accepted.lock().unwrap())
                        };
                        let _ = stream.write_all(&response).await;
                    }
                });
            }
        });
        both
    }

    fn webhook(&self) -> Webhook {
        Webhook::compile(
            "lookup",
            self.options(&format!("http://{}/token", self.address)),
        )
        .unwrap()
    }

    fn options(&self, token_url: &str) -> WebhookOptions {
        WebhookOptions {
            auth: Auth::OAuth2(OAuth2 {
                token_url: token_url.into(),
                client_id: "swi:tch".into(),
                client_secret: Secret::new(SECRET),
                scope: Some("calls read".into()),
                ..OAuth2::default()
            }),
            ..options(format!("http://{}/callers", self.address), PATIENT)
        }
    }

    /// Returns how many requests start like this.
    fn count(&self, start: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|request| request.starts_with(start))
            .count()
    }
}

/// Remembers a request. Returns the number of token requests so far.
fn note(seen: &Mutex<Vec<String>>, request: &str) -> usize {
    let mut seen = seen.lock().unwrap();
    seen.push(request.to_owned());
    let tokens = seen.iter().filter(|one| one.starts_with("POST /token"));
    tokens.count()
}

fn webhook_response(request: &str, accepted: &str) -> Vec<u8> {
    if request.contains(&format!("authorization: Bearer {accepted}\r\n")) {
        answer("200 OK", "", "{\"queue\":\"a\"}")
    } else {
        answer("401 Unauthorized", "", "")
    }
}

#[tokio::test]
async fn calls_at_once_share_one_token_and_later_ones_use_it_again() {
    let gate = Arc::new(Notify::new());
    let both = TokenServer::open("token-1", token, Some(Arc::clone(&gate))).await;
    let (client, webhook) = (Client::new(open()).unwrap(), Arc::new(both.webhook()));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, webhook) = (client.clone(), Arc::clone(&webhook));
        calls.spawn(async move { client.send(&webhook, prepare(&webhook)).await });
    }
    gate.notify_one();
    while let Some(outcome) = calls.join_next().await {
        let outcome = outcome.unwrap();
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    }
    assert!(
        client
            .send(&webhook, prepare(&webhook))
            .await
            .verdict
            .is_ok()
    );
    assert_eq!(both.count("POST /token"), 1);
    let seen = both.seen.lock().unwrap();
    let token_request = seen
        .iter()
        .find(|one| one.starts_with("POST /token"))
        .unwrap();
    // RFC 6749, 2.3.1: `swi:tch` is form-encoded before it is joined with the secret.
    assert!(
        token_request.contains("authorization: Basic c3dpJTNBdGNoOmNvcnJlY3QtaG9yc2U="),
        "{token_request}"
    );
    assert!(
        token_request.ends_with("grant_type=client_credentials&scope=calls+read"),
        "{token_request}"
    );
}

#[tokio::test]
async fn the_secret_and_further_parameters_stand_where_the_endpoint_wants_them() {
    let both = TokenServer::open("token-1", token, None).await;
    let mut options = both.options(&format!("http://{}/token", both.address));
    let Auth::OAuth2(oauth2) = &mut options.auth else {
        unreachable!()
    };
    *oauth2 = OAuth2 {
        secret_in: SecretIn::Body,
        scope: None,
        audience: Some("https://crm.example/".into()),
        resource: Some("urn:calls".into()),
        params: vec![
            ("tenant".into(), "a&b".into()),
            ("tenant".into(), "c".into()),
        ],
        ..oauth2.clone()
    };
    let outcome = send_with(open(), options).await;
    assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    let seen = both.seen.lock().unwrap();
    assert!(!seen[0].contains("authorization"), "{}", seen[0]);
    let body = "grant_type=client_credentials&client_id=swi%3Atch&client_secret=correct-horse\
                &audience=https%3A%2F%2Fcrm.example%2F&resource=urn%3Acalls&tenant=a%26b&tenant=c";
    assert!(seen[0].ends_with(body), "{}", seen[0]);
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_renewed_once() {
    let both = TokenServer::open("token-1", token, None).await;
    let (client, webhook) = (Client::new(open()).unwrap(), both.webhook());
    assert!(
        client
            .send(&webhook, prepare(&webhook))
            .await
            .verdict
            .is_ok()
    );
    *both.accepted.lock().unwrap() = "token-2".into();
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    assert_eq!(both.count("POST /token"), 2);
    // No token is accepted: two requests, and no more.
    *both.accepted.lock().unwrap() = "none".into();
    let before = both.count("POST /callers");
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    failed(
        &outcome,
        Reason::AuthenticationFailure,
        "does not accept our credentials",
    );
    assert_eq!(both.count("POST /callers"), before + 2);
    assert_eq!(outcome.status, Some(401));
    // The delivery of a document renews the token too.
    *both.accepted.lock().unwrap() = "token-4".into();
    let delivered = client
        .deliver(&webhook, prepare(&webhook), PATIENT, None)
        .await;
    assert_eq!(delivered.unwrap().status, 200);
}

#[tokio::test]
async fn an_endpoint_that_gives_no_token_fails_the_call_and_shows_nothing() {
    use Reason::{AuthenticationFailure, HttpStatus, InvalidResponse};
    let gives: [(Give, Reason, &str); 7] = [
        (
            |_| answer("401 Unauthorized", "", "{\"error\":\"invalid_client\"}"),
            AuthenticationFailure,
            "(invalid_client)",
        ),
        (
            |_| answer("400 Bad Request", "", "{\"error\":\"correct-horse?\"}"),
            AuthenticationFailure,
            "400 Bad Request",
        ),
        (
            |_| answer("503 Service Unavailable", "", ""),
            HttpStatus,
            "503 Service Unavailable",
        ),
        (
            |_| answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""),
            HttpStatus,
            "302 Found",
        ),
        (
            |_| answer("200 OK", "", "<html>"),
            InvalidResponse,
            "is not JSON",
        ),
        (
            |_| answer("200 OK", "", "{\"access_token\":\"a\\nb\"}"),
            InvalidResponse,
            "no usable",
        ),
        (
            |_| {
                answer(
                    "200 OK",
                    "",
                    "{\"access_token\":\"a\",\"token_type\":\"mac\"}",
                )
            },
            InvalidResponse,
            "not a bearer",
        ),
    ];
    for (give, reason, words) in gives {
        let both = TokenServer::open("token-1", give, None).await;
        let webhook = both.webhook();
        let client = Client::new(open()).unwrap();
        let outcome = client.send(&webhook, prepare(&webhook)).await;
        let failure = outcome.verdict.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure}");
        assert!(failure.detail.contains(words), "{failure}");
        assert!(!failure.detail.contains("horse"), "{failure}");
        assert_eq!(both.count("POST /callers"), 0, "sent without a token");
    }
}

#[tokio::test]
async fn the_token_is_within_the_one_deadline_and_behind_the_egress_rule() {
    let never = Arc::new(Notify::new());
    let both = TokenServer::open("token-1", token, Some(never)).await;
    let patient = both.options(&format!("http://{}/token", both.address));
    let short = WebhookOptions {
        timeout: SHORT,
        ..patient
    };
    let outcome = send_with(open(), short).await;
    failed(&outcome, Reason::Timeout, "no answer");
    assert_eq!(both.count("POST /callers"), 0);

    let only_webhook = Egress {
        allow_addresses: vec!["127.0.0.1/32".parse().unwrap()],
        ..open()
    };
    let port = both.address.port();
    let before = both.count("POST /token");
    for token_url in [
        format!("http://127.0.0.2:{port}/token"),
        format!("http://169.254.169.254:{port}/token"),
    ] {
        let outcome = send_with(only_webhook.clone(), both.options(&token_url)).await;
        failed(&outcome, Reason::BlockedAddress, "address");
    }
    assert_eq!(both.count("POST /token"), before);
}

/// Fails the first token request with this status line and these headers.
fn after(status: &str, headers: &str, number: usize) -> Vec<u8> {
    if number == 1 {
        answer(status, headers, "{}")
    } else {
        token(number)
    }
}

#[tokio::test]
async fn a_token_endpoint_is_asked_again_as_retry_says() {
    let unavailable: Give = |number| after("503 Service Unavailable", "", number);
    let soon: Give = |number| after("503 Busy", "retry-after: 0\r\n", number);
    let late: Give = |number| after("503 Busy", "retry-after: 3600\r\n", number);
    let refused: Give = |number| after("401 Unauthorized", "", number);
    let usual = || RetryOptions::default().on;
    let on = |statuses| vec![RetryOn::Statuses(statuses)];
    // How the token endpoint answers, the tries, what they follow, and the requests for a token.
    let table: [(Give, u32, Vec<RetryOn>, usize); 7] = [
        (unavailable, 1, usual(), 1),
        (unavailable, 2, usual(), 2),
        (unavailable, 2, on(503..=503), 2),
        (unavailable, 2, on(429..=429), 1),
        (soon, 2, usual(), 2),
        // After the deadline.
        (late, 2, usual(), 1),
        (refused, 2, on(400..=499), 2),
    ];
    for (row, (give, attempts, on, asked)) in table.into_iter().enumerate() {
        for is_delivery in [false, true] {
            let both = TokenServer::open("token-2", give, None).await;
            let retry = RetryOptions {
                attempts,
                on: on.clone(),
                attempt_timeout: None,
            };
            let options = both.options(&format!("http://{}/token", both.address));
            let webhook = Webhook::compile("lookup", WebhookOptions { retry, ..options }).unwrap();
            let client = Client::new(open()).unwrap();
            let request = prepare(&webhook);
            let is_ok = if is_delivery {
                let delivered = client.deliver(&webhook, request, PATIENT, None);
                delivered.await.is_ok()
            } else {
                let outcome = client.send(&webhook, request).await;
                assert_eq!(outcome.tries_sent(), (asked == 2).then_some(2), "{row}");
                outcome.verdict.is_ok()
            };
            assert_eq!(is_ok, asked == 2, "{row}, delivery: {is_delivery}");
            assert_eq!(both.count("POST /token"), asked, "{row}");
            assert_eq!(both.count("POST /callers"), asked - 1, "{row}");
        }
    }
}

#[tokio::test]
async fn all_urls_of_a_webhook_wait_for_its_token_endpoint() {
    let late: Give = |number| after("503 Busy", "retry-after: 3600\r\n", number);
    let both = TokenServer::open("token-2", late, None).await;
    let options = both.options(&format!("http://{}/token", both.address));
    let fallback_urls = vec![format!("http://{}/callers/second", both.address)];
    let options = WebhookOptions {
        fallback_urls,
        ..options
    };
    let outcome = send_with(open(), options).await;
    assert_eq!(outcome.verdict.unwrap_err().reason, Reason::HttpStatus);
    assert_eq!(both.count("POST /token"), 1, "not before the Retry-After");
}

#[tokio::test]
async fn all_tries_of_a_silent_token_endpoint_are_within_the_one_deadline() {
    let never = Arc::new(Notify::new());
    let both = TokenServer::open("token-1", token, Some(never)).await;
    let options = WebhookOptions {
        timeout: Duration::from_secs(2),
        retry: RetryOptions {
            attempts: 3,
            attempt_timeout: Some(Duration::from_millis(50)),
            ..RetryOptions::default()
        },
        ..both.options(&format!("http://{}/token", both.address))
    };
    let outcome = send_with(open(), options).await;
    failed(
        &outcome,
        Reason::Timeout,
        "3 tries failed, the last: no answer",
    );
    assert_eq!(both.count("POST /callers"), 0);
}

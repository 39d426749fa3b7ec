//! Requests that are tried more than once, at one URL or several.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchhook_core::breaker::BreakerOptions;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_webhook::breakers::{BreakerConfig, Breakers};
use switchhook_webhook::options::{RetryOn, RetryOptions, WebhookOptions};
use switchhook_webhook::{Client, SendContext, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::*;

const GOOD: &str = "{\"queue\":\"a\"}";

/// How a server answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Good,
    Status(u16, &'static str),
    /// Never.
    Hang,
    /// It closes the connection.
    Close,
    /// Its answer is good and comes late.
    Late(Duration),
}

/// The requests that a server read.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that does one thing after another, the last one again and again.
async fn server_of(acts: &'static [Act]) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callers", listener.local_addr().unwrap());
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, acts, Arc::clone(&all)));
        }
    });
    (url, seen)
}

async fn serve(mut stream: TcpStream, acts: &'static [Act], seen: Seen) {
    loop {
        let request = read_request(&mut stream).await;
        if request.is_empty() {
            return;
        }
        let act = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            acts[(seen.len() - 1).min(acts.len() - 1)]
        };
        let bytes = match act {
            Act::Good => answer("200 OK", "", GOOD),
            Act::Late(after) => {
                tokio::time::sleep(after).await;
                answer("200 OK", "", GOOD)
            }
            Act::Status(status, headers) => answer(&format!("{status} Other"), headers, "{}"),
            Act::Hang => {
                let _ = stream.read(&mut [0; 1]).await;
                seen.lock().unwrap().push("the client left".into());
                return;
            }
            Act::Close => return,
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn down() -> String {
    format!("http://{}/callers", test_support::ports::unused())
}

fn webhook(urls: &[String], attempts: u32, attempt_timeout: Option<Duration>) -> Webhook {
    let options = WebhookOptions {
        fallback_urls: urls[1..].to_vec(),
        retry: RetryOptions {
            attempts,
            attempt_timeout,
            ..RetryOptions::default()
        },
        ..options(urls[0].clone(), PATIENT)
    };
    Webhook::compile("lookup", options).unwrap()
}

async fn ask(webhook: &Webhook) -> Outcome {
    let client = Client::new(open()).unwrap();
    client.send(webhook, prepare(webhook)).await
}

/// The reasons of the tries; `None` for a success.
fn reasons(outcome: &Outcome) -> Vec<Option<Reason>> {
    let tries = outcome.tries.iter();
    tries
        .map(|one| one.failure.as_ref().map(|failure| failure.reason))
        .collect()
}

#[tokio::test]
async fn a_failed_try_is_followed_by_the_next_url() {
    let quick = Some(Duration::from_millis(200));
    let faults = [
        (down(), Reason::ConnectionFailure),
        (server_of(&[Act::Close]).await.0, Reason::ConnectionFailure),
        (server_of(&[Act::Hang]).await.0, Reason::Timeout),
        (
            server_of(&[Act::Status(503, "")]).await.0,
            Reason::HttpStatus,
        ),
        (
            server_of(&[Act::Status(429, "")]).await.0,
            Reason::HttpStatus,
        ),
        // Not asked before, and so not within the deadline.
        (
            server_of(&[Act::Status(503, "retry-after: 3600\r\n")])
                .await
                .0,
            Reason::HttpStatus,
        ),
    ];
    for (first, reason) in faults {
        let (second, seen) = server_of(&[Act::Good]).await;
        let urls = [first, second.clone()];
        let outcome = ask(&webhook(&urls, 1, quick)).await;
        assert!(outcome.verdict.is_ok(), "{outcome:?}");
        assert_eq!(reasons(&outcome), [Some(reason), None]);
        assert_eq!(outcome.tries_sent(), Some(2));
        let last = &outcome.tries[1];
        assert!(last.url.starts_with(&second), "{last}");
        for one in &outcome.tries {
            assert!(!one.to_string().contains(SECRET), "{one}");
        }
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_last_try_has_all_the_time_that_is_left() {
    const LATE: Act = Act::Late(Duration::from_millis(400));
    let quick = Some(Duration::from_millis(100));
    let (first, _) = server_of(&[LATE]).await;
    let (second, _) = server_of(&[LATE]).await;
    let outcome = ask(&webhook(&[first, second], 1, quick)).await;
    assert!(outcome.verdict.is_ok(), "{outcome:?}");
    assert_eq!(reasons(&outcome), [Some(Reason::Timeout), None]);
}

#[tokio::test]
async fn one_url_is_tried_as_often_as_it_may_be() {
    const BUSY: Act = Act::Status(503, "");
    let table: [(&'static [Act], u32, usize, Option<&str>); 6] = [
        (&[Act::Good], 3, 1, None),
        (&[BUSY, BUSY, Act::Good], 3, 3, None),
        (&[BUSY], 3, 3, Some("3 tries failed, the last: ")),
        (
            &[Act::Status(429, "retry-after: 0\r\n"), Act::Good],
            2,
            2,
            None,
        ),
        // After the deadline.
        (
            &[Act::Status(429, "retry-after: 60\r\n"), Act::Good],
            2,
            1,
            Some("127.0.0.1:"),
        ),
        // Named by no `on`.
        (&[Act::Status(404, ""), Act::Good], 3, 1, Some("127.0.0.1:")),
    ];
    for (acts, attempts, sent, words) in table {
        let (url, seen) = server_of(acts).await;
        let outcome = ask(&webhook(&[url], attempts, None)).await;
        match (&outcome.verdict, words) {
            (Ok(_), None) => {}
            (Err(failure), Some(words)) => assert!(failure.detail.starts_with(words), "{failure}"),
            (Ok(_), Some(_)) | (Err(_), None) => panic!("{acts:?}: {outcome:?}"),
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), sent, "{acts:?}");
        assert_eq!(outcome.tries_sent(), (sent > 1).then_some(sent));
        let key = |text: &String| {
            let mut lines = text.lines();
            lines
                .find(|line| line.starts_with("idempotency-key: "))
                .unwrap()
                .to_owned()
        };
        let first = key(&seen[0]);
        assert!(seen.iter().all(|text| key(text) == first), "one question");
    }
}

#[tokio::test]
async fn what_is_tried_again_can_be_chosen() {
    for (on, status, sent) in [
        (RetryOn::Statuses(404..=404), 404, 2),
        (RetryOn::Statuses(400..=499), 401, 2),
        (RetryOn::Connection, 503, 1),
        (RetryOn::Timeout, 503, 1),
    ] {
        let acts: &'static [Act] = Box::leak(Box::new([Act::Status(status, "")]));
        let (url, seen) = server_of(acts).await;
        let options = WebhookOptions {
            retry: RetryOptions {
                attempts: 2,
                on: vec![on.clone()],
                attempt_timeout: None,
            },
            ..options(url, PATIENT)
        };
        let outcome = ask(&Webhook::compile("lookup", options).unwrap()).await;
        assert!(outcome.verdict.is_err());
        assert_eq!(seen.lock().unwrap().len(), sent, "{on:?} {status}");
    }
}

#[tokio::test]
async fn a_url_whose_circuit_is_open_is_passed_over_at_once() {
    let (first, asked) = server_of(&[Act::Status(503, "")]).await;
    let (second, _) = server_of(&[Act::Good]).await;
    let webhook = webhook(&[first, second], 1, None);
    let breakers = Breakers::of(std::iter::once(BreakerConfig {
        webhook: "lookup".into(),
        fallback_urls: 1,
        options: BreakerOptions {
            failures: 2,
            pause: PATIENT,
        },
        settings: String::new(),
        time_zone: switchhook_core::zone::Zone::UTC,
    }));
    let client = Client::new(open()).unwrap();
    for call in 0..4 {
        let context = SendContext {
            breakers: Some(&breakers),
            note: None,
        };
        let request = Box::new(prepare(&webhook));
        let outcome = client.send_with(&webhook, request, context).await;
        assert!(outcome.verdict.is_ok(), "{outcome:?}");
        let (first, sent) = if call < 2 {
            (Reason::HttpStatus, Some(2))
        } else {
            (Reason::CircuitOpen, None)
        };
        assert_eq!(reasons(&outcome), [Some(first), None]);
        assert_eq!(outcome.tries_sent(), sent);
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_fallback_that_cannot_be_rendered_is_passed_over() {
    let (third, _) = server_of(&[Act::Good]).await;
    let lacking = "http://127.0.0.1:9/{{ flow.key.absent }}".to_owned();
    let outcome = ask(&webhook(&[down(), lacking, third], 1, None)).await;
    assert!(outcome.verdict.is_ok(), "{outcome:?}");
    let expected = [
        Some(Reason::ConnectionFailure),
        Some(Reason::InvalidFlowVar),
        None,
    ];
    assert_eq!(reasons(&outcome), expected);
    assert_eq!(outcome.tries_sent(), Some(2));
}

#[tokio::test]
async fn a_caller_who_hangs_up_cancels_the_try_that_is_under_way() {
    let (second, seen) = server_of(&[Act::Hang]).await;
    let webhook = Arc::new(webhook(&[down(), second], 1, None));
    let asked = Arc::clone(&webhook);
    let call = tokio::spawn(async move { ask(&asked).await });
    let wait_for = async |count: usize| {
        while seen.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    wait_for(1).await;
    call.abort();
    wait_for(2).await;
    assert_eq!(seen.lock().unwrap()[1], "the client left");
}

#[tokio::test]
async fn a_delivery_is_tried_like_a_call() {
    let (second, seen) = server_of(&[Act::Good]).await;
    let webhook = webhook(&[down(), second], 1, None);
    let client = Client::new(open()).unwrap();
    let delivered = client.deliver(&webhook, prepare(&webhook), PATIENT, None);
    assert_eq!(delivered.await.unwrap().status, 200);
    assert_eq!(seen.lock().unwrap().len(), 1);
    let urls = [down(), down()];
    let webhook = self::webhook(&urls, 1, None);
    let delivered = client.deliver(&webhook, prepare(&webhook), PATIENT, None);
    let failure = delivered.await.unwrap_err();
    assert!(
        failure.detail.starts_with("2 tries failed, the last: "),
        "{failure}"
    );
}

/// The whole point: while the first URL is at fault, no caller of many takes line 1.
#[tokio::test]
async fn no_caller_of_many_pays_for_the_fault_of_one_url() {
    const CALLERS: usize = 300;
    // Longer than a busy machine needs for all of them.
    let quick = Some(Duration::from_secs(5));
    for first in [
        down(),
        server_of(&[Act::Hang]).await.0,
        server_of(&[Act::Status(503, "")]).await.0,
    ] {
        let (second, _) = server_of(&[Act::Good]).await;
        let webhook = Arc::new(webhook(&[first, second], 1, quick));
        let client = Client::new(open()).unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (client, webhook) = (client.clone(), Arc::clone(&webhook));
            callers.spawn(async move { client.send(&webhook, prepare(&webhook)).await });
        }
        while let Some(outcome) = callers.join_next().await {
            let outcome = outcome.unwrap();
            assert!(outcome.verdict.is_ok(), "{outcome:?}");
        }
    }
}

#[test]
fn too_many_urls_and_urls_that_are_none_are_faults_with_their_cure() {
    let compile = |fallback_urls: Vec<String>| {
        let options = WebhookOptions {
            fallback_urls,
            ..options("https://crm.example/".into(), PATIENT)
        };
        Webhook::compile("lookup", options).unwrap_err().remove(0)
    };
    let many = compile(vec!["https://crm.example/".into(); 5]);
    assert_eq!(
        many.to_string(),
        "fallback_urls: these are 5 URLs; keep at most 4"
    );
    for url in [
        "crm.example",
        "https://crm.example:99999/",
        "https://a.example/{{ nobody.x }}",
        "",
    ] {
        let fault = compile(vec![url.into()]);
        assert_eq!(fault.key, "fallback_urls", "{fault}");
    }
}

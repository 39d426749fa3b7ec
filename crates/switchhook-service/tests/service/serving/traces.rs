//! The spans of a call, at the trace collector and in the webhook's headers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use switchhook_service::outbox::{RetryOptions, retry};
use switchhook_service::service::{Service, store_options};
use switchhook_sim::receiver::{Request, closed_port};
use switchhook_sim::switch::{Call, Caller, Cause};
use switchhook_store::{Role, Store};

use super::collector::{self, Collector, ReceivedSpan};
use super::place::{Place, request};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// Secrets: in the URL, in a header, and the collector's.
const SECRETS: [&str; 3] = ["url-t0ken-9f8e", "webh00k-pass", "collect0r-pass"];

/// Returns the webhooks of these calls, with further settings.
fn sections(more: &str) -> String {
    let webhook = |name: &str, path: &str, more: &str| {
        let [token, password, _] = SECRETS;
        format!(
            "[webhooks.{name}]\nurl = \"{{webhooks}}{path}?access_token={token}\"\n\
             auth.basic = {{ username = \"switch\", password = \"{password}\" }}\n{more}"
        )
    };
    [
        "mask_numbers = true\n",
        &webhook("lookup", "/ok/lookup", ""),
        &webhook("slow", "/slow/60000/slow", ""),
        &webhook("broken", "/status/500/broken", ""),
        &webhook("tell", "/ok/tell", "wait_for_response = false\n"),
        more,
    ]
    .concat()
}

/// Asserts that a request's `traceparent` header names this span.
fn is_below(request: &Request, span: &ReceivedSpan) {
    let parent = format!("00-{}-{}-01", span.trace, span.id);
    assert_eq!(request.header("traceparent"), Some(parent.as_str()));
}

fn is_within(inner: &ReceivedSpan, outer: &ReceivedSpan) {
    assert_eq!(inner.parent, outer.id);
    let times = [
        outer.began_ns,
        inner.began_ns,
        inner.ended_ns,
        outer.ended_ns,
    ];
    assert!(times.is_sorted(), "{inner:?} is not within {outer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_spans_are_one_tree_and_its_webhooks_get_their_place_in_it() {
    let (place, collector) = (Place::set().await, Collector::start().await);
    let [.., password] = SECRETS;
    let auth = format!("auth.basic = {{ username = \"us\", password = \"{password}\" }}\n");
    let config = place.config(&sections(
        &(collector.section() + &auth + "service_name = \"pbx\"\n"),
    ));
    let service = place.serve(&config).await;

    let call = place.place(&service, "lookup", false).await;
    let asked = request(&place.webhooks, "/lookup", &call.uuid).await;
    let delivered = request(&place.documents, "/completed", &call.uuid).await;
    let failed = place.place(&service, "broken", true).await;
    request(&place.documents, "/completed", &failed.uuid).await;
    let background_call = place.place(&service, "tell", true).await;
    let background = request(&place.webhooks, "/tell", &background_call.uuid).await;
    request(&place.documents, "/completed", &background_call.uuid).await;
    service.stop().await;

    let spans = collector.trace(&call.uuid, 4).await;
    let [root, delivery, run, post] = named(
        &spans,
        ["call", "deliver completed", "webhook lookup", "POST"],
    );
    assert_eq!(root.parent, "");
    assert_eq!(
        [root.kind, run.kind, post.kind, delivery.kind],
        [SERVER, SERVER, CLIENT, CLIENT]
    );
    assert_eq!((&run.parent, &delivery.parent), (&root.id, &root.id));
    is_within(post, run);
    is_below(&asked, post);
    is_below(&delivered, delivery);
    for (span, key, value) in [
        (root, "switchhook.call_uuid", call.uuid.as_str()),
        (root, "switchhook.caller", "•••887"),
        (root, "switchhook.switch", "fs1"),
        (run, "switchhook.ending", "line_0"),
        (run, "switchhook.way", "socket"),
        (run, "switchhook.called", "7000"),
        (post, "server.address", "127.0.0.1"),
        (post, "http.response.status_code", "200"),
        (delivery, "switchhook.attempt", "1"),
        (
            delivery,
            "switchhook.webhook_id",
            delivered.header("webhook-id").unwrap(),
        ),
    ] {
        assert_eq!(
            span.attributes.get(key).map(String::as_str),
            Some(value),
            "{key} of {span:?}"
        );
    }

    // The sentence is the one that the caller's channel has.
    let spans = collector.trace(&failed.uuid, 4).await;
    let [run, post] = named(&spans, ["webhook broken", "POST"]);
    assert_eq!(
        run.failure.as_ref(),
        failed.variables.get("flow.key.error_detail")
    );
    assert_eq!(run.attributes["error.type"], "HTTP_STATUS");
    assert_eq!(run.attributes["switchhook.way"], "park");
    is_within(post, run);

    // No call waited for it, and its span still belongs to the webhook run that asked.
    let spans = collector.trace(&background_call.uuid, 4).await;
    let [root, run, tell] = named(&spans, ["call", "webhook tell", "deliver tell"]);
    assert_eq!((&run.parent, &tell.parent), (&root.id, &run.id));
    is_below(&background, tell);

    assert_eq!(collector.resource()["service.name"], "pbx");
    assert_eq!(
        collector.headers()["authorization"],
        "Basic dXM6Y29sbGVjdDByLXBhc3M="
    );
    let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
    for secret in SECRETS.into_iter().chain(["919822003887"]) {
        assert!(!bytes.contains(secret), "{secret} is in a span");
    }
}

fn named<'s, const N: usize>(
    spans: &'s BTreeMap<String, ReceivedSpan>,
    names: [&str; N],
) -> [&'s ReceivedSpan; N] {
    names.map(|name| {
        spans
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_on_hold_leaves_a_request_that_was_cancelled() {
    let (place, collector) = (Place::set().await, Collector::start().await);
    let service = place
        .serve(&place.config(&sections(&collector.section())))
        .await;
    let call = Call {
        path: "slow".into(),
        behaviour: Caller::HangsUp(Duration::from_millis(100), Cause::by_caller()),
        ..Call::default()
    };
    let call = place.play(&service, call).await;
    // A follower that is stopped now may not have read the call's end yet.
    let spans = collector.trace(&call.uuid, 3).await;
    service.stop().await;
    let [run, post] = named(&spans, ["webhook slow", "POST"]);
    assert_eq!(run.attributes["switchhook.ending"], "hung_up");
    assert_eq!(run.failure, None);
    assert_eq!(post.attributes["error.type"], "cancelled");
    is_within(post, run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_another_process_delivers_later_is_in_the_calls_trace() {
    let (place, collector) = (Place::set().await, Collector::start().await);
    place.documents.down();
    place.documents.refuses().await;
    let config = place.config(&sections(&collector.section()));
    let service = place.serve(&config).await;
    let call = place.place(&service, "lookup", false).await;
    let spans = collector.trace(&call.uuid, 4).await;
    let [root, refused] = named(&spans, ["call", "deliver completed"]);
    assert_eq!(
        (&refused.parent, refused.attributes["error.type"].as_str()),
        (&root.id, "undelivered")
    );
    service.stop().await;

    place.documents.up();
    place.documents.listens().await;
    let later = Collector::start().await;
    let config = place.config(&sections(&later.section()));
    let service = place.serve(&config).await;
    let store = Store::open(store_options(&config, Role::Command))
        .await
        .unwrap();
    retry(&store, &RetryOptions::default()).await.unwrap();
    let delivered = request(&place.documents, "/completed", &call.uuid).await;
    service.stop().await;
    let spans = later.trace(&call.uuid, 1).await;
    let [delivery] = named(&spans, ["deliver completed"]);
    assert_eq!(delivery.parent, root.id);
    is_below(&delivered, delivery);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_a_call_nothing_and_gets_its_spans_when_it_is_there() {
    let place = Place::set().await;
    let address = SocketAddr::from(([127, 0, 0, 1], closed_port().unwrap()));
    let config = place.config(&sections(&collector::section(address)));
    let service = place.serve(&config).await;
    let call = place.place(&service, "lookup", false).await;
    assert_eq!(call.line, Some(0));
    request(&place.documents, "/completed", &call.uuid).await;
    let ready = ready(&service, false).await;
    assert!(
        ready.contains(&format!("http://{address}/v1/traces: ")),
        "{ready}"
    );

    let collector = Collector::at(address).await;
    assert_eq!(collector.trace(&call.uuid, 4).await.len(), 4);
    self::ready(&service, true).await;
    service.stop().await;
}

/// Returns `/readyz` of a running service once the collector has this state.
async fn ready(service: &Service, well: bool) -> String {
    loop {
        let answer = test_support::http::get(format!("http://{}/readyz", service.http))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "calls do not need a collector");
        let text = answer.text().await.unwrap();
        let check = text
            .split('{')
            .find(|check| check.contains("\"name\":\"traces\""));
        if check.is_some_and(|check| check.contains(&format!("\"ok\":{well}"))) {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_calls_outside_the_share_only_webhooks_get_the_trace() {
    let (place, collector) = (Place::set().await, Collector::start().await);
    let config = place.config(&sections(&(collector.section() + "share = 0\n")));
    let service = place.serve(&config).await;
    let call = place.place(&service, "lookup", false).await;
    let asked = request(&place.webhooks, "/lookup", &call.uuid).await;
    let delivered = request(&place.documents, "/completed", &call.uuid).await;
    service.stop().await;
    for request in [asked, delivered] {
        let parent = request.header("traceparent").unwrap();
        assert!(parent.starts_with(&format!("00-{}-", call.uuid.replace('-', ""))));
        assert!(parent.ends_with("-00"), "{parent}");
    }
    assert_eq!(collector.spans(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_there_are_no_traces() {
    let place = Place::set().await;
    let service = place.serve(&place.config(&sections(""))).await;
    let call = place.place(&service, "lookup", false).await;
    let asked = request(&place.webhooks, "/lookup", &call.uuid).await;
    assert_eq!(asked.header("traceparent"), None);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_another_collector_and_the_one_that_was_gets_what_had_begun() {
    let place = Place::set().await;
    let (before, after) = (Collector::start().await, Collector::start().await);
    let config = |traces: &str| place.config(&sections(traces));
    let service = place.serve(&config(&before.section())).await;
    let call = async || {
        let call = place.place(&service, "lookup", false).await;
        let asked = request(&place.webhooks, "/lookup", &call.uuid).await;
        request(&place.documents, "/completed", &call.uuid).await;
        (call.uuid, asked)
    };
    let (first, _) = call().await;
    // The first call's spans are not sent yet.
    let auth = "auth.bearer = { token = \"an0ther\" }\nservice_name = \"pbx\"\n";
    service.reload(&config(&(after.section() + auth))).unwrap();
    let (second, _) = call().await;
    assert_eq!(before.trace(&first, 4).await.len(), 4);
    assert_eq!(after.trace(&second, 4).await.len(), 4);
    assert_eq!(after.headers()["authorization"], "Bearer an0ther");
    assert_eq!(after.resource()["service.name"], "pbx");
    // First a sampling share of 0, then no collector.
    service
        .reload(&config(&(after.section() + "share = 0\n")))
        .unwrap();
    let (third, asked) = call().await;
    assert!(asked.header("traceparent").unwrap().ends_with("-00"));
    service.reload(&config("")).unwrap();
    let (_, asked) = call().await;
    assert_eq!(asked.header("traceparent"), None);
    let ready = test_support::http::get(format!("http://{}/readyz", service.http));
    let ready = ready.await.unwrap().text().await.unwrap();
    assert!(!ready.contains("\"name\":\"traces\""), "{ready}");
    service.stop().await;
    let traces = |collector: &Collector| {
        let spans = collector.spans().into_iter();
        spans
            .map(|span| span.trace)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(traces(&before), [first.replace('-', "")].into());
    assert_eq!(
        traces(&after),
        [second.replace('-', "")].into(),
        "{third} is not of the share"
    );
}

//! `outbox` and `report` beside a running `serve`, and the end of that one.
#![allow(clippy::unwrap_used)]

use crate::commands::support::{Place, Receiving, SECRET, Serving, document, kill_one};

/// Two dead documents, and the secret for `serve` in its configuration.
async fn place_with_dead(receiver: &Receiving) -> Place {
    let place = Place::new();
    let store = place.store().await;
    for call in ["call-1", "call-2"] {
        let call = document(call, receiver.address);
        store.finish_call(call).await.unwrap();
        kill_one(&store).await;
    }
    store.close().await;
    place.configure(&format!("auth.bearer = {{ token = \"{SECRET}\" }}"));
    place
}

#[tokio::test]
async fn a_dead_document_is_sent_again_by_the_service_that_runs() {
    let receiver = Receiving::start();
    let place = place_with_dead(&receiver).await;
    let serving = Serving::start(&place);
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 200"));

    let dead = place.json(&["outbox", "list", "--json"]);
    let ids = [&dead[0]["id"], &dead[1]["id"]].map(|id| id.as_str().unwrap());
    let retry = [
        "outbox",
        "retry",
        "--webhook",
        "completed",
        "--state",
        "dead",
    ];
    let dry = place.run(&[&retry[..], &["--dry-run"]].concat()).done();
    assert_eq!(
        dry,
        "2 documents would be sent again; nothing was changed\n"
    );
    receiver.is_idle();

    let one = place.run(&["outbox", "retry", ids[1]]).done();
    assert_eq!(one, "1 document will be sent again\n");
    let request = receiver.next();
    assert!(
        request.contains(&format!("webhook-id: {}", ids[1])),
        "{request}"
    );
    assert!(request.contains(&format!("authorization: Bearer {SECRET}")));
    assert!(request.ends_with("\"call\": \"call-2\"\n}"), "{request}");

    place.run(&retry).done();
    assert!(receiver.next().contains(&format!("webhook-id: {}", ids[0])));
    let delivered = ["outbox", "list", "--state", "delivered", "--json"];
    let delivered = place.wait_for(&delivered, |rows| rows.as_array().unwrap().len() == 2);
    assert_eq!(delivered[0]["last_outcome"], "HTTP 204");
    let report = place.json(&["report", "--format", "json"]);
    assert_eq!(report.as_array().unwrap().len(), 2);
    receiver.is_idle();
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test]
async fn a_second_serve_on_the_same_store_is_refused_until_the_first_has_stopped() {
    let receiver = Receiving::start();
    let place = place_with_dead(&receiver).await;
    let serving = Serving::start(&place);
    let second = place.run(&["serve"]);
    assert_eq!(second.status, Some(1));
    assert!(
        second.err.contains("in use by another `switchhook serve`")
            && second.err.contains("[store] url"),
        "{}",
        second.err
    );
    // The first one is none the worse for it.
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(place.run(&["outbox", "list"]).done().contains("dead"));
    assert!(place.run(&["report"]).done().contains("call-1"));
    assert_eq!(serving.terminate(), Some(0));
    // And has let go of the store.
    let next = Serving::start(&place);
    assert_eq!(next.terminate(), Some(0));
}

#[tokio::test]
async fn a_paused_webhook_is_resumed_under_the_service_that_runs() {
    let receiver = Receiving::start();
    let place = place_with_dead(&receiver).await;
    let store = place.store().await;
    store
        .pause("completed", "it answered 410 Gone")
        .await
        .unwrap();
    store
        .finish_call(document("call-3", receiver.address))
        .await
        .unwrap();
    store.close().await;
    let serving = Serving::start(&place);
    let waits = place.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(waits[0]["paused"], "it answered 410 Gone");
    place.run(&["outbox", "resume", "completed"]).done();
    assert!(receiver.next().contains("call-3"));
    receiver.is_idle();
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test]
async fn sigterm_lets_a_delivery_under_way_end() {
    let receiver = Receiving::slow();
    let place = place_with_dead(&receiver).await;
    let serving = Serving::start(&place);
    place
        .run(&["outbox", "retry", "--all", "--rate", "1/h"])
        .done();
    assert!(receiver.next().contains("call-1"));
    let leased = place.json(&["outbox", "list", "--state", "leased", "--json"]);
    assert_eq!(leased[0]["next_attempt"], serde_json::Value::Null);

    serving.ask_to_stop();
    serving.wait_for_log("stopping after a signal");
    receiver.answer();
    assert_eq!(serving.end(), Some(0));
    let delivered = place.json(&["outbox", "list", "--state", "delivered", "--json"]);
    assert_eq!(delivered[0]["call"], "call-1");
    let waiting = place.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(waiting[0]["call"], "call-2", "due in an hour");
    receiver.is_idle();
}

//! `outbox` and `report` beside a running `serve`, and how that stops.
#![allow(clippy::unwrap_used)]

use crate::commands::support::{
    RunningService, SECRET, TestReceiver, Workdir, document, let_one_die,
};

/// Stores two dead documents, and configures the secret for `serve`.
async fn workdir_with_dead_documents(receiver: &TestReceiver) -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    for call in ["call-1", "call-2"] {
        let call = document(call, receiver.address);
        store.finish_call(call).await.unwrap();
        let_one_die(&store).await;
    }
    store.close().await;
    workdir.configure(&format!("auth.bearer = {{ token = \"{SECRET}\" }}"));
    workdir
}

#[tokio::test]
async fn a_dead_document_is_sent_again_by_the_service_that_runs() {
    let receiver = TestReceiver::start();
    let workdir = workdir_with_dead_documents(&receiver).await;
    let serving = RunningService::start(&workdir);
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 200"));

    let dead = workdir.json(&["outbox", "list", "--json"]);
    let ids = [&dead[0]["id"], &dead[1]["id"]].map(|id| id.as_str().unwrap());
    let retry = [
        "outbox",
        "retry",
        "--webhook",
        "completed",
        "--state",
        "dead",
    ];
    let dry = workdir.run(&[&retry[..], &["--dry-run"]].concat()).done();
    assert_eq!(
        dry,
        "2 documents would be sent again; nothing was changed\n"
    );
    receiver.is_idle();

    let one = workdir.run(&["outbox", "retry", ids[1]]).done();
    assert_eq!(one, "1 document will be sent again\n");
    let request = receiver.next();
    assert!(
        request.contains(&format!("webhook-id: {}", ids[1])),
        "{request}"
    );
    assert!(request.contains(&format!("authorization: Bearer {SECRET}")));
    assert!(request.ends_with("\"call\": \"call-2\"\n}"), "{request}");

    workdir.run(&retry).done();
    assert!(receiver.next().contains(&format!("webhook-id: {}", ids[0])));
    let delivered = ["outbox", "list", "--state", "delivered", "--json"];
    let delivered = workdir.wait_for(&delivered, |rows| rows.as_array().unwrap().len() == 2);
    assert_eq!(delivered[0]["last_outcome"], "HTTP 204");
    let report = workdir.json(&["report", "--format", "json"]);
    assert_eq!(report.as_array().unwrap().len(), 2);
    receiver.is_idle();
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test]
async fn a_second_serve_on_the_same_store_is_refused_until_the_first_has_stopped() {
    let receiver = TestReceiver::start();
    let workdir = workdir_with_dead_documents(&receiver).await;
    let serving = RunningService::start(&workdir);
    let second = workdir.run(&["serve"]);
    assert_eq!(second.status, Some(1));
    assert!(
        second.err.contains("in use by another `switchhook serve`")
            && second.err.contains("[store] url"),
        "{}",
        second.err
    );
    // The first service goes on.
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(workdir.run(&["outbox", "list"]).done().contains("dead"));
    assert!(workdir.run(&["report"]).done().contains("call-1"));
    assert_eq!(serving.terminate(), Some(0));
    // Its store is free again.
    let next = RunningService::start(&workdir);
    assert_eq!(next.terminate(), Some(0));
}

#[tokio::test]
async fn a_paused_webhook_is_resumed_under_the_service_that_runs() {
    let receiver = TestReceiver::start();
    let workdir = workdir_with_dead_documents(&receiver).await;
    let store = workdir.store().await;
    store
        .pause("completed", "it answered 410 Gone")
        .await
        .unwrap();
    store
        .finish_call(document("call-3", receiver.address))
        .await
        .unwrap();
    store.close().await;
    let serving = RunningService::start(&workdir);
    let waits = workdir.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(waits[0]["paused"], "it answered 410 Gone");
    serving.wait_for_metric("switchhook_endpoint_paused{endpoint=\"completed\"} 1");
    workdir.run(&["outbox", "resume", "completed"]).done();
    assert!(receiver.next().contains("call-3"));
    receiver.is_idle();
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test]
async fn sigterm_lets_a_delivery_under_way_end() {
    let receiver = TestReceiver::slow();
    let workdir = workdir_with_dead_documents(&receiver).await;
    let serving = RunningService::start(&workdir);
    workdir
        .run(&["outbox", "retry", "--all", "--rate", "1/h"])
        .done();
    assert!(receiver.next().contains("call-1"));
    let leased = workdir.json(&["outbox", "list", "--state", "leased", "--json"]);
    assert_eq!(leased[0]["next_attempt"], serde_json::Value::Null);

    serving.request_stop();
    serving.wait_for_log("stopping after a signal");
    receiver.answer();
    assert_eq!(serving.end(), Some(0));
    let delivered = workdir.json(&["outbox", "list", "--state", "delivered", "--json"]);
    assert_eq!(delivered[0]["call"], "call-1");
    let waiting = workdir.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(waiting[0]["call"], "call-2", "due in an hour");
    receiver.is_idle();
}

#[tokio::test]
async fn a_refused_reload_is_a_metric_until_one_succeeds() {
    const SUCCEEDED: &str = "switchhook_config_last_reload_successful 1";
    let receiver = TestReceiver::start();
    let workdir = workdir_with_dead_documents(&receiver).await;
    let serving = RunningService::start(&workdir);
    serving.wait_for_metric(SUCCEEDED);
    let version = env!("CARGO_PKG_VERSION");
    serving.wait_for_metric(&format!(
        "switchhook_build_info{{version=\"{version}\",os=\"linux\",arch=\"{}\"}} 1",
        std::env::consts::ARCH
    ));

    let path = workdir.folder.path().join("switchhook.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{good}\n[webhooks.broken]\nurl = 5\n")).unwrap();
    serving.reload();
    serving.wait_for_metric("switchhook_config_last_reload_successful 0");

    std::fs::write(&path, good).unwrap();
    serving.reload();
    serving.wait_for_metric(SUCCEEDED);
    assert_eq!(serving.terminate(), Some(0));
}

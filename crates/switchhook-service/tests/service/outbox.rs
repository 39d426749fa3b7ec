//! Deliveries: every document arrives, at a rate that the receiver can handle.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

use test_support::{outbox_bench, store_suite};

use std::time::Duration;

use outbox_bench::{Bench, endpoint, status};
use store_suite::{again, all, claim, finished, settle};
use switchhook_core::secret::Secret;
use switchhook_service::outbox::{self, Endpoint, RetryOptions, TakenStatuses};
use switchhook_store::{DocumentFilter, DocumentState, NewDocument, new_id};
use switchhook_webhook::signing::Signer;
use tokio::time::Instant;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test]
async fn a_document_is_sent_as_soon_as_it_is_stored_signed_and_stamped() {
    let mut bench = Bench::new(|_| status(204)).await;
    bench.options.poll = Duration::from_secs(3_600);
    let signed = Endpoint {
        signer: Some(Signer::new(&[Secret::new(SECRET)]).expect("secret")),
        ..endpoint()
    };
    bench.set_endpoints([("completed", signed)]);
    let running = bench.run();
    bench.finish("a").await;
    let sent = bench.sent(1).await.remove(0);
    let headers = sent.delivery.headers.iter().map(|(name, value)| {
        let value = http::HeaderValue::from_str(value).expect("header");
        (http::HeaderName::from_static(name), value)
    });
    let official = standardwebhooks::Webhook::new(SECRET).expect("secret");
    let body = &sent.delivery.content.body;
    official.verify(body, &headers.collect()).expect("accepted");
    assert_eq!(&body[..], br#"{"call":"a","for":"completed"}"#);
    bench.settled(DocumentState::Delivered, 1).await;
    running.stop().await;
}

#[tokio::test]
async fn any_2xx_is_delivered_and_nothing_else() {
    for (code, state) in [
        (200, DocumentState::Delivered),
        (299, DocumentState::Delivered),
        (300, DocumentState::Waiting),
        (404, DocumentState::Waiting),
    ] {
        let bench = Bench::new(move |_| status(code)).await;
        let running = bench.run();
        bench.finish("a").await;
        bench.tried(1).await;
        bench.settled(state, 1).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_widgets_request_goes_out_with_its_own_method_and_url() {
    let bench = Bench::new(|_| status(200)).await;
    let running = bench.run();
    let mut request = NewDocument::document("completed", "inbound", "a", "x=1");
    request.content.method = Some("PUT".into());
    request.content.url = Some("https://crm.example/1".into());
    let id = new_id();
    let stored = bench.store.put_request(&id, request.clone()).await;
    assert!(stored.expect("stored"));
    let sent = bench.sent(1).await.remove(0).delivery;
    assert_eq!((sent.webhook_id, sent.content), (id, request.content));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_down_for_a_day_gets_everything_at_its_rate() {
    let start = Instant::now();
    let up = start + Duration::from_secs(86_400);
    let mut bench = Bench::paused(move |_| {
        if Instant::now() < up {
            Err("connection refused".into())
        } else {
            status(200)
        }
    })
    .await;
    bench.options.poll = Duration::from_secs(20);
    let capped = Endpoint {
        rate_per_s: 5.0,
        ..endpoint()
    };
    bench.set_endpoints([("completed", capped)]);
    let running = bench.run();
    for n in 0..300 {
        bench.finish(&format!("call-{n}")).await;
        tokio::time::sleep(Duration::from_secs(280)).await;
    }
    bench.settled(DocumentState::Delivered, 300).await;
    let sent = bench.all_sent();
    assert!(
        sent.len() < 4_000,
        "{} attempts at a receiver that is down",
        sent.len()
    );
    let last = sent.last().expect("sent").at;
    assert!(
        last < up + Duration::from_secs(600),
        "{:?} after it came back",
        last - up
    );
    bench.assert_same_bytes_under_each_id();
    let begun: Vec<_> = sent.iter().map(|s| s.at).collect();
    let second = Duration::from_secs(1);
    let most = begun.iter().map(|&at| {
        begun
            .iter()
            .filter(|&&b| b >= at && b < at + second)
            .count()
    });
    assert!(
        most.max().expect("sent") <= 5,
        "never more than five in a second"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_nobody_takes_for_eight_days_is_kept_and_can_be_replayed() {
    let start = Instant::now();
    let up = start + Duration::from_secs(9 * 86_400);
    let mut bench =
        Bench::paused(move |_| status(if Instant::now() < up { 500 } else { 200 })).await;
    bench.options.poll = Duration::from_secs(300);
    let running = bench.run();
    bench.finish("a").await;
    bench.settled(DocumentState::Dead, 1).await;
    let tried = bench.all_sent();
    let last = tried.last().expect("tried").at - start;
    let (day, eight) = (Duration::from_secs(86_400), Duration::from_secs(8 * 86_400));
    assert!(
        last >= eight && last < eight + day,
        "the last attempt was after {last:?}"
    );
    assert!((10..60).contains(&tried.len()), "{} attempts", tried.len());
    tokio::time::sleep_until(up).await;
    let replayed = outbox::retry(&bench.store, &RetryOptions::default()).await;
    assert_eq!(replayed.expect("replayed").documents, 1);
    bench.settled(DocumentState::Delivered, 1).await;
    bench.assert_same_bytes_under_each_id();
    running.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_paused_said_and_resumed_by_retry() {
    let gone = std::sync::atomic::AtomicBool::new(true);
    let mut bench = Bench::new(move |_| {
        status(if gone.swap(false, std::sync::atomic::Ordering::Relaxed) {
            410
        } else {
            200
        })
    })
    .await;
    bench.options.housekeeping = Duration::from_millis(10);
    let (running, mut health) = bench.run_with_health();
    bench.finish("a").await;
    let unhealthy = health
        .wait_for(|health| !health.ok)
        .await
        .expect("running")
        .clone();
    assert!(
        unhealthy.what.contains("completed") && unhealthy.what.contains("410"),
        "{}",
        unhealthy.what
    );
    bench.settled(DocumentState::Waiting, 1).await;
    bench.finish("b").await;
    let waiting = all(&bench.store).await;
    assert!(
        waiting.iter().all(|d| d.state == DocumentState::Waiting),
        "kept, not sent"
    );
    let retry = RetryOptions {
        filter: DocumentFilter {
            endpoint: Some("completed".into()),
            ..DocumentFilter::default()
        },
        ..RetryOptions::default()
    };
    let dry = RetryOptions {
        dry_run: true,
        ..retry.clone()
    };
    assert_eq!(
        outbox::retry(&bench.store, &dry)
            .await
            .expect("counted")
            .documents,
        2
    );
    assert_eq!(
        bench.store.pauses().await.expect("pauses").len(),
        1,
        "a dry run changes nothing"
    );
    outbox::retry(&bench.store, &retry).await.expect("replayed");
    bench.settled(DocumentState::Delivered, 2).await;
    health
        .wait_for(|health| health.ok)
        .await
        .expect("well again");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_endpoint_back_for_as_long_as_it_says() {
    let start = Instant::now();
    let free = start + Duration::from_secs(7_200);
    let bench = Bench::paused(move |_| match Instant::now() < free {
        true => Ok(outbox::Reply {
            status: 429,
            retry_after: Some("7200".into()),
            failure: None,
        }),
        false => status(200),
    })
    .await;
    let running = bench.run();
    bench.finish("a").await;
    bench.tried(1).await;
    bench.finish("b").await;
    bench.settled(DocumentState::Delivered, 2).await;
    assert_eq!(bench.all_sent().len(), 3, "nothing was sent in between");
    running.stop().await;
}

#[tokio::test]
async fn a_status_that_counts_as_delivered_is_sent_once_and_another_has_its_sentence() {
    let bench = Bench::new(|delivery| {
        let code = if delivery.call_uuid == "b" { 409 } else { 302 };
        let failure = Some("crm.example:443 answered".to_owned());
        status(code).map(|reply| outbox::Reply { failure, ..reply })
    })
    .await;
    let taking = Endpoint {
        taken: TakenStatuses::with(vec![302..=302]),
        ..endpoint()
    };
    bench.set_endpoints([("completed", taking)]);
    let running = bench.run();
    bench.finish("a").await;
    bench.settled(DocumentState::Delivered, 1).await;
    bench.finish("b").await;
    bench.tried(2).await;
    bench.settled(DocumentState::Waiting, 1).await;
    for row in all(&bench.store).await {
        let document = bench.store.document(&row.webhook_id).await.expect("kept");
        let error = document.attempts[0].error.as_deref();
        let is_taken = row.state == DocumentState::Delivered;
        assert_eq!(error, (!is_taken).then_some("crm.example:443 answered"));
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_an_endpoint_that_is_slowed_begins_at_once() {
    let bench = Bench::paused(|_| status(500)).await;
    let running = bench.run();
    bench.finish("a").await;
    // Every further attempt of the document comes much later than the pause of a slowed endpoint.
    for n in 1..=9 {
        bench.tried(n).await;
        bench.finish(&format!("call-{n}")).await;
    }
    let (tried, slowed) = (bench.all_sent().len(), Instant::now());
    let retry = RetryOptions::default();
    outbox::retry(&bench.store, &retry).await.expect("replayed");
    bench.sent(tried + 1).await;
    // Virtual time; the pause of the endpoint is longer by now.
    let waited = slowed.elapsed();
    assert!(waited <= bench.options.poll * 2, "{waited:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_a_healthy_receiver_refuses_is_not_hammered() {
    let mut bench = Bench::paused(|delivery| {
        status(if delivery.call_uuid == "bad" {
            500
        } else {
            200
        })
    })
    .await;
    bench.options.poll = Duration::from_secs(5);
    let running = bench.run();
    bench.finish("bad").await;
    for n in 0..720 {
        bench.finish(&format!("call-{n}")).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    bench.settled(DocumentState::Delivered, 720).await;
    let bad = bench
        .all_sent()
        .iter()
        .filter(|s| s.delivery.call_uuid == "bad")
        .count();
    assert!((5..30).contains(&bad), "{bad} attempts in two hours");
    running.stop().await;
}

#[tokio::test]
async fn no_more_are_under_way_than_the_endpoint_takes_and_others_are_not_held_up() {
    let bench = Bench::new(|_| status(200)).await;
    let narrow = Endpoint {
        max_in_flight: 2,
        ..endpoint()
    };
    bench.set_endpoints([("completed", narrow), ("other", endpoint())]);
    bench.receiver.hold("completed");
    let running = bench.run();
    for n in 0..8 {
        bench.finish(&format!("call-{n}")).await;
    }
    bench.receiver.under_way("completed", 2).await;
    bench
        .store
        .finish_call(finished("b", &[], &["other"]))
        .await
        .expect("finished");
    bench.settled(DocumentState::Delivered, 1).await;
    let rows = all(&bench.store).await;
    let leased = rows
        .iter()
        .filter(|row| row.state == DocumentState::Leased)
        .count();
    assert_eq!(leased, 2, "what cannot be sent yet is not claimed");
    bench.receiver.let_go();
    bench.settled(DocumentState::Delivered, 9).await;
    assert_eq!(bench.receiver.most_under_way("completed"), 2);
    running.stop().await;
}

#[tokio::test]
async fn at_shutdown_what_takes_too_long_is_given_back_at_once() {
    let mut bench = Bench::new(|_| status(200)).await;
    bench.options.drain = Duration::from_millis(20);
    bench.receiver.hold("completed");
    let running = bench.run();
    bench.finish("a").await;
    bench.receiver.under_way("completed", 1).await;
    running.stop().await;
    let row = all(&bench.store).await.remove(0);
    assert_eq!(row.state, DocumentState::Waiting, "no lease to wait for");
    let next = claim(&bench.store, "completed", 1).await;
    assert_eq!(next[0].webhook_id, row.webhook_id);
}

#[tokio::test]
async fn at_shutdown_what_is_under_way_is_finished() {
    let bench = Bench::new(|_| status(200)).await;
    bench.receiver.hold("completed");
    let running = bench.run();
    bench.finish("a").await;
    bench.receiver.under_way("completed", 1).await;
    running.shutdown.cancel();
    bench.receiver.let_go();
    running.stop().await;
    assert_eq!(all(&bench.store).await[0].state, DocumentState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_never_ends_is_cut_off_and_tried_again() {
    let bench = Bench::paused(|_| status(200)).await;
    bench.receiver.hold("completed");
    let running = bench.run();
    bench.finish("a").await;
    bench.receiver.under_way("completed", 1).await;
    bench.settled(DocumentState::Waiting, 1).await;
    let id = all(&bench.store).await.remove(0).webhook_id;
    let detail = outbox::show(&bench.store, &id).await.expect("there");
    let error = detail.attempts[0].error.as_deref();
    assert_eq!(error, Some("no answer within 10s"));
    bench.receiver.let_go();
    bench.settled(DocumentState::Delivered, 1).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_panics_is_tried_again_when_its_lease_ends() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let bench = Bench::paused(move |_| {
        assert!(
            !first.swap(false, std::sync::atomic::Ordering::Relaxed),
            "a fault of ours"
        );
        status(200)
    })
    .await;
    let running = bench.run();
    bench.finish("a").await;
    bench.settled(DocumentState::Delivered, 1).await;
    let row = all(&bench.store).await.remove(0);
    assert_eq!(row.attempts, 2);
    running.stop().await;
}

#[tokio::test]
async fn documents_of_a_webhook_that_was_removed_wait_for_it_and_are_named() {
    let mut bench = Bench::new(|_| status(200)).await;
    bench.options.housekeeping = Duration::from_millis(10);
    bench.set_endpoints([]);
    bench.finish("a").await;
    let (running, mut health) = bench.run_with_health();
    let unhealthy = health
        .wait_for(|health| !health.ok)
        .await
        .expect("running")
        .clone();
    assert!(
        unhealthy.what.contains("[webhooks.completed]"),
        "{}",
        unhealthy.what
    );
    bench.set_endpoints([("completed", endpoint())]);
    bench.settled(DocumentState::Delivered, 1).await;
    health
        .wait_for(|health| health.ok)
        .await
        .expect("well again");
    running.stop().await;
}

#[tokio::test]
async fn a_backlog_left_by_a_crash_goes_out_after_the_first_success() {
    let bench = Bench::new(|_| status(200)).await;
    for n in 0..5 {
        bench.finish(&format!("call-{n}")).await;
    }
    for one in claim(&bench.store, "completed", 4).await {
        settle(&bench.store, &one, again(86_400))
            .await
            .expect("settled");
    }
    let running = bench.run();
    bench.settled(DocumentState::Delivered, 5).await;
    running.stop().await;
}

#[tokio::test]
async fn an_id_that_is_not_there_replays_nothing() {
    let bench = Bench::new(|_| status(200)).await;
    bench.finish("a").await;
    let there = all(&bench.store).await.remove(0).webhook_id;
    let retry = RetryOptions {
        filter: DocumentFilter {
            ids: vec![there, "msg_none".into()],
            ..DocumentFilter::default()
        },
        ..RetryOptions::default()
    };
    let error = outbox::retry(&bench.store, &retry)
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("msg_none"));
}

#[tokio::test]
async fn all_endpoints_together_have_no_more_attempts_under_way_than_the_limit() {
    let mut bench = Bench::new(|_| status(200)).await;
    bench.options.in_flight = 3;
    bench.set_endpoints([("completed", endpoint()), ("idle", endpoint())]);
    bench.receiver.hold("completed");
    for n in 0..10 {
        bench.finish(&format!("call-{n}")).await;
    }
    let running = bench.run();
    // The idle endpoint's share is used by the other one.
    bench.receiver.under_way("completed", 3).await;
    bench.receiver.let_go();
    bench.settled(DocumentState::Delivered, 10).await;
    assert_eq!(bench.receiver.most_under_way("completed"), 3);
    running.stop().await;
}

#[tokio::test]
async fn receivers_that_never_answer_do_not_take_the_turn_of_one_that_does() {
    let mut bench = Bench::new(|_| status(200)).await;
    bench.options.in_flight = 3;
    bench.set_endpoints([("completed", endpoint()), ("other", endpoint())]);
    bench.receiver.hold("completed");
    for n in 0..10 {
        bench.finish(&format!("call-{n}")).await;
    }
    let running = bench.run();
    bench.receiver.under_way("completed", 3).await;
    let other = finished("b", &[], &["other"]);
    bench.store.finish_call(other).await.expect("finished");
    bench.settled(DocumentState::Delivered, 1).await;
    assert_eq!(bench.receiver.most_under_way("completed"), 3);
    bench.receiver.let_go();
    bench.settled(DocumentState::Delivered, 11).await;
    running.stop().await;
}

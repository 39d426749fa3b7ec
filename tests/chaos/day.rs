//! A receiver that is down for a day, in paused time: its backlog goes out under its cap, and
//! nobody else waits.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use switchhook_service::outbox::Endpoint;
use switchhook_store::DocumentState;
use tokio::time::{Instant, sleep, sleep_until};

use crate::dice;
use crate::outbox_bench::{Bench, Sent, endpoint, status};
use crate::store_suite::finished;
use crate::table::Row;

const DAY: Duration = Duration::from_secs(86_400);
/// Calls that end in a second.
const CALLS_A_SECOND: usize = 50;
/// Seconds of the day in which calls are played: each a burst of that rate.
const SECONDS: usize = 60;
/// What the receiver that was down may be sent in a second.
const CAP: usize = 80;

/// Every call has a document for the receiver that is down, and one for another.
async fn play(bench: &Bench, second: usize) {
    let calls = (0..CALLS_A_SECOND).map(|number| {
        let name = format!("call-{second}-{number}");
        bench
            .store
            .finish_call(finished(&name, &[], &["completed", "other"]))
    });
    for stored in join_all(calls).await {
        stored.unwrap();
    }
}

pub async fn down() -> Row {
    let start = Instant::now();
    let up = start + DAY;
    let mut bench = Bench::paused(move |delivery| {
        match delivery.endpoint == "completed" && Instant::now() < up {
            true => Err("connection refused".into()),
            false => status(200),
        }
    })
    .await;
    bench.options.poll = Duration::from_secs(20);
    let capped = Endpoint {
        rate_per_s: 80.0,
        ..endpoint()
    };
    let other = Endpoint {
        rate_per_s: 1_000.0,
        ..endpoint()
    };
    bench.set_endpoints([("completed", capped), ("other", other)]);
    let running = bench.run();
    let seconds = dice::times(SECONDS);
    let mut random = dice::of("day", 0);
    let mut late = Vec::new();
    for second in 0..seconds {
        let from = DAY.mul_f64(second as f64 / seconds as f64);
        let wait = random.u64(0..DAY.as_secs() / seconds as u64);
        sleep_until(start + from + Duration::from_secs(wait)).await;
        let began = Instant::now();
        play(&bench, second).await;
        // The other receiver has all of them before time goes on by a second.
        while bench.sent_to("other") < (second + 1) * CALLS_A_SECOND {
            sleep(Duration::from_millis(1)).await;
        }
        late.push(began.elapsed());
    }
    let waited = late.iter().max().unwrap();
    assert!(
        *waited < Duration::from_secs(1),
        "somebody else waited for {waited:?}"
    );
    let tried = attempts(&bench);
    assert!(
        tried.len() < 3_000,
        "{} attempts at a receiver that is down",
        tried.len()
    );
    sleep_until(up).await;
    let documents = seconds * CALLS_A_SECOND;
    bench.settled(DocumentState::Delivered, 2 * documents).await;
    let sent = attempts(&bench);
    assert!(most_in_a_second(&sent) <= CAP);
    let late = sent.last().unwrap().at - up;
    let at_the_cap = Duration::from_secs((documents / CAP) as u64);
    assert!(
        late < at_the_cap + Duration::from_secs(180),
        "the last came {late:?} after it"
    );
    running.stop().await;
    let rows = bench.rows().await;
    let delivered = rows
        .iter()
        .filter(|row| row.state == DocumentState::Delivered);
    let mut taken: HashMap<String, usize> = HashMap::new();
    for sent in bench.all_sent() {
        let is_taken = sent.delivery.endpoint == "other" || sent.at >= up;
        *taken.entry(sent.delivery.webhook_id).or_default() += usize::from(is_taken);
    }
    Row {
        what: "a receiver is down for a day, 50 calls a second (bursts, paused time)",
        faults: 1,
        calls: documents,
        documents: 2 * documents,
        lost: 2 * documents - delivered.count(),
        repeated: taken.values().filter(|times| **times > 1).count(),
        stranded: None,
    }
}

fn attempts(bench: &Bench) -> Vec<Sent> {
    let sent = bench.all_sent().into_iter();
    sent.filter(|sent| sent.delivery.endpoint == "completed")
        .collect()
}

fn most_in_a_second(sent: &[Sent]) -> usize {
    let second = Duration::from_secs(1);
    let within = |first: usize| {
        let rest = &sent[first..];
        rest.iter()
            .take_while(|one| one.at < sent[first].at + second)
            .count()
    };
    (0..sent.len()).map(within).max().unwrap()
}

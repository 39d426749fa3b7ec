//! What is measured.

use std::fs;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::clients::{Caller, Reads, THREE, Wire, blocking};

/// The measures, with their titles in the table; `{size}` stands for the size of an event.
pub const ALL: [(&str, &str); 11] = [
    (
        "events-json",
        "events of {size} KB a second of CPU, JSON, three headers read",
    ),
    ("events-three", "the same, plain, three headers read"),
    ("events", "the same, plain, every header read"),
    (
        "instructions-json",
        "instructions an event, JSON, three headers read",
    ),
    (
        "instructions-three",
        "instructions an event, plain, three headers read",
    ),
    (
        "instructions",
        "instructions an event, plain, every header read",
    ),
    (
        "allocations",
        "allocations an event, plain, every header read",
    ),
    ("idle", "KiB of memory an idle connection, of 1,000"),
    ("thousand", "1,000 concurrent commands, ms"),
    ("hundred-thousand", "100,000 concurrent commands, ms"),
    (
        "dropped",
        "4 × 1,000 commands, one future in ten dropped: replies",
    ),
];

const JSON_THREE: (Reads, Wire) = (Reads::Three, Wire::Json);
const PLAIN_THREE: (Reads, Wire) = (Reads::Three, Wire::Plain);
const PLAIN_ALL: (Reads, Wire) = (Reads::All, Wire::Plain);
const EVENTS: usize = 5000;
pub const FEW: usize = 100;
pub const MANY: usize = 500;
const NONE: &str = "—";
/// The time after which a caller counts as lost.
const LOST: Duration = Duration::from_secs(5);

pub fn run(measure: &str, name: &str, address: SocketAddr) -> String {
    let runtime = runtime();
    match measure {
        "events-json" => events(&runtime, name, address, JSON_THREE),
        "events" => events(&runtime, name, address, PLAIN_ALL),
        "events-three" => events(&runtime, name, address, PLAIN_THREE),
        "instructions-json-few" => done(receive(&runtime, name, address, FEW, JSON_THREE)),
        "instructions-json-many" => done(receive(&runtime, name, address, MANY, JSON_THREE)),
        "instructions-few" => done(receive(&runtime, name, address, FEW, PLAIN_ALL)),
        "instructions-many" => done(receive(&runtime, name, address, MANY, PLAIN_ALL)),
        "instructions-three-few" => done(receive(&runtime, name, address, FEW, PLAIN_THREE)),
        "instructions-three-many" => done(receive(&runtime, name, address, MANY, PLAIN_THREE)),
        "allocations" => allocations(&runtime, name, address),
        "idle" => idle(&runtime, name, address),
        "thousand" => concurrent(&runtime, name, address, 1000),
        "hundred-thousand" => concurrent(&runtime, name, address, 100_000),
        "dropped" => dropped(&runtime, name, address),
        other => panic!("no measure {other}"),
    }
}

/// One thread, so that a thread's allocations and instructions are the client's.
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn done(received: Option<Duration>) -> String {
    received.map_or(NONE, |_| "done").to_owned()
}

/// Returns the CPU time of this thread, which other programs on the machine do not change.
fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// Receives and reads events; returns the CPU time, or `None` for a crate that hands no events out.
fn receive(
    runtime: &Runtime,
    name: &str,
    address: SocketAddr,
    count: usize,
    (reads, wire): (Reads, Wire),
) -> Option<Duration> {
    // freeswitch-esl hands no events out, and freeswitch-esl-rs reads plain ones only.
    if name == "freeswitch-esl" || (name == "freeswitch-esl-rs" && wire == Wire::Json) {
        return None;
    }
    if name == "freeswitch-esl-rs" {
        let mut client = blocking(address);
        client.event("ALL").expect("a reply");
        let began = cpu();
        client.api("burst", &count.to_string()).expect("a reply");
        for _ in 0..count {
            let event = client.pull_event().expect("an event");
            // It has no iterator: every header is decoded, and three are read at most.
            let three = THREE.map(|name| event.get(name).expect("it has it").len());
            black_box((event.len(), three));
        }
        return Some(cpu() - began);
    }
    runtime.block_on(async {
        let (caller, mut reader) = Caller::connect(name, address).await?;
        let began = cpu();
        caller.burst(count, wire).await;
        for _ in 0..count {
            black_box(reader.next(reads).await);
        }
        Some(cpu() - began)
    })
}

fn events(runtime: &Runtime, name: &str, address: SocketAddr, work: (Reads, Wire)) -> String {
    let best = (0..5).filter_map(|_| receive(runtime, name, address, EVENTS, work));
    best.min().map_or(NONE.to_owned(), |took| {
        format!("{:.0}", EVENTS as f64 / took.as_secs_f64())
    })
}

fn allocations(runtime: &Runtime, name: &str, address: SocketAddr) -> String {
    let count = |events| {
        let mut received = None;
        let cost = allocation_counter::measure(|| {
            received = receive(runtime, name, address, events, PLAIN_ALL);
        });
        received.map(|_| cost.count_total)
    };
    match (count(FEW), count(MANY)) {
        (Some(few), Some(many)) => {
            let each = many.saturating_sub(few) as f64 / (MANY - FEW) as f64;
            format!("{each:.1}")
        }
        (_, _) => NONE.to_owned(),
    }
}

fn idle(runtime: &Runtime, name: &str, address: SocketAddr) -> String {
    let before = resident();
    let per = if name == "freeswitch-esl-rs" {
        let kept: Vec<_> = (0..1000).map(|_| blocking(address)).collect();
        let grown = resident() - before;
        drop(kept);
        grown
    } else {
        runtime.block_on(async {
            let mut kept = Vec::new();
            for _ in 0..1000 {
                kept.push(Caller::connect(name, address).await);
            }
            resident() - before
        })
    };
    format!("{:.1}", per as f64 / 1000.0)
}

/// Returns the resident memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("a size").parse().expect("a number")
}

fn concurrent(runtime: &Runtime, name: &str, address: SocketAddr, count: usize) -> String {
    let rounds = if count > 1000 { 1 } else { 9 };
    let best = (0..rounds)
        .map(|_| once(runtime, name, address, count))
        .min();
    match best.flatten() {
        None => NONE.to_owned(),
        Some((0, took)) => format!("{:.0}", took.as_secs_f64() * 1000.0),
        Some((missing, _)) => format!("{missing} of {count} without a right reply"),
    }
}

/// Returns how many callers did not get the right reply, and the time; `None` for a crate whose
/// connection cannot be shared.
fn once(
    runtime: &Runtime,
    name: &str,
    address: SocketAddr,
    count: usize,
) -> Option<(usize, Duration)> {
    runtime.block_on(async {
        let (caller, _reader) = Caller::connect(name, address).await?;
        let began = Instant::now();
        let tasks: Vec<_> = (0..count)
            .map(|number| {
                let caller = caller.clone();
                tokio::spawn(async move {
                    let text = format!("number {number}");
                    caller.echo(&text).await.as_deref() == Some(&*text)
                })
            })
            .collect();
        let mut right = 0;
        for task in tasks {
            let done = timeout(LOST, task).await;
            right += usize::from(matches!(done, Ok(Ok(true))));
        }
        Some((count - right, began.elapsed()))
    })
}

/// Counts the callers with another's reply, and those with none.
fn dropped(runtime: &Runtime, name: &str, address: SocketAddr) -> String {
    let (mut wrong, mut lost) = (0, 0);
    for _ in 0..4 {
        let told = runtime.block_on(async {
            let (caller, _reader) = Caller::connect(name, address).await?;
            let tasks: Vec<_> = (0..1000)
                .map(|number| tokio::spawn(one(caller.clone(), number)))
                .collect();
            let mut told = Vec::new();
            for task in tasks {
                told.push(task.await.expect("no panic"));
            }
            Some(told)
        });
        let Some(told) = told else {
            return NONE.to_owned();
        };
        wrong += told.iter().filter(|told| **told == Told::Wrong).count();
        lost += told.iter().filter(|told| **told == Told::Nothing).count();
    }
    format!("{wrong} wrong, {lost} missing")
}

#[derive(PartialEq, Eq)]
enum Told {
    Right,
    Wrong,
    Nothing,
}

/// Asks; every tenth caller drops its future after it was polled a few times.
async fn one(caller: Caller, number: usize) -> Told {
    // freeswitch-esl takes a reply without a space for an error.
    let text = format!("number {number}");
    let asking = caller.echo(&text);
    if number % 10 == 0 {
        let turns = async {
            for _ in 0..number % 7 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = turns => {}
            _ = asking => {}
        }
        return Told::Right;
    }
    match timeout(LOST, asking).await {
        Ok(Some(reply)) if reply == text => Told::Right,
        Ok(Some(_)) => Told::Wrong,
        Ok(None) | Err(_) => Told::Nothing,
    }
}

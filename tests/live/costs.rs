//! Measures what a waiting caller costs the switch, by the way in which the call was handed over.

use std::fs;
use std::time::{Duration, Instant};

use super::call::{Call, Exchange, is_run};
use super::control::Event;
use super::receiver::Receiver;
use super::service::Service;
use super::switch::Switch;

const CALLERS: usize = 100;
/// How long each caller waits.
const WAIT: Duration = Duration::from_secs(4);
/// Linux counts a process's time in hundredths of a second.
const TICK_MS: u64 = 10;

const WEBHOOK: &str = r#"
[webhooks.quiet]
url = "http://RECEIVER/hold/quiet"
hold_music = false
timeout = "50s"
[webhooks.music]
url = "http://RECEIVER/hold/quiet"
timeout = "50s"
"#;

/// What the switch's process uses.
#[derive(Debug, Clone, Copy)]
struct Use {
    memory_kib: u64,
    threads: u64,
    cpu_ms: u64,
}

impl Use {
    fn of(switch: &Switch) -> Self {
        let pid = fs::read_to_string(switch.folder.join("run/freeswitch.pid")).expect("a pid");
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", pid.trim()));
        let status = read("status").expect("it runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).expect("a number")
        };
        let stat = read("stat").expect("it runs");
        let fields = stat.rsplit_once(')').expect("a name").1;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|text| text.parse::<u64>().expect("ticks")).sum();
        Self {
            memory_kib: number("VmRSS:"),
            threads: number("Threads:"),
            cpu_ms: ticks * TICK_MS,
        }
    }
}

/// A way to wait for an answer.
struct WaitMethod {
    name: &'static str,
    /// Where the call is transferred to.
    to: String,
    /// Tells whether an event shows the end of the wait.
    gone_on: GoneOn,
}

type GoneOn = fn(&Event) -> bool;

fn on_a_line(event: &Event) -> bool {
    event.name() == "CHANNEL_EXECUTE" && event.get("Caller-Context") == "flows"
}

fn answered_itself(event: &Event) -> bool {
    is_run(event, "answer") && event.get("Caller-Dialplan") == "inline"
}

/// Uses a new switch, because an old one would use freed memory again.
async fn measure(method: &WaitMethod, receiver: &Receiver) {
    let exchange = Exchange::with_own_switch().await;
    let (switch, control) = (exchange.switch, &exchange.control);
    control.api("load mod_curl").await;
    let service = Service::parking(switch, receiver, WEBHOOK).await;
    let mut calls: Vec<Call<'_>> = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        let call = exchange.dial("0", &service.address).await;
        call.park().await;
        calls.push(call);
    }
    let before = Use::of(switch);
    for call in &calls {
        let order = format!("uuid_transfer {} {}", call.uuid, method.to);
        control.api(&order).await;
    }
    receiver.requested("/hold/quiet", CALLERS).await;
    // The measured wait.
    tokio::time::sleep(WAIT).await;
    let waiting = Use::of(switch);
    let released = Instant::now();
    receiver.release("/hold/quiet");
    let mut last = Duration::ZERO;
    for call in &calls {
        let on = call.wait("the way on", method.gone_on).await;
        last = last.max(on.arrived.duration_since(released));
    }
    let after = Use::of(switch);
    let each = |more: u64| more as f64 / CALLERS as f64;
    println!(
        "| {} | {:.2} MB | {:.2} | {:.1} ms | {} ms |",
        method.name,
        each(waiting.memory_kib.saturating_sub(before.memory_kib)) / 1024.0,
        each(waiting.threads.saturating_sub(before.threads)),
        each(after.cpu_ms.saturating_sub(before.cpu_ms)),
        last.as_millis(),
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH with mod_curl, and some minutes"]
async fn what_a_waiting_call_costs_the_switch_beyond_the_call_itself() {
    println!(
        "| {CALLERS} callers who wait {WAIT:?} | memory | threads | CPU | all answered at once: the last goes on after |\n|---|---|---|---|---|"
    );
    let ways: [(&str, &str, GoneOn); 5] = [
        ("socket", "ask-quiet-within-60 XML switchhook", on_a_line),
        ("park", "park-quiet-within-60 XML switchhook", on_a_line),
        (
            "socket, with music",
            "ask-music-within-60 XML switchhook",
            on_a_line,
        ),
        (
            "park, with music",
            "park-music-within-60 XML switchhook",
            on_a_line,
        ),
        (
            "mod_curl",
            "'curl:http://RECEIVER/hold/quiet,answer,park' inline",
            answered_itself,
        ),
    ];
    for (name, to, gone_on) in ways {
        let receiver = Receiver::start().await;
        receiver.set_answer("/hold/quiet", "{}");
        let to = to.replace("RECEIVER", &receiver.address);
        let method = WaitMethod { name, to, gone_on };
        measure(&method, &receiver).await;
    }
}

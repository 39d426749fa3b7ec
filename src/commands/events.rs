//! `switchhook events`: the events of living calls, one JSON object a line.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;
use switchhook_core::zone::Zone;
use switchhook_service::event_feed::{self, EventChoice, EventFeed, POLL_EVERY};
use switchhook_store::{Caller, DocumentState, StoredEvent, webhook_of};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::output::Stdout;
use super::store_context::{StoreContext, Times};
use crate::cli::operator::Events;

/// Prints stored events, or with `--follow` those that come.
///
/// Exits with 1 if the store cannot be read or the output cannot be written.
#[must_use]
pub fn events(path: &Path, args: &Events) -> ExitCode {
    super::exit(super::block_on(async {
        let context = StoreContext::open(path).await?;
        let done = run(&context, args).await;
        context.store.close().await;
        done.map(|()| true)
    }))
}

async fn run(context: &StoreContext, args: &Events) -> Result<(), String> {
    let choice = choice(args, context.times.zone)?;
    if args.follow {
        return follow(context, choice).await;
    }
    let found = event_feed::newest(&context.store, &choice, args.limit as usize).await;
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() {
        super::write_stderr("no events\n");
    }
    print(&found, &context.times).map(drop)
}

fn choice(args: &Events, zone: Zone) -> Result<EventChoice, String> {
    let number = args.number.as_deref().map(|number| {
        let empty = || "--number is empty; write a number, such as +4930123456".to_owned();
        Caller::new(number).ok_or_else(empty)
    });
    Ok(EventChoice {
        flow: args.flow.clone(),
        account: args.account.clone(),
        number: number.transpose()?,
        from_ms: args.since.map(|since| since.ms(zone)),
    })
}

/// Prints events until a signal, or until nobody reads them any more.
async fn follow(context: &StoreContext, choice: EventChoice) -> Result<(), String> {
    let unwatched = |error: std::io::Error| format!("cannot wait for Ctrl-C: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unwatched)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unwatched)?;
    tokio::select! {
        done = print_as_they_come(context, choice) => done,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn print_as_they_come(context: &StoreContext, choice: EventChoice) -> Result<(), String> {
    let feed = EventFeed::open(&context.store, choice).await;
    let mut feed = feed.map_err(|error| error.to_string())?;
    super::write_stderr("events as they come; Ctrl-C ends\n");
    let mut tick = interval(POLL_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut failing, mut more) = (false, false);
    loop {
        if !more {
            tick.tick().await;
        }
        match feed.next().await {
            Ok((found, is_full)) => {
                if std::mem::take(&mut failing) {
                    super::write_stderr("the store answers again\n");
                }
                if !print(&found, &context.times)? {
                    return Ok(());
                }
                more = is_full;
            }
            Err(error) if error.is_recoverable() => {
                if !std::mem::replace(&mut failing, true) {
                    super::write_stderr(&format!("{error}; trying again until it answers\n"));
                }
                more = false;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Prints each event as a line at once. Returns `false` if nobody reads them any more.
fn print(events: &[StoredEvent], times: &Times) -> Result<bool, String> {
    let mut out = Stdout::for_programs();
    for event in events {
        let line = serde_json::to_string(&Line::new(event, times));
        let line = line.map_err(|error| error.to_string())? + "\n";
        match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => return Err(format!("cannot write to standard output: {error}")),
        }
    }
    Ok(true)
}

/// One event; the field names are a contract. Times are RFC 3339.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    webhook: &'a str,
    call: &'a str,
    flow: &'a str,
    switch: &'a str,
    sequence: u64,
    event: &'a str,
    state: DocumentState,
    made: String,
    /// Text, if it is no JSON.
    body: Value,
}

impl<'a> Line<'a> {
    fn new(event: &'a StoredEvent, times: &Times) -> Self {
        let text = || Value::String(String::from_utf8_lossy(&event.body).into_owned());
        Self {
            id: &event.webhook_id,
            webhook: webhook_of(&event.endpoint),
            call: &event.call_uuid,
            flow: &event.flow,
            switch: &event.switch,
            sequence: event.sequence,
            event: &event.event,
            state: event.state,
            made: times.at(event.inserted_ms),
            body: serde_json::from_slice(&event.body).unwrap_or_else(|_| text()),
        }
    }
}

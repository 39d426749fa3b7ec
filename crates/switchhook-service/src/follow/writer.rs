//! Writes what the ledger decided to the store: in order, many commands at a time.
//!
//! No command is passed over while the store is away. One that the store refuses for its own sake
//! is skipped after a few attempts, so that it does not hold up the calls behind it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::FinishCall;
use super::cdrs::CdrRejection;
use switchhook_core::finished_call::FinishedCall;
use switchhook_store::{FinishedCallRecord, NewEvent, Store, StoreError, StoredLeg};

/// Commands that may wait. When the queue is full, the switch is not read.
const QUEUE_CAPACITY: usize = 1024;
/// Commands that go to the store together.
const BATCH: usize = 256;
/// The pause between two attempts at a store that fails.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Attempts at a command that the store refuses for its own sake.
const MAX_ATTEMPTS: u32 = 3;
/// How long a store that fails may delay the end of the service.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// One write to the store, or a step that follows one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StoreCommand {
    /// Stores a leg in its present state.
    Leg(StoredLeg),
    /// Stores an event of a living call.
    Event(Box<NewEvent>),
    /// Removes a leg.
    Forget {
        /// The switch's name.
        switch: String,
        /// The leg's Unique-ID.
        uuid: String,
    },
    /// Stores a finished call and removes its legs.
    Finish(Finishing),
    /// Notes the name of the switch at an address.
    Switch {
        /// Host and port.
        address: String,
        /// The switch's name.
        name: String,
    },
    /// Notes how far a switch's CDR files are read, once everything before this is stored.
    CdrsRead {
        /// The switch's name.
        switch: String,
        /// µs since 1970, by the files' modification time.
        until_us: i64,
    },
    /// Answers a request once everything before this is stored.
    Notify(StoredNotice),
}

/// A finished call on its way to the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finishing {
    /// What is stored of it.
    record: Box<FinishedCallRecord>,
    /// The call that the record was made of.
    call: Arc<FinishedCall>,
}

impl Finishing {
    pub(super) fn new(record: FinishedCallRecord, call: FinishedCall) -> Self {
        Self {
            record: Box::new(record),
            call: Arc::new(call),
        }
    }

    /// Returns what is left of the call without the legs of these channels; `None` if nothing is.
    fn without(&self, channels: &[String], documents: &dyn FinishCall) -> Option<Self> {
        let is_elsewhere = |uuid: &str, _| channels.iter().any(|channel| channel == uuid);
        let rest = FinishedCall::clone(&self.call).without(&is_elsewhere)?;
        let record = documents.finish_rest(&rest, &self.record);
        Some(Self::new(record, rest))
    }
}

/// The sender of such an answer. Dropping it means that nothing will be stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredNotice(pub mpsc::Sender<Result<(), CdrRejection>>);

impl PartialEq for StoredNotice {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for StoredNotice {}

/// Returns the queue between ledger and writer.
pub(crate) fn queue() -> (mpsc::Sender<StoreCommand>, mpsc::Receiver<StoreCommand>) {
    mpsc::channel(QUEUE_CAPACITY)
}

/// Stores commands until the queue is closed and empty. A command that fails is tried again.
/// After `stop` the store has [`SHUTDOWN_DEADLINE`] to take what is left.
pub(super) async fn run(
    store: Store,
    documents: Arc<dyn FinishCall>,
    mut queue: mpsc::Receiver<StoreCommand>,
    stop: CancellationToken,
) {
    let mut commands = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut commands, BATCH).await > 0 {
        let commands = without_overtaken(std::mem::take(&mut commands));
        let storing = store_all(&store, &*documents, commands);
        tokio::pin!(storing);
        tokio::select! {
            () = &mut storing => continue,
            () = stop.cancelled() => {}
        }
        if timeout(SHUTDOWN_DEADLINE, &mut storing).await.is_err() {
            error!(
                "the store did not take the last legs; after a restart the switch is asked for its channels"
            );
            return;
        }
    }
}

/// Leaves out the legs that a later command stores again or removes: all commands go to the
/// store together.
fn without_overtaken(commands: Vec<StoreCommand>) -> Vec<StoreCommand> {
    let mut overtaken: HashSet<(String, String)> = HashSet::new();
    let mut kept: Vec<StoreCommand> = Vec::with_capacity(commands.len());
    for command in commands.into_iter().rev() {
        match &command {
            StoreCommand::Leg(leg) => {
                if !overtaken.insert((leg.switch.clone(), leg.leg_uuid.clone())) {
                    continue;
                }
            }
            StoreCommand::Forget { switch, uuid } => {
                overtaken.insert((switch.clone(), uuid.clone()));
            }
            StoreCommand::Finish(call) => {
                let legs = call.record.legs.iter();
                overtaken.extend(legs.map(|uuid| (call.record.switch.clone(), uuid.clone())));
            }
            StoreCommand::Event(_)
            | StoreCommand::Switch { .. }
            | StoreCommand::CdrsRead { .. }
            | StoreCommand::Notify(_) => {}
        }
        kept.push(command);
    }
    kept.reverse();
    kept
}

/// Stores all commands. The store takes what comes at once into one transaction, in this order.
async fn store_all(store: &Store, documents: &dyn FinishCall, mut commands: Vec<StoreCommand>) {
    let mut failing = false;
    let mut refusals = 0;
    let mut complete = true;
    while !commands.is_empty() {
        let puts = commands
            .iter()
            .map(|command| put(store, documents, command.clone()));
        let results = join_all(puts).await;
        let fault = results.into_iter().enumerate();
        let fault = fault.filter_map(|(at, result)| Some((at, result.err()?)));
        let Some((first, fault)) = fault.min_by_key(|(at, _)| *at) else {
            after_storing(store, commands, complete).await;
            break;
        };
        if first > 0 {
            refusals = 0;
        }
        // Repeats everything from the first failure on: storing twice does no harm.
        after_storing(store, commands.drain(..first).collect(), complete).await;
        if !fault.is_recoverable() {
            refusals += 1;
            if refusals == MAX_ATTEMPTS {
                skip_failing(&commands.remove(0), &fault);
                refusals = 0;
                complete = false;
                continue;
            }
        } else if !failing {
            error!(%fault, "the store does not take legs; trying until it does");
            failing = true;
        }
        sleep(RETRY_PAUSE).await;
    }
    if failing {
        info!("the store takes legs again");
    }
}

/// Does what depends on these commands being stored; nothing unless all of them are
/// (`complete`).
async fn after_storing(store: &Store, stored: Vec<StoreCommand>, complete: bool) {
    for command in stored.into_iter().filter(|_| complete) {
        match command {
            StoreCommand::Notify(StoredNotice(answer)) => drop(answer.try_send(Ok(()))),
            // If this is not noted, the files are read again after a restart.
            StoreCommand::CdrsRead { switch, until_us } => {
                drop(store.put_cdr_progress(&switch, until_us).await);
            }
            StoreCommand::Leg(_)
            | StoreCommand::Event(_)
            | StoreCommand::Forget { .. }
            | StoreCommand::Finish(_)
            | StoreCommand::Switch { .. } => {}
        }
    }
}

/// Logs a command that is given up, so that it does not hold up the calls behind it. What is
/// stored of its call stays, and is loaded at the next start.
fn skip_failing(command: &StoreCommand, fault: &StoreError) {
    match command {
        StoreCommand::Leg(leg) => {
            let (call_uuid, leg_uuid) = (&leg.call_id, &leg.leg_uuid);
            error!(%fault, call_uuid, leg_uuid, "a leg is not stored");
        }
        StoreCommand::Event(event) => {
            let (call_uuid, event) = (&event.call_uuid, &event.fact);
            error!(%fault, call_uuid, event, "an event of a call is not stored");
        }
        StoreCommand::Forget { uuid, .. } => {
            error!(%fault, leg_uuid = uuid, "a leg is not removed")
        }
        StoreCommand::Finish(call) => error!(
            %fault,
            call_uuid = call.record.call_uuid,
            "the documents of a call are not stored; they are made again at the next start"
        ),
        StoreCommand::Switch { name, .. } => error!(%fault, name, "a switch's name is not stored"),
        StoreCommand::CdrsRead { .. } | StoreCommand::Notify(_) => {}
    }
}

async fn put(
    store: &Store,
    documents: &dyn FinishCall,
    command: StoreCommand,
) -> Result<(), StoreError> {
    match command {
        StoreCommand::Leg(leg) => store.put_leg(leg).await,
        StoreCommand::Event(event) => store.put_event(*event).await.map(drop),
        StoreCommand::Forget { switch, uuid } => store.remove_legs(&switch, vec![uuid]).await,
        StoreCommand::Finish(call) => finish(store, documents, call).await,
        StoreCommand::Switch { address, name } => store.put_switch_name(&address, &name).await,
        StoreCommand::CdrsRead { .. } | StoreCommand::Notify(_) => Ok(()),
    }
}

/// Stores a finished call. One that is stored already is no error: a command may be repeated,
/// and another instance or a CDR may report a call whose document exists. Legs that another
/// instance finished as calls of their own are left out.
async fn finish(
    store: &Store,
    documents: &dyn FinishCall,
    mut call: Finishing,
) -> Result<(), StoreError> {
    let uuid = call.record.call_uuid.clone();
    let new = loop {
        match store
            .finish_call(FinishedCallRecord::clone(&call.record))
            .await
        {
            Err(StoreError::InOtherDocuments(legs)) => {
                warn!(
                    call_uuid = uuid,
                    legs = legs.join(", "),
                    "another instance finished legs of a call as calls of their own; its document lacks them"
                );
                let Some(rest) = call.without(&legs, documents) else {
                    return Ok(());
                };
                call = rest;
            }
            stored => break stored?,
        }
    };
    if new.contains(&false) && !store.is_shared() {
        warn!(
            call_uuid = uuid,
            "a document of this call exists already and is kept"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(uuid: &str, json: &str) -> StoreCommand {
        StoreCommand::Leg(StoredLeg {
            switch: "fs1".into(),
            call_id: uuid.into(),
            leg_uuid: uuid.into(),
            created_us: None,
            known: 0,
            json: json.into(),
        })
    }

    fn finish(legs: &[&str]) -> StoreCommand {
        let record = FinishedCallRecord {
            switch: "fs1".into(),
            call_uuid: "a".into(),
            created_us: 1,
            legs: legs.iter().map(|leg| (*leg).to_owned()).collect(),
            channels: Vec::new(),
            documents: Vec::new(),
            summary: None,
            history: String::new(),
            asked: String::new(),
            unpublished: None,
            events: Vec::new(),
        };
        StoreCommand::Finish(Finishing::new(record, FinishedCall::new(Vec::new())))
    }

    #[test]
    fn of_a_leg_only_the_latest_is_stored_and_none_that_is_removed() {
        let commands = vec![leg("a", "1"), leg("b", "1"), leg("a", "2"), leg("c", "1")];
        assert_eq!(
            without_overtaken(commands),
            [leg("b", "1"), leg("a", "2"), leg("c", "1")]
        );
        let commands = vec![leg("a", "1"), leg("b", "1"), finish(&["a"])];
        assert_eq!(without_overtaken(commands), [leg("b", "1"), finish(&["a"])]);
    }

    #[test]
    fn a_leg_that_comes_after_its_removal_is_stored() {
        let commands = vec![leg("a", "1"), finish(&["a"]), leg("a", "2")];
        assert_eq!(without_overtaken(commands), [finish(&["a"]), leg("a", "2")]);
    }
}

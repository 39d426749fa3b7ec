//! From the ledger to the store, in order, many at a time.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::cdrs::NotTaken;
use switchhook_store::{FinishedCallRecord, Store, StoreError, StoredLeg};

/// Jobs that wait; more, and the switch is not read.
const WAITING: usize = 1024;
/// Jobs that go to the store together.
const TOGETHER: usize = 256;
/// Between two attempts at a store that fails.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How often a job that the store refuses for its own sake is offered.
const OFFERS: u32 = 3;
/// How long a store that fails may hold up the end of the service.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One thing to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// A leg as it stands now.
    Leg(StoredLeg),
    /// A leg that is no more.
    Forget {
        /// The switch's name.
        switch: String,
        /// Its Unique-ID.
        uuid: String,
    },
    /// A call that is over.
    Finish(Box<FinishedCallRecord>),
    /// The name of the switch at an address.
    Switch {
        /// Host and port.
        address: String,
        /// What it calls itself.
        name: String,
    },
    /// The CDR files of a switch are read so far, once all before this is stored.
    CdrsRead {
        /// The switch's name.
        switch: String,
        /// µs since 1970, the files' own time.
        until_us: i64,
    },
    /// Somebody waits until all before this is stored.
    Tell(Teller),
}

/// Tells whoever waits; says that it will not when it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Teller(pub mpsc::Sender<Result<(), NotTaken>>);

impl PartialEq for Teller {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for Teller {}

/// The queue between ledger and store.
pub(crate) fn queue() -> (mpsc::Sender<Job>, mpsc::Receiver<Job>) {
    mpsc::channel(WAITING)
}

/// Stores what comes until the queue is closed and empty. What the store does not take
/// is offered again: nothing is passed over.
pub(super) async fn run(store: Store, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut jobs, TOGETHER).await > 0 {
        let storing = store_all(&store, latest(std::mem::take(&mut jobs)));
        tokio::pin!(storing);
        tokio::select! {
            () = &mut storing => continue,
            () = stop.cancelled() => {}
        }
        if timeout(LAST_WORDS, &mut storing).await.is_err() {
            error!(
                "the store does not take the last legs; after a restart the switch is asked for its channels"
            );
            return;
        }
    }
}

/// Without the legs that a later job of these stores again or removes: all of them go
/// into the store together.
fn latest(jobs: Vec<Job>) -> Vec<Job> {
    let mut overtaken: HashSet<(String, String)> = HashSet::new();
    let mut kept: Vec<Job> = Vec::with_capacity(jobs.len());
    for job in jobs.into_iter().rev() {
        match &job {
            Job::Leg(leg) => {
                if !overtaken.insert((leg.switch.clone(), leg.leg_uuid.clone())) {
                    continue;
                }
            }
            Job::Forget { switch, uuid } => {
                overtaken.insert((switch.clone(), uuid.clone()));
            }
            Job::Finish(call) => {
                let legs = call.legs.iter();
                overtaken.extend(legs.map(|uuid| (call.switch.clone(), uuid.clone())));
            }
            Job::Switch { .. } | Job::CdrsRead { .. } | Job::Tell(_) => {}
        }
        kept.push(job);
    }
    kept.reverse();
    kept
}

/// The store's writer takes what comes at once into one transaction, in this order.
async fn store_all(store: &Store, mut jobs: Vec<Job>) {
    let mut failing = false;
    let mut refusals = 0;
    let mut whole = true;
    while !jobs.is_empty() {
        let results = join_all(jobs.iter().map(|job| put(store, job.clone()))).await;
        let fault = results.into_iter().enumerate();
        let fault = fault.filter_map(|(at, result)| Some((at, result.err()?)));
        let Some((first, fault)) = fault.min_by_key(|(at, _)| *at) else {
            afterwards(store, jobs, whole).await;
            break;
        };
        if first > 0 {
            refusals = 0;
        }
        // From the first that failed on: all of these may be stored twice.
        afterwards(store, jobs.drain(..first).collect(), whole).await;
        if !fault.is_recoverable() {
            refusals += 1;
            if refusals == OFFERS {
                set_aside(&jobs.remove(0), &fault);
                refusals = 0;
                whole = false;
                continue;
            }
        } else if !failing {
            error!(%fault, "the store does not take legs; offering them until it does");
            failing = true;
        }
        sleep(AGAIN_AFTER).await;
    }
    if failing {
        info!("the store takes legs again");
    }
}

/// What rests on these jobs being stored; nothing when they are not the `whole` of it.
async fn afterwards(store: &Store, stored: Vec<Job>, whole: bool) {
    for job in stored.into_iter().filter(|_| whole) {
        match job {
            Job::Tell(Teller(waiting)) => drop(waiting.try_send(Ok(()))),
            // What is not noted is read again after a restart.
            Job::CdrsRead { switch, until_us } => {
                drop(store.put_cdr_read(&switch, until_us).await);
            }
            Job::Leg(_) | Job::Forget { .. } | Job::Finish(_) | Job::Switch { .. } => {}
        }
    }
}

/// A fault of this one job must not hold up all calls after it. What is stored of its
/// call stays, and is taken up at the next start.
fn set_aside(job: &Job, fault: &StoreError) {
    match job {
        Job::Leg(leg) => {
            let (call_uuid, leg_uuid) = (&leg.call_id, &leg.leg_uuid);
            error!(%fault, call_uuid, leg_uuid, "a leg is not stored");
        }
        Job::Forget { uuid, .. } => error!(%fault, leg_uuid = uuid, "a leg is not removed"),
        Job::Finish(call) => error!(
            %fault,
            call_uuid = call.call_uuid,
            "the documents of a call are not stored; they are made again at the next start"
        ),
        Job::Switch { name, .. } => error!(%fault, name, "a switch's name is not stored"),
        Job::CdrsRead { .. } | Job::Tell(_) => {}
    }
}

async fn put(store: &Store, job: Job) -> Result<(), StoreError> {
    match job {
        Job::Leg(leg) => store.put_leg(leg).await,
        Job::Forget { switch, uuid } => store.remove_legs(&switch, vec![uuid]).await,
        Job::Finish(call) => finish(store, *call).await,
        Job::Switch { address, name } => store.put_switch(&address, &name).await,
        Job::CdrsRead { .. } | Job::Tell(_) => Ok(()),
    }
}

/// What was stored already is no error: a job may be offered twice, and another instance or
/// the CDRs of a gap may tell of a call whose document is out.
async fn finish(store: &Store, call: FinishedCallRecord) -> Result<(), StoreError> {
    let uuid = call.call_uuid.clone();
    let new = store.finish_call(call).await?;
    if new.contains(&false) && !store.is_shared() {
        warn!(
            call_uuid = uuid,
            "a document of this call was there already, and stays"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(uuid: &str, json: &str) -> Job {
        Job::Leg(StoredLeg {
            switch: "fs1".into(),
            call_id: uuid.into(),
            leg_uuid: uuid.into(),
            created_us: None,
            known: 0,
            json: json.into(),
        })
    }

    fn finish(legs: &[&str]) -> Job {
        Job::Finish(Box::new(FinishedCallRecord {
            switch: "fs1".into(),
            call_uuid: "a".into(),
            created_us: 1,
            legs: legs.iter().map(|leg| (*leg).to_owned()).collect(),
            channels: Vec::new(),
            documents: Vec::new(),
            summary: None,
            story: String::new(),
            unpublished: None,
        }))
    }

    #[test]
    fn of_a_leg_only_the_latest_is_stored_and_none_that_is_removed() {
        let jobs = vec![leg("a", "1"), leg("b", "1"), leg("a", "2"), leg("c", "1")];
        assert_eq!(latest(jobs), [leg("b", "1"), leg("a", "2"), leg("c", "1")]);
        let jobs = vec![leg("a", "1"), leg("b", "1"), finish(&["a"])];
        assert_eq!(latest(jobs), [leg("b", "1"), finish(&["a"])]);
    }

    #[test]
    fn a_leg_that_comes_after_its_removal_is_stored() {
        let jobs = vec![leg("a", "1"), finish(&["a"]), leg("a", "2")];
        assert_eq!(latest(jobs), [finish(&["a"]), leg("a", "2")]);
    }
}

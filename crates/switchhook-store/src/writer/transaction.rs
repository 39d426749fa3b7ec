//! One transaction: the jobs in their order, the legs among them together, and the calls that
//! are over.

use std::collections::BTreeSet;

use super::database::WriterDatabase;
use super::job::Job;
use super::together::Together;
use crate::clock::Clock;
use crate::error::StoreError;

/// Begins a transaction, runs the jobs and commits.
pub(super) async fn transaction<D: WriterDatabase>(
    database: &D,
    db: &mut D::Connection,
    clock: Clock,
    jobs: &mut [Box<dyn Job<D::Connection>>],
) -> Result<(), StoreError> {
    let switches: BTreeSet<String> = jobs
        .iter()
        .filter_map(|job| job.switch().map(str::to_owned))
        .collect();
    let now_ms = database.begin(db, &switches, clock.override_ms()).await?;
    let done = run(database, db, now_ms, jobs).await;
    done.map_err(|error| database.classify(&error))?;
    database.commit(db).await
}

/// Runs the jobs. Legs are stored together, and calls are finished together, unless a job about
/// the same channels or another job about calls comes between them.
async fn run<D: WriterDatabase>(
    database: &D,
    db: &mut D::Connection,
    now_ms: i64,
    jobs: &mut [Box<dyn Job<D::Connection>>],
) -> Result<(), sqlx::Error> {
    let mut waiting = Together::default();
    for at in 0..jobs.len() {
        let (leg, call) = (jobs[at].leg(), jobs[at].finished_call());
        let is_in_order = match (leg, call) {
            (Some(leg), _) => waiting.takes_leg(leg),
            (None, Some(call)) => waiting.takes_call(call),
            (None, None) => jobs[at].switch().is_none(),
        };
        if !is_in_order {
            write_together(database, db, now_ms, jobs, std::mem::take(&mut waiting)).await?;
        }
        if jobs[at].leg().is_some() {
            waiting.legs.push(at);
        } else if let Some(call) = jobs[at].finished_call() {
            waiting.add_call(at, call);
        } else {
            jobs[at].run(db, now_ms).await?;
        }
    }
    write_together(database, db, now_ms, jobs, waiting).await
}

/// Stores the legs that waited, then finishes the calls that waited.
async fn write_together<D: WriterDatabase>(
    database: &D,
    db: &mut D::Connection,
    now_ms: i64,
    jobs: &mut [Box<dyn Job<D::Connection>>],
    waited: Together,
) -> Result<(), sqlx::Error> {
    let legs: Vec<_> = waited
        .legs
        .iter()
        .filter_map(|&at| jobs[at].leg())
        .collect();
    database.put_legs(db, &legs).await?;
    waited.legs.iter().for_each(|&at| jobs[at].leg_stored());
    if waited.calls.is_empty() {
        return Ok(());
    }
    let calls = waited.calls.iter();
    let calls: Vec<_> = calls.filter_map(|&at| jobs[at].finished_call()).collect();
    let finished = database.finish_calls(db, &calls, now_ms).await?;
    for (&at, finished) in waited.calls.iter().zip(finished) {
        jobs[at].call_finished(finished);
    }
    Ok(())
}

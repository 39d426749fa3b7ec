//! One transaction: the jobs in their order, and the legs among them together.

use std::collections::BTreeSet;

use super::database::WriterDatabase;
use super::job::Job;
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

/// Runs the jobs. Legs are stored together, unless a job about calls comes between them.
async fn run<D: WriterDatabase>(
    database: &D,
    db: &mut D::Connection,
    now_ms: i64,
    jobs: &mut [Box<dyn Job<D::Connection>>],
) -> Result<(), sqlx::Error> {
    let mut legs = Vec::new();
    for at in 0..jobs.len() {
        if jobs[at].leg().is_some() {
            legs.push(at);
            continue;
        }
        if jobs[at].switch().is_some() {
            put_legs(database, db, jobs, std::mem::take(&mut legs)).await?;
        }
        jobs[at].run(db, now_ms).await?;
    }
    put_legs(database, db, jobs, legs).await
}

/// Stores the legs of the jobs with these indices.
async fn put_legs<D: WriterDatabase>(
    database: &D,
    db: &mut D::Connection,
    jobs: &mut [Box<dyn Job<D::Connection>>],
    indices: Vec<usize>,
) -> Result<(), sqlx::Error> {
    let legs: Vec<_> = indices.iter().filter_map(|&at| jobs[at].leg()).collect();
    database.put_legs(db, &legs).await?;
    indices.into_iter().for_each(|at| jobs[at].leg_stored());
    Ok(())
}

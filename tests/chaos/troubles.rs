//! A store that takes no writes for a while, and a clock that is wrong: calls go on, and no
//! document is missing when it is over.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};
use switchhook_sim::switch::CallRecord;

use crate::dice;
use crate::inbox::Answer;
use crate::table::Row;
use crate::town::{self, FULL, SYNC_FAILS, Town};

const ROUNDS: usize = 12;
/// What the program says once when its store begins to fail.
const TAKES_NONE: &str = "the store takes no writes";
/// And when it is over.
const TAKES_AGAIN: &str = "the store takes writes again";
/// Callers while something is broken.
const CALLERS: usize = 5;

/// Callers come and go while the shim lets this fail.
async fn while_it_fails(flag: i64, what: &'static str) -> Row {
    let town = Town::new("").await;
    let mut program = town.serve().await;
    let (rounds, mut calls) = (dice::times(ROUNDS), Vec::new());
    for number in 1..=rounds {
        town.fails(flag);
        // All of them are given back and hang up while nothing can be written.
        let round = town.callers(CALLERS).await;
        town.says(TAKES_NONE, number).await;
        town.fails(0);
        town.says(TAKES_AGAIN, number).await;
        town.documents(&round).await;
        calls.extend(round);
    }
    let said = std::fs::read_to_string(town.folder.path().join("log")).unwrap();
    let times = said.matches("the store takes no writes").count();
    assert!(
        times >= rounds / 2,
        "it noticed {times} times that it could not write"
    );
    program.kill().await.unwrap();
    town::row(what, rounds, town::count(&calls, &town.inbox.posts(), 0))
}

pub async fn disk_full() -> Row {
    while_it_fails(FULL, "no space on the store's disk").await
}

pub async fn sync_fails() -> Row {
    while_it_fails(SYNC_FAILS, "the store's disk fails to sync").await
}

/// Another program keeps the store locked, at times for longer than the store's patience.
pub async fn locked() -> Row {
    let town = Town::new("").await;
    let mut program = town.serve().await;
    let file = SqliteConnectOptions::new().filename(town.folder.path().join("store.db"));
    let mut other = file.connect().await.unwrap();
    let (rounds, mut calls, mut refused) = (dice::times(ROUNDS), Vec::new(), 0);
    for number in 0..rounds {
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        let round = town.callers(CALLERS).await;
        if number % 6 == 0 {
            // Longer than the store is patient.
            refused += 1;
            town.says(TAKES_NONE, refused).await;
        }
        other.execute("ROLLBACK").await.unwrap();
        town.says(TAKES_AGAIN, refused).await;
        town.documents(&round).await;
        calls.extend(round);
    }
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 0);
    town::row(
        "another program keeps the store locked (`SQLITE_BUSY`)",
        rounds,
        counted,
    )
}

/// The longest step of the clock, in milliseconds: two days.
const STEP_MS: i64 = 2 * 86_400_000;

/// Steps of the clock both ways, between calls and while documents wait for their next attempt.
pub async fn clock_stepped() -> Row {
    let town = Town::new("").await;
    let mut program = town.serve().await;
    let (rounds, mut calls): (usize, Vec<CallRecord>) = (dice::times(ROUNDS), Vec::new());
    let mut random = dice::of("clock", 0);
    for number in 0..rounds {
        town.clock_off_by(random.i64(-STEP_MS..=STEP_MS));
        let is_down = number % 4 == 3;
        town.inbox
            .answers(Answer::Status(if is_down { 503 } else { 200 }));
        let round = town.callers(CALLERS).await;
        if is_down {
            let tried = |posts: &[crate::inbox::Post]| {
                let of = |call: &CallRecord| {
                    posts
                        .iter()
                        .any(|post| post.json()["phonon-uuid"] == call.uuid.as_str())
                };
                round.iter().all(of)
            };
            town.inbox.wait_for(tried).await;
            // What was to wait for seconds is due at once after a step forward.
            town.inbox.answers(Answer::Status(200));
            town.clock_off_by(2 * STEP_MS);
        }
        town.documents(&round).await;
        calls.extend(round);
    }
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 0);
    town::row(
        "the clock is stepped by up to two days, both ways",
        rounds,
        counted,
    )
}

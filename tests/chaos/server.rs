//! PostgreSQL goes and comes back under a running program: calls go on, and no document is
//! missing when it is over.

use std::time::Duration;

use switchhook_sim::switch::CallRecord;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::dice;
use crate::inbox::Answer;
use crate::postgres::{self, Server, Stop};
use crate::table::Row;
use crate::town::{self, Town};

const ROUNDS: usize = 12;
/// Callers while something is broken.
const CALLERS: usize = 5;
/// Cuts of a round.
const CUTS: usize = 5;
/// A call and its document take about as long.
const LIFE_MS: std::ops::Range<u64> = 0..400;

/// The server is stopped at any moment of five calls, half of the times as in a crash, five
/// others come and go while it is away, and it starts again in the midst of a third five.
pub async fn restarted() -> Option<Row> {
    let server: &Server = Box::leak(Box::new(Server::own(&[])?));
    let database = server.database();
    let town = Town::with_store(Some(&database.url()), "").await;
    let mut program = town.serve().await;
    let (rounds, mut calls) = (dice::times(ROUNDS), Vec::<CallRecord>::new());
    let mut random = dice::of("restarts", 0);
    for number in 0..rounds {
        let how = [Stop::Fast, Stop::Immediate][number % 2];
        let stop = async |after: Duration| {
            sleep(after).await;
            spawn_blocking(move || server.stop(how)).await.unwrap();
        };
        let start = async |after: Duration| {
            sleep(after).await;
            spawn_blocking(|| server.start()).await.unwrap();
        };
        let [first, last] = [(); 2].map(|()| Duration::from_millis(random.u64(LIFE_MS)));
        let (mut round, ()) = tokio::join!(town.callers(CALLERS), stop(first));
        round.extend(town.callers(CALLERS).await);
        let (third, ()) = tokio::join!(town.callers(CALLERS), start(last));
        round.extend(third);
        town.documents(&round).await;
        calls.extend(round);
    }
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 0);
    let what = "PostgreSQL is restarted, half of the times as in a crash";
    Some(town::row(what, rounds, counted))
}

/// Every connection of the program is cut at any moment of calls, and again.
pub async fn cut() -> Option<Row> {
    let database = postgres::shared()?.database();
    let town = Town::with_store(Some(&database.url()), "").await;
    let mut program = town.serve().await;
    let (rounds, mut calls) = (dice::times(ROUNDS), Vec::<CallRecord>::new());
    let mut random = dice::of("cuts", 0);
    for number in 0..rounds {
        // Some documents are tried again, and their attempts must be noted meanwhile.
        let is_down = number % 4 == 3;
        town.inbox
            .answers(Answer::Status(if is_down { 503 } else { 200 }));
        let cuts = async {
            for _ in 0..CUTS {
                sleep(Duration::from_millis(random.u64(LIFE_MS) / 2)).await;
                database.cut();
            }
            town.inbox.answers(Answer::Status(200));
        };
        let (round, ()) = tokio::join!(town.callers(CALLERS), cuts);
        town.documents(&round).await;
        calls.extend(round);
    }
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 0);
    let what = "connections to PostgreSQL are cut";
    Some(town::row(what, rounds * CUTS, counted))
}

//! Callers on hold while the program is killed, and while deliveries hang.

use std::time::Duration;

use switchhook_sim::switch::CallRecord;
use switchhook_store::{Role, Store, StoreOptions};

use crate::dice;
use crate::inbox::Answer;
use crate::table::Row;
use crate::town::{self, Town};

const KILLS: usize = 20;
const CALLERS: usize = 5;

/// The webhook kills the program when it has read the last request, and before it answers any:
/// every caller is on line 1 then, and after the restart each has a document.
pub async fn killed() -> Row {
    let town = Town::new("[limits]\ndetails_deadline = \"300ms\"\n").await;
    let mut program = town.serve().await;
    let (kills, mut calls) = (dice::times(KILLS), Vec::<CallRecord>::new());
    let mut random = dice::of("callers", 0);
    for kill in 1..=kills {
        town.widgets.hold_answers();
        let talks = Duration::from_millis(random.u64(0..900));
        let on_hold = async {
            town.asked(kill * CALLERS).await;
            town.legs(CALLERS).await;
            program.kill().await.unwrap();
            town.widgets.answer();
            town.serve().await
        };
        let (round, again) = tokio::join!(town.callers_talking(CALLERS, talks), on_hold);
        program = again;
        town.documents(&round).await;
        calls.extend(round);
    }
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 1);
    town::row("`kill -9` with five callers on hold", kills, counted)
}

/// Every delivery hangs, in all places that there are: callers on hold do not notice.
pub async fn deliveries_hang() -> Row {
    const PLACES: usize = 4;
    let town = Town::new(&format!("[limits]\ndeliveries_in_flight = {PLACES}\n")).await;
    let mut program = town.serve().await;
    town.inbox.answers(Answer::Hold);
    let mut calls = town.callers(2 * PLACES).await;
    town.inbox.wait(PLACES).await;
    // All of these have come and gone before any of those deliveries has ended.
    for _ in 0..dice::times(10) {
        calls.extend(town.callers(CALLERS).await);
    }
    let ended = town.inbox.posts().iter().filter(|post| post.taken).count();
    assert_eq!(ended, 0);
    town.inbox.answers(Answer::Status(200));
    town.documents(&calls).await;
    program.kill().await.unwrap();
    let counted = town::count(&calls, &town.inbox.posts(), 0);
    town::row(
        "every delivery hangs while callers come and go",
        PLACES,
        counted,
    )
}

impl Town {
    /// Waits until so many requests of callers have come.
    async fn asked(&self, count: usize) {
        while self.widgets.count() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until so many legs are stored.
    async fn legs(&self, count: usize) {
        let url = format!("sqlite:{}", self.folder.path().join("store.db").display());
        let store = Store::open(StoreOptions::new(url, Role::Command))
            .await
            .unwrap();
        while store.load_legs().await.unwrap().len() < count {
            tokio::task::yield_now().await;
        }
        store.close().await;
    }
}

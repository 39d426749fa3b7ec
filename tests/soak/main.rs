//! The soak test: what one call leaves behind in the service's memory, once what is kept on purpose
//! is full.
//!
//! The service runs in a process of its own, whose allocator counts the bytes in use. The switch and
//! the receivers are in this process.

// What is not as it must be fails the trial.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod kinds;
mod measured;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Builder;

use kinds::Kind;

/// Calls before the first measurement: more than the outcomes of a webhook that the page shows.
const BEFORE: usize = 280;
/// Calls between two measurements: so many that a leak stands out from the blocks of the channels
/// between tasks, of some 4 KB, which come and go.
const CALLS: usize = 480;
/// The most that one call may leave behind, in bytes. The smallest leak that was ever found left 40.
const PER_CALL: usize = 12;

fn main() -> ExitCode {
    if measured::is_it() {
        measured::serve();
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let trials = Kind::ALL.map(|kind| Trial::test(kind.trial(), move || soak(kind)));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Measures a kind of calls, first while nobody scrapes, then with scrapes.
fn soak(kind: Kind) -> Result<(), libtest_mimic::Failed> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut place = kind.start().await;
        place.warm_up(BEFORE).await;
        for scraped in [false, true] {
            place.scraped = scraped;
            // What the first scrape allocates for good is no call's.
            place.calls(CALLS).await;
            let before = place.service.at_rest().await;
            place.calls(CALLS).await;
            let after = place.service.at_most(before + CALLS * PER_CALL).await;
            let left = after.saturating_sub(before);
            let with = if scraped { "with" } else { "without" };
            println!(
                "{}: {before} bytes, after {CALLS} more calls {after} ({with} scrapes): {} a call",
                kind.trial(),
                left / CALLS
            );
            if left > CALLS * PER_CALL {
                return Err(format!(
                    "{CALLS} calls leave {left} bytes {with} scrapes, {} each; at most {PER_CALL} are allowed",
                    left / CALLS
                )
                .into());
            }
        }
        Ok(())
    })
}

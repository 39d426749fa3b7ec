//! Whatever is dropped, cancelled, split or closed at any byte: no reply reaches another caller,
//! and every caller gets an answer or the reason.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use eslclient::{Client, ClientOptions, Connection, Error, Events, HangupCause, Limits, WhenFull};
use proptest::prelude::*;
use tokio::io::duplex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::anything_callers::{Caller, Told, call, caller};
use crate::anything_switch::{End, end, switch};

/// What the program does with its events.
#[derive(Debug, Clone, Copy)]
enum Reading {
    All,
    /// It holds them and reads none.
    Nothing,
    /// It drops them after so many.
    Until(usize),
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        2 => Just(Reading::All),
        1 => Just(Reading::Nothing),
        1 => (0..9_usize).prop_map(Reading::Until),
    ]
}

fn read(mut events: Events, reading: Reading) -> JoinHandle<Option<Events>> {
    tokio::spawn(async move {
        match reading {
            Reading::Nothing => return Some(events),
            Reading::All => while events.next().await.is_ok() {},
            Reading::Until(count) => {
                for _ in 0..count {
                    let _ = events.next().await;
                }
            }
        }
        None
    })
}

/// Checks what a caller was told.
fn check(caller: Caller, number: &str, told: Told, end: End) {
    let gave_up = matches!(
        caller,
        Caller::Drops(_) | Caller::Aborts(_) | Caller::DropsJob(_) | Caller::DropsExecution(_)
    );
    match told {
        None => assert!(gave_up, "{caller:?}"),
        Some(Ok(text)) => assert_eq!(text, number, "{caller:?}"),
        Some(Err(Error::Lost { cause })) => match (end, &*cause) {
            (End::Never, _) => panic!("{caller:?}: {cause}"),
            (End::Goodbye(_), Error::Goodbye { .. } | Error::Io(_)) => {}
            (End::AtByte(_), Error::Closed { .. } | Error::Cut { .. } | Error::Io(_)) => {}
            (End::Deaf(_), Error::Closed { .. } | Error::Io(_)) => {}
            (_, cause) => panic!("{caller:?}: {end:?} is not {cause}"),
        },
        Some(Err(Error::Timeout { .. })) => assert!(matches!(caller, Caller::Hurries)),
        Some(Err(Error::Refused(refusal))) => {
            assert!(matches!(caller, Caller::IsRefused), "{caller:?}");
            assert_eq!(refusal.reason(), number);
        }
        Some(Err(Error::HungUp { cause })) => {
            assert!(matches!(caller, Caller::IsHungUp), "{caller:?}");
            assert_eq!(cause, Some(HangupCause::NormalClearing));
        }
        Some(Err(error)) => panic!("{caller:?}: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn no_reply_reaches_another_caller_and_every_caller_gets_an_answer_or_the_reason(
        callers in prop::collection::vec(caller(), 1..40),
        pieces in prop::collection::vec(1..120_usize, 1..12),
        end in end(),
        reading in reading(),
        loses in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, far) = duplex(256);
            let server = tokio::spawn(switch(far, pieces, end));
            let when_full = if loses { WhenFull::Lose } else { WhenFull::HoldBack };
            let options = ClientOptions::default().capacity(5).when_full(when_full);
            let connection = Connection::new(near, Limits::default());
            let (client, events) = Client::start_with(connection, options);
            let tasks: Vec<_> = callers
                .into_iter()
                .enumerate()
                .map(|(number, caller)| {
                    let number = number.to_string();
                    let called = call(client.clone(), caller, number.clone());
                    (caller, number, tokio::spawn(called))
                })
                .collect();
            let reader = read(events, reading);
            for (caller, number, task) in tasks {
                // The clock stands still while anything can go on: this is for ever.
                let told = timeout(Duration::from_secs(3600), task).await;
                let told = told.unwrap_or_else(|_| panic!("{caller:?} waits for ever"));
                check(caller, &number, told.unwrap(), end);
            }
            drop(client);
            reader.abort();
            server.abort();
        });
    }
}

//! What callers learn when something fails.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{
    Client, Command, CommandError, Connection, DecodeError, Error, HangupCause, Limits, Reply,
    Retry,
};
use tokio::io::{AsyncWriteExt as _, duplex};

use crate::far_end::command;

/// Sends one command on a connection on which the switch answers with `wire` and closes it.
async fn ask(wire: &str, limits: Limits) -> (Result<Reply, Error>, Error) {
    let (near, mut switch) = duplex(4096);
    let (client, mut events) = Client::start(Connection::new(near, limits), 1);
    let asking = client.command(Command::api("status", "").unwrap());
    let serving = async {
        command(&mut switch).await;
        switch.write_all(wire.as_bytes()).await.unwrap();
        drop(switch);
    };
    let (replied, ()) = tokio::join!(asking, serving);
    (replied, events.next().await.unwrap_err())
}

#[tokio::test]
async fn a_call_that_waits_when_the_connection_ends_learns_why() {
    let small = Limits {
        body_bytes: 10,
        ..Limits::default()
    };
    type Expected = fn(&Error) -> bool;
    let cases: [(&str, Expected, Retry); 6] = [
        (
            "",
            |error| matches!(error, Error::Closed { unanswered: 1 }),
            Retry::Reconnect,
        ),
        (
            "Content-Type: text/disconnect-notice\nContent-Length: 4\n\nBye\n",
            |error| matches!(error, Error::Goodbye { unanswered: 1 }),
            Retry::Reconnect,
        ),
        (
            "Content-Type: api/resp",
            |error| matches!(error, Error::Cut { bytes: 22 }),
            Retry::Reconnect,
        ),
        (
            "Content-Type: api/response\nContent-Length: 11\n\n",
            |error| matches!(error, Error::Decode(DecodeError::BodyTooLong { .. })),
            Retry::No,
        ),
        (
            "HTTP/1.1 400 Bad Request\n\n",
            |error| matches!(error, Error::Decode(DecodeError::BadHeader)),
            Retry::Reconnect,
        ),
        (
            "Content-Type: text/rude-rejection\nContent-Length: 3\n\nNo\n",
            |error| matches!(error, Error::Denied { text } if text == "No"),
            Retry::No,
        ),
    ];
    for (wire, expected, retry) in cases {
        let (replied, ended) = ask(wire, small).await;
        let Err(Error::Lost { cause }) = replied else {
            panic!("{wire:?}: {replied:?}");
        };
        assert!(expected(&cause), "{wire:?}: {cause:?}");
        assert!(expected(&ended), "{wire:?}: {ended:?}");
        assert_eq!(Error::Lost { cause }.retry(), retry, "{wire:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_reply_that_becomes_an_error() {
    let wire = "Content-Type: api/response\nContent-Length: 15\n\n-ERR USER_BUSY\n";
    let (replied, _) = ask(wire, Limits::default()).await;
    let reply = replied.unwrap();
    assert!(!reply.is_ok());
    let error = Error::from(reply.result().unwrap_err());
    assert_eq!(error.retry(), Retry::No);
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.reason(), "USER_BUSY");
    assert_eq!(refusal.cause(), Some(HangupCause::UserBusy));
    assert_eq!(
        error.to_string(),
        "the switch refused the command: -ERR USER_BUSY"
    );
    assert_eq!(format!("{reply:?}"), "Reply(\"-ERR USER_BUSY\\n\")");
}

#[tokio::test]
async fn the_refusal_of_an_api_command_names_it() {
    let (near, mut switch) = duplex(4096);
    let (client, _events) = Client::start(Connection::new(near, Limits::default()), 1);
    let serving = async {
        command(&mut switch).await;
        let wire = "Content-Type: api/response\nContent-Length: 19\n\n-USAGE: <arguments>";
        switch.write_all(wire.as_bytes()).await.unwrap();
    };
    let (replied, ()) = tokio::join!(client.api("originate", ""), serving);
    let error = replied.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the switch refused api originate: -USAGE: <arguments>"
    );
    assert_eq!(error.refusal().unwrap().reason(), "<arguments>");
    assert_eq!(error.refusal().unwrap().cause(), None);
    let error = client.api("status", "a\nb").await.unwrap_err();
    assert!(matches!(
        error,
        Error::Command(CommandError::LineBreak { .. })
    ));
}

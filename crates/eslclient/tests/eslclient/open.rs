//! Opens connections in both directions, and makes each of the errors of that.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use eslclient::{
    Client, ConnectOptions, Error, Limits, Retry, authenticate, open_inbound, open_outbound,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use crate::captures;
use crate::far_end::{command, output, reply, send};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn opening_an_outbound_socket_returns_the_channel() {
    let mut paths = captures::all().into_iter();
    let path = paths.find(|path| path.ends_with("socket-hold-then-line-0.esl"));
    let path = path.unwrap();
    let channel = captures::received(&path).remove(0);
    let (near, mut switch) = duplex(64 * 1024);
    let serving = async {
        assert_eq!(command(&mut switch).await, "connect\n\n");
        switch.write_all(&channel).await.unwrap();
    };
    let (opened, ()) = tokio::join!(open_outbound(near, Limits::default(), SOON), serving);
    let (connection, channel) = opened.unwrap();
    assert_eq!(channel.variable("socket_path").unwrap(), "lookup");
    assert_eq!(
        channel.get("Unique-ID").unwrap(),
        "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe"
    );
    assert_eq!(connection.memory(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_and_a_peer_that_is_not_a_switch_are_different_errors() {
    let open = async |wire: &'static str| {
        let (near, mut switch) = duplex(4096);
        send(&mut switch, wire).await;
        let opened = open_outbound(near, Limits::default(), SOON).await;
        opened.map(|_| ()).unwrap_err()
    };
    assert!(matches!(open("").await, Error::Timeout { .. }));
    assert!(matches!(
        open("Content-Type: auth/request\n\n").await,
        Error::Handshake { .. }
    ));
    let refused = "Content-Type: command/reply\nReply-Text: -ERR no\n\n";
    assert!(matches!(open(refused).await, Error::Refused(no) if no.text() == "-ERR no"));
    let no_channel = "Content-Type: command/reply\nReply-Text: +OK\n\n";
    assert!(matches!(open(no_channel).await, Error::Handshake { .. }));
    assert!(matches!(
        open("GET / HTTP/1.1\r\n\r\n").await,
        Error::Decode(_)
    ));
    let notice = "Content-Type: text/disconnect-notice\nContent-Length: 0\n\n";
    assert!(matches!(
        open(notice).await,
        Error::Goodbye { unanswered: 1 }
    ));
    // A slow peer has the same time as a silent one.
    let (near, mut switch) = duplex(4096);
    let drip = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if switch.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    let opened = open_outbound(near, Limits::default(), SOON).await;
    assert!(matches!(opened, Err(Error::Timeout { within: SOON, .. })));
    drip.await.unwrap();
}

#[tokio::test]
async fn the_password_is_sent_and_each_refusal_names_its_cure() {
    let meet = async |first: &'static str, second: &'static str| {
        let (near, mut switch) = duplex(4096);
        send(&mut switch, first).await;
        let serving = async {
            if !second.is_empty() {
                assert_eq!(command(&mut switch).await, "auth ClueCon\n\n");
                send(&mut switch, second).await;
            }
        };
        tokio::join!(authenticate(near, "ClueCon", Limits::default()), serving).0
    };
    let request = "Content-Type: auth/request\n\n";
    let accepted = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
    assert!(meet(request, accepted).await.is_ok());
    let invalid = "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n";
    let fault = meet(request, invalid).await.unwrap_err();
    assert!(matches!(fault, Error::BadPassword));
    assert!(fault.to_string().contains("event_socket.conf"));
    let denied =
        "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
    let fault = meet(denied, "").await.unwrap_err();
    assert!(matches!(fault, Error::Denied { .. }));
    assert!(fault.to_string().contains("apply-inbound-acl"));
    let fault = meet(accepted, "").await.unwrap_err();
    assert!(matches!(fault, Error::UnexpectedReply));
    let fault = authenticate(duplex(9).0, "a\nb", Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(fault, Error::Command(_)));
}

#[tokio::test]
async fn a_closed_port_and_a_silent_port_are_different_errors() {
    let (socket, address) = test_support::ports::bound();
    let listener = socket.listen(8).unwrap();
    let address = address.to_string();
    let open = |within| open_inbound(&address, "ClueCon", Limits::default(), within);
    let fault = open(Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(fault, Error::Timeout { .. }));
    drop(listener);
    let fault = open(SOON).await.unwrap_err();
    assert!(matches!(&fault, Error::Connect { address: at, .. } if *at == address));
    assert!(fault.to_string().contains("is FreeSWITCH running"));
}

/// The frames of the switch until a client is connected.
const HANDSHAKE: &str = "Content-Type: auth/request\n\n\
     Content-Type: command/reply\nReply-Text: +OK accepted\n\n";
/// The reply to `connect`.
const CHANNEL: &str = "Event-Name: CHANNEL_DATA\nUnique-ID: u-1\n\
     Content-Type: command/reply\nReply-Text: %2BOK%0A\n\n";

/// Returns a stream on which these bytes come and no more.
async fn cut(bytes: &str) -> DuplexStream {
    let (near, mut switch) = duplex(4096);
    send(&mut switch, bytes).await;
    near
}

#[tokio::test]
async fn an_opening_that_is_cut_at_any_byte_fails_with_the_reason() {
    let is_end = |error: &Error| {
        matches!(
            error,
            Error::Closed { .. } | Error::Cut { .. } | Error::Io(_)
        )
    };
    let options = ConnectOptions::new("the switch", "ClueCon").within(SOON);
    for at in 0..HANDSHAKE.len() {
        let error = Client::connect_over(cut(&HANDSHAKE[..at]).await, &options).await;
        let error = error.unwrap_err();
        assert!(is_end(&error), "byte {at}: {error}");
        assert_eq!(error.retry(), Retry::Reconnect);
    }
    for at in 0..CHANNEL.len() {
        let opened = open_outbound(cut(&CHANNEL[..at]).await, Limits::default(), SOON).await;
        let error = opened.unwrap_err();
        assert!(is_end(&error), "byte {at}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_starts_over_any_stream_and_not_for_ever() {
    let options = ConnectOptions::new("the switch", "secret").user("monitor", "example.com");
    let (near, mut switch) = duplex(4096);
    let serving = async {
        send(&mut switch, "Content-Type: auth/request\n\n").await;
        assert_eq!(
            command(&mut switch).await,
            "userauth monitor@example.com:secret\n\n"
        );
        send(&mut switch, &reply("+OK accepted")).await;
        assert_eq!(command(&mut switch).await, "api switchname\n\n");
        send(&mut switch, &output("fs1")).await;
    };
    let asking = async {
        let (client, _events) = Client::connect_over(near, &options).await.unwrap();
        client.api("switchname", "").await.unwrap()
    };
    let (name, ()) = tokio::join!(asking, serving);
    assert_eq!(name, "fs1");
    let (silent, _switch) = duplex(4096);
    let error = Client::connect_over(silent, &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

//! A channel that is hung up while something runs on it, and applications that fail.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{Error, Event, HangupCause, Retry, Server};
use tokio::net::TcpStream;

use crate::far_end::{command, event, options, reply, send, started};

/// Returns an event about the channel `u-1`.
fn about(name: &str, headers: &[(&str, &str)]) -> String {
    let first = [("Event-Name", name), ("Unique-ID", "u-1")];
    event(&[&first[..], headers].concat(), "")
}

/// Plays a file while the switch ends the playback with these headers.
async fn played(ending: &[(&str, &str)]) -> Result<Event, Error> {
    let (client, _events, mut switch) = started(options());
    let channel = client.channel("u-1");
    let serving = async {
        command(&mut switch).await;
        let asked = command(&mut switch).await;
        let id = asked
            .lines()
            .find_map(|line| line.strip_prefix("event-uuid: "));
        let id = [("Application-UUID", id.unwrap())];
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &reply("+OK")).await;
        let ended = about("CHANNEL_EXECUTE_COMPLETE", &[&id[..], ending].concat());
        send(&mut switch, &ended).await;
    };
    tokio::join!(channel.playback("menu.wav"), serving).0
}

#[tokio::test]
async fn an_application_on_a_channel_that_is_hung_up_has_not_ended_well() {
    let cut = [
        ("Application-Response", "PLAYBACK ERROR"),
        ("Hangup-Cause", "USER_BUSY"),
    ];
    let error = played(&cut).await.unwrap_err();
    assert_eq!(error.to_string(), "the channel was hung up: USER_BUSY");
}

#[tokio::test]
async fn a_file_that_cannot_be_played_is_an_error_that_names_it() {
    for response in ["FILE NOT FOUND", "PLAYBACK ERROR"] {
        let error = played(&[("Application-Response", response)]).await;
        let error = error.unwrap_err();
        assert_eq!(error.retry(), Retry::No);
        let text = error.to_string();
        assert!(
            text.contains(response) && text.contains("\"menu.wav\""),
            "{text}"
        );
    }
    let well = played(&[("Application-Response", "FILE PLAYED")]).await;
    assert_eq!(well.unwrap().application_response().unwrap(), "FILE PLAYED");
}

/// Opens a call on an outbound socket.
async fn open(server: &Server) -> (eslclient::Call, TcpStream) {
    let mut switch = TcpStream::connect(server.address()).await.unwrap();
    let opening = async { server.accept().await.unwrap().open().await.unwrap() };
    let serving = async {
        command(&mut switch).await;
        let data = "Event-Name: CHANNEL_DATA\nUnique-ID: u-1\nSocket-Mode: async\nControl: full\n\
                    Content-Type: command/reply\nReply-Text: %2BOK%0A\n\n";
        send(&mut switch, data).await;
        command(&mut switch).await;
        command(&mut switch).await;
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &reply("+OK")).await;
    };
    let (call, ()) = tokio::join!(opening, serving);
    (call, switch)
}

#[tokio::test]
async fn a_socket_that_the_switch_closes_after_the_hangup_says_why_the_call_ended() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (call, mut switch) = open(&server).await;
    let leaving = async move {
        command(&mut switch).await;
        let hangup = about("CHANNEL_HANGUP", &[("Hangup-Cause", "USER_BUSY")]);
        send(&mut switch, &hangup).await;
        let notice = "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u-1\n\
                      Content-Disposition: disconnect\nContent-Length: 0\n\n";
        send(&mut switch, notice).await;
        // The connection ends here.
    };
    let (slept, ()) = tokio::join!(call.channel.execute("sleep", "1000"), leaving);
    for error in [slept.unwrap_err(), call.channel.answer().await.unwrap_err()] {
        assert!(error.to_string().ends_with("hung up: USER_BUSY"), "{error}");
        assert_eq!(error.retry(), Retry::No);
    }
    let ended = call.channel.client().ended().unwrap();
    let Error::HungUp { cause } = ended.as_ref() else {
        panic!("{ended}");
    };
    assert_eq!(cause.as_ref(), Some(&HangupCause::UserBusy));
}

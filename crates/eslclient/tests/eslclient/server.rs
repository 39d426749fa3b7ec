//! The server for the `socket` application, against a scripted switch.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{Call, Control, Digits, Error, HangupCause, Mode, Server, ServerOptions};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::far_end::{command, event, output, reply, send};

/// The reply to `connect`.
fn channel(mode: &str, control: &str) -> String {
    format!(
        "Event-Name: CHANNEL_DATA\nUnique-ID: u-1\nSocket-Mode: {mode}\nControl: {control}\n\
         Content-Type: command/reply\nReply-Text: %2BOK%0A\n\n"
    )
}

async fn server(options: ServerOptions) -> Server {
    Server::bind("127.0.0.1:0")
        .await
        .unwrap()
        .with_options(options)
}

/// Opens a call whose dialplan gives this mode and control.
async fn open(server: &Server, mode: &str, control: &str) -> (Result<Call, Error>, TcpStream) {
    let mut switch = TcpStream::connect(server.address()).await.unwrap();
    let opening = async { server.accept().await.unwrap().open().await };
    let serving = async {
        assert_eq!(command(&mut switch).await, "connect\n\n");
        send(&mut switch, &channel(mode, control)).await;
        // The replies to `myevents` and `linger`.
        send(&mut switch, &reply("+OK Events Enabled")).await;
        send(&mut switch, &reply("+OK will linger 5 seconds")).await;
    };
    let (call, ()) = tokio::join!(opening, serving);
    (call, switch)
}

#[tokio::test]
async fn a_call_has_its_channel_mode_and_control_and_goes_back_to_its_dialplan() {
    let server = server(ServerOptions::default()).await;
    let (call, mut switch) = open(&server, "async", "full").await;
    let call = call.unwrap();
    assert_eq!(call.uuid(), "u-1");
    assert_eq!((call.mode, call.control), (Mode::Async, Control::Full));
    assert_eq!(call.data.name(), "CHANNEL_DATA");
    assert_eq!(command(&mut switch).await, "myevents json\n\n");
    assert_eq!(command(&mut switch).await, "linger 5\n\n");
    let leaving = async {
        assert_eq!(command(&mut switch).await, "resume\n\n");
        assert_eq!(command(&mut switch).await, "exit\n\n");
        send(&mut switch, &reply("+OK")).await;
        send(&mut switch, &reply("+OK bye")).await;
    };
    let (released, ()) = tokio::join!(call.release(), leaving);
    released.unwrap();
}

#[tokio::test]
async fn less_than_async_full_is_an_error_with_the_dialplan_line_that_gives_it() {
    let needing = server(ServerOptions::default()).await;
    for (mode, control) in [("static", "full"), ("async", "single-channel")] {
        let (call, _switch) = open(&needing, mode, control).await;
        let error = call.unwrap_err();
        assert!(matches!(error, Error::NotAsyncFull { .. }), "{error:?}");
        let line = format!("data=\"{} async full\"", needing.address());
        assert!(error.to_string().contains(&line), "{error}");
    }
    let content = server(ServerOptions::default().needs_async_full(false)).await;
    let (call, mut switch) = open(&content, "static", "single-channel").await;
    let call = call.unwrap();
    assert_eq!(
        (call.mode, call.control),
        (Mode::Sync, Control::SingleChannel)
    );
    assert_eq!(command(&mut switch).await, "myevents json\n\n");
}

#[tokio::test]
async fn a_peer_that_is_not_freeswitch_is_named_with_its_address() {
    let server = server(ServerOptions::default()).await;
    let mut peer = TcpStream::connect(server.address()).await.unwrap();
    let address = peer.local_addr().unwrap().to_string();
    send(&mut peer, "GET / HTTP/1.1\r\n\r\n").await;
    let arrival = server.accept().await.unwrap();
    assert_eq!(arrival.peer().to_string(), address);
    let error = arrival.open().await.unwrap_err();
    assert!(matches!(error, Error::NotEventSocket { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&address), "{error}");
}

#[tokio::test]
async fn each_call_is_served_in_a_task_of_its_own_and_so_is_each_failure() {
    let server = server(ServerOptions::default().calls(2)).await;
    let address = server.address().to_owned();
    let (told, mut outcomes) = mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        server
            .serve(move |call| {
                let told = told.clone();
                async move {
                    told.send(call.map(|call| call.uuid().to_owned())).unwrap();
                }
            })
            .await
    });
    let mut silent = TcpStream::connect(&address).await.unwrap();
    assert_eq!(command(&mut silent).await, "connect\n\n");
    // A peer that says nothing delays nobody.
    let mut switch = TcpStream::connect(&address).await.unwrap();
    assert_eq!(command(&mut switch).await, "connect\n\n");
    send(&mut switch, &channel("async", "full")).await;
    send(&mut switch, &reply("+OK")).await;
    send(&mut switch, &reply("+OK")).await;
    assert_eq!(outcomes.recv().await.unwrap().unwrap(), "u-1");
    send(&mut silent, "Content-Length: no\n\n").await;
    assert!(outcomes.recv().await.unwrap().is_err());
    serving.abort();
}

#[tokio::test]
async fn a_caller_is_asked_for_digits_and_an_answer_or_none_comes_back() {
    let server = server(ServerOptions::default()).await;
    let (call, mut switch) = open(&server, "async", "full").await;
    let mut call = call.unwrap();
    command(&mut switch).await;
    command(&mut switch).await;
    let menu = Digits::new("ivr/menu.wav", 1, 1).accept("[1-3]").tries(2);
    let serving = async {
        for (digits, arguments) in [
            (
                "2",
                "1 1 2 5000 # ivr/menu.wav silence_stream://50 eslclient_digits [1-3] 5000",
            ),
            (
                "",
                "2 4 1 5000 # silence_stream://20 silence_stream://50 eslclient_digits \\d+ 5000",
            ),
        ] {
            let asked = command(&mut switch).await;
            assert!(
                asked.contains("execute-app-name: play_and_get_digits\n"),
                "{asked}"
            );
            assert!(
                asked.contains(&format!("execute-app-arg: {arguments}\n")),
                "{asked}"
            );
            let id = asked
                .lines()
                .find_map(|line| line.strip_prefix("event-uuid: "));
            send(&mut switch, &reply("+OK")).await;
            let headers = [
                ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
                ("Unique-ID", "u-1"),
                ("Application-UUID", id.unwrap()),
                ("variable_eslclient_digits", digits),
            ];
            send(&mut switch, &event(&headers, "")).await;
        }
        // The caller hangs up.
        command(&mut switch).await;
        send(&mut switch, &reply("+OK")).await;
        let notice = "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u-1\n\
             Content-Disposition: linger\nLinger-Time: 5\nContent-Length: 0\n\n";
        send(&mut switch, notice).await;
    };
    let asking = async {
        let channel = &call.channel;
        (
            channel.ask(&menu).await.unwrap(),
            channel.ask(&Digits::silent(2, 4)).await.unwrap(),
            channel.ask(&menu).await.unwrap_err(),
        )
    };
    let ((), (first, second, third)) = tokio::join!(serving, asking);
    assert_eq!(first.as_deref(), Some("2"));
    assert_eq!(second, None);
    assert!(matches!(third, Error::HungUp { cause: None }), "{third:?}");
    // The program's own events have the ends of applications too: `myevents` asked for them.
    assert_eq!(
        call.events.next().await.unwrap().name(),
        "CHANNEL_EXECUTE_COMPLETE"
    );
    let hangup = call
        .channel
        .hangup(&HangupCause::Other("BUSY".into()))
        .await;
    assert!(matches!(hangup, Err(Error::Command(_))));
}

#[tokio::test]
async fn a_call_that_has_ended_takes_no_application_and_says_so_at_once() {
    let notice = "Content-Type: text/disconnect-notice\nControlled-Session-UUID: u-1\n\
         Content-Disposition: linger\nLinger-Time: 5\nContent-Length: 0\n\n";
    let hangup = event(
        &[
            ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
            ("Unique-ID", "u-1"),
            ("Hangup-Cause", "NORMAL_CLEARING"),
        ],
        "",
    );
    let other = event(
        &[
            ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
            ("Unique-ID", "u-2"),
            ("Hangup-Cause", "USER_BUSY"),
        ],
        "",
    );
    // The switch tells the end in either order, or only in one way.
    for (told, cause) in [
        (
            vec![&*other, &*hangup, notice],
            Some(HangupCause::NormalClearing),
        ),
        (vec![&*hangup, &*other], Some(HangupCause::NormalClearing)),
        (
            vec![notice, &*hangup, &*other],
            Some(HangupCause::NormalClearing),
        ),
        (vec![&*other, notice], None),
    ] {
        let server = server(ServerOptions::default()).await;
        let (call, mut switch) = open(&server, "async", "full").await;
        let call = call.unwrap();
        command(&mut switch).await;
        command(&mut switch).await;
        for text in told {
            send(&mut switch, text).await;
        }
        // Its reply comes after all of that.
        let asking = async {
            assert_eq!(command(&mut switch).await, "api switchname\n\n");
            send(&mut switch, &output("fs1")).await;
        };
        let (named, ()) = tokio::join!(call.channel.client().api("switchname", ""), asking);
        named.unwrap();
        for ended in [
            call.channel.playback("ivr/menu.wav").await.map(drop),
            call.channel.queue("sleep", "100").await,
        ] {
            let Err(Error::HungUp { cause: said }) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(said, cause);
        }
        // Neither was sent. Other channels can still be steered.
        let steering = async {
            let asked = command(&mut switch).await;
            assert!(asked.starts_with("sendmsg u-3\n"), "{asked}");
            send(&mut switch, &reply("+OK")).await;
        };
        let other = call.channel.client().channel("u-3");
        let (queued, ()) = tokio::join!(other.queue("sleep", "100"), steering);
        queued.unwrap();
    }
}

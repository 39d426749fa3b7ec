//! A connection that comes back, against a scripted switch.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

use std::time::{Duration, UNIX_EPOCH};

use eslclient::{ConnectOptions, Error, EventName, Gap, Retry, Subscription, Supervisor, Update};
use tokio::net::{TcpListener, TcpStream};

use crate::far_end::{command, event, output, reply, send};

/// A switch that accepts one connection and its subscription.
async fn accept(listener: &TcpListener, core: &str) -> TcpStream {
    let (mut switch, _) = listener.accept().await.unwrap();
    send(&mut switch, "Content-Type: auth/request\n\n").await;
    assert_eq!(command(&mut switch).await, "auth ClueCon\n\n");
    send(&mut switch, &reply("+OK accepted")).await;
    assert_eq!(command(&mut switch).await, "filter variable_team sales\n\n");
    assert_eq!(command(&mut switch).await, "event json CHANNEL_ANSWER\n\n");
    assert_eq!(
        command(&mut switch).await,
        "api global_getvar core_uuid\n\n"
    );
    send(&mut switch, &reply("+OK")).await;
    send(&mut switch, &reply("+OK")).await;
    send(&mut switch, &output(core)).await;
    switch
}

async fn supervisor(listener: &TcpListener) -> Supervisor {
    let address = listener.local_addr().unwrap().to_string();
    let answers = Subscription::to([EventName::ChannelAnswer]).filter("variable_team", "sales");
    let first = Duration::from_millis(1);
    Supervisor::new(ConnectOptions::new(&address, "ClueCon"), answers).back_off(first, first)
}

fn answered(sequence: &str) -> String {
    let headers = [
        ("Event-Name", "CHANNEL_ANSWER"),
        ("Event-Sequence", sequence),
        ("Event-Date-Timestamp", "1795968000000001"),
    ];
    event(&headers, "")
}

/// Waits until the supervisor is connected, and returns what was missed and how many attempts
/// failed or connections ended.
async fn connected(supervisor: &mut Supervisor) -> (Option<Gap>, usize) {
    let mut lost = 0;
    loop {
        match supervisor.next().await.unwrap() {
            Update::Connected { missed, client } => {
                assert!(client.ended().is_none());
                return (missed, lost);
            }
            Update::Disconnected { error, retry_in } => {
                assert_eq!(error.retry(), Retry::Reconnect, "{error}");
                assert!(retry_in >= Duration::from_millis(1));
                lost += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn after_a_loss_it_subscribes_again_and_says_what_may_be_missed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut supervisor = supervisor(&listener).await;
    let (mut switch, (missed, lost)) =
        tokio::join!(accept(&listener, "core-1"), connected(&mut supervisor));
    assert_eq!((missed, lost), (None, 0));
    send(&mut switch, &answered("41")).await;
    send(&mut switch, &answered("42")).await;
    for sequence in [41, 42] {
        let Update::Event(event) = supervisor.next().await.unwrap() else {
            panic!("no event");
        };
        assert_eq!(event.sequence(), Some(sequence));
    }
    for (core, restarted) in [
        ("core-1", Some(false)),
        ("core-2", Some(true)),
        ("-ERR permission denied\n", None),
        ("core-2", Some(false)),
    ] {
        drop(switch);
        let (again, (missed, lost)) =
            tokio::join!(accept(&listener, core), connected(&mut supervisor));
        switch = again;
        let missed = missed.unwrap();
        assert_eq!(missed.last_sequence, Some(42));
        let last = UNIX_EPOCH + Duration::from_micros(1_795_968_000_000_001);
        assert_eq!(missed.last_time, Some(last));
        assert_eq!(missed.restarted, restarted, "{core}");
        assert!(lost >= 1);
    }
}

#[tokio::test]
async fn it_waits_for_a_switch_that_is_not_there_yet() {
    let (socket, address) = test_support::ports::bound();
    let listener = socket.listen(8).unwrap();
    let mut supervisor = supervisor(&listener).await;
    drop(listener);
    for _ in 0..3 {
        let update = supervisor.next().await.unwrap();
        let Update::Disconnected { error, .. } = update else {
            panic!("{update:?}");
        };
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let (_switch, (missed, _)) =
        tokio::join!(accept(&listener, "core-1"), connected(&mut supervisor));
    assert_eq!(missed, None);
}

#[tokio::test]
async fn it_stops_at_a_wrong_password_and_at_a_name_that_freeswitch_does_not_have() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut supervisor = supervisor(&listener).await;
    let refusing = async {
        let (mut switch, _) = listener.accept().await.unwrap();
        send(&mut switch, "Content-Type: auth/request\n\n").await;
        command(&mut switch).await;
        send(&mut switch, &reply("-ERR invalid")).await;
        switch
    };
    let (_switch, stopped) = tokio::join!(refusing, supervisor.next());
    assert!(matches!(stopped, Err(Error::BadPassword)));
    assert!(matches!(supervisor.next().await, Err(Error::BadPassword)));

    let misspelt = Subscription::to(["CHANNEL_ANSWERED"]);
    let options = ConnectOptions::new("127.0.0.1", "ClueCon");
    let mut supervisor = Supervisor::new(options, misspelt);
    let error = supervisor.next().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "FreeSWITCH has no event \"CHANNEL_ANSWERED\": use CHANNEL_ANSWER"
    );
}

#[tokio::test]
async fn an_address_that_is_none_ends_it() {
    let answers = Subscription::to([EventName::ChannelAnswer]);
    let mut supervisor =
        Supervisor::new(ConnectOptions::new("127.0.0.1:99999", "ClueCon"), answers);
    let error = supervisor.next().await.unwrap_err();
    assert_eq!(error.retry(), Retry::No);
    assert!(error.to_string().contains("HOST:PORT"), "{error}");
}

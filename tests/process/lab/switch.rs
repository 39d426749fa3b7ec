//! Tests how the simulated switch treats a peer as a real one does, and the effects on its caller.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use switchhook_sim::switch::{
    Call, CallRecord, Caller, Cause, HandOver, Left, Pace, Switch, Vanish,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A peer to which the switch has connected.
struct Peer {
    stream: TcpStream,
    read: String,
    uuid: String,
    record: JoinHandle<CallRecord>,
    /// Completes when the switch has parked the call.
    parked: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Peer {
    async fn of(pace: Pace, call: Call) -> Self {
        let mut peer = Self::accept(pace, call).await;
        peer.connects().await;
        peer
    }

    async fn connects(&mut self) {
        self.says("connect\n\n").await;
        self.until("Control: full\n\n").await;
        let mut lines = self.read.lines();
        let uuid = lines.find_map(|line| line.strip_prefix("Unique-ID: "));
        self.uuid = uuid.unwrap().to_owned();
    }

    /// Accepts the connection of the switch, and says nothing yet.
    async fn accept(pace: Pace, mut call: Call) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        call.hosts.push(listener.local_addr().unwrap().to_string());
        let switch: Arc<Switch> = Switch::new("fs1", pace);
        let parked = Box::pin(switch.event("CHANNEL_PARK", &call.path));
        let record = tokio::spawn(async move { switch.place(call).await });
        let (stream, _) = listener.accept().await.unwrap();
        Self {
            stream,
            read: String::new(),
            uuid: String::new(),
            record,
            parked,
        }
    }

    async fn says(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends API commands about the channel; `@` stands for its UUID.
    async fn api(&mut self, commands: &[&str]) {
        let lines = commands
            .iter()
            .map(|line| format!("api {}\n\n", line.replace('@', &self.uuid)));
        let text: String = lines.collect();
        self.says(&text).await;
    }

    async fn until(&mut self, part: &str) {
        while !self.read.contains(part) {
            assert!(self.more().await, "closed before {part:?}: {:?}", self.read);
        }
    }

    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 65_536];
        let count = self.stream.read(&mut chunk).await.unwrap_or(0);
        self.read
            .push_str(&String::from_utf8_lossy(&chunk[..count]));
        count > 0
    }

    async fn end(mut self) -> (CallRecord, String) {
        while self.more().await {}
        drop(self.stream);
        (self.record.await.unwrap(), self.read)
    }
}

fn execute(app: &str, arg: &str) -> String {
    format!("sendmsg\ncall-command: execute\nexecute-app-name: {app}\nexecute-app-arg: {arg}\n\n")
}

fn call() -> Call {
    Call {
        patience: Duration::from_secs(20),
        ..Call::default()
    }
}

#[tokio::test]
async fn the_whole_leaving_in_one_write_takes_effect_in_order() {
    for pace in [Pace::Wire, Pace::Ticked, Pace::Faithful] {
        let mut peer = Peer::of(pace, call()).await;
        let uuid = peer.uuid.clone();
        peer.says(&execute("playback", "local_stream://moh")).await;
        peer.until("Reply-Text: +OK\n").await;
        let way_out = peer
            .read
            .lines()
            .find_map(|line| line.strip_prefix("variable_flow.way_out: "));
        let leaving = format!(
            "api uuid_setvar {uuid} flow.key.note it\\'s\\n\\\\ fine\n\napi uuid_setvar {uuid} flow.line 0\n\n\
             api sched_del {}\n\nresume\n\napi uuid_break {uuid} all\n\nexit\n\n",
            way_out.unwrap()
        );
        peer.says(&leaving).await;
        let (record, read) = peer.end().await;
        assert_eq!(record.violations, Vec::<String>::new(), "{pace:?}");
        assert_eq!(
            (record.left, record.line),
            (Left::Released, Some(0)),
            "{pace:?}"
        );
        assert_eq!(record.variables["flow.key.note"], "it's\n\\ fine");
        assert!(read.contains("+OK Deleted: 1") && read.contains("+OK bye"));
        assert!(
            pace == Pace::Faithful || record.traffic.writes == 3,
            "{:?}",
            record.traffic
        );
    }
}

#[tokio::test]
async fn a_silent_service_loses_the_caller_to_the_way_out() {
    let hand_over = HandOver {
        way_out: Some(Duration::from_millis(200)),
        ..HandOver::default()
    };
    let mut peer = Peer::of(
        Pace::Ticked,
        Call {
            hand_over,
            ..call()
        },
    )
    .await;
    peer.says("myevents\n\n").await;
    peer.says(&execute("playback", "local_stream://moh")).await;
    let (record, read) = peer.end().await;
    assert_eq!((record.left, record.line), (Left::Rescued, Some(1)));
    assert!(record.heard.music() > Duration::from_millis(100));
    assert!(read.contains("CHANNEL_HANGUP_COMPLETE"));
}

/// Returns the Channel-State of each event of a capture of port 8021, in order.
fn states(capture: &str) -> Vec<&str> {
    let name = "\"Channel-State\":\"";
    let after = capture.split(name).skip(1);
    after.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn resume_after_the_way_out_leaves_the_caller_in_cs_reset_for_ever() {
    let hand_over = HandOver {
        way_out: Some(Duration::from_millis(200)),
        ..HandOver::default()
    };
    let rescued = Call {
        hand_over,
        talks: Duration::from_secs(1),
        ..call()
    };
    for (says, stranded) in [("resume\n\nexit\n\n", true), ("exit\n\n", false)] {
        let mut peer = Peer::of(Pace::Ticked, rescued.clone()).await;
        peer.says("myevents\n\n").await;
        peer.until("line-1").await;
        peer.says(says).await;
        let (record, _) = peer.end().await;
        assert_eq!((record.left, record.line), (Left::Rescued, Some(1)));
        let said = record
            .violations
            .iter()
            .any(|what| what.contains("CS_RESET"));
        assert_eq!(said, stranded, "{says:?}: {:?}", record.violations);
    }
    // On a real switch, that call stays in its state until it is hung up.
    let captured = states(include_str!(
        "../../../crates/eslclient/tests/captures/states-resume-after-the-way-out.esl"
    ));
    let reset = captured.iter().position(|state| *state == "CS_RESET");
    let after = &captured[reset.unwrap() + 1..];
    assert_eq!(after.first(), Some(&"CS_HANGUP"), "{captured:?}");
}

#[tokio::test]
async fn a_socket_that_ends_before_its_park_goes_on_only_with_socket_resume() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Ends {
        Unconnected,
        BeforeThePark,
        InThePark,
    }
    for (ends, resume, left, line) in [
        (Ends::InThePark, true, Left::Released, Some(1)),
        (Ends::InThePark, false, Left::Released, Some(1)),
        (Ends::BeforeThePark, true, Left::Released, Some(1)),
        (Ends::BeforeThePark, false, Left::Stranded, None),
        (Ends::Unconnected, true, Left::Released, Some(1)),
        (Ends::Unconnected, false, Left::Stranded, None),
    ] {
        let hand_over = HandOver {
            resume,
            ..HandOver::default()
        };
        let mut call = Call {
            hand_over,
            ..call()
        };
        if ends == Ends::BeforeThePark {
            call.parks_after = Duration::from_secs(5);
        }
        let mut peer = Peer::accept(Pace::Ticked, call).await;
        if ends != Ends::Unconnected {
            peer.connects().await;
        }
        if ends == Ends::InThePark {
            peer.parked.await;
        }
        drop(peer.stream);
        let record = peer.record.await.unwrap();
        assert_eq!(
            (record.left, record.line),
            (left, line),
            "{ends:?}, socket_resume: {resume}"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_the_dialplans_default_line() {
    let port = switchhook_sim::receiver::closed_port().unwrap();
    let record = Switch::new("fs1", Pace::Ticked)
        .place(Call {
            hosts: vec![format!("127.0.0.1:{port}")],
            ..call()
        })
        .await;
    assert_eq!((record.left, record.line), (Left::NoService, Some(1)));
    assert_eq!(
        record.variables["flow.key.error_reason"],
        "CONNECTION_FAILURE"
    );
}

#[tokio::test]
async fn playback_opens_early_media_and_only_answer_answers() {
    for (app, answered) in [("pre_answer", false), ("answer", true)] {
        let mut peer = Peer::of(
            Pace::Ticked,
            Call {
                answered: false,
                ..call()
            },
        )
        .await;
        assert!(peer.read.contains("Answer-State: ringing"));
        let messages = execute("playback", "tone_stream://%(1,2,3);loops=-1") + &execute(app, "");
        peer.says(&format!("myevents\n\n{messages}")).await;
        peer.until("CHANNEL_EXECUTE_COMPLETE").await;
        peer.says("exit\n\n").await;
        let (record, _) = peer.end().await;
        assert_eq!((record.answered, record.early_media), (answered, true));
        assert_eq!(
            record.heard.played().next(),
            Some("tone_stream://%(1,2,3);loops=-1")
        );
    }
}

#[tokio::test]
async fn the_257th_message_closes_the_connection() {
    let mut peer = Peer::of(Pace::Ticked, call()).await;
    let locked = execute("sleep", "5000").replace("execute\n", "execute\nevent-lock: true\n");
    peer.says(&format!("myevents\n\n{locked}")).await;
    peer.until("CHANNEL_EXECUTE\n").await;
    peer.says(&execute("set", "x=1").repeat(257)).await;
    let (record, read) = peer.end().await;
    assert!(
        record.violations[0].contains("256"),
        "{:?}",
        record.violations
    );
    assert_eq!(record.left, Left::Released);
    assert!(read.contains("Disconnected, goodbye."));
}

#[tokio::test]
async fn what_hurts_a_switch_or_a_caller_is_said() {
    for (text, problem) in [
        (execute("dance", ""), "unknown application"),
        (
            execute("set", "a=${strftime x}"),
            "executed code! strftime x",
        ),
        (
            "api uuid_setvar @ a ${strftime x}\n\n".into(),
            "executed code!",
        ),
        (
            "api uuid_setvar @ a cost $\n\napi uuid_setvar @ b {strftime x}\n\n".into(),
            "side by side",
        ),
        (
            "api uuid_setvar_multi @ a=1;b=${c}\n\n".into(),
            "silently drops",
        ),
        (
            "api uuid_setvar @ execute_on_answer x\n\n".into(),
            "executes what it holds",
        ),
        (
            "sendmsg\nx: reload mod_event_socket\n\n".into(),
            "unload mod_event_socket",
        ),
        (
            "noop\nContent-Length: 1\nContent-Length: 1\n\nab".into(),
            "two Content-Length",
        ),
        (
            execute("set", "a=1") + "api uuid_break @ all\n\n",
            "discarded a queued set",
        ),
        (
            "api uuid_setvar @ a b\n\nexit\n\n".into(),
            "way out was left behind",
        ),
        (
            "api sched_del @\n\napi uuid_setvar @ a b\n\nexit\n\n".into(),
            "author scheduled was cancelled",
        ),
        (
            "api uuid_setvar @ flow.line 7\n\nexit\n\n".into(),
            "no such extension",
        ),
    ] {
        let mut peer = Peer::of(Pace::Ticked, call()).await;
        let text = text.replace('@', &peer.uuid);
        peer.says(&format!("{text}exit\n\n")).await;
        let (record, _) = peer.end().await;
        let said = record.violations.join("; ");
        assert!(said.contains(problem), "{text:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_doubled_backslash_in_a_set_body_comes_out_once() {
    let mut peer = Peer::of(Pace::Ticked, call()).await;
    let body = r"flow.key.raw=C:\\dir $100";
    peer.says(&format!(
        "sendmsg\ncall-command: execute\nexecute-app-name: set\nContent-Type: text/plain\n\
         Content-Length: {}\n\n{body}exit\n\n",
        body.len()
    ))
    .await;
    let (record, _) = peer.end().await;
    assert_eq!(record.variables["flow.key.raw"], r"C:\dir $100");
}

#[tokio::test]
async fn replies_are_the_switchs_words() {
    let mut peer = Peer::of(Pace::Ticked, call()).await;
    peer.api(&[
        "uuid_getvar @ flow.line",
        "uuid_getvar @ nosuch",
        "uuid_setvar nobody a b",
        "dance",
    ])
    .await;
    peer.says("getvar flow.line\n\nlinger\n\nevent plain BACKGROUND_JOB\n\nbgapi uuid_exists x\n\nfilter a b\n\n").await;
    peer.says("nonsense\n\n").await;
    peer.until("-ERR command not found").await;
    for reply in [
        "Content-Length: 1\n\n1Content",
        "_undef_",
        "-ERR No such channel!\n",
        "-ERR dance Command not found!\n",
        "Reply-Text: 1\n",
        "+OK will linger\n",
        "+OK event listener enabled plain\n",
        "Job-UUID: ",
        "+OK filter added. [a]=[b]\n",
    ] {
        assert!(peer.read.contains(reply), "{reply:?} in {:?}", peer.read);
    }
}

#[tokio::test]
async fn a_caller_hangs_up_and_the_channel_is_gone_while_the_connection_lingers() {
    let behaviour = Caller::HangsUp(Duration::from_millis(100), Cause::by_caller());
    let mut peer = Peer::of(
        Pace::Ticked,
        Call {
            behaviour,
            ..call()
        },
    )
    .await;
    peer.says("linger 20\n\nmyevents\n\n").await;
    peer.until("Content-Disposition: linger").await;
    assert!(
        peer.read
            .contains("variable_sip_hangup_disposition: recv_bye")
    );
    peer.api(&["uuid_getvar @ flow.line"]).await;
    peer.until("-ERR No such channel!").await;
    peer.says("exit\n\n").await;
    let (record, _) = peer.end().await;
    assert_eq!((record.left, record.line), (Left::HungUp, None));
    assert!(record.kept.unwrap() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_switch_vanishes_in_three_ways() {
    for how in [Vanish::Reset, Vanish::Eof, Vanish::Silent] {
        let behaviour = Caller::Vanishes(Duration::from_millis(50), how);
        let mut peer = Peer::of(
            Pace::Ticked,
            Call {
                behaviour,
                ..call()
            },
        )
        .await;
        let mut byte = [0_u8; 1];
        match how {
            Vanish::Reset => assert!(peer.stream.read(&mut byte).await.is_err()),
            Vanish::Eof => assert_eq!(peer.stream.read(&mut byte).await.unwrap(), 0),
            Vanish::Silent => {
                let answer =
                    tokio::time::timeout(Duration::from_millis(300), peer.stream.read(&mut byte));
                assert!(answer.await.is_err());
            }
        }
        drop(peer.stream);
        assert_eq!(peer.record.await.unwrap().left, Left::Vanished);
    }
}

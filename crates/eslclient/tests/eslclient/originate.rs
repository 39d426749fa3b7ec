//! The calls that the switch makes, and all further commands: what they accept and refuse.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use eslclient::{
    Command, CommandError, Endpoint, EventName, Format, HangupCause, LogLevel, Originate,
    Subscription, Unicast,
};
use proptest::prelude::*;

use crate::switch_reader::read_all;

fn text(command: &Command) -> &str {
    assert_eq!(read_all(command.as_bytes()).len(), 1);
    std::str::from_utf8(command.as_bytes()).unwrap()
}

fn park(endpoint: Endpoint) -> Result<Command, CommandError> {
    Originate::new(endpoint).command()
}

#[test]
fn every_endpoint_is_written_as_originate_reads_it() {
    for (endpoint, written) in [
        (Endpoint::user("1000"), "user/1000"),
        (Endpoint::user("1000@example.com"), "user/1000@example.com"),
        (
            Endpoint::gateway("carrier", "+4930123456"),
            "sofia/gateway/carrier/+4930123456",
        ),
        (
            Endpoint::sofia("internal", "sip:1000@192.0.2.1:5060"),
            "sofia/internal/1000@192.0.2.1:5060",
        ),
        (Endpoint::loopback("*97", "default"), "loopback/*97/default"),
        (Endpoint::loopback("#1", "default"), "loopback/#1/default"),
        (Endpoint::error(HangupCause::UserBusy), "error/USER_BUSY"),
        (Endpoint::custom("verto.rtc/1000"), "verto.rtc/1000"),
    ] {
        let command = park(endpoint).unwrap();
        assert_eq!(
            text(&command),
            format!("api originate {{ignore_early_media='true'}}{written} &park\n\n")
        );
    }
}

#[test]
fn several_endpoints_variables_and_what_comes_next_are_written_in_order() {
    let call = Originate::new(Endpoint::user("1000"))
        .and(Endpoint::user("1001"))
        .or(Endpoint::user("1002"))
        .uuid("c-1")
        .variable("sip_h_X-Ticket", "17")
        .variable("greeting", "Grüß Gott")
        .timeout(Duration::from_millis(1));
    let start = "{origination_uuid='c-1',sip_h_X-Ticket='17',greeting='Grüß Gott',originate_timeout='1',\
                 ignore_early_media='true'}user/1000,user/1001|user/1002";
    let cases = [
        (call.clone(), "&park"),
        (call.clone().application("echo", ""), "&echo"),
        (
            call.clone().application("playback", "/a b/c.wav"),
            "'&playback(/a b/c.wav)'",
        ),
        (
            call.clone().extension("+49301", "public"),
            "+49301 XML public",
        ),
    ];
    for (call, end) in cases {
        let command = call.command().unwrap();
        assert_eq!(text(&command), format!("api originate {start} {end}\n\n"));
        let command = call.background("j-1").unwrap();
        let written = format!("bgapi originate {start} {end}\nJob-UUID: j-1\n\n");
        assert_eq!(text(&command), written);
    }
}

#[test]
fn early_media_is_no_answer_unless_the_program_says_so() {
    let call = Originate::new(Endpoint::user("1000"));
    let written = |call: Originate| text(&call.command().unwrap()).to_owned();
    assert_eq!(
        written(call.clone()),
        "api originate {ignore_early_media='true'}user/1000 &park\n\n"
    );
    assert_eq!(
        written(call.clone().early_media()),
        "api originate {ignore_early_media='false'}user/1000 &park\n\n"
    );
    assert_eq!(
        written(call.variable("Ignore_Early_Media", "ring_ready")),
        "api originate {Ignore_Early_Media='ring_ready'}user/1000 &park\n\n"
    );
}

#[test]
fn a_variable_is_set_once() {
    let call = Originate::new(Endpoint::user("1000"));
    for twice in [
        call.clone().uuid("c-1").variable("Origination_UUID", "c-2"),
        call.clone()
            .variable("originate_timeout", "900")
            .timeout(Duration::from_secs(9)),
        call.clone().variable("a", "1").variable("a", "1"),
        call.early_media().variable("ignore_early_media", "true"),
    ] {
        let fault = twice.command().unwrap_err().to_string();
        assert!(fault.contains("is set twice"), "{fault}");
    }
}

#[test]
fn a_value_that_originate_cannot_carry_has_another_way() {
    let call = Originate::new(Endpoint::user("1000")).variable("note", "a, b");
    assert_eq!(
        call.command().unwrap_err().to_string(),
        "variable \"note\": the value holds ',' at byte 1, which is not allowed there: remove it, \
         or set the variable with `Channel::set_variable` when the call is there"
    );
}

/// Text in which a grammar of the switch sees more than text.
const FORGED: &[&str] = &[
    "", "a,b", "a|b", "a'b", "a\"b", "a\\b", "a}b", "a{b", "a[b", "a]b", "a<b", "a>b", "a(b",
    "a)b", "a&b", "${uuid}", "$", "a^b", "a\nb", "a\rb", "a\tb", "a\0b", "a:_:b",
];

#[test]
fn no_value_becomes_a_variable_an_endpoint_or_an_argument() {
    let calls = |value: &str| {
        let call = Originate::new(Endpoint::user("1000"));
        [
            call.clone().variable("name", value).command(),
            call.clone().variable(value, "value").command(),
            call.clone().caller_id(value, "1").command(),
            call.clone().caller_id("a", value).command(),
            call.clone().uuid(value).command(),
            call.clone().application(value, "").command(),
            call.clone().extension(value, "default").command(),
            call.clone().extension("1000", value).command(),
            call.and(Endpoint::user(value)).command(),
            park(Endpoint::user(value)),
            park(Endpoint::gateway(value, "1")),
            park(Endpoint::gateway("carrier", value)),
            park(Endpoint::sofia(value, "1@a")),
            park(Endpoint::sofia("internal", value)),
            park(Endpoint::loopback(value, "default")),
            park(Endpoint::loopback("1", value)),
            park(Endpoint::error(HangupCause::Other(value.into()))),
            park(Endpoint::custom(value)),
            park(Endpoint::custom(&format!("user/{value}"))),
        ]
    };
    for forged in FORGED {
        for (at, made) in calls(forged).into_iter().enumerate() {
            assert!(made.is_err(), "{forged:?} at {at}: {made:?}");
        }
        let call = Originate::new(Endpoint::user("1000")).application("playback", forged);
        let accepted = ["", "a,b"].contains(forged);
        assert_eq!(call.command().is_ok(), accepted, "{forged:?}");
    }
    for edge in [" a", "a ", " "] {
        let call = Originate::new(Endpoint::user("1000")).variable("name", edge);
        assert!(call.command().is_err(), "{edge:?}");
    }
    let call = Originate::new(Endpoint::user("1000"));
    for name in ["api_hangup_hook", "execute_on_answer"] {
        let made = call.clone().variable(name, "x").command();
        let fault = CommandError::Variable {
            name: name.to_owned(),
            source: Box::new(CommandError::Executes),
        };
        assert_eq!(made, Err(fault));
    }
    assert!(call.extension("1000", "-both").command().is_err());
}

proptest! {
    #[test]
    fn any_originate_is_one_command_with_two_or_four_arguments(value in "\\PC{1,12}") {
        let call = Originate::new(Endpoint::user("1000"))
            .variable("a", &value)
            .application("log", &value);
        if let Ok(command) = call.command() {
            let quotes = text(&command).matches('\'').count();
            prop_assert_eq!(quotes, 6);
            let outside: String = text(&command).split('\'').step_by(2).collect();
            prop_assert_eq!(outside, "api originate {a=,ignore_early_media=}user/1000 \n\n");
        }
        let call = Originate::new(Endpoint::user(&value)).extension(&value, &value);
        if let Ok(command) = call.command() {
            prop_assert_eq!(text(&command).split(' ').count(), 6);
        }
    }
}

#[test]
fn extensions_and_variables_as_people_write_them_are_accepted() {
    for extension in [
        "1000",
        "+4930123456",
        "*97",
        "#1",
        "*98*1000#",
        "lookup-line-0",
    ] {
        let command = Command::transfer("u-1", extension, "default").unwrap();
        let written = format!("api uuid_transfer u-1 {extension} XML default\n\n");
        assert_eq!(text(&command), written);
    }
    let command = Command::set_variable("u-1", "sip_h_X-Foo", "bar").unwrap();
    assert_eq!(text(&command), "api uuid_setvar u-1 sip_h_X-Foo bar\n\n");
    assert!(Command::get_variable("u-1", "sip_h_X-Foo").is_ok());
    // Its value becomes a line of a SIP message.
    for name in ["sip_h_X-Foo", "SIP_RH_X-Foo"] {
        let made = Command::set_variable("u-1", name, "a\r\nX-Other: b");
        assert!(
            matches!(made, Err(CommandError::LineBreak { .. })),
            "{made:?}"
        );
    }
    assert!(Command::set_variable("u-1", "flow.key.a", "a\nb").is_ok());
}

#[test]
fn a_name_that_freeswitch_does_not_have_is_an_error_with_the_nearest_one() {
    let told = |error: CommandError| error.to_string();
    let error = Command::event(Format::Json, ["CHANEL_ANSWER"]).unwrap_err();
    assert_eq!(
        told(error),
        "FreeSWITCH has no event \"CHANEL_ANSWER\": use CHANNEL_ANSWER"
    );
    let error = Command::event(Format::Json, ["ANSWER"]).unwrap_err();
    assert_eq!(
        told(error),
        "FreeSWITCH has no event \"ANSWER\": use CHANNEL_ANSWER"
    );
    let error = Command::event(Format::Json, ["sofia::register"]).unwrap_err();
    assert_eq!(told(error), "FreeSWITCH has no event \"sofia::register\"");
    let error = Command::hangup(None, "BUSY_USER").unwrap_err();
    assert!(matches!(error, CommandError::UnknownName { .. }));
    let error = Command::hangup(None, "NORMAL_CLEARIN").unwrap_err();
    assert!(told(error).ends_with("use NORMAL_CLEARING"));
    assert!(Command::event(Format::Json, ["channel_answer"]).is_ok());
    let after = Command::event(
        Format::Json,
        ["CUSTOM", "sofia::register", "CHANNEL_ANSWER"],
    );
    assert!(matches!(after, Err(CommandError::AfterCustom { .. })));
    for (subclass, said) in [
        ("a b", "the subclass of CUSTOM events holds ' ' at byte 1"),
        ("", "the subclass of CUSTOM events is empty"),
        ("CHANNEL_PARK", "give it to `Subscription::event`"),
    ] {
        let wrong = Subscription::to([EventName::ChannelAnswer]).custom(subclass);
        assert!(told(wrong.commands().unwrap_err()).contains(said));
    }
    assert!(
        Subscription::to(Vec::<EventName>::new())
            .commands()
            .is_err()
    );
    let late = Subscription::to([EventName::Custom, EventName::ChannelAnswer]).custom("a::b");
    assert_eq!(
        text(&late.commands().unwrap()[0]),
        "event json CHANNEL_ANSWER CUSTOM a::b\n\n"
    );
}

#[test]
fn the_further_commands_are_the_bytes_that_the_protocol_has() {
    let unicast = Unicast {
        local: "127.0.0.1:8025".parse().unwrap(),
        remote: "127.0.0.1:8026".parse().unwrap(),
        native: true,
    };
    let apps = [("answer", ""), ("playback", "/a b.wav")];
    let headers = [("Event-Subclass", "crm::ticket"), ("Ticket", "17")];
    let cases = [
        (Command::nixevent(["HEARTBEAT"]), "nixevent HEARTBEAT\n\n"),
        (Ok(Command::noevents()), "noevents\n\n"),
        (Ok(Command::filter_delete_all()), "filter delete all\n\n"),
        (Ok(Command::log(LogLevel::Warning)), "log WARNING\n\n"),
        (Ok(Command::nolog()), "nolog\n\n"),
        (Ok(Command::divert_events(true)), "divert_events on\n\n"),
        (Ok(Command::divert_events(false)), "divert_events off\n\n"),
        (Ok(Command::linger_forever()), "linger\n\n"),
        (Ok(Command::nolinger()), "nolinger\n\n"),
        (
            Command::sendevent(&EventName::Custom, headers, ""),
            "sendevent CUSTOM\nEvent-Subclass: crm::ticket\nTicket: 17\n\n",
        ),
        (
            Command::sendevent(&EventName::Message, [("a", "b")], "hello"),
            "sendevent MESSAGE\na: b\ncontent-type: text/plain\ncontent-length: 5\n\nhello",
        ),
        (
            Command::nomedia(Some("u-1"), "u-2"),
            "sendmsg u-1\ncall-command: nomedia\nnomedia-uuid: u-2\n\n",
        ),
        (
            Command::unicast(None, &unicast),
            "sendmsg\ncall-command: unicast\nlocal-ip: 127.0.0.1\nlocal-port: 8025\n\
             remote-ip: 127.0.0.1\nremote-port: 8026\ntransport: udp\nflags: native\n\n",
        ),
        (
            Command::xferext(Some("u-1"), apps),
            "sendmsg u-1\ncall-command: xferext\napplication: answer\n\
             application: playback /a b.wav\n\n",
        ),
        (Command::raw("api sofia status\n"), "api sofia status\n\n"),
        (
            Command::raw("sendmsg\ncall-command: hangup"),
            "sendmsg\ncall-command: hangup\n\n",
        ),
        (
            Command::raw_with_body("sendevent GENERAL", "x"),
            "sendevent GENERAL\ncontent-type: text/plain\ncontent-length: 1\n\nx",
        ),
    ];
    for (made, bytes) in cases {
        assert_eq!(text(&made.unwrap()), bytes);
    }
}

#[test]
fn a_raw_command_and_an_event_stay_one_command() {
    for forged in [
        "",
        "\n",
        " ",
        "a\n\nexit",
        "a\r\nb",
        "a\0",
        "sendevent X\nContent-Length: 5",
        "sendevent X\ncontent-length : 5",
        "a\n\n",
    ] {
        assert!(Command::raw(forged).is_err(), "{forged:?}");
        assert!(Command::raw_with_body(forged, "x").is_err(), "{forged:?}");
    }
    for (header, value) in [
        ("a b", "x"),
        ("", "x"),
        ("a", ""),
        ("a", " x"),
        ("a", "x\ny"),
        ("a", "x\ry"),
        ("a", "ARRAY::x"),
        ("Content-Length", "5"),
    ] {
        let made = Command::sendevent(&EventName::Custom, [(header, value)], "");
        assert!(made.is_err(), "{header:?}: {value:?}");
    }
    let unknown = EventName::Other("LATER".into());
    assert!(Command::sendevent(&unknown, [], "").is_err());
    assert!(Command::xferext(None, []).is_err());
    assert!(Command::xferext(None, [("log", "a\nb")]).is_err());
}

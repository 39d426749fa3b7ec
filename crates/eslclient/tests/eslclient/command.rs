//! Commands as the switch reads them: each is one command with exactly its inputs.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use crate::switch_reader::{Read, expanded, read_all, third_argument};
use eslclient::{Command, CommandError, Endpoint, ExecuteOptions, Format, Originate};

pub const UUID: &str = "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe";

/// Reads the bytes as the switch does: they are one command.
pub fn read(command: &Command) -> Read {
    let mut commands = read_all(command.as_bytes());
    assert_eq!(commands.len(), 1, "{commands:?}");
    let read = commands.remove(0);
    let block = read.block.to_ascii_lowercase();
    assert!(
        !(block.contains("mod_event_socket")
            && (block.contains("unload") || block.contains("reload"))),
        "the switch would unload its module: {block}"
    );
    for (name, value) in &read.headers {
        assert!(!value.to_ascii_uppercase().starts_with("ARRAY::"), "{name}");
    }
    read
}

/// Returns the value that the channel stores.
pub fn stored(command: &Command, name: &str) -> String {
    let read = read(command);
    if !command.is_queued() {
        let arguments = read.block.strip_prefix("api uuid_setvar ").unwrap();
        assert!(!arguments.contains('\n'));
        assert_eq!(
            arguments.split(' ').take(2).collect::<Vec<_>>(),
            [UUID, name]
        );
        return third_argument(arguments);
    }
    assert_eq!(read.first(), format!("sendmsg {UUID}"));
    assert_eq!(read.header("call-command"), Some("execute"));
    assert_eq!(read.header("execute-app-name"), Some("set"));
    assert_eq!(read.header("content-type"), Some("text/plain"));
    let argument = expanded(&read.body);
    let (found, value) = argument.split_once('=').unwrap();
    assert_eq!(found, name);
    expanded(value)
}

#[test]
fn commands_are_the_bytes_that_the_protocol_has() {
    let commands = [
        (Command::connect(), "connect\n\n"),
        (Command::linger(Duration::from_secs(5)), "linger 5\n\n"),
        (Command::linger(Duration::from_millis(5)), "linger 1\n\n"),
        (Command::linger(Duration::MAX), "linger 2147483647\n\n"),
        (Command::myevents(Format::Plain), "myevents\n\n"),
        (Command::myevents(Format::Json), "myevents json\n\n"),
        (Command::resume(), "resume\n\n"),
        (Command::exit(), "exit\n\n"),
        (
            Command::break_(UUID, true).unwrap(),
            &format!("api uuid_break {UUID} all\n\n"),
        ),
        (
            Command::break_(UUID, false).unwrap(),
            &format!("api uuid_break {UUID}\n\n"),
        ),
        (Command::sched_del(17).unwrap(), "api sched_del 17\n\n"),
        (
            Command::transfer(UUID, "lookup-line-0", "flows").unwrap(),
            &format!("api uuid_transfer {UUID} lookup-line-0 XML flows\n\n"),
        ),
        (Command::auth("ClueCon").unwrap(), "auth ClueCon\n\n"),
        (
            Command::userauth("a", "b.c", "p:w").unwrap(),
            "userauth a@b.c:p:w\n\n",
        ),
        (
            Command::event(
                Format::Json,
                ["CHANNEL_CREATE", "CUSTOM", "sofia::register"],
            )
            .unwrap(),
            "event json CHANNEL_CREATE CUSTOM sofia::register\n\n",
        ),
        (
            Command::filter("Unique-ID", UUID).unwrap(),
            &format!("filter Unique-ID {UUID}\n\n"),
        ),
        (
            Command::filter_delete("Unique-ID", UUID).unwrap(),
            &format!("filter delete Unique-ID {UUID}\n\n"),
        ),
        (Command::api("status", "").unwrap(), "api status\n\n"),
        (
            Command::bgapi("originate", "null/x &park", Some("j-1")).unwrap(),
            "bgapi originate null/x &park\nJob-UUID: j-1\n\n",
        ),
        (
            Command::hangup(None, "NORMAL_CLEARING").unwrap(),
            "sendmsg\ncall-command: hangup\nhangup-cause: NORMAL_CLEARING\n\n",
        ),
        (
            Command::get_variable(UUID, "flow.line").unwrap(),
            &format!("api uuid_getvar {UUID} flow.line\n\n"),
        ),
        (
            Command::unset_variable(UUID, "flow.line").unwrap(),
            &format!("api uuid_setvar {UUID} flow.line\n\n"),
        ),
    ];
    for (command, bytes) in commands {
        assert_eq!(std::str::from_utf8(command.as_bytes()), Ok(bytes));
        read(&command);
    }
}

#[test]
fn execute_writes_all_its_options_on_lines() {
    let options = ExecuteOptions {
        uuid: Some(UUID),
        event_uuid: Some("e-1"),
        event_lock: true,
        loops: Some(-1),
    };
    let command = Command::execute("playback", "tone_stream://%(1,0,4);loops=-1", options).unwrap();
    assert!(command.is_queued());
    let read = read(&command);
    assert_eq!(read.first(), format!("sendmsg {UUID}"));
    assert_eq!(read.header("call-command"), Some("execute"));
    assert_eq!(read.header("execute-app-name"), Some("playback"));
    assert_eq!(
        read.header("execute-app-arg"),
        Some("tone_stream://%(1,0,4);loops=-1")
    );
    assert_eq!(read.header("event-uuid"), Some("e-1"));
    assert_eq!(read.header("event-lock"), Some("true"));
    assert_eq!(read.header("loops"), Some("-1"));
    assert_eq!(read.body, "");
}

#[test]
fn names_that_could_carry_more_than_a_name_are_rejected() {
    for bad in ["", "a b", "a\nb", "a\0", "a:b", "é", &"x".repeat(300)] {
        let none = ExecuteOptions::default();
        assert!(Command::execute(bad, "", none).is_err(), "{bad:?}");
        assert!(Command::api(bad, "").is_err(), "{bad:?}");
        assert!(
            Command::bgapi("status", "", Some(bad)).is_err() || bad == "a:b",
            "{bad:?}"
        );
        assert!(Command::event(Format::Json, [bad]).is_err(), "{bad:?}");
        assert!(Command::filter(bad, "x").is_err(), "{bad:?}");
        assert!(Command::hangup(None, bad).is_err(), "{bad:?}");
        assert!(Command::userauth(bad, "d", "p").is_err(), "{bad:?}");
        assert!(Command::userauth("u", bad, "p").is_err(), "{bad:?}");
        assert!(Command::set_variable(UUID, bad, "x").is_err(), "{bad:?}");
        if bad != "a:b" {
            assert!(Command::break_(bad, true).is_err(), "{bad:?}");
            assert!(Command::get_variable(bad, "x").is_err(), "{bad:?}");
            assert!(Command::hangup(Some(bad), "USER_BUSY").is_err(), "{bad:?}");
        }
    }
    for bad in ["1a", ".a", "_a", "-a", "a[0]", "a=b", &"x".repeat(129)] {
        assert!(Command::set_variable(UUID, bad, "x").is_err(), "{bad:?}");
        assert!(Command::unset_variable(UUID, bad).is_err(), "{bad:?}");
        assert!(Command::get_variable(UUID, bad).is_err(), "{bad:?}");
    }
    for verb in ["delete", "ADD", "all"] {
        assert!(Command::filter(verb, "x").is_err());
    }
    assert!(Command::event(Format::Json, []).is_err());
    assert!(Command::sched_del(0).is_err());
    assert!(Command::sched_del(1 << 31).is_err());
    assert!(Command::sched_del((1 << 31) - 1).is_ok());
    assert!(Command::auth("").is_err());
}

#[test]
fn a_transfer_accepts_only_plain_words() {
    for bad in [
        "",
        "-both",
        "a b",
        "'set:x=1'",
        "a inline",
        "${x}",
        "a\nb",
        "a/b",
        ".hidden",
        "ümlaut",
    ] {
        for transfer in [Command::transfer, Command::transfer_queued] {
            assert!(transfer(UUID, bad, "flows").is_err(), "{bad:?}");
            assert!(transfer(UUID, "lookup-line-1", bad).is_err(), "{bad:?}");
        }
    }
    let queued = Command::transfer_queued(UUID, "lookup-line-0", "flows").unwrap();
    assert!(queued.is_queued());
    let read = read(&queued);
    assert!(
        read.headers
            .contains(&("execute-app-name".into(), "transfer".into()))
    );
    let argument = ("execute-app-arg".into(), "lookup-line-0 XML flows".into());
    assert!(read.headers.contains(&argument), "{read:?}");
}

#[test]
fn an_input_that_cannot_be_written_is_told_with_its_place() {
    let said = |made: Result<Command, CommandError>| made.unwrap_err().to_string();
    let originate = |name: &str, value: &str| {
        let endpoint = Endpoint::user("1001");
        said(
            Originate::new(endpoint)
                .variable("ticket", "17")
                .variable(name, value)
                .command(),
        )
    };
    for (told, expected) in [
        (
            said(Command::transfer(UUID, "10 00", "default")),
            "extension holds ' ' at byte 2, which is not allowed there: remove it",
        ),
        (
            said(Command::set_variable(UUID, "größe", "a")),
            "variable name holds 'ö' at byte 2, which is not allowed there: remove it",
        ),
        (
            said(Command::set_variable(UUID, "1st", "a")),
            "variable name holds '1' at byte 0, which is not allowed there: remove it",
        ),
        (
            originate("crm_name", "O'Neill"),
            "variable \"crm_name\": the value holds '\\'' at byte 1, which is not allowed there: \
             remove it, or set the variable with `Channel::set_variable` when the call is there",
        ),
        (
            originate("crm name", "a"),
            "variable \"crm name\": variable name holds ' ' at byte 3, which is not allowed \
             there: remove it",
        ),
        (
            originate("crm_name", "a "),
            "variable \"crm_name\": the value holds ' ' at byte 1, which is not allowed there: \
             remove it, or set the variable with `Channel::set_variable` when the call is there",
        ),
        (
            said(Command::sched_del(0)),
            "the task number is 0 or above 2147483647: give the number in last_sched_id",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn a_variable_is_set_only_to_a_value_that_it_can_store() {
    let set = |name: &str, value: &str| Command::set_variable(UUID, name, value);
    assert_eq!(
        set("a", ""),
        Err(CommandError::Empty {
            what: "variable value"
        })
    );
    assert_eq!(set("a", "ARRAY::x"), Err(CommandError::Array));
    assert!(matches!(
        set("a", "x\0"),
        Err(CommandError::LineBreak { at: 1, .. })
    ));
    assert_eq!(set("api_hangup_hook", "x"), Err(CommandError::Executes));
    assert_eq!(set("Execute_On_Answer", "x"), Err(CommandError::Executes));
    assert!(Command::unset_variable(UUID, "api_hangup_hook").is_ok());
}

#[test]
fn a_long_value_goes_into_a_body_and_is_queued() {
    let short = Command::set_variable(UUID, "a", &"x".repeat(1900)).unwrap();
    assert!(!short.is_queued());
    let long = Command::set_variable(UUID, "a", &"x".repeat(2100)).unwrap();
    assert!(long.is_queued());
    // Escapes count: 1,500 characters can become 3,000 bytes.
    let escaped = Command::set_variable(UUID, "a", &"'".repeat(1500)).unwrap();
    assert!(escaped.is_queued());
    let words = "please reload mod_event_socket";
    assert!(Command::set_variable(UUID, "a", words).unwrap().is_queued());
    for end in ["${x}", "$\\{x}", "$", "$\\\\"] {
        let value = "x".repeat(3000) + end;
        assert_eq!(
            Command::set_variable(UUID, "a", &value),
            Err(CommandError::Expandable)
        );
    }
    let huge = "x".repeat(9 << 20);
    let fault = Command::set_variable(UUID, "a", &huge);
    assert!(matches!(fault, Err(CommandError::TooLong { .. })));
}

#[test]
fn values_with_escapes_are_stored_exactly() {
    let long = "y".repeat(3000);
    for value in [
        "C:\\temp",
        "\\\\",
        "\\'",
        "it's",
        "'",
        "''",
        "\\$x",
        "a$$b\\",
        "\\\\$$$\\\\y",
        "$100",
        " ",
        "  two  ",
        "\t\r\n",
        "\\n",
        "\\s",
        "100%25",
        "%41",
        "^^,",
        "{a}",
        "\"q\"",
        "é😀",
    ] {
        let command = Command::set_variable(UUID, "flow.key.x", value).unwrap();
        assert_eq!(stored(&command, "flow.key.x"), value);
        let value = format!("{value}{long}");
        let command = Command::set_variable(UUID, "flow.key.x", &value).unwrap();
        assert!(command.is_queued());
        assert_eq!(stored(&command, "flow.key.x"), value);
    }
}

#[test]
fn debug_shows_neither_passwords_nor_values() {
    let commands = [
        Command::auth("hunter2").unwrap(),
        Command::userauth("u", "d", "hunter2").unwrap(),
        Command::set_variable(UUID, "pin", "hunter2").unwrap(),
        Command::set_variable(UUID, "pin", &"hunter2".repeat(500)).unwrap(),
        Command::execute("log", "hunter2", ExecuteOptions::default()).unwrap(),
    ];
    for command in commands {
        let shown = format!("{command:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let fault = Command::auth("hunter2\n").unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("hunter2"));
}

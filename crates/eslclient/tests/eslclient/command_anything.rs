//! Commands of any input: each is one command with exactly its inputs, or is rejected.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{Command, CommandError, ExecuteOptions};
use proptest::prelude::*;

use crate::command::{UUID, read, stored};
use crate::switch_reader::read_all;

/// Text of pieces that are dangerous somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\\\'\"$${}\\n\\r\\t ,;=:%^|\\[\\]]{1,4}",
        "[a-zé😀]{1,5}",
        "[\\x00-\\x1f]",
        "\\PC{1,6}",
        Just("mod_event_socket".to_owned()),
        Just("Mod_Event_Socket".to_owned()),
        Just("unload".to_owned()),
        Just("reLoad ".to_owned()),
        Just("\n\napi status\n\n".to_owned()),
        Just("\ncontent-length: 5\n\n".to_owned()),
        Just("ARRAY::a|:b".to_owned()),
        Just("${strftime(%Y)}".to_owned()),
        Just("${uuid}".to_owned()),
        Just("\\n".to_owned()),
        Just("x".repeat(2500)),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn could_expand(value: &str) -> bool {
    let shown = value.replace('\\', "");
    shown.contains("${") || shown.ends_with('$')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_value_is_stored_exactly_or_rejected_for_a_reason(value in hostile()) {
        match Command::set_variable(UUID, "flow.key.x", &value) {
            Ok(command) => prop_assert_eq!(stored(&command, "flow.key.x"), value),
            Err(CommandError::Empty { .. }) => prop_assert_eq!(value, ""),
            Err(CommandError::Array) => prop_assert!(value.starts_with("ARRAY::")),
            Err(CommandError::LineBreak { .. }) => prop_assert!(value.contains('\0')),
            Err(CommandError::Expandable) => prop_assert!(could_expand(&value)),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn any_argument_of_an_application_arrives_exactly_or_is_rejected(arg in hostile()) {
        match Command::execute("playback", &arg, ExecuteOptions::default()) {
            Ok(command) => {
                let read = read(&command);
                let line = read.header("execute-app-arg");
                prop_assert_eq!(line.unwrap_or(&read.body), arg);
            }
            Err(fault) => prop_assert!(arg.contains('\0'), "{fault}"),
        }
    }

    #[test]
    fn any_text_on_a_line_stays_on_that_line_or_is_rejected(text in hostile()) {
        let made = [
            ("api x ", Command::api("x", &text)),
            ("bgapi x ", Command::bgapi("x", &text, Some("j"))),
            ("filter A ", Command::filter("A", &text)),
            ("filter delete A ", Command::filter_delete("A", &text)),
            ("auth ", Command::auth(&text)),
            ("userauth u@d:", Command::userauth("u", "d", &text)),
        ];
        for (start, made) in made {
            match made {
                Ok(command) => {
                    // The test's reader trims spaces at the end; the switch does not.
                    let expected = format!("{start}{text}");
                    let read = read(&command);
                    prop_assert_eq!(read.first().trim_end(), expected.trim_end());
                }
                Err(fault) => {
                    let lower = text.to_ascii_lowercase();
                    prop_assert!(
                        text.is_empty()
                            || text.contains(['\r', '\n', '\0'])
                            || lower.contains("mod_event_socket")
                            || lower.starts_with("array::"),
                        "{fault}"
                    );
                }
            }
        }
    }

    #[test]
    fn any_name_or_uuid_is_one_word_or_rejected(name in hostile(), uuid in hostile()) {
        let fits = |text: &str, more: &str| {
            !text.is_empty()
                && text.len() <= 256
                && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let name_fits = fits(&name, "_.-") && name.len() <= 128
            && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let unset = Command::unset_variable(&uuid, &name);
        let both = format!("{uuid} {name}").to_ascii_lowercase();
        let unloads = both.contains("mod_event_socket")
            && (both.contains("unload") || both.contains("reload"));
        prop_assert_eq!(unset.is_ok(), name_fits && fits(&uuid, "_.:@-") && !unloads);
        if let Ok(command) = unset {
            prop_assert_eq!(read(&command).block, format!("api uuid_setvar {uuid} {name}"));
        }
        for made in [
            Command::hangup(Some(&uuid), "USER_BUSY"),
            Command::break_(&uuid, false),
            Command::execute("x", "", ExecuteOptions { uuid: Some(&uuid), ..ExecuteOptions::default() }),
        ] {
            prop_assert!(made.is_err() || fits(&uuid, "_.:@-"));
            if let Ok(command) = made {
                read(&command);
            }
        }
    }

    #[test]
    fn a_sequence_of_commands_is_read_as_the_same_number(
        args in prop::collection::vec(hostile(), 1..6),
    ) {
        let mut bytes = Vec::new();
        let mut count = 0;
        for arg in &args {
            for made in [
                Command::set_variable(UUID, "a", arg),
                Command::execute("log", arg, ExecuteOptions::default()),
                Command::api("x", arg),
            ].into_iter().flatten() {
                made.encode(&mut bytes);
                count += 1;
            }
        }
        prop_assert_eq!(read_all(&bytes).len(), count);
    }
}

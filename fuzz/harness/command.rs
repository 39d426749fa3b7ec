//! What is written to the switch: the switch's model (`tests/support/switch.rs`) reads one
//! command and stores what was given, or nothing was written at all.

use test_support::switch;

use eslclient::{Command, CommandError, ExecuteOptions};
use switchhook_core::sanitize::inert;

const UUID: &str = "7719334c-156d-4838-8a93-1818536027f8";

/// A name, a line end, a value.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, value) = text.split_once('\n').unwrap_or(("flow.key.x", &text));
    for uuid in [UUID, name] {
        variable(uuid, name, value);
        variable(uuid, "flow.key.x", value);
    }
    harmless(value);
    for command in [
        Command::api(name, value),
        Command::bgapi(name, value, Some(name)),
        Command::execute(name, value, ExecuteOptions::default()),
        Command::filter(name, value),
        Command::auth(value),
        Command::userauth(name, name, value),
        Command::hangup(Some(name), value),
        Command::break_(value, true),
        Command::get_variable(name, value),
    ] {
        one(command);
    }
}

/// Exactly one command, whatever was asked for.
fn one(command: Result<Command, CommandError>) {
    if let Ok(command) = command {
        let read = switch::read(command.as_bytes());
        assert!(
            read.is_ok(),
            "{read:?}: {:?}",
            String::from_utf8_lossy(command.as_bytes())
        );
    }
}

/// Stored exactly, also what nobody made inert.
fn variable(uuid: &str, name: &str, value: &str) {
    if let Ok(command) = Command::set_variable(uuid, name, value) {
        assert_eq!(switch::stored(command.as_bytes(), uuid, name), value);
    }
    if let Ok(command) = Command::unset_variable(uuid, name) {
        assert_eq!(switch::stored(command.as_bytes(), uuid, name), "");
    }
}

/// What was made inert can be stored, and is once more itself.
fn harmless(value: &str) {
    let inert = inert(value);
    assert!(!switch::could_expand(&inert), "{inert:?}");
    assert_eq!(switchhook_core::sanitize::inert(&inert), inert);
    match Command::set_variable(UUID, "flow.key.x", &inert) {
        Ok(command) => {
            let stored = switch::stored(command.as_bytes(), UUID, "flow.key.x");
            assert_eq!(stored, *inert);
        }
        Err(CommandError::Empty { .. }) => assert!(inert.is_empty()),
        Err(CommandError::TooLong { .. }) => {}
        Err(error) => panic!("{inert:?}: {error}"),
    }
}

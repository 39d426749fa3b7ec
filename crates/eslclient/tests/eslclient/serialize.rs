//! Events and names as JSON, with the feature `serde`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{AnswerState, CallState, ChannelState, EventName, HangupCause};
use serde_json::json;

use crate::codec::{event, plain};

#[test]
fn an_event_serializes_with_decoded_values_lists_and_its_body() {
    let plain = plain(
        "Event-Name: CHANNEL_ANSWER\nvariable_a: 100%25\nvariable_list: ARRAY::one|:two\n\
         Content-Length: 5\n\nhello",
    );
    let in_json = event(
        "json",
        br#"{"Event-Name":"CHANNEL_ANSWER","variable_a":"100%","variable_list":["one","two"],
            "Content-Length":"5","_body":"hello"}"#,
    );
    let expected = json!({
        "Event-Name": "CHANNEL_ANSWER",
        "variable_a": "100%",
        "variable_list": ["one", "two"],
        "Content-Length": "5",
        "_body": "hello",
    });
    assert_eq!(serde_json::to_value(plain).unwrap(), expected);
    assert_eq!(serde_json::to_value(in_json.unwrap()).unwrap(), expected);
}

#[test]
fn every_name_serializes_as_freeswitch_writes_it() {
    assert_eq!(json!(EventName::ChannelAnswer), "CHANNEL_ANSWER");
    assert_eq!(json!(HangupCause::UserBusy), "USER_BUSY");
    assert_eq!(json!(HangupCause::from("NEW_CAUSE")), "NEW_CAUSE");
    assert_eq!(json!(ChannelState::from("CS_EXECUTE")), "CS_EXECUTE");
    assert_eq!(json!(CallState::from("HELD")), "HELD");
    assert_eq!(json!(AnswerState::from("early")), "early");
}

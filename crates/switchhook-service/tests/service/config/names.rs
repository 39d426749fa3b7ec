//! The names of the variables that a webhook task writes.

use super::{lookup, messages, webhook};

#[test]
fn a_variable_can_be_given_another_name_under_flow() {
    let names = lookup(
        "variables = { response_status = \"flow.key.crm_status\", line = \"flow.crm_line\" }",
    )
    .task
    .variables;
    assert_eq!(names.response_status, "flow.key.crm_status");
    assert_eq!(names.line, "flow.crm_line");
    assert_eq!(names.error_reason, "flow.key.error_reason");
    assert_eq!(names.all()[0], ("response_status", "flow.key.crm_status"));
}

#[test]
fn a_name_outside_the_prefix_or_the_alphabet_is_refused() {
    for (name, what) in [
        ("api_hangup_hook", "does not begin with flow."),
        ("key.status", "does not begin with flow."),
        ("flow.a b", "is not a name for a variable"),
        ("flow.${x}", "is not a name for a variable"),
        ("flow.é", "is not a name for a variable"),
        ("flow.key.", "ends in a dot"),
        ("flow.way_out", "that the dialplan sets"),
        ("flow.NAME", "that the dialplan sets"),
    ] {
        let messages = messages(webhook(&format!("variables.response_status = \"{name}\"")));
        assert!(messages.contains(what), "{name}: {messages}");
    }
    // One character more than fits beside the suffix `_b64`.
    let long = "x".repeat(120);
    let messages = messages(webhook(&format!("variables.line = \"flow.{long}\"")));
    assert!(messages.contains("at most 124"), "{messages}");
}

#[test]
fn a_mapped_name_is_held_to_the_same_alphabet() {
    for name in ["\"a b\"", "\"\"", "\"x${y}\"", "\"a\\nb\"", "\"a:b\""] {
        let messages = messages(webhook(&format!("response.map = {{ {name} = \"$.x\" }}")));
        assert!(
            messages.contains("webhooks.lookup.response.map."),
            "{name}: {messages}"
        );
        assert_eq!(messages.lines().count(), 1, "{messages}");
    }
}

#[test]
fn no_two_variables_have_one_name_whatever_the_case() {
    for keys in [
        "response.map = { response_status = \"$.x\" }",
        "response.map = { Response_Raw = \"$.x\" }",
        "response.map = { queue = \"$.x\", Queue = \"$.y\" }",
        "variables.error_reason = \"flow.key.error_detail\"",
        "variables.line = \"flow.key.queue\"\nresponse.map = { queue = \"$.x\" }",
    ] {
        let messages = messages(webhook(keys));
        assert!(
            messages.contains("is also the variable of"),
            "{keys}: {messages}"
        );
        assert!(messages.contains("choose another name"), "{messages}");
    }
}

#[test]
fn no_variable_is_the_exact_bytes_of_another() {
    for keys in [
        "response.map = { queue = \"$.x\", queue_b64 = \"$.y\" }",
        "response.map = { queue_b64 = \"$.x\", queue = \"$.y\" }",
        "response.map = { response_raw_B64 = \"$.x\" }",
    ] {
        let messages = messages(webhook(keys));
        assert!(
            messages.contains("the exact bytes of"),
            "{keys}: {messages}"
        );
        assert_eq!(messages.lines().count(), 1, "{messages}");
    }
    // Without a `photo` it is a name like any other.
    lookup("response.map = { photo_b64 = \"$.photo\" }");
}

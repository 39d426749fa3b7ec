//! The names of the variables that a widget writes.

use super::{lookup, said, webhook};

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
        ("api_hangup_hook", "is outside flow."),
        ("key.status", "is outside flow."),
        ("flow.a b", "is not a name for a variable"),
        ("flow.${x}", "is not a name for a variable"),
        ("flow.é", "is not a name for a variable"),
        ("flow.key.", "ends in a dot"),
        ("flow.way_out", "that the dialplan sets"),
        ("flow.NAME", "that the dialplan sets"),
    ] {
        let said = said(webhook(&format!("variables.response_status = \"{name}\"")));
        assert!(said.contains(what), "{name}: {said}");
    }
    // One more than what is left for it beside the `_b64` of its exact bytes.
    let long = "x".repeat(120);
    let said = said(webhook(&format!("variables.line = \"flow.{long}\"")));
    assert!(said.contains("at most 124"), "{said}");
}

#[test]
fn a_mapped_name_is_held_to_the_same_alphabet() {
    for name in ["\"a b\"", "\"\"", "\"x${y}\"", "\"a\\nb\"", "\"a:b\""] {
        let said = said(webhook(&format!("response.map = {{ {name} = \"$.x\" }}")));
        assert!(
            said.contains("webhooks.lookup.response.map."),
            "{name}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
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
        let said = said(webhook(keys));
        assert!(said.contains("is also the variable of"), "{keys}: {said}");
        assert!(said.contains("choose another name"), "{said}");
    }
}

#[test]
fn no_variable_is_the_exact_bytes_of_another() {
    for keys in [
        "response.map = { queue = \"$.x\", queue_b64 = \"$.y\" }",
        "response.map = { queue_b64 = \"$.x\", queue = \"$.y\" }",
        "response.map = { response_raw_B64 = \"$.x\" }",
    ] {
        let said = said(webhook(keys));
        assert!(said.contains("the exact bytes of"), "{keys}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // With nothing else of that name it is a name like any other.
    lookup("response.map = { photo_b64 = \"$.photo\" }");
}

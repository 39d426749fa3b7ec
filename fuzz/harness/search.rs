//! The search of the page: no text becomes markup, and a call is found by every part of what is
//! known of it.

use std::cell::RefCell;

use switchhook_store::{CallSummary, FinishedCallRecord};
use test_support::routes::{Routes, assert_only_own_markup};

/// A call that the store knows.
struct Call {
    uuid: &'static str,
    caller: &'static str,
    key: &'static str,
}

const CALLS: [Call; 3] = [
    Call {
        uuid: "7719334c-156d-4838-8a93-1818536027f8",
        caller: "+46 70-137 013",
        key: "HFC=1 100%_\\\\ \"${uuid}\" <b>it's</b>",
    },
    Call {
        uuid: "9d34878d-01a0-45ba-b5d6-6b097ae17611",
        caller: "\"Müller\" <07013701>",
        key: "मोहन\tline\nbreak \u{202e}&amp;",
    },
    Call {
        uuid: "x/../y?z#%41",
        caller: "javascript:x",
        key: "//host.example",
    },
];

thread_local! {
    static ROUTES: RefCell<Routes> = RefCell::new(with_calls());
}

fn with_calls() -> Routes {
    let routes = Routes::new(None);
    for call in &CALLS {
        let history = format!(
            r#"{{"keys":[["note",{}]],"runs":[{{"uuid":{},"webhook":"lookup","caller":{},"ending":"line_1"}}]}}"#,
            quoted(call.key),
            quoted(call.uuid),
            quoted(call.caller)
        );
        let record = FinishedCallRecord {
            switch: "pbx-1".into(),
            call_uuid: call.uuid.into(),
            created_us: 1_000_000,
            legs: Vec::new(),
            channels: Vec::new(),
            documents: Vec::new(),
            summary: Some(CallSummary {
                account: "acme".into(),
                flow: "inbound".into(),
                caller: call.caller.into(),
                ..CallSummary::default()
            }),
            history,
            asked: switchhook_store::asked_line("lookup", "", "line_1"),
            unpublished: None,
            events: Vec::new(),
        };
        let stored = routes.block_on(routes.store.finish_call(record));
        stored.expect("a stored call");
    }
    routes
}

/// Returns JSON's form of a text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A first byte that is `q`: what is typed into the search. Otherwise: the path and the query.
pub fn run(data: &[u8]) {
    ROUTES.with_borrow_mut(|routes| match data.split_first() {
        Some((b'q', typed)) => typed_in(routes, &String::from_utf8_lossy(typed)),
        Some((_, query)) => address(routes, query),
        None => {}
    });
}

fn typed_in(routes: &mut Routes, typed: &str) {
    let encoded: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let address = format!("/calls?q={encoded}");
    let (status, page) = routes.get(address.as_bytes()).expect("an address");
    assert_eq!(status, 200);
    assert_only_own_markup(&page);
    let typed = typed.trim();
    if typed.is_empty() || typed.chars().count() > 200 {
        return; // Every call, or those that match the beginning.
    }
    for call in &CALLS {
        let is_known = [call.uuid, call.caller, call.key].iter().any(|known| {
            let known = known.to_ascii_lowercase();
            known.contains(&typed.to_ascii_lowercase())
        });
        let is_shown = page.contains(&link_to(call));
        assert!(
            is_shown || !is_known,
            "{typed:?} does not find {}",
            call.uuid
        );
    }
}

/// The link to a call, as the page writes it.
fn link_to(call: &Call) -> String {
    let encoded: String = call
        .uuid
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("href=\"/calls/{encoded}\"")
}

fn address(routes: &mut Routes, query: &[u8]) {
    let Some((status, page)) = routes.get(&[b"/calls", query].concat()) else {
        return;
    };
    assert!([200, 400, 404].contains(&status.as_u16()), "{status}");
    if page.starts_with("<!DOCTYPE") {
        assert_only_own_markup(&page);
    }
}

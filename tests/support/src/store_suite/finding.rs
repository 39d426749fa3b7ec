//! Finding calls by what their rows say.

use super::*;

/// Returns the call with this number: every third one failed, and two begin at one time.
fn call(number: i64) -> FinishedCallRecord {
    let failed = number % 3 == 0;
    let started_ms = 1_000 * (number / 2);
    let row = CallSummary {
        account: if number < 5 { "" } else { "acme" }.into(),
        called: format!("70{number}"),
        ended_ms: started_ms + 1_000 * number,
        hangup_cause: if number == 7 {
            "USER_BUSY"
        } else {
            "NORMAL_CLEARING"
        }
        .into(),
        ..summary(if failed { "inbound" } else { "outbound" }, started_ms)
    };
    let asked = if failed {
        asked_line("crm", "SUCCESS", "line_0") + &asked_line("look_up", "TIMEOUT", "line_1")
    } else {
        asked_line("look_up", "SUCCESS", "line_0")
    };
    FinishedCallRecord {
        switch: format!("pbx-{}", number % 2),
        summary: Some(row),
        history: format!("{{\"note\":\"number {number}\"}}"),
        asked,
        ..finished(&format!("call-{number}"), &[], &[])
    }
}

async fn ten_calls(factory: &impl Factory) -> Store {
    let store = serve(factory).await;
    for number in 0..10 {
        store.finish_call(call(number)).await.expect("finished");
    }
    store
}

fn names(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    let numbers = numbers.into_iter();
    numbers.map(|number| format!("call-{number}")).collect()
}

type Change = fn(&mut CallSearch);

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub async fn calls_are_found_by_what_their_rows_say(factory: &impl Factory) {
    let store = ten_calls(factory).await;
    let cases: [(Change, &[i64]); 15] = [
        (|search| search.columns.webhook = text("crm"), &[9, 6, 3, 0]),
        // A wildcard of LIKE is a letter.
        (|search| search.columns.webhook = text("lookXup"), &[]),
        (|search| search.columns.reason = text("TIME%"), &[]),
        (
            |search| search.columns.reason = text("TIMEOUT"),
            &[9, 6, 3, 0],
        ),
        (|search| search.line_1 = true, &[9, 6, 3, 0]),
        (
            |search| search.columns.flow = text("inbound"),
            &[9, 6, 3, 0],
        ),
        (|search| search.columns.account = text(""), &[4, 3, 2, 1, 0]),
        (
            |search| search.columns.switch = text("pbx-1"),
            &[9, 7, 5, 3, 1],
        ),
        (|search| search.columns.called = text("704"), &[4]),
        (|search| search.columns.cause = text("busy"), &[7]),
        (|search| search.columns.from_ms = Some(4_000), &[9, 8]),
        (|search| search.columns.until_ms = Some(1_000), &[1, 0]),
        (|search| search.columns.at_least_ms = Some(8_000), &[9, 8]),
        (|search| search.columns.at_most_ms = Some(1_000), &[1, 0]),
        (
            |search| {
                search.columns.flow = text("inbound");
                search.text = text("Number 6");
            },
            &[6],
        ),
    ];
    for (change, expected) in cases {
        let mut search = CallSearch {
            limit: 100,
            ..CallSearch::default()
        };
        change(&mut search);
        let found = store.calls(&search).await.expect("found");
        let found: Vec<String> = found.into_iter().map(|call| call.call_uuid).collect();
        assert_eq!(found, names(expected.iter().copied()), "{search:?}");
    }
}

pub async fn pages_of_found_calls_have_each_call_once(factory: &impl Factory) {
    let store = ten_calls(factory).await;
    let mut page = CallSearch {
        limit: 3,
        ..CallSearch::default()
    };
    page.columns.from_ms = Some(0);
    let mut all = Vec::new();
    loop {
        let found = store.calls(&page).await.expect("found");
        page.before = found.last().map(|call| call.id);
        let is_last = found.len() < 3;
        all.extend(found.into_iter().map(|call| call.call_uuid));
        if is_last {
            break;
        }
    }
    assert_eq!(
        all,
        names((0..10).rev()),
        "also those that began at one time"
    );
}

//! The form that sends documents again: as many as its dry run says, none without the token, and
//! the command that it shows has the words of the form.

use std::cell::RefCell;
use std::time::Duration;

use switchhook_store::{
    AttemptResult, ClaimRequest, DeliveryOutcome, DocumentFilter, DocumentState,
    FinishedCallRecord, NewDocument,
};
use test_support::routes::{Routes, TOKEN, assert_only_own_markup};

const FORM: &str = "application/x-www-form-urlencoded";
/// Each has a document that was delivered and one that was given up.
const WEBHOOKS: [&str; 2] = ["crm", "O'Hara & <b>"];
const DOCUMENTS: usize = 2 * WEBHOOKS.len();

struct Outbox {
    routes: Routes,
    /// The ids of the documents, sorted.
    ids: Vec<String>,
}

thread_local! {
    static OUTBOX: RefCell<Outbox> = RefCell::new(Outbox::new());
}

/// A first byte: from bit 0 whether the token is sent, from bit 1 what type the body is said to be.
/// The form, in which `ID0` to `ID3` stand for the documents' ids.
pub fn run(data: &[u8]) {
    let Some((&first, form)) = data.split_first() else {
        return;
    };
    OUTBOX.with_borrow_mut(|outbox| {
        let mut form = String::from_utf8_lossy(form).into_owned();
        for (number, id) in outbox.ids.iter().enumerate() {
            form = form.replace(&format!("ID{number}"), id);
        }
        outbox.sent(first & 1 == 1, first & 2 == 0, &form);
    });
}

impl Outbox {
    fn new() -> Self {
        let routes = Routes::new(None);
        for outcome in [DeliveryOutcome::Delivered, DeliveryOutcome::Dead] {
            let uuid = format!("{outcome:?}");
            let documents =
                WEBHOOKS.map(|webhook| NewDocument::document(webhook, "inbound", &uuid, "{}"));
            let record = FinishedCallRecord {
                switch: "pbx-1".into(),
                call_uuid: uuid,
                created_us: 1_000_000,
                legs: Vec::new(),
                channels: Vec::new(),
                documents: documents.into(),
                summary: None,
                history: String::new(),
                asked: String::new(),
                unpublished: None,
                events: Vec::new(),
            };
            let stored = routes.block_on(routes.store.finish_call(record));
            stored.expect("a stored call");
        }
        let mut new = Self {
            routes,
            ids: Vec::new(),
        };
        new.settle();
        new.ids = new.states().into_iter().map(|(id, _)| id).collect();
        assert_eq!(new.ids.len(), DOCUMENTS);
        new
    }

    /// Lets every attempt that is due end as it did the first time.
    fn settle(&self) {
        let store = &self.routes.store;
        self.routes.block_on(async {
            let wanted = WEBHOOKS.map(|endpoint| ClaimRequest {
                endpoint: endpoint.into(),
                limit: 8,
            });
            let claimed = store.claim(wanted.into(), Duration::from_secs(90)).await;
            for document in claimed.expect("claimed documents") {
                let outcome = if document.call_uuid == "Dead" {
                    DeliveryOutcome::Dead
                } else {
                    DeliveryOutcome::Delivered
                };
                let settled = store.settle(document.lease, outcome, AttemptResult::default());
                settled.await.expect("a settled document");
            }
        });
    }

    /// Returns id and state of each document, sorted.
    fn states(&self) -> Vec<(String, DocumentState)> {
        let all = DocumentFilter::default();
        let rows = self.routes.block_on(self.routes.store.documents(&all, 100));
        let rows = rows.expect("documents").into_iter();
        let mut states: Vec<_> = rows.map(|row| (row.webhook_id, row.state)).collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        states
    }

    fn sent(&mut self, with_token: bool, is_form: bool, form: &str) {
        let dry_run = self.dry_run(form);
        let before = self.states();
        let token = format!("Bearer {TOKEN}");
        let authorization = if with_token { token.as_str() } else { "" };
        let content_type = if is_form { FORM } else { "text/plain" };
        let answer = self.routes.post(
            b"/outbox/replay",
            authorization.as_bytes(),
            (content_type, form.as_bytes()),
        );
        let (status, said) = answer.expect("a response");
        let after = self.states();
        assert_eq!(after.len(), DOCUMENTS);
        let changed = before.iter().zip(&after).filter(|(was, is)| was != is);
        let changed = u64::try_from(changed.count()).expect("a count");
        if status == 200 {
            assert!(with_token && is_form);
            let count = said.split(' ').next().and_then(|count| count.parse().ok());
            assert_eq!(count, Some(changed), "{said:?}");
            assert!(dry_run.is_none_or(|dry_run| dry_run == changed), "{form:?}");
        } else {
            assert!(status.is_client_error(), "{status} {said:?}");
            assert_eq!(changed, 0, "{status}, and documents are sent again");
        }
        if changed > 0 {
            self.settle();
            assert_eq!(self.states(), before, "not as before");
        }
    }

    /// Returns how many documents the dry run says, if the form can be a query: a `#` would end it.
    fn dry_run(&mut self, form: &str) -> Option<u64> {
        if form.contains('#') {
            return None;
        }
        let before = self.states();
        let address = format!("/outbox/replay?{form}");
        let (status, page) = self.routes.get(address.as_bytes())?;
        assert_eq!(self.states(), before, "a dry run changes something");
        if status != 200 {
            assert!(status.is_client_error(), "{status}");
            return None;
        }
        assert_only_own_markup(&page);
        if page.contains("No document matches.") {
            return Some(0);
        }
        words_are_those_of(&page, form);
        let (_, count) = page.split_once("<p><b>").expect("a number");
        let (count, _) = count.split_once(" document").expect("a number");
        Some(count.parse().expect("a number"))
    }
}

/// Asserts that a shell reads the command of the page as `switchhook outbox retry` and values of the form.
fn words_are_those_of(page: &str, form: &str) {
    let (_, command) = page.split_once("<code>").expect("a command");
    let (command, _) = command.split_once("</code>").expect("a command");
    let command = command
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let words = words(&command);
    assert_eq!(words[..3], ["switchhook", "outbox", "retry"]);
    let values: Vec<String> = url::form_urlencoded::parse(form.as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect();
    for word in &words[3..] {
        let is_ours = ["--webhook", "--state"].contains(&word.as_str());
        assert!(is_ours || values.contains(word), "{word:?} of {command:?}");
    }
}

/// Splits a command as bash does. Panics at what has a meaning of its own.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        let word = words.last_mut().expect("a word");
        match c {
            ' ' => words.push(String::new()),
            '\'' => word.extend(rest.by_ref().take_while(|c| *c != '\'')),
            '\\' => word.extend(rest.next()),
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                while let Some(c) = rest.next().filter(|c| *c != '\'') {
                    word.push(if c == '\\' { escaped(&mut rest) } else { c });
                }
            }
            c => {
                let is_plain = c.is_ascii_alphanumeric() || "._-=+:/@%,".contains(c);
                assert!(is_plain, "{c:?} is not quoted in {command:?}");
                word.push(c);
            }
        }
    }
    words
}

/// Reads what follows the backslash in `$'…'`.
fn escaped(rest: &mut impl Iterator<Item = char>) -> char {
    match rest.next() {
        Some('u') => {
            let hex: String = rest.take(4).collect();
            let code = u32::from_str_radix(&hex, 16).expect("four digits");
            char::from_u32(code).expect("a character")
        }
        Some(c @ ('\\' | '\'')) => c,
        other => panic!("{other:?} after a backslash"),
    }
}

//! A caller's number, however it is written, and the rows that are about it.

use serde::Deserialize;

use super::model::DocumentState;

/// The fewest digits of a number that is searched for inside texts: `1000` may be anything.
const FEWEST_DIGITS: usize = 5;

/// A caller's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    written: String,
    /// The digits without `+` or `00` in front; empty for a name.
    digits: String,
}

impl Caller {
    /// Returns the caller with this number (`+4930123`, `004930123` and `4930123` are the same),
    /// or with this name of a SIP address; `None` for an empty text.
    #[must_use]
    pub fn new(written: &str) -> Option<Self> {
        let written = written.trim();
        let caller = Self {
            written: written.to_owned(),
            digits: digits_of(written).unwrap_or_default(),
        };
        (!written.is_empty()).then_some(caller)
    }

    /// Returns the text that everything about this caller contains.
    pub(super) fn clue(&self) -> &str {
        if self.digits.is_empty() {
            &self.written
        } else {
            &self.digits
        }
    }

    /// Returns whether a call's number is this caller's.
    #[must_use]
    pub fn is(&self, number: &str) -> bool {
        let digits = || digits_of(number).is_some_and(|digits| digits == self.digits);
        number == self.written || !self.digits.is_empty() && digits()
    }

    /// Returns whether a text contains the number, with or without `+` or `00` in front. Of fewer
    /// than five digits it may be anything, and is not searched for.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        let digits = self.digits.as_bytes();
        digits.len() >= FEWEST_DIGITS
            && memchr::memmem::find_iter(text, digits)
                .any(|at| stands_alone(text, at, at + digits.len()))
    }
}

/// Returns the digits of a number without `+` or `00` in front; `None` for other texts.
fn digits_of(written: &str) -> Option<String> {
    let may_be_in_number =
        |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '/');
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let international = written.starts_with("00").then(|| digits.strip_prefix("00"));
    let digits = international.flatten().unwrap_or(&digits);
    (written.chars().all(may_be_in_number) && !digits.is_empty()).then(|| digits.to_owned())
}

/// Returns whether the digits at `from..to` are neither part of a longer number nor of a word.
fn stands_alone(text: &[u8], from: usize, to: usize) -> bool {
    let before = &text[..from];
    let before = before.strip_suffix(b"00").unwrap_or(before);
    let part = |byte: &u8| byte.is_ascii_alphanumeric();
    // A URL has "+" as %2B.
    let begins = !before.last().is_some_and(part)
        || [&b"%2B"[..], b"%2b"]
            .iter()
            .any(|plus| before.ends_with(plus));
    begins && !text.get(to).is_some_and(part)
}

/// The rows that are about one caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerRecords {
    /// Finished calls.
    pub calls: Vec<CallerCall>,
    /// Ids of persisted responses.
    pub(super) responses: Vec<i64>,
    /// Ids and states of documents and background requests.
    pub(super) documents: Vec<(i64, DocumentState)>,
    /// Ids of calls whose documents wait for recordings.
    pub(super) unpublished: Vec<i64>,
    /// Unique-IDs of the calls of all these rows. Files outside of the store, such as recordings,
    /// have these names.
    pub call_uuids: Vec<String>,
    /// Number of legs of calls in progress, which stay.
    pub legs: usize,
}

/// A finished call of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerCall {
    pub(super) id: i64,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// When the call began.
    pub started_ms: i64,
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
}

impl CallerRecords {
    /// Returns the number of persisted responses.
    #[must_use]
    pub fn responses(&self) -> usize {
        self.responses.len()
    }

    /// Returns the number of calls whose documents wait for recordings.
    #[must_use]
    pub fn unpublished(&self) -> usize {
        self.unpublished.len()
    }

    /// Returns the number of documents and background requests in this state.
    #[must_use]
    pub fn documents(&self, state: DocumentState) -> usize {
        let documents = self.documents.iter();
        documents.filter(|(_, of)| *of == state).count()
    }

    /// Returns whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let rest = self.responses.is_empty() && self.unpublished.is_empty();
        self.calls.is_empty() && self.documents.is_empty() && rest
    }
}

/// Where copies of removed rows may be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubResult {
    /// Nowhere: the file was written anew.
    All,
    /// In free pages from before: a running `serve` has the file. The removed rows themselves are
    /// overwritten.
    BesideServe,
    /// On the server, until its next VACUUM.
    LeftToVacuum,
}

/// A row that contains the caller's digits, or belongs to one of the caller's calls.
pub(super) struct CandidateRow {
    pub(super) id: i64,
    /// A document's state, as the word in the store.
    pub(super) state: Option<String>,
    /// The channel that the row belongs to.
    pub(super) channel: String,
    /// What may contain the number.
    pub(super) text: Vec<u8>,
}

impl CandidateRow {
    /// Of a document.
    pub(super) fn state(&self) -> Option<DocumentState> {
        self.state.as_deref().and_then(|state| state.parse().ok())
    }
}

/// A call that contains the caller's digits.
pub(super) struct CandidateCall {
    pub(super) call: CallerCall,
    pub(super) history: String,
}

/// The numbers and channels of a history.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parties {
    legs: Vec<Party>,
    runs: Vec<Party>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Party {
    uuid: String,
    number: String,
    caller: String,
    called: String,
}

impl CandidateCall {
    /// Returns the Unique-IDs of the caller's call; `None` when the call is somebody else's.
    pub(super) fn uuids_of(&self, caller: &Caller) -> Option<Vec<String>> {
        let parties: Parties = serde_json::from_str(&self.history).unwrap_or_default();
        let parties: Vec<Party> = parties.legs.into_iter().chain(parties.runs).collect();
        let numbers = parties
            .iter()
            .flat_map(|party| [&party.number, &party.caller, &party.called])
            .chain([&self.call.caller, &self.call.called]);
        let is_theirs = numbers.into_iter().any(|number| caller.is(number))
            || caller.is_in(self.history.as_bytes());
        let uuids = parties.iter().map(|party| party.uuid.clone());
        is_theirs.then(|| uuids.chain([self.call.call_uuid.clone()]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let caller = Caller::new(" +49 30-123 ").unwrap();
        for same in ["+4930123", "004930123", "4930123", "(+49) 30/123"] {
            assert!(caller.is(same), "{same}");
        }
        for other in ["030123", "49301234", "", "sip:4930123@pbx", "alice"] {
            assert!(!caller.is(other), "{other}");
        }
        let alice = Caller::new("alice").unwrap();
        assert!(alice.is("alice") && !alice.is("malice") && !alice.is_in(b"alice"));
        assert_eq!(Caller::new("  "), None);
    }

    #[test]
    fn a_number_is_found_in_texts_where_it_stands_alone() {
        let caller = Caller::new("+4930123").unwrap();
        for text in [
            "https://crm.example/callers/%2B4930123?x=1",
            "{\"from\":\"+4930123\"}",
            "sip:004930123@pbx",
            "4930123",
        ] {
            assert!(caller.is_in(text.as_bytes()), "{text}");
        }
        for text in ["149301234", "a4930123", "49301234", "msg_04930123", "30123"] {
            assert!(!caller.is_in(text.as_bytes()), "{text}");
        }
        let short = Caller::new("1000").unwrap();
        assert!(!short.is_in(b"\"duration\":\"1000\""), "it may be anything");
    }
}

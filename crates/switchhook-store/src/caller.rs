//! What the store holds of one caller, and who that is: a number, however it is written.

use serde::Deserialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::model::State;

/// Digits that a number must have to be looked for inside texts: `1000` may be anything.
const LEAST_DIGITS: usize = 5;

/// A caller's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    written: String,
    /// Without `+` or `00` in front; empty for a name.
    digits: String,
}

impl Caller {
    /// The caller with this number (`+4930123`, `004930123` and `4930123` are one), or with
    /// this name of a SIP address. `None` of nothing.
    #[must_use]
    pub fn new(written: &str) -> Option<Self> {
        let written = written.trim();
        let caller = Self {
            written: written.to_owned(),
            digits: number(written).unwrap_or_default(),
        };
        (!written.is_empty()).then_some(caller)
    }

    /// What every text has in it that is about this caller.
    pub(super) fn clue(&self) -> &str {
        match self.digits.is_empty() {
            true => &self.written,
            false => &self.digits,
        }
    }

    /// Whether a number of a call is this one.
    pub(super) fn is(&self, of_call: &str) -> bool {
        let digits = || number(of_call).is_some_and(|digits| digits == self.digits);
        of_call == self.written || !self.digits.is_empty() && digits()
    }

    /// Whether the number stands in a text, with or without `+` or `00` in front.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let digits = self.digits.as_bytes();
        digits.len() >= LEAST_DIGITS
            && memchr::memmem::find_iter(text, digits)
                .any(|at| stands_alone(text, at, at + digits.len()))
    }
}

/// The digits of a number, without `+` or `00` in front; `None` for what is no number.
fn number(written: &str) -> Option<String> {
    let known =
        |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '/');
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let international = written.starts_with("00").then(|| digits.strip_prefix("00"));
    let digits = international.flatten().unwrap_or(&digits);
    (written.chars().all(known) && !digits.is_empty()).then(|| digits.to_owned())
}

/// Whether no longer number, and no word, has these digits in it.
fn stands_alone(text: &[u8], from: usize, to: usize) -> bool {
    let before = &text[..from];
    let before = before.strip_suffix(b"00").unwrap_or(before);
    let part = |byte: &u8| byte.is_ascii_alphanumeric();
    // A "+" of a URL is %2B.
    let begins = !before.last().is_some_and(part)
        || [&b"%2B"[..], b"%2b"]
            .iter()
            .any(|plus| before.ends_with(plus));
    begins && !text.get(to).is_some_and(part)
}

/// What a store has of a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Calls that are over, with their stories.
    pub calls: Vec<FoundCall>,
    /// Rows of what widgets kept of their answers.
    pub(super) answers: Vec<i64>,
    /// Rows of documents and requests.
    pub(super) documents: Vec<(i64, State)>,
    /// Rows of calls whose documents wait for recordings.
    pub(super) unpublished: Vec<i64>,
    /// Unique-IDs of all calls that anything of this is of: what else there is of them, outside
    /// of the store, has these names.
    pub call_uuids: Vec<String>,
    /// Legs of calls that are not over: they are left alone.
    pub legs: usize,
}

/// A call of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCall {
    pub(super) id: i64,
    /// Unique-ID of its first leg.
    pub call_uuid: String,
    /// When it began, ms since 1970.
    pub started_ms: i64,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub called: String,
}

impl<'r, R> FromRow<'r, R> for FoundCall
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            call_uuid: row.try_get("call_uuid")?,
            started_ms: row.try_get("started_ms")?,
            caller: row.try_get("caller")?,
            called: row.try_get("called")?,
        })
    }
}

impl Found {
    /// Kept answers of webhooks.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// Calls whose documents wait for their recordings.
    #[must_use]
    pub fn unpublished(&self) -> usize {
        self.unpublished.len()
    }

    /// Documents and requests in this state.
    #[must_use]
    pub fn documents(&self, state: State) -> usize {
        let all = self.documents.iter();
        all.filter(|(_, one)| *one == state).count()
    }

    /// There is nothing that could be removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let rest = self.answers.is_empty() && self.unpublished.is_empty();
        self.calls.is_empty() && self.documents.is_empty() && rest
    }
}

/// What is left of a number where nothing points at it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// Nothing: the file was written anew.
    All,
    /// What was removed is overwritten; copies from before, in pages that are free, are not:
    /// a `serve` has the file.
    BesideServe,
    /// The server frees the rows at its next VACUUM.
    LeftToVacuum,
}

/// A row that has the clue in it, or belongs to a call that is about the caller.
pub(super) struct CandidateRow {
    pub(super) id: i64,
    /// Of a document, as the store writes it.
    state: Option<String>,
    /// The channel that it belongs to.
    pub(super) channel: String,
    /// What may hold the number.
    pub(super) text: Vec<u8>,
}

impl<'r, R> FromRow<'r, R> for CandidateRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            state: row.try_get("state")?,
            channel: row.try_get("channel")?,
            text: row.try_get("text")?,
        })
    }
}

impl CandidateRow {
    /// Of a document.
    pub(super) fn state(&self) -> Option<State> {
        self.state.as_deref().and_then(|state| state.parse().ok())
    }
}

/// A call that has the clue in it.
pub(super) struct CandidateCall {
    pub(super) call: FoundCall,
    pub(super) story: String,
}

impl<'r, R> FromRow<'r, R> for CandidateCall
where
    R: Row,
    &'static str: ColumnIndex<R>,
    FoundCall: FromRow<'r, R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            call: FoundCall::from_row(row)?,
            story: row.try_get("story")?,
        })
    }
}

/// Of a story, what says who and which channels.
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
    /// The Unique-IDs of a call that is about the caller; `None` when it is not.
    pub(super) fn convicted(&self, caller: &Caller) -> Option<Vec<String>> {
        let parties: Parties = serde_json::from_str(&self.story).unwrap_or_default();
        let parties: Vec<Party> = parties.legs.into_iter().chain(parties.runs).collect();
        let numbers = parties
            .iter()
            .flat_map(|party| [&party.number, &party.caller, &party.called])
            .chain([&self.call.caller, &self.call.called]);
        let is_theirs = numbers.into_iter().any(|number| caller.is(number))
            || caller.is_in(self.story.as_bytes());
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

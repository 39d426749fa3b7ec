//! `switchhook events`: the events of living calls as they are in the store, beside services that
//! may be running.
//!
//! The store is read by a position that grows with each event. Several services on one PostgreSQL
//! database may commit out of order, so the positions of the last seconds are read again.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use switchhook_store::{Caller, EventFilter, LONGEST_WRITE, Store, StoreError, StoredEvent};

/// The time between two looks for new events.
pub const POLL_EVERY: Duration = Duration::from_millis(250);

/// Events that are read at a time.
const PAGE: u32 = 500;

/// Positions before the newest one that are looked at in the beginning, for events that were being
/// stored.
const OVERLAP: i64 = 1_000;

/// Which events are shown; every condition must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventChoice {
    /// A flow.
    pub flow: Option<String>,
    /// An account, as the event's body names it.
    pub account: Option<String>,
    /// A number that the event's body or URL has.
    pub number: Option<Caller>,
    /// Events that were stored at or after this time.
    pub from_ms: Option<i64>,
}

impl EventChoice {
    /// Returns whether an event is shown.
    fn has(&self, event: &StoredEvent) -> bool {
        let flow = self.flow.as_ref().is_none_or(|flow| *flow == event.flow);
        let since = self.from_ms.is_none_or(|from| event.inserted_ms >= from);
        flow && since && self.names(event)
    }

    /// Returns whether what is sent of the event has the account and the number.
    fn names(&self, event: &StoredEvent) -> bool {
        if self.account.is_none() && self.number.is_none() {
            return true;
        }
        let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
        // Of a CloudEvent, the event is `data`.
        let of = [body.get("account"), body.pointer("/data/account")];
        let account = |name: &String| of.into_iter().flatten().any(|of| of == name);
        let number = |number: &Caller| {
            let url = event.url.as_deref().unwrap_or_default();
            has_number(&body, number) || number.is_in(&event.body) || number.is_in(url.as_bytes())
        };
        self.account.as_ref().is_none_or(account) && self.number.as_ref().is_none_or(number)
    }
}

/// Returns whether a field of a leg with a number (`calleeNumber`) has this one.
fn has_number(body: &Value, number: &Caller) -> bool {
    match body {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_it = |text: &str| name.ends_with("Number") && number.is(text);
            value.as_str().is_some_and(is_it) || has_number(value, number)
        }),
        Value::Array(items) => items.iter().any(|item| has_number(item, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns the newest `limit` events, the oldest of them first.
///
/// # Errors
/// Fails if the store cannot be read.
pub async fn newest(
    store: &Store,
    choice: &EventChoice,
    limit: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut filter = EventFilter {
        flow: choice.flow.clone(),
        from_ms: choice.from_ms,
        before: None,
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let page = store.newest_events(&filter, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        filter.before = page.last().map(|event| event.position);
        found.extend(page.into_iter().filter(|event| choice.has(event)));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}

/// Reads events as they are stored, each once.
pub struct EventFeed {
    store: Store,
    choice: EventChoice,
    /// Everything up to here was read.
    after: i64,
    /// What was read behind it.
    known: BTreeSet<i64>,
    /// The last position at some earlier times.
    reached: VecDeque<(Instant, i64)>,
}

impl EventFeed {
    /// Begins with what is stored from now on; with [`EventChoice::from_ms`], with what was stored
    /// since then.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub async fn open(store: &Store, choice: EventChoice) -> Result<Self, StoreError> {
        let mut feed = Self {
            store: store.clone(),
            choice,
            after: 0,
            known: BTreeSet::new(),
            reached: VecDeque::new(),
        };
        if feed.choice.from_ms.is_none() {
            let last = store.last_position().await?;
            feed.after = last;
            if store.is_shared() {
                feed.after = (last - OVERLAP).max(0);
                while feed.page().await?.len() == PAGE as usize {}
            }
        }
        Ok(feed)
    }

    /// Returns events that were not returned before, in the order of each call, and whether there
    /// are more.
    ///
    /// # Errors
    /// Fails if the store cannot be read; the next call goes on there.
    pub async fn next(&mut self) -> Result<(Vec<StoredEvent>, bool), StoreError> {
        let mut page = self.page().await?;
        let is_full = page.len() == PAGE as usize;
        page.retain(|event| self.choice.has(event));
        Ok((page, is_full))
    }

    async fn page(&mut self) -> Result<Vec<StoredEvent>, StoreError> {
        let known: Vec<i64> = self.known.iter().copied().collect();
        let page = self.store.events_after(self.after, &known, PAGE).await?;
        self.known.extend(page.iter().map(|event| event.position));
        self.move_on();
        Ok(page)
    }

    /// Forgets the positions before which nothing can be stored any more.
    fn move_on(&mut self) {
        let last = self.known.last().copied().unwrap_or(self.after);
        if self.store.is_shared() {
            let now = Instant::now();
            self.reached.push_back((now, last));
            // Twice: what is given up may still be committed.
            let is_old = |(at, _): &(Instant, i64)| now.duration_since(*at) > LONGEST_WRITE * 2;
            while let Some((_, position)) = self.reached.front().copied().filter(is_old) {
                self.reached.pop_front();
                self.after = self.after.max(position);
            }
        } else {
            self.after = last;
        }
        self.known = self.known.split_off(&(self.after + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use switchhook_store::DocumentState;

    fn event(body: &Value, url: Option<&str>) -> StoredEvent {
        StoredEvent {
            position: 1,
            webhook_id: "msg_1".into(),
            endpoint: "crm/events".into(),
            switch: "fs1".into(),
            call_uuid: "a".into(),
            flow: "outbound".into(),
            sequence: 1,
            event: "answered".into(),
            state: DocumentState::Waiting,
            inserted_ms: 1_000,
            url: url.map(str::to_owned),
            body: body.to_string().into(),
        }
    }

    #[test]
    fn an_event_is_chosen_by_flow_account_number_and_time() {
        let body = json!({"account": "acme", "leg": {"calleeNumber": "1001", "duration": "7000"}});
        let cloud = json!({"specversion": "1.0", "data": body});
        let number = |text: &str| EventChoice {
            number: Caller::new(text),
            ..EventChoice::default()
        };
        let account = |name: &str| EventChoice {
            account: Some(name.into()),
            ..EventChoice::default()
        };
        let flow = |name: &str| EventChoice {
            flow: Some(name.into()),
            ..EventChoice::default()
        };
        let since = |ms| EventChoice {
            from_ms: Some(ms),
            ..EventChoice::default()
        };
        for body in [&body, &cloud] {
            let event = event(body, Some("https://crm.example/callers/%2B4930123"));
            let has = |choice: EventChoice| choice.has(&event);
            assert!(has(EventChoice::default()));
            assert!(has(flow("outbound")) && !has(flow("inbound")));
            assert!(has(account("acme")) && !has(account("other")));
            assert!(has(number("1001")) && !has(number("100")), "an extension");
            assert!(!has(number("7000")), "a duration is no number");
            assert!(has(number("004930123")), "in the URL");
            assert!(has(since(1_000)) && !has(since(1_001)));
        }
        let own = event(&json!(["+4930123456"]), None);
        assert!(number("4930123456").has(&own), "a body of its own");
    }
}

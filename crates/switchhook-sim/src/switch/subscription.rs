//! Decides which events a connection gets: `event`, `myevents`, `filter`, `nixevent`.

use std::collections::BTreeSet;

use super::event::{Event, Format};

/// The simulated events to which `myevents` subscribes (mod_event_socket.c).
const MINE: [&str; 12] = [
    "CHANNEL_ANSWER",
    "CHANNEL_CREATE",
    "CHANNEL_DATA",
    "CHANNEL_DESTROY",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_PARK",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_STATE",
    "CHANNEL_UNPARK",
];
/// Event names remembered for one connection; FreeSWITCH knows fewer than 100.
const NAMES: usize = 200;
/// Filters remembered for one connection.
const FILTERS: usize = 1000;

/// The events to which one connection has subscribed.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    names: BTreeSet<String>,
    all: bool,
    /// The channel whose events the connection gets alone, if `myevents` named one.
    mine: Option<String>,
    filters: Vec<(String, String)>,
    format: Format,
}

impl Subscription {
    /// Returns the format of the events.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Returns whether the connection has subscribed to any event.
    pub(super) fn is_on(&self) -> bool {
        self.all || !self.names.is_empty()
    }

    /// Runs `myevents` and returns the reply.
    pub(super) fn mine(&mut self, uuid: &str, rest: &str) -> &'static str {
        if self.mine.is_some() {
            return "-ERR aready enabled.";
        }
        self.mine = Some(uuid.to_owned());
        self.names.extend(MINE.map(str::to_owned));
        if let Some(format) = rest.split_whitespace().find_map(Format::parse) {
            self.format = format;
        }
        "+OK Events Enabled"
    }

    /// Runs `event FORMAT NAME…` and returns the reply.
    pub(super) fn add(&mut self, rest: &str) -> String {
        let mut count = 0;
        for (at, word) in rest.split_whitespace().enumerate() {
            if let Some(format) = Format::parse(word).filter(|_| at == 0) {
                self.format = format;
            } else if self.names.len() < NAMES {
                self.all |= word.eq_ignore_ascii_case("all");
                self.names.insert(word.to_ascii_uppercase());
                count += 1;
            }
        }
        if count == 0 {
            return "-ERR no keywords supplied".into();
        }
        format!("+OK event listener enabled {}", self.format.as_str())
    }

    /// Runs `nixevent NAME…` and returns the reply.
    pub(super) fn remove(&mut self, rest: &str) -> &'static str {
        for word in rest.split_whitespace() {
            self.names.remove(&word.to_ascii_uppercase());
            self.all &= !word.eq_ignore_ascii_case("all");
        }
        "+OK events nixed"
    }

    /// Runs `noevents` and returns the reply.
    pub(super) fn clear(&mut self) -> &'static str {
        if !self.is_on() {
            return "-ERR not listening for events";
        }
        self.names.clear();
        self.all = false;
        "+OK no longer listening for events"
    }

    /// Runs `filter NAME VALUE` or `filter delete …` and returns the reply.
    pub(super) fn filter(&mut self, rest: &str) -> String {
        let Some((name, value)) = rest.trim_start().split_once(' ') else {
            return "-ERR invalid syntax".into();
        };
        if name.eq_ignore_ascii_case("delete") {
            return self.unfilter(value);
        }
        let (name, value) = match name.eq_ignore_ascii_case("add") {
            true => value.split_once(' ').unwrap_or((value, "")),
            false => (name, value),
        };
        if self.filters.len() < FILTERS {
            self.filters.push((name.to_owned(), value.to_owned()));
        }
        format!("+OK filter added. [{name}]=[{value}]")
    }

    fn unfilter(&mut self, rest: &str) -> String {
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        self.filters.retain(|(known, wanted)| {
            let named = known.eq_ignore_ascii_case(name) && (value.is_empty() || wanted == value);
            !(named || name.eq_ignore_ascii_case("all"))
        });
        format!("+OK filter deleted. [{name}][{value}]")
    }

    /// Returns whether this connection gets `event`.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let named = self.all || self.names.contains(event.name);
        named && self.passes_filters(event) && self.is_mine(event)
    }

    fn is_mine(&self, event: &Event) -> bool {
        let Some(uuid) = &self.mine else {
            return true;
        };
        event.name == "BACKGROUND_JOB" || event.get("Unique-ID") == Some(uuid)
    }

    fn passes_filters(&self, event: &Event) -> bool {
        let matches = |(name, value): &(String, String)| {
            event
                .get(name)
                .is_some_and(|have| have.eq_ignore_ascii_case(value))
        };
        self.filters.is_empty() || self.filters.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &'static str, uuid: &str) -> Event {
        Event {
            name,
            headers: vec![("Unique-ID".into(), uuid.to_owned().into())],
            body: None,
        }
    }

    #[test]
    fn myevents_is_one_channels_events_and_nothing_else() {
        let mut subscription = Subscription::default();
        assert_eq!(subscription.mine("a", " json"), "+OK Events Enabled");
        assert_eq!(subscription.mine("a", ""), "-ERR aready enabled.");
        assert_eq!(subscription.format(), Format::Json);
        assert!(subscription.wants(&event("CHANNEL_HANGUP", "a")));
        assert!(!subscription.wants(&event("CHANNEL_HANGUP", "b")));
        assert!(!subscription.wants(&event("HEARTBEAT", "a")));
    }

    #[test]
    fn a_filter_lets_through_what_matches_any_of_them() {
        let mut subscription = Subscription::default();
        assert_eq!(
            subscription.add(" plain CHANNEL_HANGUP"),
            "+OK event listener enabled plain"
        );
        subscription.filter("Unique-ID a");
        subscription.filter("add Unique-ID b");
        assert!(subscription.wants(&event("CHANNEL_HANGUP", "b")));
        assert!(!subscription.wants(&event("CHANNEL_HANGUP", "c")));
        subscription.filter("delete all");
        assert!(subscription.wants(&event("CHANNEL_HANGUP", "c")));
    }
}

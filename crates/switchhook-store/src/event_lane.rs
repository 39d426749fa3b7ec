//! The queue of a webhook's events: an endpoint of its own, so that events delay no document.

/// What stands after a webhook's name in the name of its queue of events. No webhook's name has it.
const SUFFIX: &str = "/events";

/// Returns the endpoint of a webhook's events.
#[must_use]
pub fn event_lane(webhook: &str) -> String {
    [webhook, SUFFIX].concat()
}

/// Returns the webhook of an endpoint.
#[must_use]
pub fn webhook_of(endpoint: &str) -> &str {
    endpoint.strip_suffix(SUFFIX).unwrap_or(endpoint)
}

/// Returns whether an endpoint is a queue of events.
#[must_use]
pub fn is_event_lane(endpoint: &str) -> bool {
    endpoint.ends_with(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_events_is_told_from_that_of_documents() {
        let lane = event_lane("crm");
        assert_eq!((lane.as_str(), webhook_of(&lane)), ("crm/events", "crm"));
        assert_eq!(webhook_of("crm"), "crm");
        assert_eq!([is_event_lane("crm"), is_event_lane(&lane)], [false, true]);
    }
}

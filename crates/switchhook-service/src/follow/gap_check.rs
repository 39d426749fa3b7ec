//! Finds out what happened to legs while no events were read: Event Socket has no replay.

use std::collections::HashSet;

use tracing::warn;

use switchhook_core::clock::now_us;
use switchhook_core::headers::Headers as _;
use switchhook_core::metric_names;
use switchhook_core::ordered_map::OrderedMap;

use super::call_tracker::CallTracker;
use super::cdrs::ReaderCommand;
use super::channel_fields::ChannelFields;

impl CallTracker {
    /// Compares the ledger with the answer to `show channels as json` that was asked for at
    /// `asked_us` (µs since 1970).
    ///
    /// Returns two lists of Unique-IDs: legs without an event since then that the list lacks,
    /// and channels in the list of which nothing is known, or not what they did in a gap.
    pub(super) fn compare_with_list(
        &self,
        list: &str,
        asked_us: i64,
    ) -> (Vec<String>, Vec<String>) {
        let listed = uuids(list).unwrap_or_else(|| {
            let switch = self.switch_or("");
            warn!(switch, "the switch's list of channels cannot be read");
            HashSet::new()
        });
        let silent = self.ledger.silent(asked_us).map(str::to_owned);
        let (alive, unlisted): (Vec<_>, Vec<_>) = silent.partition(|uuid| listed.contains(uuid));
        let has_gap = |uuid: &String| self.ledger.leg(uuid).is_some_and(|leg| leg.gap);
        let with_gap = alive.into_iter().filter(has_gap);
        let unknown = listed.iter().filter(|uuid| !self.ledger.knows(uuid));
        let unclear = unknown.cloned().chain(with_gap).collect();
        (unlisted, unclear)
    }

    /// Applies the `uuid_dump` of a channel that began while no events were read.
    pub(super) async fn apply_dump(&mut self, dump: &str) {
        let Ok(source) = serde_json::from_str::<OrderedMap>(dump) else {
            let switch = self.switch_or("");
            return warn!(switch, "the switch's dump of a channel cannot be read");
        };
        self.update_unused_keys();
        let known = self
            .ledger
            .knows(&source.get("Unique-ID").unwrap_or_default());
        let switch = self.configured_name.as_deref();
        let fields = ChannelFields { source, switch };
        let effects = self.ledger.apply(&fields, now_us());
        if !known && !effects.is_empty() {
            self.count(metric_names::LEGS_REPAIRED, &[("by", "uuid_dump")], 1);
        }
        self.apply_effects(effects).await;
    }

    /// Ends the legs of these channels: the switch, asked at `asked_us`, no longer has them.
    pub(super) async fn lose_legs(&mut self, gone: &HashSet<String>, asked_us: i64) {
        let now = now_us();
        let legs = gone.iter().filter(|uuid| self.ledger.leg(uuid).is_some());
        let legs: Vec<String> = legs.cloned().collect();
        if !legs.is_empty() {
            self.cdrs.request(ReaderCommand::Find(legs), now);
        }
        let switch = self.switch_or("");
        let lives = |uuid: &str| !gone.contains(uuid);
        let effects = self.ledger.mark_lost(&switch, &lives, asked_us, now_us());
        if !effects.is_empty() {
            let legs = effects.len();
            warn!(switch, legs, "legs ended while the switch was not followed");
        }
        self.apply_effects(effects).await;
    }
}

/// Returns the UUIDs of `show channels as json`. Without any channel the object has no `rows`.
fn uuids(list: &str) -> Option<HashSet<String>> {
    let list: serde_json::Value = serde_json::from_str(list).ok()?;
    let rows = list.get("rows").and_then(serde_json::Value::as_array);
    let uuids = rows
        .into_iter()
        .flatten()
        .filter_map(|row| row.get("uuid")?.as_str());
    Some(uuids.map(str::to_owned).collect())
}

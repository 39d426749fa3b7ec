//! An application that a session runs: how long it plays, what it leaves, and its events.

use std::time::Duration;

use tokio::time::Instant;

use crate::switch::Switch;
use crate::switch::channel::{Channel, TOTAL_LOOPS};
use crate::switch::emit_events::{EXECUTE, EXECUTE_COMPLETE, Extra};
use crate::switch::text::atoi;

/// How long a file or a finite tone plays here. It is short, so that music which a peer does not
/// loop is noticed.
const FILE: Duration = Duration::from_secs(3);

/// An application that is being executed.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) application: String,
    pub(super) data: String,
    pub(super) uuid: String,
    pub(super) since: Instant,
    /// When the application ends by itself.
    pub(super) until: Option<Instant>,
    /// How often the application is still to be repeated; negative for ever.
    pub(super) loops: i64,
    /// Whether `event-lock: true` keeps the queue waiting until the application ends.
    pub(super) locked: bool,
}

/// Returns how long one round of an application plays; `None` for ever.
pub(super) fn plays_for(app: &Running) -> Option<Duration> {
    let endless = app.application == "endless_playback"
        || app.data.starts_with("local_stream://")
        || app.data.ends_with("loops=-1");
    if let Some(time) = app.data.strip_prefix("silence_stream://") {
        return u64::try_from(atoi(time)).ok().map(Duration::from_millis);
    }
    (!endless).then_some(FILE)
}

/// The variable with the digits that the caller presses, one word for each question; `-` for a
/// caller who presses nothing that fits.
const PRESSES: &str = "caller_presses";

/// Puts the caller's digits into the variable that `play_and_get_digits` names.
pub(super) fn collect_digits(channel: &mut Channel, data: &str) {
    let Some(name) = data.split(' ').nth(7) else {
        channel.violation(format!("play_and_get_digits without a variable: {data:?}"));
        return;
    };
    let presses = channel.variable(PRESSES).unwrap_or_default().to_owned();
    let (digits, later) = presses.split_once(' ').unwrap_or((&presses, ""));
    channel.set(PRESSES, later.to_owned());
    match digits {
        "" | "-" => channel.unset(name),
        pressed => channel.set(name, pressed.to_owned()),
    }
}

pub(super) fn set(channel: &mut Channel, pair: &str) {
    let (name, value) = pair
        .split_once('=')
        .or_else(|| pair.split_once(','))
        .unwrap_or((pair, ""));
    channel.write(name, value);
}

pub(in crate::switch) fn announce_start(
    switch: &Switch,
    channel: &mut Channel,
    name: &str,
    data: &str,
    uuid: &str,
) {
    channel.set("current_application", name.to_owned());
    channel.set("current_application_data", data.to_owned());
    channel.unset("current_application_response");
    switch.fire(channel, EXECUTE, &extras(name, data, None, uuid));
    channel.set("current_application", name.to_owned());
}

pub(super) fn end(switch: &Switch, channel: &mut Channel, app: &Running) {
    if app.application.ends_with("playback") {
        let played = u64::try_from(app.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        channel.set("playback_last_offset_pos", (played * 8).to_string());
        channel.set("playback_seconds", (played / 1000).to_string());
        channel.set("playback_ms", played.to_string());
        channel.set("playback_samples", (played * 8).to_string());
        channel.set("current_application_response", "FILE PLAYED");
    }
    announce_end(switch, channel, &app.application, &app.data, &app.uuid);
    channel.unset("current_loop");
    channel.unset(TOTAL_LOOPS);
}

pub(in crate::switch) fn announce_end(
    switch: &Switch,
    channel: &mut Channel,
    name: &str,
    data: &str,
    uuid: &str,
) {
    let response = channel
        .variable("current_application_response")
        .unwrap_or("_none_")
        .to_owned();
    switch.fire(
        channel,
        EXECUTE_COMPLETE,
        &extras(name, data, Some(response), uuid),
    );
}

fn extras(name: &str, data: &str, response: Option<String>, uuid: &str) -> Vec<Extra> {
    let mut extras = vec![("Application", name.to_owned())];
    if !data.is_empty() {
        extras.push(("Application-Data", data.to_owned()));
    }
    extras.extend(response.map(|response| ("Application-Response", response)));
    extras.push(("Application-UUID", uuid.to_owned()));
    extras
}

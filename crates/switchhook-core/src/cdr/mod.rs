//! Reads the CDRs of `mod_json_cdr` as if they were events. A CDR is written after a leg's end
//! and is the only record of a leg that ended while Switchhook was not connected.

mod encoding;
mod raw;

use std::borrow::Cow;

use super::headers::Headers;
use super::ordered_map::OrderedMap;
use raw::{Profile, Raw};

/// The `Event-Name` given to CDRs.
pub(crate) const EVENT_NAME: &str = "JSON_CDR";
/// Set if values of flow variables are cut.
pub(crate) const KEYS_CUT: &str = "Cdr-Keys-Cut";

/// The reason that a file is not a CDR of a channel.
#[derive(Debug, thiserror::Error)]
pub enum CdrError {
    /// Not JSON, or not of the shape that the switch writes.
    #[error("not a record of mod_json_cdr ({0})")]
    Shape(#[from] serde_json::Error),
    /// The record does not name its channel.
    #[error("a CDR that names no channel: set the variable uuid, or let the switch write callflow")]
    NoUuid,
}

/// One CDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cdr {
    headers: OrderedMap,
}

impl Cdr {
    /// Parses a CDR that `mod_json_cdr` wrote or posted, under any `encode` and `encode-values`.
    /// A text in the record shows whether values are encoded.
    ///
    /// # Errors
    /// If the bytes are not a CDR.
    pub fn parse(bytes: &[u8]) -> Result<Self, CdrError> {
        let raw: Raw = serde_json::from_slice(&encoding::json(bytes))?;
        let mut headers = OrderedMap::default();
        let uuid = raw.uuid().ok_or(CdrError::NoUuid)?;
        let mut put = |name: &str, value: &str| headers.0.push((name.to_owned(), value.to_owned()));
        put("Event-Name", EVENT_NAME);
        put("Unique-ID", uuid);
        put("Core-UUID", &raw.core_uuid);
        put("FreeSWITCH-Switchname", &raw.switchname);
        put("Call-Direction", &raw.channel_data.direction);
        if let Some(beginning) = raw.beginning() {
            of_beginning(beginning, &mut put);
        }
        of_times(&raw, &mut put);
        if let Some(cause) = raw.variable("hangup_cause") {
            put("Hangup-Cause", cause);
        }
        if let Some(path) = raw.recording() {
            put("Record-File-Path", path);
        }
        of_variables(&raw, &mut put);
        Ok(Self { headers })
    }

    /// Returns the channel's Unique-ID.
    #[must_use]
    pub fn uuid(&self) -> Cow<'_, str> {
        self.get("Unique-ID").unwrap_or_default()
    }

    /// Returns the name of the switch that wrote it.
    #[must_use]
    pub fn switch(&self) -> Cow<'_, str> {
        self.get("FreeSWITCH-Switchname").unwrap_or_default()
    }
}

fn of_beginning(profile: &Profile, put: &mut dyn FnMut(&str, &str)) {
    let caller = &profile.caller_profile;
    put("Caller-Profile-Index", &profile.profile_index);
    put("Channel-Name", &caller.chan_name);
    put("Caller-Caller-ID-Number", &caller.caller_id_number);
    put("Caller-ANI", &caller.ani);
    put("Caller-Caller-ID-Name", &caller.caller_id_name);
    put("Caller-Destination-Number", &caller.destination_number);
    put("Caller-Context", &caller.context);
}

fn of_times(raw: &Raw, put: &mut dyn FnMut(&str, &str)) {
    let created = raw.latest(|times| &times.created_time);
    put("Caller-Channel-Created-Time", &created);
    let answered = raw.latest(|times| &times.answered_time);
    put("Caller-Channel-Answered-Time", &answered);
    let hung_up = raw.latest(|times| &times.hangup_time);
    put("Caller-Channel-Hangup-Time", &hung_up);
}

fn of_variables(raw: &Raw, put: &mut dyn FnMut(&str, &str)) {
    let variables = || raw.variables.0.iter();
    let plain = variables().any(|(_, value)| encoding::is_plain(value));
    for (name, value) in variables() {
        let name = format!("variable_{name}");
        if plain {
            put(&name, value)
        } else {
            put(&name, &encoding::decoded(value))
        }
    }
    let is_ours = |name: &str| name.starts_with("flow.");
    let cut = variables().any(|(name, value)| is_ours(name) && encoding::is_cut(value));
    if cut && !plain {
        put(KEYS_CUT, "true");
    }
}

impl Headers for Cdr {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.headers.visit(visit);
    }
}

//! What `mod_json_cdr` writes of a leg after its end, read as the headers of an event:
//! the only record that survives our absence.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::headers::Headers;

/// `Event-Name` of a CDR among the events of the switch.
pub const EVENT_NAME: &str = "JSON_CDR";

/// The file is not a CDR of a channel.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not of the shape that the switch writes.
    #[error("not a file of mod_json_cdr ({0}); point json_cdr_dir at its log-dir")]
    Shape(#[from] serde_json::Error),
    /// No `variables.uuid`.
    #[error("a CDR without the variable uuid: it says nothing of which channel it is")]
    NoUuid,
}

/// One CDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cdr {
    headers: Vec<(String, String)>,
}

impl Cdr {
    /// Reads a file of `mod_json_cdr`. `encoded`: its `encode-values` is on (the switch's
    /// default), so that the values of variables are percent-encoded.
    ///
    /// # Errors
    /// When it is not a CDR.
    pub fn parse(file: &[u8], encoded: bool) -> Result<Self, Error> {
        let raw: Raw = serde_json::from_slice(file)?;
        let mut headers = Vec::new();
        let uuid = raw.variables.get("uuid").ok_or(Error::NoUuid)?.to_owned();
        let mut put = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        put("Event-Name", EVENT_NAME);
        put("Unique-ID", &uuid);
        put("Core-UUID", &raw.core_uuid);
        put("FreeSWITCH-Switchname", &raw.switchname);
        put("Call-Direction", &raw.channel_data.direction);
        if let Some(beginning) = raw.beginning() {
            beginning.put(&mut put);
        }
        put(
            "Caller-Channel-Created-Time",
            &raw.latest(|times| &times.created_time),
        );
        put(
            "Caller-Channel-Answered-Time",
            &raw.latest(|times| &times.answered_time),
        );
        put(
            "Caller-Channel-Hangup-Time",
            &raw.latest(|times| &times.hangup_time),
        );
        if let Some(cause) = raw.variables.get("hangup_cause") {
            put("Hangup-Cause", cause);
        }
        for (name, value) in &raw.variables.0 {
            let value = if encoded {
                decoded(value)
            } else {
                Cow::Borrowed(value.as_str())
            };
            put(&format!("variable_{name}"), &value);
        }
        Ok(Self { headers })
    }
}

impl Headers for Cdr {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        Some(Cow::Borrowed(value))
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.headers {
            visit(name, value);
        }
    }
}

fn decoded(value: &str) -> Cow<'_, str> {
    percent_decode_str(value).decode_utf8_lossy()
}

#[derive(serde::Deserialize)]
struct Raw {
    #[serde(rename = "core-uuid", default)]
    core_uuid: String,
    #[serde(default)]
    switchname: String,
    #[serde(default)]
    channel_data: ChannelData,
    variables: Pairs,
    #[serde(default)]
    callflow: Vec<Profile>,
}

impl Raw {
    /// The caller profile that the channel was created with: the one of index 1, else the oldest.
    fn beginning(&self) -> Option<&Profile> {
        let first = self.callflow.iter().find(|one| one.profile_index == "1");
        first.or(self.callflow.last())
    }

    /// A time of the channel: only the profile in use at that moment has it.
    fn latest(&self, time: impl Fn(&Times) -> &String) -> String {
        let times = self.callflow.iter().map(|profile| time(&profile.times));
        let latest = times.filter_map(|text| text.parse::<i64>().ok()).max();
        latest.unwrap_or(0).to_string()
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct ChannelData {
    direction: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Profile {
    profile_index: String,
    caller_profile: CallerProfile,
    times: Times,
}

impl Profile {
    fn put(&self, put: &mut dyn FnMut(&str, &str)) {
        put("Caller-Profile-Index", &self.profile_index);
        put("Channel-Name", &self.caller_profile.chan_name);
        put(
            "Caller-Caller-ID-Number",
            &self.caller_profile.caller_id_number,
        );
        put("Caller-ANI", &self.caller_profile.ani);
        put("Caller-Caller-ID-Name", &self.caller_profile.caller_id_name);
        put(
            "Caller-Destination-Number",
            &self.caller_profile.destination_number,
        );
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct CallerProfile {
    caller_id_name: String,
    caller_id_number: String,
    ani: String,
    destination_number: String,
    chan_name: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Times {
    created_time: String,
    answered_time: String,
    hangup_time: String,
}

/// A JSON object of strings in the order of the file.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key()? {
            match map.next_value()? {
                Text::Is(value) => pairs.push((name, value)),
                Text::Not(_) => {}
            }
        }
        Ok(Pairs(pairs))
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Text {
    Is(String),
    Not(IgnoredAny),
}

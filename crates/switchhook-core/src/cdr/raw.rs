//! The JSON of a CDR, as far as it describes a leg (FreeSWITCH: `switch_ivr.c`,
//! `switch_ivr_generate_json_cdr`).

use crate::ordered_map::OrderedMap;

#[derive(serde::Deserialize)]
pub(crate) struct Raw {
    #[serde(rename = "core-uuid", default)]
    pub core_uuid: String,
    #[serde(default)]
    pub switchname: String,
    #[serde(default)]
    pub channel_data: ChannelData,
    pub variables: OrderedMap,
    #[serde(default)]
    pub(crate) app_log: AppLog,
    #[serde(default)]
    callflow: Vec<Profile>,
}

impl Raw {
    /// Returns the channel's Unique-ID: that of a caller profile, which no dialplan can set, or
    /// else the variable's.
    pub(super) fn uuid(&self) -> Option<&str> {
        let mut profiles = self.callflow.iter();
        let profile =
            profiles.find_map(|one| Some(one.caller_profile.uuid.as_str()).filter(is_there));
        profile.or_else(|| self.variable("uuid").filter(is_there))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Returns the caller profile that the channel was created with: index 1, or else the oldest.
    pub(super) fn beginning(&self) -> Option<&Profile> {
        let first = self.callflow.iter().find(|one| one.profile_index == "1");
        first.or(self.callflow.last())
    }

    /// Returns a time of the channel. Only the profile that was in use then has it.
    pub(super) fn latest(&self, time: impl Fn(&Times) -> &String) -> String {
        let times = self.callflow.iter().map(|profile| time(&profile.times));
        let latest = times.filter_map(|text| text.parse::<i64>().ok()).max();
        latest.unwrap_or(0).to_string()
    }

    /// Returns the file that the channel was recorded to, if it is certain: the channel has
    /// traces of a recording, and `record_session` ran exactly once.
    pub(super) fn recording(&self) -> Option<&str> {
        self.variable("record_file_size")?;
        let started = self.app_log.applications.iter();
        let mut started = started.filter(|one| one.app_name == "record_session");
        let (first, more) = (started.next()?, started.next());
        let path = first.app_data.split(' ').next();
        path.filter(|path| is_whole(path) && more.is_none())
    }
}

/// Returns whether the path is absolute. The switch prepends a folder of its own to others.
fn is_whole(path: &str) -> bool {
    path.starts_with('/') || path.contains("://")
}

fn is_there(text: &&str) -> bool {
    !text.is_empty()
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct ChannelData {
    pub direction: String,
}

/// The applications that the channel ran, with their arguments.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct AppLog {
    applications: Vec<Application>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Application {
    app_name: String,
    app_data: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct Profile {
    pub profile_index: String,
    pub caller_profile: CallerProfile,
    pub times: Times,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct CallerProfile {
    pub uuid: String,
    pub caller_id_name: String,
    pub caller_id_number: String,
    pub ani: String,
    pub destination_number: String,
    pub context: String,
    pub chan_name: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct Times {
    pub created_time: String,
    pub answered_time: String,
    pub hangup_time: String,
}

//! Fills a template's placeholders from a channel.

use chrono::{DateTime, Utc};

use super::Channel;

impl Channel {
    /// Returns the value of a placeholder in a template.
    pub(in crate::switch) fn field(&self, name: &str) -> Option<String> {
        let times = &self.times;
        Some(match name {
            "uuid" => self.uuid.clone(),
            "caller" => self.party.caller.clone(),
            "caller_name" => self.party.caller_name.clone(),
            "destination" => self.party.destination.clone(),
            "channel_name" => self.name(),
            "call_uuid" => self.call_uuid.clone(),
            "session_id" => self.session.to_string(),
            "state" => self.running.name().into(),
            "state_number" => self.state.number().to_string(),
            "call_state" => self.call_state.name().into(),
            "answer_state" => self.answer_state().into(),
            "codec" if self.has_codec() => "PCMU".into(),
            "codec_rate" if self.has_codec() => "8000".into(),
            "codec_bits" if self.has_codec() => "64000".into(),
            "cause" => self.cause.as_ref()?.name.clone(),
            "q850" => self.cause.as_ref()?.q850().to_string(),
            "disposition" => self.late_disposition()?.into(),
            "created" => times.created.to_string(),
            "answered" => times.answered.to_string(),
            "progress" => times.progress.to_string(),
            "bridged" => times.bridged.to_string(),
            "progress_media" => times.early_media.to_string(),
            "transferred" => times.transferred.to_string(),
            "hungup" => times.hungup.to_string(),
            "last_app" => self.variable("current_application")?.to_owned(),
            "last_arg" => self.variable("current_application_data")?.to_owned(),
            "sip_id" | "to_tag" | "sdp_id" | "rtp_port" | "ssrc" => self.sip_field(name),
            _ => self
                .time_field(name)
                .or_else(|| self.profile_field(name))
                .or_else(|| self.peer_field(name))?,
        })
    }

    /// Returns a value that phones and media choose. Any value will do, if it stays constant within
    /// one call.
    fn sip_field(&self, name: &str) -> String {
        let seed = self.session;
        match name {
            "sip_id" => format!("{}-{}", seed, &self.uuid[..self.uuid.len().min(8)]),
            "to_tag" => self.uuid.chars().filter(|c| *c != '-').take(13).collect(),
            "sdp_id" => (self.times.created / 1_000_000).to_string(),
            "rtp_port" => (16_384 + (seed * 2) % 16_384).to_string(),
            _ => (1_328_000_000 + seed).to_string(),
        }
    }

    fn time_field(&self, name: &str) -> Option<String> {
        let times = &self.times;
        let lasted = times.hungup.saturating_sub(times.created);
        let answered = Some(times.answered).filter(|at| *at > 0);
        let billed = answered.map_or(0, |at| times.hungup.saturating_sub(at));
        let after = |at: u64| at.saturating_sub(times.created);
        let (base, unit) = name.rsplit_once('_')?;
        let value = match base {
            "start" => times.created,
            "answer" => answered.or((unit == "s").then_some(0))?,
            "end" => times.hungup,
            "profile" => self.profile.created.unwrap_or(times.created),
            "bridge" => Some(times.bridged).filter(|at| *at > 0 || unit == "s")?,
            "progress" => Some(times.progress).filter(|at| *at > 0 || unit == "s")?,
            "progress_media" => times.early_media,
            "duration" => lasted,
            "billed" => billed,
            "to_answer" => after(times.answered),
            "to_progress" => after(times.progress),
            "to_bridge" => after(times.bridged),
            _ => return None,
        };
        Some(match unit {
            "s" => (value / 1_000_000).to_string(),
            "ms" => (value / 1_000).to_string(),
            "us" => value.to_string(),
            "stamp" => stamp(value),
            _ => return None,
        })
    }

    /// Returns the channel's name, in mod_sofia's form.
    pub(in crate::switch) fn name(&self) -> String {
        if self.profile.outbound {
            return format!("sofia/lab/{}@127.0.0.1:5191", self.party.destination);
        }
        format!("sofia/lab/{}@127.0.0.1:5080", self.party.caller)
    }

    /// Returns which end hung up, unless that was noted before.
    fn late_disposition(&self) -> Option<&'static str> {
        let noted = self.variable("sip_hangup_disposition").is_some();
        self.cause
            .as_ref()
            .filter(|_| !noted)
            .map(|cause| cause.disposition)
    }

    fn answer_state(&self) -> &'static str {
        if self.cause.is_some() {
            "hangup"
        } else if self.times.answered > 0 {
            "answered"
        } else if self.times.early_media > 0 {
            "early"
        } else {
            "ringing"
        }
    }
}

fn stamp(micros: u64) -> String {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let time = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

//! Updates a leg from events and CDRs.

use super::recording_marks::NOT_OPENED;
use super::{ChannelEventKind, Direction, Leg, LegLimits, Phase};
use crate::cdr;
use crate::flow_vars::FlowVars;
use crate::headers::{Headers, non_empty, sent_us};
use crate::links;
use crate::numbers::{NumberSource, Numbers};
use crate::recording::Recording;

impl Leg {
    /// Applies one event. Known facts stay; variables follow the newest event until the leg is
    /// down. A repeated or late event changes nothing.
    pub(crate) fn apply(
        &mut self,
        kind: ChannelEventKind,
        event: &dyn Headers,
        limits: &LegLimits,
    ) {
        let newest = self.is_newest(event) && self.phase != Phase::Down;
        let merges = kind == ChannelEventKind::Cdr && self.phase == Phase::Down && self.needs_cdr();
        self.note_origin(kind, event);
        self.fill(kind, event);
        let bridged = links::collect(event, &mut self.links, &mut self.hints, limits.links);
        self.links.remove(&self.uuid);
        self.hints.remove(&self.uuid);
        self.update_numbers(kind, event, limits);
        if newest {
            self.update_latest(event, limits);
        }
        self.record(kind, event, limits);
        self.note_queue(kind, event);
        self.apply_bridge(event);
        self.note_bridged(bridged);
        if limits.live {
            self.note_live(kind, event);
        }
        self.advance_phase(kind);
        self.cdr_merged |= merges;
    }

    /// Applies the headers that a document of a call in progress shows.
    pub(super) fn apply_snapshot(&mut self, headers: &dyn Headers, limits: &LegLimits) {
        self.fill(ChannelEventKind::Other, headers);
        self.update_numbers(ChannelEventKind::Other, headers, limits);
        self.update_latest(headers, limits);
    }

    /// Fills in facts that never change.
    fn fill(&mut self, kind: ChannelEventKind, event: &dyn Headers) {
        let first = self.created_us.is_none();
        if first || kind == ChannelEventKind::Create {
            fill(&mut self.originator, || {
                non_empty(event, "variable_originator")
            });
        }
        if self.switch.is_empty() {
            self.switch = non_empty(event, "FreeSWITCH-Switchname").unwrap_or_default();
        }
        if self.channel_name.is_empty() {
            self.channel_name = non_empty(event, "Channel-Name").unwrap_or_default();
        }
        if self.direction == Direction::Unknown {
            self.direction = Direction::of(event);
        }
        fill(&mut self.created_us, || {
            time(event, "Caller-Channel-Created-Time")
        });
        fill(&mut self.answered_us, || {
            time(event, "Caller-Channel-Answered-Time")
        });
        fill(&mut self.ended_us, || {
            time(event, "Caller-Channel-Hangup-Time")
        });
        fill(&mut self.loopback_peer, || {
            non_empty(event, "variable_other_loopback_leg_uuid")
        });
        fill(&mut self.q850, || {
            event.variable("hangup_cause_q850")?.parse().ok()
        });
        fill(&mut self.cause, || non_empty(event, "Hangup-Cause"));
    }

    fn update_numbers(&mut self, kind: ChannelEventKind, event: &dyn Headers, limits: &LegLimits) {
        if kind == ChannelEventKind::Create {
            self.numbers.replace_if_better(Numbers::of_create(event));
            fill(&mut self.create_sequence, || count(event, "Event-Sequence"));
        } else if self.numbers.source < NumberSource::Beginning {
            let inbound = self.direction == Direction::Inbound;
            self.numbers
                .replace_if_better(Numbers::of_later(event, inbound));
        }
        if limits.respect_privacy && self.numbers.is_private {
            self.numbers.withhold();
        }
    }

    /// Updates values that follow the newest event.
    fn update_latest(&mut self, event: &dyn Headers, limits: &LegLimits) {
        if let Some(flow) = FlowVars::read(event, &limits.keys) {
            self.flow = flow;
            self.flow.truncated |= event.get(cdr::KEYS_CUT).is_some();
        }
        if let Some(disposition) = non_empty(event, "variable_sip_hangup_disposition") {
            self.disposition = Some(disposition);
        }
        if let Some(uri) = event.variable("sip_redirected_to") {
            self.redirected_to = user_of(&uri);
        }
        if let Some(code) = non_empty(event, "variable_accountcode") {
            self.account_code = Some(code);
        }
    }

    fn record(&mut self, kind: ChannelEventKind, event: &dyn Headers, limits: &LegLimits) {
        let sequence = count(event, "Event-Sequence").unwrap_or(0);
        let path = || non_empty(event, "Record-File-Path");
        let at_us = sent_us(event);
        if let Some(cause) = event.variable("record_completion_cause")
            && cause == NOT_OPENED
        {
            self.recording_failed = Some(cause.into_owned());
        }
        if kind == ChannelEventKind::RecordStop {
            self.marks.stopped(event, limits.recordings);
        } else if kind != ChannelEventKind::Custom {
            self.marks.observe(event, limits.recordings);
        }
        match kind {
            ChannelEventKind::RecordStart => {
                self.cdr_merged = false;
                if let Some(recording) = self.recording(path(), limits) {
                    recording.started = recording.started.max(sequence);
                    recording.started_us = at_us.or(recording.started_us);
                    recording.stopped_us = recording.stopped_us.filter(|_| recording.is_closed());
                }
            }
            ChannelEventKind::RecordStop => {
                if let Some(recording) = self.recording(path(), limits) {
                    recording.stop(
                        sequence,
                        at_us,
                        non_empty(event, "Record-Completion-Cause").as_deref(),
                    );
                }
            }
            // The channel is gone, and its recordings with it.
            ChannelEventKind::Destroy => self.close_recordings(),
            ChannelEventKind::Cdr => {
                let cause = event.variable("record_completion_cause");
                self.merge_recording_from_cdr(path(), cause.as_deref(), limits);
                self.close_recordings();
            }
            ChannelEventKind::Create
            | ChannelEventKind::Hangup
            | ChannelEventKind::Complete
            | ChannelEventKind::Other
            | ChannelEventKind::Custom => {}
        }
    }

    /// Notes that the switch no longer has the channel, although no event told its end. What it
    /// recorded is over, too: a crash of the switch leaves a file that nobody closed, and whether
    /// that is whole shows when it is published.
    pub(crate) fn lose(&mut self) {
        self.phase = Phase::Lost;
        self.close_recordings();
    }

    /// Closes what the channel itself recorded; a conference records on.
    fn close_recordings(&mut self) {
        let own = self.recordings.iter_mut();
        own.filter(|one| one.conference.is_none())
            .for_each(Recording::close);
    }

    /// Takes the file of a recording whose end was not seen from the CDR, if it was the only
    /// recording.
    fn merge_recording_from_cdr(
        &mut self,
        path: Option<String>,
        cause: Option<&str>,
        limits: &LegLimits,
    ) {
        let Some(path) = path.filter(|_| !self.recordings_known()) else {
            return;
        };
        if self.recordings.iter().any(|known| known.path != path) {
            return;
        }
        if let Some(recording) = self.recording(Some(path), limits) {
            if recording.stopped_us.is_none() {
                recording.stop(recording.started, None, cause);
            }
            self.marks.mark_complete();
            self.cdr_merged = true;
        }
    }

    fn recording(&mut self, path: Option<String>, limits: &LegLimits) -> Option<&mut Recording> {
        let path = path?;
        let known = self.recordings.iter().position(|one| one.path == path);
        let index = match known {
            Some(index) => index,
            None if self.recordings.len() >= limits.recordings => {
                self.recordings_unknown = true;
                return None;
            }
            None => {
                self.recordings.push(Recording::new(path));
                self.recordings.len() - 1
            }
        };
        self.recordings.get_mut(index)
    }

    fn advance_phase(&mut self, kind: ChannelEventKind) {
        match kind {
            ChannelEventKind::Complete | ChannelEventKind::Destroy => self.phase = Phase::Down,
            ChannelEventKind::Cdr => self.phase = self.phase.max(Phase::CdrSeen),
            ChannelEventKind::Hangup => self.phase = self.phase.max(Phase::HangingUp),
            // It sent an event, so it was not lost.
            _ if self.phase == Phase::Lost => self.phase = Phase::Up,
            ChannelEventKind::Create
            | ChannelEventKind::RecordStart
            | ChannelEventKind::RecordStop
            | ChannelEventKind::Other
            | ChannelEventKind::Custom => {}
        }
    }

    /// Returns whether this is the newest event so far, and remembers it.
    fn is_newest(&mut self, event: &dyn Headers) -> bool {
        let Some(sequence) = count(event, "Event-Sequence") else {
            return true;
        };
        let core = event.get("Core-UUID").unwrap_or_default();
        if self.core != core {
            self.core = core.into_owned();
            self.sequence = 0;
        }
        let newest = sequence >= self.sequence;
        self.sequence = self.sequence.max(sequence);
        newest
    }
}

fn fill<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if slot.is_none() {
        *slot = value();
    }
}

/// Reads a time of the caller profile, in µs; the switch writes 0 for what has not happened.
fn time(event: &dyn Headers, name: &str) -> Option<i64> {
    let value = event.get(name)?;
    value.parse().ok().filter(|us| *us > 0)
}

/// Returns the user of a SIP or tel URI.
fn user_of(uri: &str) -> Option<String> {
    let (_, address) = uri.split_once(':')?;
    let user = address.split(['@', '>', ';']).next()?;
    (!user.is_empty()).then(|| user.to_owned())
}

fn count(event: &dyn Headers, name: &str) -> Option<u64> {
    event.get(name)?.parse().ok()
}

//! Models a channel that the switch dials.

use super::{CallState, Cause, Channel, Party, Peer, Profile, State, micros};
use crate::switch::media::{AudioRecorder, Sound};
use crate::switch::template::{AGENT, AGENT_ANSWERS, AGENT_REFUSES};

impl Channel {
    /// Returns a leg that `caller` dials and that is not answered yet.
    pub(in crate::switch) fn dialled(
        uuid: String,
        number: &str,
        session: u64,
        caller: &Channel,
    ) -> Self {
        let party = Party {
            destination: number.to_owned(),
            ..caller.party.clone()
        };
        let mut channel = Self::bare(uuid, party, session, AudioRecorder::new(Sound::Ringing));
        channel.profile = Profile {
            outbound: true,
            context: caller.profile.context,
            rdnis: caller.profile.rdnis.clone(),
            callee: Some(number.to_owned()),
            ..Profile::default()
        };
        channel.call_uuid.clone_from(&caller.uuid);
        channel.other = caller.as_other("originator");
        channel.peer = Some(Peer {
            uuid: caller.uuid.clone(),
            name: caller.name(),
            ..Peer::default()
        });
        channel.apply(&AGENT);
        channel
    }

    /// Returns a leg that a program dials for nobody, showing the number `shown`.
    pub(in crate::switch) fn originated(
        uuid: String,
        number: &str,
        shown: &str,
        session: u64,
    ) -> Self {
        let party = Party {
            caller_name: String::new(),
            caller: shown.to_owned(),
            destination: number.to_owned(),
        };
        let mut channel = Self::bare(uuid, party, session, AudioRecorder::new(Sound::Ringing));
        channel.profile = Profile {
            outbound: true,
            context: "default",
            callee: Some(number.to_owned()),
            ..Profile::default()
        };
        channel.apply(&AGENT);
        channel.unset("originator_codec");
        channel.set("call_uuid", channel.uuid.clone());
        channel
    }

    /// Marks the leg's phone as ringing.
    pub(in crate::switch) fn rings(&mut self) {
        self.state = State::ConsumeMedia;
        self.running = State::ConsumeMedia;
        self.call_state = CallState::Ringing;
        self.times.progress = micros();
        for (name, value) in &mut self.other {
            if name == "Other-Leg-Channel-Progress-Time" {
                *value = self.times.progress.to_string().into();
            }
        }
    }

    /// Answers the leg.
    pub(in crate::switch) fn answers(&mut self) {
        self.times.answered = micros();
        self.apply(&AGENT_ANSWERS);
    }

    /// Ends the leg because its phone refuses or cannot be reached.
    pub(in crate::switch) fn refuses(&mut self, cause: Cause) {
        self.running = State::ConsumeMedia;
        self.state = State::Hangup;
        self.cause = Some(cause);
        self.apply(&AGENT_REFUSES);
    }

    /// Returns whether codecs are agreed on. An incoming channel agrees at once, a dialled channel
    /// with its answer.
    pub(super) fn has_codec(&self) -> bool {
        !self.profile.outbound || self.times.answered > 0
    }
}

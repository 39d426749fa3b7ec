//! Plays a caller whom somebody fetches from hold.

use std::collections::VecDeque;

use tokio::time::Instant;
use uuid::Uuid;

use super::Play;
use crate::switch::channel::{Channel, State, TOTAL_LOOPS, TaskAction};
use crate::switch::dialplan::{Caller, Fetch};
use crate::switch::emit_events::PARK;
use crate::switch::record::Left;

/// What the hook preset, and a document must not show: no webhook failed.
const PRESET: &str = "flow.key.response_status";

impl Play {
    /// Returns when the caller is fetched, if it is still on hold then.
    pub(super) fn fetched_at(&self) -> Option<Instant> {
        match self.call.behaviour {
            Caller::IsFetched(_, Fetch::TransferredBeforeMusic) => {
                let music_is_queued = self.left.is_none() && self.leg.lock().music_is_queued();
                music_is_queued.then_some(self.entered)
            }
            Caller::IsFetched(_, Fetch::ParkedAtTheRelease) => {
                let asked = self.left.is_none() && self.leg.lock().asked;
                asked.then_some(self.entered)
            }
            Caller::IsFetched(after, _) if self.left.is_none() => Some(self.entered + after),
            Caller::IsFetched(..) | Caller::HangsUp(..) | Caller::Waits | Caller::Vanishes(..) => {
                None
            }
        }
    }

    /// Moves the caller as `uuid_transfer`, `uuid_bridge` or `uuid_park` does (switch_ivr.c
    /// `switch_ivr_session_transfer`, `switch_ivr_park_session`; switch_ivr_bridge.c
    /// `switch_ivr_uuid_bridge`). In the captures
    /// socket-fetched-by-…, the event of the old park comes first.
    pub(super) fn fetch(&mut self, how: Fetch) {
        let mut channel = self.leg.lock();
        let mut queued = VecDeque::new();
        match how {
            Fetch::Parked | Fetch::ParkedAtTheRelease => channel.state = State::Park,
            Fetch::Transferred | Fetch::TransferredBeforeMusic => {
                channel.transfer("agents", &Uuid::new_v4().to_string());
            }
            // The agent's own leg is not played.
            Fetch::Bridged => {
                let (agent, job) = (Uuid::new_v4(), Uuid::new_v4());
                channel.join(&agent.to_string(), &job.to_string());
                channel.state = State::SoftExecute;
            }
        }
        if how == Fetch::TransferredBeforeMusic {
            queued = std::mem::take(&mut channel.queue);
        }
        channel.taken = true;
        drop(channel);
        self.session.leave();
        let mut channel = self.leg.lock();
        channel.running = channel.state;
        channel.queue.extend(queued);
        drop(channel);
        if matches!(how, Fetch::Parked | Fetch::ParkedAtTheRelease) {
            self.switch.fire(&mut self.leg.lock(), PARK, &[]);
        }
        self.leave(Left::Fetched);
    }

    /// Checks what the end of the socket does to a caller whom somebody else has.
    pub(super) fn check_end_of_socket(&self, resumes: bool) {
        if self.left != Some(Left::Fetched) {
            return;
        }
        let mut channel = self.leg.lock();
        if resumes {
            channel.violation("the socket's end resets a caller whom somebody fetched".into());
        } else if channel.running == State::Park {
            channel.violation("the socket's end unparks a caller whom an operator parked".into());
        }
    }

    /// Checks what the service left on the channel, or took from it.
    pub(super) fn check_fetched(&self, channel: &mut Channel) {
        let left = |deed: TaskAction| channel.tasks.iter().any(|task| task.deed == deed);
        let (way_out, own) = (left(TaskAction::WayOut), left(TaskAction::Hangup));
        if way_out {
            let what = "the hook's schedule was left behind and breaks off the talk";
            channel.violation(what.into());
        }
        if self.call.hand_over.own_timer && !own {
            channel
                .violation("a hang-up that the dialplan's author scheduled was cancelled".into());
        }
        if channel.moved.is_some() || channel.broken || !channel.queue.is_empty() {
            let what = "the service went on steering a caller whom somebody fetched";
            channel.violation(what.into());
        }
        if channel.variable(TOTAL_LOOPS).is_some() {
            channel.violation("hold music plays on for a caller whom somebody fetched".into());
        }
        if channel.variable(PRESET).is_some() {
            channel.violation("the document would say that a webhook failed".into());
        }
    }
}

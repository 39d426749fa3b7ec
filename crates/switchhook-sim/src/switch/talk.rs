//! Plays what an agent does in the middle of a conversation: holds the call, or gives the caller to
//! a second agent (`att_xfer`).
//!
//! The order of events follows the captures `inbound-held-and-resumed-by-both-phones` and
//! `inbound-attended-transfer-att_xfer`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::Switch;
use super::bridge::{alone, until_down};
use super::channel::{CallState, Cause, Channel, Leg, State, micros};
use super::dialplan::{Dial, End};
use super::emit_events::{
    ANSWER, BRIDGE, CREATE, HANGUP, HOLD, ORIGINATE, RINGS, UNBRIDGE, UNHOLD,
};
use super::standing::peer;

/// The variable with what the far end last offered.
const OFFER: &str = "switch_r_sdp";

impl Switch {
    /// The agent's phone holds the call after `talks`, and takes it up again after `time`.
    pub(super) async fn hold(&self, caller: &Leg, agent: &Leg, talks: Duration, time: Duration) {
        let talked = agent.lock().variable(OFFER).unwrap_or_default().to_owned();
        for (kind, state, offer, after) in [
            (
                HOLD,
                CallState::Held,
                format!("{talked}a=sendonly\r\n"),
                talks,
            ),
            (UNHOLD, CallState::Unheld, talked, time),
        ] {
            if until_down(caller, after).await {
                return;
            }
            let mut agent = agent.lock();
            agent.set(OFFER, offer);
            agent.call_state = state;
            self.fire(&mut agent, kind, &[]);
        }
    }

    /// The agent `giver` asks a second agent, and hangs up: the caller talks with the second one.
    /// Returns the second agent's leg.
    pub(super) async fn give_away(
        &self,
        caller: &Leg,
        giver: &Leg,
        number: &str,
        dial: &Dial,
        talks: Duration,
    ) -> Arc<Leg> {
        sleep(talks).await;
        let taker = self.ask(giver, number);
        sleep(dial.rings).await;
        self.consult(&mut giver.lock(), &mut taker.lock());
        sleep(talks).await;
        self.exchange(&mut caller.lock(), &mut giver.lock(), &mut taker.lock());
        self.table().remove(&giver.uuid);
        let gone = until_down(caller, talks).await;
        let by_caller = gone || dial.end == End::Caller;
        self.part(&mut caller.lock(), &mut taker.lock(), by_caller);
        self.table().remove(&taker.uuid);
        taker
    }

    fn ask(&self, giver: &Leg, number: &str) -> Arc<Leg> {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let uuid = Uuid::new_v4().to_string();
        let mut taker = Channel::dialled(uuid, number, session, &giver.lock());
        self.fire(&mut taker, CREATE, &[]);
        self.fire(&mut taker, ORIGINATE, &[]);
        taker.rings();
        self.fire(&mut taker, RINGS, &[]);
        let leg = Arc::new(Leg::new(taker));
        self.table().insert(leg.uuid.clone(), Arc::clone(&leg));
        leg
    }

    fn consult(&self, giver: &mut Channel, taker: &mut Channel) {
        taker.answers();
        self.fire(taker, ANSWER, &[]);
        let number = taker.party.destination.clone();
        giver.other = taker.as_other("originatee");
        giver.peer = Some(peer(taker, &number));
        giver.set("current_application", "att_xfer");
        self.fire(giver, BRIDGE, &[]);
        for channel in [giver, taker] {
            channel.times.bridged = micros();
            channel.state = State::ExchangeMedia;
            channel.running = State::ExchangeMedia;
            channel.call_state = CallState::Active;
        }
    }

    /// The giver hangs up, and the switch connects the other two as `uuid_bridge` does.
    fn exchange(&self, caller: &mut Channel, giver: &mut Channel, taker: &mut Channel) {
        giver.state = State::Hangup;
        giver.cause = Some(Cause::by_caller());
        giver.ended_by_phone();
        self.fire(giver, HANGUP, &[]);
        self.fire(giver, UNBRIDGE, &[]);
        let job = || Uuid::new_v4().to_string();
        caller.join(&taker.uuid, &job());
        caller.set("bridge_uuid", taker.uuid.clone());
        caller.set("signal_bond", taker.uuid.clone());
        self.fire(caller, UNBRIDGE, &[]);
        taker.join(&caller.uuid, &job());
        alone(taker);
        taker.set("bridge_uuid", caller.uuid.clone());
        taker.set("signal_bond", caller.uuid.clone());
        taker.other = caller.as_other("originatee");
        taker.peer = Some(peer(caller, &caller.party.caller));
        caller.other = taker.as_other("originator");
        caller.peer = None;
        self.fire(taker, BRIDGE, &[]);
        self.go_down(giver);
        self.destroy(giver);
    }

    fn part(&self, caller: &mut Channel, taker: &mut Channel, by_caller: bool) {
        let by_switch = Cause::by_switch("NORMAL_CLEARING");
        if by_caller {
            self.hang_up_channel(caller, Cause::by_caller());
            self.hang_up_channel(taker, by_switch);
        } else {
            self.hang_up_channel(taker, Cause::by_caller());
            self.hang_up_channel(caller, by_switch);
        }
        self.fire(taker, UNBRIDGE, &[]);
        self.go_down(taker);
        self.destroy(taker);
    }
}

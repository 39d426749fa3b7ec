//! Plays a call's second legs: the dialplan records the caller, rings agents and bridges the agent
//! that answers (mod_dptools.c `audio_bridge_function`, switch_ivr_originate.c,
//! switch_ivr_bridge.c).
//!
//! The order of events follows the captures `inbound-recording-outlasts-the-bridge` (the agent
//! hangs up), `inbound-7000-through-hook-and-transfer` (the caller hangs up) and
//! `outbound-multicast-one-of-three-agents-answers` (agents that refuse).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Switch;
use super::channel::{CallState, Cause, Channel, Leg, Peer, State, micros};
use super::dialplan::{Dial, End, Talk};
use super::emit_events::{
    ANSWER, BRIDGE, CREATE, DESTROY, HANGUP, ORIGINATE, RECORD_START, RECORD_STOP, RINGS, UNBRIDGE,
};
use super::record::LegRecord;
use super::session::{announce_end, announce_start};
use super::template::{
    AGENT_HANGS_UP, AGENT_HUNG_UP, CALLER_BRIDGED, CALLER_HANGS_UP, CALLER_LEFT, CALLER_UNBRIDGED,
    RECORDED,
};

/// The hangup cause of a phone that cannot be reached.
const REFUSED: &str = "NORMAL_TEMPORARY_FAILURE";
/// The time that the switch needs to write the end of a recording.
const CLOSING: Duration = Duration::from_millis(150);

impl Switch {
    /// Plays line 0 with agents and returns what became of their legs. The caller's leg hangs up
    /// here; its last events follow elsewhere.
    pub(super) async fn connect_agents(
        &self,
        caller: &Leg,
        dial: &Dial,
        talks: Duration,
    ) -> Vec<LegRecord> {
        if let Some(path) = &dial.record {
            caller.lock().discards = dial.discards;
            self.record(&mut caller.lock(), path);
        }
        let application = Uuid::new_v4().to_string();
        let agents = self.ring(caller, dial, &application);
        let Some(agent) = agents.get(dial.answers) else {
            return Vec::new();
        };
        self.answer_or_refuse(&agents, dial);
        if until_down(caller, dial.rings).await {
            let ringing = agents.iter().filter(|agent| agent.lock().is_up());
            ringing.for_each(|agent| self.cancel(agent));
            return records(&agents);
        }
        self.bridge(caller, &agents, dial.answers);
        let losers = agents.iter().filter(|other| other.uuid != agent.uuid);
        let losers = losers.filter(|other| other.lock().state == State::Hangup);
        losers.for_each(|loser| self.end(&mut loser.lock()));
        if let Talk::Held(time) = dial.talk {
            self.hold(caller, agent, talks, time).await;
        } else if let Talk::GivenTo(number) = &dial.talk {
            let second = self.give_away(caller, agent, number, dial, talks).await;
            return records(&[agents.clone(), vec![second]].concat());
        }
        let gone = until_down(caller, talks).await;
        if gone || dial.end == End::Caller {
            self.caller_ends(&mut caller.lock(), &mut agent.lock());
        } else {
            self.agent_ends(&mut caller.lock(), &mut agent.lock(), &application);
        }
        self.table().remove(&agent.uuid);
        if dial.record.is_some() {
            sleep_until(Instant::now() + CLOSING).await;
        }
        records(&agents)
    }

    fn record(&self, caller: &mut Channel, path: &str) {
        let id = Uuid::new_v4().to_string();
        announce_start(self, caller, "record_session", path, &id);
        let file = [("Record-File-Path", path.to_owned())];
        caller.recording = Some(path.to_owned());
        self.fire(caller, RECORD_START, &file);
        announce_end(self, caller, "record_session", path, &id);
    }

    /// Closes the recording of a channel that goes down.
    pub(super) fn close_recording(&self, channel: &mut Channel) {
        let Some(path) = channel.recording.clone() else {
            return;
        };
        channel.apply(&RECORDED);
        let cause = if channel.discards {
            channel.discard();
            "empty-file"
        } else {
            channel.recorded = Some(Instant::now());
            "success-silence"
        };
        let cause = ("Record-Completion-Cause", cause.to_owned());
        self.fire(channel, RECORD_STOP, &[("Record-File-Path", path), cause]);
    }

    fn ring(&self, caller: &Leg, dial: &Dial, application: &str) -> Vec<Arc<Leg>> {
        let mut caller = caller.lock();
        let name = |number: &String| format!("sofia/lab/{number}@127.0.0.1:5191");
        let names: Vec<String> = dial.agents.iter().map(name).collect();
        announce_start(self, &mut caller, "bridge", &names.join(","), application);
        let ringing = dial.agents.iter().map(|number| {
            let session = self.sessions.fetch_add(1, Ordering::Relaxed);
            let uuid = Uuid::new_v4().to_string();
            let mut agent = Channel::dialled(uuid, number, session, &caller);
            self.fire(&mut agent, CREATE, &[]);
            self.fire(&mut agent, ORIGINATE, &[]);
            let leg = Arc::new(Leg::new(agent));
            self.table().insert(leg.uuid.clone(), Arc::clone(&leg));
            leg
        });
        ringing.collect()
    }

    /// Rings the phone of the agent who answers. The others ring, too, or refuse the call at once.
    fn answer_or_refuse(&self, agents: &[Arc<Leg>], dial: &Dial) {
        for (at, agent) in agents.iter().enumerate() {
            let mut agent = agent.lock();
            if dial.all_ring || at == dial.answers {
                agent.rings();
                self.fire(&mut agent, RINGS, &[]);
                continue;
            }
            agent.refuses(Cause::refused(REFUSED));
            self.fire(&mut agent, HANGUP, &[]);
            self.end(&mut agent);
        }
    }

    fn end(&self, channel: &mut Channel) {
        self.go_down(channel);
        self.destroy(channel);
    }

    pub(super) fn destroy(&self, channel: &mut Channel) {
        channel.state = State::Destroy;
        self.fire(channel, DESTROY, &[]);
        self.table().remove(&channel.uuid);
    }

    /// Cancels an agent's leg because the caller hung up before any answer.
    fn cancel(&self, agent: &Leg) {
        let mut agent = agent.lock();
        self.hang_up_channel(&mut agent, cancelled("ORIGINATOR_CANCEL"));
        self.end(&mut agent);
    }

    fn bridge(&self, caller: &Leg, agents: &[Arc<Leg>], answers: usize) {
        let (mut caller, mut agent) = (caller.lock(), agents[answers].lock());
        agent.answers();
        self.fire(&mut agent, ANSWER, &[]);
        for (at, loser) in agents.iter().enumerate() {
            if at != answers {
                self.hang_up_channel(&mut loser.lock(), cancelled("LOSE_RACE"));
            }
        }
        let now = micros();
        caller.times.progress = agent.times.progress;
        caller.times.bridged = now;
        let number = agent.party.destination.clone();
        caller.profile.callee = Some(number.clone());
        caller.other = agent.as_other("originatee");
        let others = |at: usize| {
            agents
                .get(at)
                .filter(|_| at != answers)
                .map(|leg| leg.lock())
        };
        let told = |tell: &dyn Fn(&Channel) -> String| {
            let each = (0..agents.len()).map(|at| match others(at) {
                Some(other) => tell(&other),
                None => tell(&agent),
            });
            array(&each.collect::<Vec<_>>())
        };
        let legs = told(&|leg| format!("{};Outbound Call;{}", leg.uuid, leg.party.destination));
        let cause = |leg: &Channel| {
            leg.cause
                .as_ref()
                .map_or("NONE".into(), |it| it.name.clone())
        };
        let causes = told(&|leg| format!("{};{}", leg.uuid, cause(leg)));
        caller.peer = Some(Peer {
            uuid: agent.uuid.clone(),
            name: agent.name(),
            number,
            legs,
            causes,
        });
        caller.apply(&CALLER_BRIDGED);
        self.fire(&mut caller, BRIDGE, &[]);
        agent.times.bridged = now;
        agent.state = State::ExchangeMedia;
        agent.running = State::ExchangeMedia;
        agent.call_state = CallState::Active;
    }

    fn agent_ends(&self, caller: &mut Channel, agent: &mut Channel, application: &str) {
        agent.state = State::Hangup;
        agent.cause = Some(Cause::by_caller());
        agent.apply(&AGENT_HANGS_UP);
        self.fire(agent, HANGUP, &[]);
        agent.unset("bridge_to");
        self.go_down(agent);
        caller.apply(&CALLER_LEFT);
        self.fire(caller, UNBRIDGE, &[]);
        alone(agent);
        self.destroy(agent);
        let names = caller
            .variable("current_application_data")
            .unwrap_or_default();
        let names = names.to_owned();
        announce_end(self, caller, "bridge", &names, application);
        let id = Uuid::new_v4().to_string();
        announce_start(self, caller, "hangup", "NORMAL_CLEARING", &id);
        self.hang_up_channel(caller, Cause::by_switch("NORMAL_CLEARING"));
    }

    fn caller_ends(&self, caller: &mut Channel, agent: &mut Channel) {
        if caller.is_up() {
            caller.state = State::Hangup;
            caller.cause = Some(Cause::by_caller());
            caller.apply(&CALLER_HANGS_UP);
            self.fire(caller, HANGUP, &[]);
        }
        agent.state = State::Hangup;
        agent.cause = Some(Cause::by_switch("NORMAL_CLEARING"));
        agent.apply(&AGENT_HUNG_UP);
        self.fire(agent, HANGUP, &[]);
        caller.apply(&CALLER_UNBRIDGED);
        self.fire(caller, UNBRIDGE, &[]);
        let cause = ("bridge_hangup_cause", "NORMAL_CLEARING".to_owned());
        agent.call_uuid.clone_from(&agent.uuid);
        agent.parting = vec![cause, ("call_uuid", agent.uuid.clone())];
        self.go_down(agent);
        self.destroy(agent);
    }
}

/// Returns the cause of a leg that the switch no longer rings.
fn cancelled(name: &str) -> Cause {
    Cause {
        name: name.into(),
        disposition: "send_cancel",
    }
}

/// Makes the channel a call of its own after the other leg is gone.
pub(super) fn alone(channel: &mut Channel) {
    channel.call_uuid.clone_from(&channel.uuid);
    channel.set("call_uuid", channel.uuid.clone());
}

/// Returns a single value unchanged, and several values as the switch's array.
fn array(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => format!("ARRAY::{}", several.join("|:")),
    }
}

/// Waits for `time` or until the channel hangs up. Returns whether it hung up.
pub(super) async fn until_down(leg: &Leg, time: Duration) -> bool {
    let until = Instant::now() + time;
    while leg.lock().is_up() {
        tokio::select! {
            () = sleep_until(until) => return false,
            () = leg.enough.notified() => return false,
            () = leg.wake.notified() => {}
        }
    }
    true
}

fn records(legs: &[Arc<Leg>]) -> Vec<LegRecord> {
    legs.iter().map(|leg| LegRecord::of(&leg.lock())).collect()
}

impl LegRecord {
    /// Records the final state of a channel that is down.
    pub(super) fn of(channel: &Channel) -> Self {
        let cause = channel.cause.as_ref();
        Self {
            uuid: channel.uuid.clone(),
            outbound: channel.profile.outbound,
            caller: channel.first_caller.clone(),
            destination: channel.first_destination.clone(),
            created_us: channel.times.created,
            answered_us: channel.times.answered,
            ended_us: channel.times.hungup,
            q850: cause.map_or(16, Cause::q850),
            by_far_end: cause.is_some_and(Cause::by_far_end),
            variables: channel.all_variables(),
            recording: channel.recording.clone().zip(channel.recorded),
            talk_us: None,
        }
    }
}

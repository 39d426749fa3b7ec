//! Plays an agent's leg that stays: it waits in `park`, and a program connects it with one caller
//! after another (`park_after_bridge`, `uuid_bridge`).
//!
//! The order of events follows the capture `standing-agent-parked-between-uuid_bridges`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::Switch;
use super::bridge::{alone, until_down};
use super::channel::{CallState, Cause, Channel, Leg, Peer, State, micros};
use super::emit_events::{
    ANSWER, BRIDGE, CREATE, DESTROY, HANGUP, ORIGINATE, PARK, RINGS, UNBRIDGE, UNPARK,
};
use super::media::{AudioRecorder, Sound};
use super::record::{CallRecord, Left, LegRecord};
use super::session::announce_start;
use super::template::{JOINS, LEAVES, STAYS, TALKS};
use super::wire::Traffic;

/// An agent's leg that is up and parked.
#[derive(Debug)]
pub struct StandingAgent {
    switch: Arc<Switch>,
    leg: Arc<Leg>,
}

impl Switch {
    /// Dials an agent with these variables, showing the number `shown`. The agent answers and is
    /// parked.
    pub fn dial_agent(
        self: &Arc<Self>,
        number: &str,
        shown: &str,
        variables: &[(&str, &str)],
    ) -> StandingAgent {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let uuid = Uuid::new_v4().to_string();
        let mut agent = Channel::originated(uuid, number, shown, session);
        for (name, value) in variables {
            agent.set(name, (*value).to_owned());
        }
        self.fire(&mut agent, CREATE, &[]);
        self.fire(&mut agent, ORIGINATE, &[]);
        agent.rings();
        self.fire(&mut agent, RINGS, &[]);
        agent.answers();
        agent.ear.hears(Sound::Silence);
        self.fire(&mut agent, ANSWER, &[]);
        agent.state = State::Execute;
        agent.running = State::Execute;
        agent.call_state = CallState::Active;
        self.enter_park(&mut agent);
        let leg = Arc::new(Leg::new(agent));
        self.table().insert(leg.uuid.clone(), Arc::clone(&leg));
        StandingAgent {
            switch: Arc::clone(self),
            leg,
        }
    }

    fn enter_park(&self, channel: &mut Channel) {
        announce_start(self, channel, "park", "", &Uuid::new_v4().to_string());
        self.fire(channel, PARK, &[]);
    }

    /// Plays line 0 of a caller who is parked there and connected with the standing agent. The
    /// caller's last events follow elsewhere. Returns the agent's part in the call.
    pub(super) async fn join(&self, caller: &Leg, agent: &str, talks: Duration) -> Vec<LegRecord> {
        let Some(agent) = self.leg(agent) else {
            let what = "the standing agent is gone".to_owned();
            caller.lock().violation(what);
            return Vec::new();
        };
        self.enter_park(&mut caller.lock());
        let from = self.connect(&mut caller.lock(), &mut agent.lock());
        until_down(caller, talks).await;
        let until = self.disconnect(&mut caller.lock(), &mut agent.lock());
        let mut part = LegRecord::of(&agent.lock());
        part.talk_us = Some((from, until));
        vec![part]
    }

    /// Connects the two legs as `uuid_bridge CALLER AGENT` does. Returns the time.
    fn connect(&self, caller: &mut Channel, agent: &mut Channel) -> u64 {
        let job = || Uuid::new_v4().to_string();
        self.fire(agent, UNPARK, &[]);
        self.fire(caller, UNPARK, &[]);
        let shown = agent.first_caller.clone();
        caller.join(&agent.uuid, &job());
        caller.profile.callee = Some(shown.clone());
        caller.state = State::SoftExecute;
        caller.running = State::SoftExecute;
        caller.other = agent.as_other("originatee");
        caller.peer = Some(peer(agent, &shown));
        caller.times.bridged = micros();
        caller.apply(&JOINS);
        let at = self.fire(caller, BRIDGE, &[]);
        agent.join(&caller.uuid, &job());
        agent.profile.callee = Some(shown);
        agent.party.caller.clone_from(&caller.party.caller);
        agent
            .party
            .caller_name
            .clone_from(&caller.party.caller_name);
        agent.state = State::ExchangeMedia;
        agent.running = State::ExchangeMedia;
        agent.call_uuid.clone_from(&caller.uuid);
        agent.set("call_uuid", caller.uuid.clone());
        agent.other = caller.as_other("originator");
        agent.peer = Some(peer(caller, &caller.party.caller));
        agent.times.bridged = caller.times.bridged;
        agent.apply(&TALKS);
        at
    }

    /// Ends the talk, because the caller hangs up. The agent is parked again. Returns the time.
    fn disconnect(&self, caller: &mut Channel, agent: &mut Channel) -> u64 {
        if caller.is_up() {
            caller.state = State::Hangup;
            caller.cause = Some(Cause::by_caller());
            caller.apply(&LEAVES);
            caller.ended_by_phone();
            self.fire(caller, HANGUP, &[]);
        }
        caller.unset("bridge_to");
        let at = self.fire(caller, UNBRIDGE, &[]);
        alone(agent);
        agent.apply(&STAYS);
        agent.state = State::Park;
        agent.running = State::Park;
        self.fire(agent, PARK, &[]);
        at
    }
}

pub(super) fn peer(channel: &Channel, number: &str) -> Peer {
    Peer {
        uuid: channel.uuid.clone(),
        name: channel.name(),
        number: number.to_owned(),
        ..Peer::default()
    }
}

impl StandingAgent {
    /// Returns the leg's Unique-ID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.leg.uuid
    }

    /// Ends the agent's shift: the agent hangs up. Returns what became of the leg.
    #[must_use]
    pub fn hangs_up(self) -> CallRecord {
        let Self { switch, leg } = self;
        let mut agent = leg.lock();
        switch.hang_up_channel(&mut agent, Cause::by_caller());
        switch.go_down(&mut agent);
        agent.state = State::Destroy;
        switch.fire(&mut agent, DESTROY, &[]);
        switch.table().remove(&leg.uuid);
        let ear = std::mem::replace(&mut agent.ear, AudioRecorder::new(Sound::Silence));
        let own = LegRecord::of(&agent);
        CallRecord {
            uuid: leg.uuid.clone(),
            left: Left::HungUp,
            line: None,
            heard: ear.timeline(),
            variables: own.variables.clone(),
            violations: std::mem::take(&mut agent.violations),
            answered: true,
            early_media: false,
            traffic: Traffic::default(),
            connected: None,
            ended: Some(Instant::now()),
            legs: vec![own],
            kept: None,
        }
    }
}

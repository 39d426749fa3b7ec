//! Plays a call after the service: its line, its conversation and its record.

use std::sync::Arc;

use tokio::time::sleep;
use uuid::Uuid;

use super::Play;
use crate::switch::bridge::until_down;
use crate::switch::channel::{Cause, Channel, State};
use crate::switch::dialplan::{check_neighbours, check_tasks, line};
use crate::switch::emit_events::DESTROY;
use crate::switch::media::{AudioRecorder, Sound};
use crate::switch::record::{CallRecord, Left, LegRecord};

impl Play {
    /// Plays the dialplan after the service, up to the end of the call.
    pub(super) async fn finish(mut self, left: Left) -> CallRecord {
        self.leave(left);
        let left = self.left.unwrap_or(left);
        if matches!(left, Left::Released | Left::NoService) {
            self.take_line(left);
        }
        if self.leg.lock().is_up() {
            self.go_on().await;
            sleep(self.call.reports_after).await;
            self.session.go_down();
        }
        self.switch.table().remove(&self.leg.uuid);
        self.record(left)
    }

    /// Plays what the dialplan does on the line.
    async fn go_on(&mut self) {
        let (switch, leg) = (Arc::clone(&self.switch), Arc::clone(&self.leg));
        let talks = self.call.talks;
        let served = self.line == Some(0);
        if let Some(dial) = self.call.dial.as_ref().filter(|_| served) {
            self.agents = switch.connect_agents(&leg, dial, talks).await;
        } else if let Some(agent) = self.call.joins.as_ref().filter(|_| served) {
            self.agents = switch.join(&leg, agent, talks).await;
        } else {
            self.talk().await;
        }
    }

    /// Keeps the caller on its line until the conversation is over or another party hangs up.
    async fn talk(&self) {
        if !until_down(&self.leg, self.call.talks).await {
            self.switch.hang_up(&self.leg, Cause::by_caller());
        }
    }

    fn take_line(&mut self, left: Left) {
        let mut channel = self.leg.lock();
        if !channel.is_up() {
            return;
        }
        channel.acknowledged();
        self.line = line(&mut channel);
        if let Some(line) = self.line {
            self.transfer(&mut channel, line);
        }
        if left == Left::Released && !channel.written.is_empty() {
            check_tasks(&mut channel, &self.call.hand_over);
        }
    }

    pub(super) fn transfer(&self, channel: &mut Channel, line: u8) {
        if self.call.hand_over.transfer {
            let extension = format!("{}-line-{line}", self.call.lines());
            channel.transfer(&extension, &Uuid::new_v4().to_string());
        }
    }

    fn record(self, left: Left) -> CallRecord {
        let mut channel = self.leg.lock();
        if left == Left::Fetched {
            self.check_fetched(&mut channel);
        }
        channel.state = State::Destroy;
        let tasks = channel.tasks.iter().map(|task| task.id);
        tasks.for_each(|task| drop(self.switch.owners().remove(&task)));
        self.switch.fire(&mut channel, DESTROY, &[]);
        check_neighbours(&mut channel);
        let mut legs = vec![LegRecord::of(&channel)];
        legs.extend(self.agents);
        let ear = std::mem::replace(&mut channel.ear, AudioRecorder::new(Sound::Silence));
        CallRecord {
            uuid: channel.uuid.clone(),
            left,
            line: self.line,
            heard: ear.timeline(),
            variables: self.variables.unwrap_or_default(),
            violations: std::mem::take(&mut channel.violations),
            answered: channel.times.answered > 0,
            early_media: channel.times.early_media > 0,
            traffic: self.traffic,
            connected: self.connected,
            ended: self.ended,
            legs,
            kept: self.kept,
        }
    }
}

//! Plays recorded calls again with the changed webhook.

use crate::replay::{self, Recording};
use switchhook_service::recorder::RecordedEvent;

use super::Backtest;

impl Backtest<'_> {
    /// Plays a recorded call again and compares the result.
    pub fn recording(&mut self, recording: &Recording) {
        let (call, name) = (&recording.header.uuid, &recording.header.webhook);
        if !self.wants(name) {
            return;
        }
        self.recorded.insert((call.clone(), name.clone()));
        let played = match replay::play_compiled(recording, self.tasks) {
            Ok(played) => played,
            Err(error) => return self.skip(name, error.to_string()),
        };
        self.summary(name).recordings += 1;
        self.count_paths(name, recording);
        self.add_change(call, name, replay::compare(recording, &played));
    }

    fn count_paths(&mut self, name: &str, recording: &Recording) {
        let task = self.tasks.by_name.get(name);
        let webhook = task.and_then(|task| task.webhook());
        if let (
            Some(webhook),
            Some(RecordedEvent::Outcome {
                status: Some(200..=299),
                content_type,
                whole: true,
                body,
                ..
            }),
        ) = (webhook, recording.answer())
        {
            self.count_matches(name, webhook, content_type.as_deref(), &body.bytes());
        }
    }
}

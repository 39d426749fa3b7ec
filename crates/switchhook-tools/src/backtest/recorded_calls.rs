//! Recorded calls, played again with the webhook as it would be.

use crate::replay::{self, Recording};
use switchhook_service::recorder::RecordedEvent;

use super::Backtest;

impl Backtest<'_> {
    /// Plays a recorded call again.
    pub fn recording(&mut self, recording: &Recording) {
        let (call, name) = (&recording.header.uuid, &recording.header.webhook);
        if !self.wants(name) {
            return;
        }
        self.told.insert((call.clone(), name.clone()));
        let played = match replay::play_with(recording, self.widgets) {
            Ok(played) => played,
            Err(error) => return self.untold(name, error.to_string()),
        };
        self.tested(name).recordings += 1;
        self.read(name, recording);
        self.changed(call, name, replay::compare(recording, &played));
    }

    fn read(&mut self, name: &str, recording: &Recording) {
        let widget = self.widgets.by_name.get(name);
        let webhook = widget.and_then(|widget| widget.webhook());
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
            self.count(name, webhook, content_type.as_deref(), &body.bytes());
        }
    }
}

//! What becomes of a call's tape ([`crate::recorder`]).

use std::time::Duration;

use crate::recorder::{CallRecording, Code, Header, VERSION};
use eslclient::{Command, Event, Reply};
use switchhook_core::clock;

use super::answerer::{Asked, Source};
use super::channel::Way;
use super::report::CallReport;
use super::{CallControl, WebhookTask};

/// A call that is recorded.
pub(crate) struct RecordingSession {
    pub(crate) tape: CallRecording,
    began_ms: i64,
}

impl RecordingSession {
    /// For the call that begins now, when it is to be recorded.
    pub(super) fn begin(call_control: &CallControl) -> Option<Self> {
        let tape = call_control.options.recorder.as_ref()?.begin()?;
        Some(Self {
            tape,
            began_ms: clock::now_ms(),
        })
    }

    /// The call is over.
    pub(super) fn end(self, call_control: &CallControl, report: &CallReport) {
        let Some(recorder) = &call_control.options.recorder else {
            return;
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let widgets = call_control.widgets.load();
        let widget = widgets.by_name.get(&report.channel.widget);
        let code = widget.and_then(|widget| code(widget));
        let webhook = widget.filter(|_| code.is_none());
        let header = Header {
            switchhook: "recording".into(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            began_ms: self.began_ms,
            uuid: report.channel.uuid.clone(),
            webhook: report.channel.widget.clone(),
            parked: matches!(report.channel.way, Way::Parked(_)),
            music_after_us: micros(call_control.options.music_after),
            goodbye_us: micros(call_control.options.goodbye_deadline),
            config: webhook
                .map_or(&widgets.settings, |webhook| &webhook.settings)
                .clone(),
            code,
        };
        recorder.keep(&self.tape, header, report.end());
    }
}

/// What is known of the Rust code that answers, where it does.
fn code(widget: &WebhookTask) -> Option<Code> {
    let Source::Own(answerer) = &widget.source else {
        return None;
    };
    Some(Code {
        names: answerer.names(),
        hold: serde_json::to_value(&widget.hold).unwrap_or_default(),
    })
}

/// What the call asks.
pub(crate) fn asked(tape: Option<&CallRecording>, asked: &Asked) {
    match (tape, asked) {
        (Some(tape), Asked::Request(request)) => tape.asked(request),
        (Some(tape), Asked::Question(question)) => tape.questioned(&question.json()),
        (None, _) => {}
    }
}

/// What was heard of a call on a connection that it shares with others.
pub(crate) fn heard(tape: Option<&CallRecording>, event: &Event) {
    if let (Some(tape), Some(json)) = (tape, event.json()) {
        tape.event(json);
    }
}

/// The channel of the call left: as much of the event as is read of it.
pub(crate) fn left(tape: &CallRecording, name: &str) {
    tape.event(&serde_json::json!({ "Event-Name": name }).to_string());
}

/// What was said for a call.
pub(crate) fn said(tape: Option<&CallRecording>, commands: &[Command]) {
    if let Some(tape) = tape {
        commands
            .iter()
            .for_each(|command| tape.said(command.as_bytes()));
    }
}

/// And what was answered.
pub(crate) fn answered(tape: Option<&CallRecording>, replies: &[Reply]) {
    if let Some(tape) = tape {
        replies
            .iter()
            .for_each(|reply| tape.heard(reply.frame().as_bytes()));
    }
}

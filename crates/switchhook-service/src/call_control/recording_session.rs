//! The recording of one call on hold ([`crate::recorder`]).

use std::time::Duration;

use crate::recorder::{CallRecording, Code, Header, VERSION};
use eslclient::{Command, Event, Reply};
use switchhook_core::clock;

use super::answerer::{AnswerSource, TaskRequest};
use super::call_report::CallReport;
use super::channel::HandOver;

use super::{CallControl, WebhookTask};

/// The recording of a call in progress.
pub(crate) struct RecordingSession {
    pub(crate) recording: CallRecording,
    began_ms: i64,
}

impl RecordingSession {
    /// Begins the recording of a call; `None` if this call is not recorded.
    pub(super) fn begin(call_control: &CallControl) -> Option<Self> {
        let recording = call_control.options.recorder.as_ref()?.start()?;
        Some(Self {
            recording,
            began_ms: clock::now_ms(),
        })
    }

    /// Ends the recording and passes it to the recorder.
    pub(super) fn end(self, call_control: &CallControl, report: &CallReport) {
        let recorder = call_control.options.recorder.as_ref();
        let Some(recorder) = recorder.filter(|_| !report.is_unconfirmed) else {
            return;
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let tasks = call_control.tasks.load();
        let task = tasks.by_name.get(&report.channel.webhook);
        let code = task.and_then(|task| code(task));
        let webhook = task.filter(|_| code.is_none());
        let header = Header {
            switchhook: "recording".into(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            began_ms: self.began_ms,
            uuid: report.channel.uuid.clone(),
            webhook: report.channel.webhook.clone(),
            parked: matches!(report.channel.hand_over, HandOver::Parked(_)),
            music_after_us: micros(call_control.options.music_after),
            goodbye_us: micros(call_control.options.goodbye_deadline),
            config: webhook
                .map_or(&tasks.settings, |webhook| &webhook.settings)
                .clone(),
            code,
        };
        recorder.save(&self.recording, header, report.end());
    }
}

/// Returns what a replay needs of the Rust code that answers; `None` for an HTTP webhook.
fn code(task: &WebhookTask) -> Option<Code> {
    let AnswerSource::Answerer(answerer) = &task.source else {
        return None;
    };
    Some(Code {
        names: answerer.names(),
        hold: serde_json::to_value(&task.hold).unwrap_or_default(),
    })
}

/// Records the webhook's request.
pub(crate) fn record_request(recording: Option<&CallRecording>, request: &TaskRequest) {
    match (recording, request) {
        (Some(recording), TaskRequest::Request(request)) => recording.request(request),
        (Some(recording), TaskRequest::Question(question)) => recording.question(&question.json()),
        (None, _) => {}
    }
}

/// Records an event of a call on a shared connection.
pub(crate) fn record_event(recording: Option<&CallRecording>, event: &Event) {
    if let (Some(recording), Some(json)) = (recording, event.json()) {
        recording.event(json);
    }
}

/// Records the event with which a channel left its park: only its name, since no more is read.
pub(crate) fn record_exit(recording: &CallRecording, name: &str) {
    recording.event(&serde_json::json!({ "Event-Name": name }).to_string());
}

/// Records the commands that were sent for a call.
pub(crate) fn record_commands(recording: Option<&CallRecording>, commands: &[Command]) {
    if let Some(recording) = recording {
        commands
            .iter()
            .for_each(|command| recording.sent(command.as_bytes()));
    }
}

/// Records the replies to these commands.
pub(crate) fn record_replies(recording: Option<&CallRecording>, replies: &[Reply]) {
    if let Some(recording) = recording {
        replies
            .iter()
            .for_each(|reply| recording.received(reply.frame().as_bytes()));
    }
}

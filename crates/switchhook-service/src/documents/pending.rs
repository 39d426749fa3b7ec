//! Calls that wait in the store for their recordings, and their documents once the wait is over.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::recordings::{Links, Publisher};
use switchhook_core::call_history::CallHistory;
use switchhook_core::details;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::recording::Recording;
use switchhook_store::{NewUnpublishedCall, PublishedCall};

use super::call_context::CallContext;
use super::public_url::PublicUrl;
use super::{DocumentBuilder, Flows, report_missing};

/// A finished call as it waits in the store, encoded as JSON.
#[derive(Serialize, Deserialize)]
struct PendingCall<'a> {
    call: Cow<'a, FinishedCall>,
    story: Cow<'a, CallHistory>,
    /// The flow's name.
    flow: Cow<'a, str>,
    /// The webhooks that get a document.
    webhooks: Cow<'a, [String]>,
}

impl Flows {
    /// Returns the row of a call that waits for its recordings; `None` if no recording of it is
    /// published or no webhook gets a document.
    pub(super) fn unpublished(
        &self,
        context: &CallContext<'_>,
        history: &CallHistory,
        webhooks: &[String],
    ) -> Option<NewUnpublishedCall> {
        let publisher = self.publisher().filter(|_| !webhooks.is_empty())?;
        let mut recordings = details::kept_recordings(context.call).into_iter();
        recordings.find(|recording| publisher.covers(&recording.path))?;
        let pending = PendingCall {
            call: Cow::Borrowed(context.call),
            story: Cow::Borrowed(history),
            flow: context.flow.into(),
            webhooks: webhooks.into(),
        };
        let json = serde_json::to_string(&pending);
        // A call that cannot be encoded cannot wait: its documents are built at once.
        let log = |error: &serde_json::Error| {
            error!(call_uuid = context.call.id, %error, "a call cannot be stored to wait for its recordings");
        };
        Some(NewUnpublishedCall {
            json: json.inspect_err(log).ok()?,
            wait: publisher.wait(),
        })
    }

    fn publisher(&self) -> Option<&Arc<Publisher>> {
        match &self.public_url {
            Some(PublicUrl::Published(publisher)) => Some(publisher),
            Some(PublicUrl::Template(_)) | None => None,
        }
    }

    fn publish(&self, pending: PendingCall<'_>, links: &Links) -> PublishedCall {
        let mut call = pending.call.into_owned();
        let whole = call.legs.iter_mut().flat_map(|leg| &mut leg.recordings);
        let parts = call.parts.iter_mut().flat_map(|part| &mut part.recordings);
        for recording in whole.chain(parts) {
            recording.unreachable = matches!(links.get(&recording.path), Some(Err(_)));
        }
        let url_of = |recording: &Recording| match links.get(&recording.path) {
            Some(link) => link.clone().ok(),
            None => self.url_of(&call, recording),
        };
        let context = self.context(&call, &pending.flow, &url_of);
        let names = pending.webhooks.iter();
        let mut history = pending.story.into_owned();
        history.missing = details::missing(&context.document);
        report_missing(&call.id, &history);
        let is_incomplete = !history.missing.is_empty();
        PublishedCall {
            documents: names.map(|name| self.document(name, &context)).collect(),
            incomplete_history: is_incomplete
                .then(|| serde_json::to_string(&history).unwrap_or_default()),
        }
    }
}

impl DocumentBuilder {
    /// Returns the present publisher of recordings; `None` if recordings are not published.
    pub(crate) fn publisher(&self) -> Option<Arc<Publisher>> {
        self.flows.load().publisher().cloned()
    }

    /// Returns the paths, on the switch, of a pending call's recordings.
    ///
    /// # Errors
    /// The stored JSON cannot be read.
    pub(crate) fn recordings(&self, json: &str) -> Result<Vec<String>, serde_json::Error> {
        let pending: PendingCall<'_> = serde_json::from_str(json)?;
        let kept = details::kept_recordings(&pending.call).into_iter();
        Ok(kept.map(|recording| recording.path.clone()).collect())
    }

    /// Builds the documents of a pending call, with these links.
    ///
    /// # Errors
    /// The stored JSON cannot be read.
    pub(crate) fn publish(
        &self,
        json: &str,
        links: &Links,
    ) -> Result<PublishedCall, serde_json::Error> {
        let pending: PendingCall<'_> = serde_json::from_str(json)?;
        Ok(self.flows.load().publish(pending, links))
    }
}

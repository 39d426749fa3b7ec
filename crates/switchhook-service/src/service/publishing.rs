//! Calls whose recordings are to be fetched by others: what waits of them, and the documents
//! that are made of it once they can be, or will not be.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::recordings::{DocumentMaker, Links, Publisher};
use switchhook_core::call_history::CallHistory;
use switchhook_core::details;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::recording::Recording;
use switchhook_store::{NewUnpublished, Published};

use super::document_builder::{self, DocumentBuilder, Flows, Over};
use super::recordings::PublicUrl;

/// A call that is over, as it waits in the store.
#[derive(Serialize, Deserialize)]
struct Waiting<'a> {
    call: Cow<'a, FinishedCall>,
    story: Cow<'a, CallHistory>,
    /// The flow's name.
    flow: Cow<'a, str>,
    /// Who gets a document.
    webhooks: Cow<'a, [String]>,
}

impl Flows {
    /// What is to wait of a call; `None` when there is nobody to wait, or nothing to wait for.
    pub(super) fn unpublished(
        &self,
        over: &Over<'_>,
        story: &CallHistory,
        webhooks: &[String],
    ) -> Option<NewUnpublished> {
        let publisher = self.publisher().filter(|_| !webhooks.is_empty())?;
        let mut recordings = details::kept_recordings(over.call).into_iter();
        recordings.find(|recording| publisher.has(&recording.path))?;
        let waiting = Waiting {
            call: Cow::Borrowed(over.call),
            story: Cow::Borrowed(story),
            flow: over.flow.into(),
            webhooks: webhooks.into(),
        };
        let json = serde_json::to_string(&waiting);
        // What cannot be kept cannot wait either.
        let told = |error: &serde_json::Error| {
            error!(call_uuid = over.call.id, %error, "a call cannot wait for its recordings");
        };
        Some(NewUnpublished {
            json: json.inspect_err(told).ok()?,
            wait: publisher.wait(),
        })
    }

    fn publisher(&self) -> Option<&Arc<Publisher>> {
        match &self.public_url {
            Some(PublicUrl::Published(publisher)) => Some(publisher),
            Some(PublicUrl::Template(_)) | None => None,
        }
    }

    fn publish(&self, waiting: Waiting<'_>, links: &Links) -> Published {
        let mut call = waiting.call.into_owned();
        let recordings = call.legs.iter_mut().flat_map(|leg| &mut leg.recordings);
        for recording in recordings {
            recording.unreachable = matches!(links.get(&recording.path), Some(Err(_)));
        }
        let url_of = |recording: &Recording| match links.get(&recording.path) {
            Some(link) => link.clone().ok(),
            None => self.url_of(&call, recording),
        };
        let over = self.over(&call, &waiting.flow, &url_of);
        let names = waiting.webhooks.iter();
        let mut story = waiting.story.into_owned();
        story.missing = details::missing(&over.document);
        document_builder::say_what_is_missing(&call.id, &story);
        let lacks = !story.missing.is_empty();
        Published {
            documents: names.map(|name| self.document(name, &over)).collect(),
            incomplete: lacks.then(|| serde_json::to_string(&story).unwrap_or_default()),
        }
    }
}

impl DocumentMaker for DocumentBuilder {
    fn publisher(&self) -> Option<Arc<Publisher>> {
        self.flows.load().publisher().cloned()
    }

    fn recordings(&self, json: &str) -> Result<Vec<String>, serde_json::Error> {
        let waiting: Waiting<'_> = serde_json::from_str(json)?;
        let kept = details::kept_recordings(&waiting.call).into_iter();
        Ok(kept.map(|recording| recording.path.clone()).collect())
    }

    fn publish(&self, json: &str, links: &Links) -> Result<Published, serde_json::Error> {
        let waiting: Waiting<'_> = serde_json::from_str(json)?;
        Ok(self.flows.load().publish(waiting, links))
    }
}

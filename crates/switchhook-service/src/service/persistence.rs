//! Between calls and the store: what must outlast a call is stored here, and what
//! waits in the store is sent from here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{error, warn};
use url::Url;

use crate::limits;
use switchhook_webhook::breakers::Breakers;

use crate::call_control::{BackgroundRequest, CallPersistence, KeptAnswer, WebhookTask};
use crate::outbox::content::{content, flow_variables};
use crate::outbox::{Deliver, Delivery, Reply};
use crate::traces;
use switchhook_store::{Content, DeliveryKind, KeptResponse, NewDocument, Store};
use switchhook_webhook::{self as webhook, Client, Prepared, Webhook};

use super::build::Built;
use super::spans::Attempt;

/// Stores what calls leave behind.
pub(crate) struct StorePersistence {
    store: Store,
    places: Arc<Semaphore>,
}

/// Requests and answers that may wait for the store; one more is refused.
const WAITING: usize = 1024;
/// Between two attempts at a store that fails.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

impl StorePersistence {
    /// Over `store`.
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            places: Arc::new(Semaphore::new(WAITING)),
        }
    }

    /// Room to wait for the store; without it a store that is slow would fill the memory.
    fn place(&self) -> Result<OwnedSemaphorePermit, String> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            limits::record_hit("store_queue");
            format!("{WAITING} requests and answers wait for the store already; see /readyz")
        })
    }
}

impl CallPersistence for StorePersistence {
    /// Offers the request to the store until it takes it, also when nobody waits for that
    /// any longer: the call has gone on in the belief that it will be sent.
    fn send_later(&self, background: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        let (store, place, id) = (self.store.clone(), self.place(), background.id);
        let request = NewDocument {
            kind: DeliveryKind::Request,
            webhook: background.webhook,
            flow: background.flow.unwrap_or_default(),
            call_uuid: background.call,
            content: content(&background.request),
        };
        let stored = tokio::spawn(async move {
            let _place = place?;
            put_request(&store, &id, request).await
        });
        async move { stored.await.unwrap_or_else(|error| Err(error.to_string())) }.boxed()
    }

    fn keep(&self, answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        let (store, place) = (self.store.clone(), self.place());
        let variables = answer
            .variables
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let response = KeptResponse {
            call_uuid: answer.call,
            flow: answer.flow.unwrap_or_default(),
            webhook: answer.webhook,
            at_ms: now_ms(),
            variables,
        };
        async move {
            let _place = place?;
            let stored = store.persist_response(response).await;
            stored.map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// Under one id however often it is offered: a store that failed may have taken it.
async fn put_request(store: &Store, id: &str, request: NewDocument) -> Result<(), String> {
    loop {
        match store.put_request(id, request.clone()).await {
            Ok(_) => return Ok(()),
            Err(fault) if fault.is_recoverable() => {
                warn!(call_uuid = request.call_uuid, %fault, "a request in the background waits for the store");
                sleep(AGAIN_AFTER).await;
            }
            Err(fault) => {
                error!(call_uuid = request.call_uuid, %fault, "a request in the background is not stored");
                return Err(fault.to_string());
            }
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Sends what waits in the store, with the webhooks as they are configured now.
pub(crate) struct WebhookSender {
    known: ArcSwap<Known>,
    breakers: Arc<Breakers>,
    traces: traces::TracesHandle,
}

struct Known {
    widgets: HashMap<String, Arc<WebhookTask>>,
    client: Client,
}

impl WebhookSender {
    /// The webhooks of a configuration. Each attempt is told to the `traces`; a call's request
    /// in the background asks the `breakers` first.
    pub(super) fn new(
        built: &Built,
        breakers: Arc<Breakers>,
        traces: traces::TracesHandle,
    ) -> Self {
        Self {
            known: ArcSwap::from_pointee(Known::of(built)),
            breakers,
            traces,
        }
    }

    /// Those of another one, from the next attempt on.
    pub(super) fn replace(&self, built: &Built) {
        self.known.store(Arc::new(Known::of(built)));
    }
}

impl Known {
    fn of(built: &Built) -> Self {
        Self {
            widgets: built.widgets.by_name.clone(),
            client: built.widgets.client.clone(),
        }
    }
}

impl Deliver for WebhookSender {
    async fn deliver(&self, delivery: &Delivery) -> Result<Reply, String> {
        let known = self.known.load_full();
        let widget = known.widgets.get(&delivery.endpoint);
        let webhook = widget
            .and_then(|widget| widget.webhook())
            .ok_or_else(|| format!("no webhook is named {:?} any more", delivery.endpoint))?;
        let mut request = request(webhook, delivery)?;
        let question = match delivery.kind {
            DeliveryKind::Request => Some(self.breakers.ask(&delivery.endpoint)),
            // A document is not what callers wait for, and has a lane of its own.
            DeliveryKind::Document => None,
        };
        let question = question.transpose().map_err(|rests| rests.to_string())?;
        webhook.authorize(&mut request.headers);
        let traces = self.traces.now();
        let attempt = traces.map(|traces| Attempt::begin(&traces, delivery, &mut request));
        let answer = known.client.deliver(webhook, request, webhook.timeout());
        let answer = answer.await;
        if let Some(question) = question {
            let status = answer.as_ref().ok().map(|answer| answer.status);
            question.told(status, answer.as_ref().err());
        }
        let answer = match answer {
            Ok(answer) => Ok(Reply {
                status: answer.status,
                retry_after: answer.retry_after,
            }),
            Err(failure) => Err(failure.detail),
        };
        if let Some(attempt) = attempt {
            attempt.end(&answer);
        }
        answer
    }
}

/// The request as it was frozen, with this attempt's headers.
fn request(webhook: &Webhook, delivery: &Delivery) -> Result<Prepared, String> {
    let mut request = match &delivery.content.url {
        Some(url) => frozen(&delivery.content, url)?,
        None => rendered(webhook, &delivery.content)?,
    };
    for (name, value) in &delivery.headers {
        add(&mut request.headers, name, value)?;
    }
    Ok(request)
}

fn frozen(content: &Content, url: &str) -> Result<Prepared, String> {
    let method = content.method.as_deref().unwrap_or("POST");
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let url = Url::parse(url).map_err(|error| format!("the stored URL is not valid: {error}"))?;
    let mut headers = HeaderMap::with_capacity(content.headers.len() + 4);
    for (name, value) in &content.headers {
        add(&mut headers, name, value)?;
    }
    Ok(Prepared {
        method,
        url,
        headers,
        body: content.body.clone(),
    })
}

/// The request could not be made when the document was frozen: perhaps it can with the
/// webhook as it is configured now. The body stays what it is.
fn rendered(webhook: &Webhook, content: &Content) -> Result<Prepared, String> {
    let document: Value = serde_json::from_slice(&content.body).unwrap_or_default();
    let call = webhook::Call {
        headers: &flow_variables(&document),
        document: Some(&document),
        predefined: &|| content.body.to_vec(),
    };
    let request = webhook.prepare(&call).map_err(|failure| failure.detail)?;
    Ok(Prepared {
        body: content.body.clone(),
        ..request
    })
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|error| error.to_string())?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::service::build;
    use switchhook_sim::receiver::Receiver;

    fn delivery(kind: DeliveryKind) -> Delivery {
        let content = Content {
            method: Some("POST".into()),
            url: None,
            headers: Vec::new(),
            body: "{}".into(),
        };
        Delivery {
            endpoint: "crm".into(),
            kind,
            webhook_id: "id".into(),
            call_uuid: "uuid".into(),
            attempt: 1,
            content,
            headers: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_request_in_the_background_is_not_sent_while_its_webhook_rests_and_a_document_is() {
        let receiver = Receiver::start().await.unwrap();
        let settings = format!(
            "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[egress]\nallow_plain_http = true\n\
             allow_addresses = [\"127.0.0.0/8\"]\n[webhooks.crm]\nurl = \"{}\"\nbreaker.failures = 2\n",
            receiver.url("/status/503")
        );
        let config = Config::parse(&settings, "test.toml").unwrap();
        let breakers = Breakers::of(build::breakers(&config));
        let webhooks = WebhookSender::new(
            &build::compile(&config).unwrap(),
            breakers,
            traces::TracesHandle::default(),
        );
        for _ in 0..2 {
            let answer = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
            assert_eq!(answer.map(|reply| reply.status), Ok(503));
        }
        let refused = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
        let said = refused.unwrap_err();
        assert!(said.starts_with("CIRCUIT_OPEN: crm is not asked since"));
        assert!(said.contains("(the last: it answered 503)"), "{said}");
        assert_eq!(receiver.count(), 2);
        let document = webhooks.deliver(&delivery(DeliveryKind::Document)).await;
        assert_eq!(document.map(|reply| reply.status), Ok(503));
    }
}

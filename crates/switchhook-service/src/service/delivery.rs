//! Sends what waits in the store: one delivery attempt at a time, with the present webhooks.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use crate::call_control::{WebhookTask, WebhookTasks};
use crate::outbox::content::{FALLBACK_URL, flow_variables};
use crate::outbox::{Deliver, Delivery, Reply};
use crate::traces::TracesHandle;
use switchhook_core::outcome::Reason;
use switchhook_store::{DeliveryKind, RequestContent, webhook_of};
use switchhook_webhook::breakers::Breakers;
use switchhook_webhook::{self as webhook, Client, Prepared, Webhook};

use super::delivery_span::DeliverySpan;

/// Sends delivery attempts to the webhooks of the present configuration.
pub(crate) struct WebhookSender {
    webhooks: ArcSwap<CurrentWebhooks>,
    breakers: Arc<Breakers>,
    traces: TracesHandle,
}

struct CurrentWebhooks {
    by_name: HashMap<String, Arc<WebhookTask>>,
    client: Client,
}

impl WebhookSender {
    /// Returns the sender for these webhooks. Each attempt is a span in `traces`. Background
    /// requests respect the circuit `breakers`.
    pub(super) fn new(
        webhook_tasks: &WebhookTasks,
        breakers: Arc<Breakers>,
        traces: TracesHandle,
    ) -> Self {
        Self {
            webhooks: ArcSwap::from_pointee(CurrentWebhooks::of(webhook_tasks)),
            breakers,
            traces,
        }
    }

    /// Takes the webhooks of another configuration from the next attempt on.
    pub(super) fn replace(&self, webhook_tasks: &WebhookTasks) {
        self.webhooks
            .store(Arc::new(CurrentWebhooks::of(webhook_tasks)));
    }
}

impl CurrentWebhooks {
    fn of(webhook_tasks: &WebhookTasks) -> Self {
        Self {
            by_name: webhook_tasks.by_name.clone(),
            client: webhook_tasks.client.clone(),
        }
    }
}

impl Deliver for WebhookSender {
    async fn deliver(&self, delivery: &Delivery) -> Result<Reply, String> {
        let current = self.webhooks.load_full();
        let task = current.by_name.get(webhook_of(&delivery.endpoint));
        let webhook = task
            .and_then(|task| task.webhook())
            .ok_or_else(|| format!("no webhook is named {:?} any more", delivery.endpoint))?;
        let mut request = request(webhook, delivery)?;
        let breakers = match delivery.kind {
            DeliveryKind::Request => Some(&*self.breakers),
            // No caller waits for a document or an event, and its endpoint has a rate limit of its own.
            DeliveryKind::Document | DeliveryKind::Event => None,
        };
        webhook.authorize(&mut request.headers);
        let traces = self.traces.current();
        let span = traces.map(|traces| DeliverySpan::begin(&traces, delivery, &mut request));
        let client = &current.client;
        let answer = client.deliver(webhook, request, webhook.timeout(), breakers);
        let answer = answer.await;
        let answer = match answer {
            Ok(answer) => Ok(Reply {
                status: answer.status,
                retry_after: answer.retry_after,
                failure: answer.failure.map(|failure| failure.detail).map(with_taken),
            }),
            Err(open) if open.reason == Reason::CircuitOpen => Err(open.to_string()),
            Err(failure) => Err(failure.detail),
        };
        if let Some(span) = span {
            span.end(&answer);
        }
        answer
    }
}

/// Adds to the sentence of a redirect what to set for a receiver that did its work before it.
fn with_taken(failure: String) -> String {
    if failure.ends_with("redirects are not followed") {
        let cure = "set the final URL, or delivery.taken if the receiver did its work before it";
        return format!("{failure}: {cure}");
    }
    failure
}

/// Returns the frozen request with this attempt's headers.
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

fn frozen(content: &RequestContent, url: &str) -> Result<Prepared, String> {
    let method = content.method.as_deref().unwrap_or("POST");
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let url = Url::parse(url).map_err(|error| format!("the stored URL is not valid: {error}"))?;
    let mut headers = HeaderMap::with_capacity(content.headers.len() + 4);
    let mut fallback_urls = Vec::new();
    for (name, value) in &content.headers {
        if name == FALLBACK_URL {
            fallback_urls.extend(Url::parse(value).map(Ok));
        } else {
            add(&mut headers, name, value)?;
        }
    }
    Ok(Prepared {
        method,
        url,
        fallback_urls,
        headers,
        body: content.body.clone(),
    })
}

/// Renders a request that could not be rendered when its document was frozen, with the webhook as
/// it is configured now. The body stays frozen.
fn rendered(webhook: &Webhook, content: &RequestContent) -> Result<Prepared, String> {
    let document: Value = serde_json::from_slice(&content.body).unwrap_or_default();
    let call = webhook::CallContext {
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
    use crate::outbox::TakenStatuses;
    use crate::service::{compile, options};
    use switchhook_sim::receiver::Receiver;

    fn delivery(kind: DeliveryKind) -> Delivery {
        let content = RequestContent {
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
            taken: TakenStatuses::default(),
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
        let breakers = Breakers::of(options::breakers(&config));
        let webhooks = WebhookSender::new(
            &compile(&config).unwrap(),
            breakers,
            TracesHandle::default(),
        );
        for _ in 0..2 {
            let answer = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
            assert_eq!(answer.map(|reply| reply.status), Ok(503));
        }
        let refused = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
        let said = refused.unwrap_err();
        assert!(said.starts_with("CIRCUIT_OPEN: the circuit of crm is open since"));
        assert!(said.contains("(the last: it answered 503)"), "{said}");
        assert_eq!(receiver.count(), 2);
        let document = webhooks.deliver(&delivery(DeliveryKind::Document)).await;
        assert_eq!(document.map(|reply| reply.status), Ok(503));
    }

    /// Starts a server that answers each request with status 500 and a SOAP fault.
    async fn server_of_faults() -> std::net::SocketAddr {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        const FAULT: &[u8] = b"HTTP/1.1 500 x\r\ncontent-type: text/xml\r\nconnection: close\r\n\
            content-length: 61\r\n\r\n<e><Fault><faultstring>no such lead</faultstring></Fault></e>";
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // A request of these tests comes in one piece.
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(FAULT).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn a_fault_in_the_answer_to_a_request_in_the_background_opens_no_circuit() {
        let address = server_of_faults().await;
        let settings = |fault: &str| {
            format!(
                "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[egress]\n\
                 allow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n[webhooks.crm]\n\
                 url = \"http://{address}/\"\nbreaker.failures = 2\nresponse.type = \"xml\"\n{fault}\n"
            )
        };
        for (fault, words, opens) in [
            ("response.fault = \"//faultstring\"", "no such lead", false),
            ("", "answered 500", true),
        ] {
            let config = Config::parse(&settings(fault), "test.toml").unwrap();
            let breakers = Breakers::of(options::breakers(&config));
            let tasks = compile(&config).unwrap();
            let webhooks = WebhookSender::new(&tasks, breakers, TracesHandle::default());
            for _ in 0..2 {
                let answer = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
                let reply = answer.unwrap();
                assert_eq!(reply.status, 500);
                let failure = reply.failure.unwrap();
                assert!(failure.contains(words), "{failure}");
            }
            let third = webhooks.deliver(&delivery(DeliveryKind::Request)).await;
            assert_eq!(third.is_err(), opens, "{fault}");
        }
    }
}

//! How a response is read, and what it means for the call.

use bytes::Bytes;
use reqwest::StatusCode;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

use super::body::{Body, decode, read};
use super::connections::PendingResponse;
use super::response_headers::{content_type, redirect_target, retry_after};
use crate::compile::Webhook;
use crate::error;
use switchhook_core::outcome::{Failure, Phases, Reason};

/// Properties of a response besides its status and body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseMeta {
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Where a redirect leads, without user, query and fragment.
    pub redirect: Option<String>,
    /// The body was read to its end, within the limit.
    pub whole: bool,
}

/// What is known so far of an exchange that may be cancelled at any time.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) meta: ResponseMeta,
    pub(super) status: Option<u16>,
    pub(super) phases: Phases,
    pub(super) raw: Bytes,
    /// The `Retry-After` header, if another try may follow.
    pub(super) retry_after: Option<String>,
}

/// Reads a response that has begun.
pub(super) async fn receive(
    webhook: &Webhook,
    (mut reply, url): (PendingResponse, &Url),
    started: Instant,
    progress: &mut Option<Box<Progress>>,
) -> Result<Vec<switchhook_core::outcome::Mapped>, Failure> {
    let progress = &mut **progress.insert(Box::default());
    let response = &mut reply.response;
    progress.phases.headers = Some(started.elapsed());
    progress.status = Some(response.status().as_u16());
    progress.meta.content_type = content_type(response).map(str::to_owned);
    progress.meta.redirect = redirect_target(response, url);
    if !webhook.is_tried_once() {
        progress.retry_after = retry_after(response);
    }
    let began = Instant::now();
    let read = read(response, webhook.response_limit(), url).await;
    progress.phases.body = Some(began.elapsed());
    let read = read.and_then(|sent| decode(response, sent, webhook.response_limit()));
    let redirect = progress.meta.redirect.as_deref();
    let refused = error::status_failure(response.status(), url, redirect, &[]);
    if let (Some(failure), Err(_)) = (refused, &read) {
        return Err(failure);
    }
    let read = read?;
    progress.meta.whole = matches!(read, Body::Whole(_));
    progress.raw = read.into_bytes();
    let Progress { meta, raw, .. } = progress;
    evaluate_response(webhook, (response.status(), url), meta, raw)
}

/// Bytes of a delivery's response that are read so that its connection can be reused.
const DISCARD_BYTES: usize = 4 * 1024;

/// Returns the failure of a delivery that its status is; `None` for 2xx. The body is read so that
/// the connection can be reused, for the sentence, and for a fault (`response.fault`).
pub(super) async fn refusal(
    webhook: &Webhook,
    (response, url): (&mut reqwest::Response, &Url),
    time: Duration,
) -> Option<Failure> {
    let limit = if webhook.answer.reads_faults() {
        webhook.response_limit()
    } else {
        DISCARD_BYTES
    };
    let read = timeout(time, read(response, limit, url)).await;
    let body = read.ok().and_then(Result::ok);
    let body = body.and_then(|sent| decode(response, sent, limit).ok());
    let whole = matches!(&body, Some(Body::Whole(_)));
    let body = body.map(Body::into_bytes).unwrap_or_default();
    let redirect = redirect_target(response, url);
    let refused = error::status_failure(response.status(), url, redirect.as_deref(), &body)?;
    let fault = whole.then(|| webhook.answer.fault(content_type(response), &body));
    Some(match fault.flatten() {
        Some(fault) => Failure::fault(refused.reason, fault),
        None => refused,
    })
}

/// Evaluates a response that was read.
///
/// # Errors
/// What is wrong with its status, size, content or values.
pub fn evaluate_response(
    webhook: &Webhook,
    (status, url): (StatusCode, &Url),
    meta: &ResponseMeta,
    body: &[u8],
) -> Result<Vec<switchhook_core::outcome::Mapped>, Failure> {
    let refused = error::status_failure(status, url, meta.redirect.as_deref(), body);
    let content_type = meta.content_type.as_deref();
    let fault = meta.whole.then(|| webhook.answer.fault(content_type, body));
    if let Some(fault) = fault.flatten() {
        let reason = refused.map_or(Reason::InvalidResponse, |refused| refused.reason);
        return Err(Failure::fault(reason, fault));
    }
    if let Some(failure) = refused {
        return Err(failure);
    }
    if !meta.whole {
        return Err(error::response_too_large(webhook.response_limit()));
    }
    // The work is done later (RFC 9110, 15.3.3), so the body is no result.
    if status == StatusCode::ACCEPTED && webhook.answer.reads_nothing() {
        return Ok(Vec::new());
    }
    webhook.answer.parse(content_type, body)
}

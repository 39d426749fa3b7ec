//! Sends one request: over which connections, and with whose token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderValue};
use reqwest::{Request, Response, StatusCode};
use url::Url;

use super::ClientError;
use super::body::read;
use super::client_factory::ClientFactory;
use super::connecting::Watch;
use super::h2_pool::{H2Pool, Permit};
use crate::compile::Webhook;
use crate::egress::Egress;
use crate::error;
use crate::request::Prepared;
use crate::resolve::{Guard, Names};
use crate::tls::Secured;
use crate::token::{self, Token, Tokens};
use switchhook_core::outcome::{Failure, Reason};

/// The connections to all webhooks.
pub(super) struct Connections {
    egress: Arc<Egress>,
    guard: Arc<Guard>,
    /// Those with the system's TLS settings.
    plain: Arc<H2Pool>,
    /// Those of webhooks with TLS settings of their own.
    secured: Mutex<Vec<(Secured, Arc<H2Pool>)>>,
}

/// A response whose body is still to be read. It is given up before its place on the
/// connection is.
pub(super) struct Reply {
    pub(super) response: Response,
    seat: Permit,
}

impl Connections {
    pub(super) fn new(egress: Egress, names: Arc<dyn Names>) -> Result<Self, ClientError> {
        let egress = Arc::new(egress);
        let guard = Arc::new(Guard::new(Arc::clone(&egress), names));
        let plain = Arc::new(H2Pool::new(ClientFactory::new(&egress, &guard, None)?)?);
        Ok(Self {
            egress,
            guard,
            plain,
            secured: Mutex::default(),
        })
    }

    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    pub(super) fn prepare_for(&self, webhook: &Webhook) -> Result<(), ClientError> {
        self.lanes(webhook).map(drop)
    }

    fn lanes(&self, webhook: &Webhook) -> Result<Arc<H2Pool>, ClientError> {
        let Some(wanted) = webhook.secured() else {
            return Ok(Arc::clone(&self.plain));
        };
        let mut secured = self.secured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lanes)) = secured.iter().find(|(known, _)| known == wanted) {
            return Ok(Arc::clone(lanes));
        }
        let maker = ClientFactory::new(&self.egress, &self.guard, Some(wanted))?;
        let lanes = Arc::new(H2Pool::new(maker)?);
        secured.push((wanted.clone(), Arc::clone(&lanes)));
        Ok(lanes)
    }

    fn seat(&self, webhook: &Webhook, url: &Url) -> Result<Permit, Failure> {
        let lanes = self.lanes(webhook).map_err(unready)?;
        lanes.take(url, webhook.http2_streams).map_err(unready)
    }

    /// Sends a request, which says in its errors that it went to `url`.
    pub(super) async fn send(
        &self,
        webhook: &Webhook,
        prepared: Box<Prepared>,
        url: &Url,
    ) -> Result<Reply, Failure> {
        let seat = self.seat(webhook, url)?;
        match &webhook.tokens {
            None => execute(seat, prepared, url).await,
            // Boxed: a request without a token has no room for what this may need.
            Some(tokens) => {
                Box::pin(self.send_with_token((webhook, tokens), seat, prepared, url)).await
            }
        }
    }

    /// Once more with a new token when the one that was there is not taken.
    async fn send_with_token(
        &self,
        (webhook, tokens): (&Webhook, &Tokens),
        seat: Permit,
        prepared: Box<Prepared>,
        url: &Url,
    ) -> Result<Reply, Failure> {
        let fetch = || self.fetch(webhook, tokens);
        let (token, was_there) = tokens.get(fetch).await?;
        if !was_there {
            return execute(seat, with(&token, prepared), url).await;
        }
        let reply = execute(seat, with(&token, prepared.clone()), url).await?;
        if reply.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let Reply { response, seat } = reply;
        drop(response);
        tokens.forget(&token).await;
        let (token, _) = tokens.get(fetch).await?;
        execute(seat, with(&token, prepared), url).await
    }

    async fn fetch(
        &self,
        webhook: &Webhook,
        tokens: &Tokens,
    ) -> Result<(HeaderValue, Duration), Failure> {
        let url = tokens.url();
        self.egress.check_url(url)?;
        let seat = self.seat(webhook, url)?;
        // Another server's connection than the request's.
        let asked = Watch::default().over(execute(seat, tokens.request().into(), url));
        let mut reply = asked.await?;
        let body = read(&mut reply.response, token::ANSWER, url).await?;
        tokens.read(reply.response.status(), &body.into_bytes())
    }
}

async fn execute(seat: Permit, prepared: Box<Prepared>, url: &Url) -> Result<Reply, Failure> {
    let sent = seat.http.execute(request(prepared)).await;
    let response = sent.map_err(|error| error::of_error(&error, url))?;
    Ok(Reply { response, seat })
}

fn with(token: &Token, mut prepared: Box<Prepared>) -> Box<Prepared> {
    let headers = &mut prepared.headers;
    headers.insert(header::AUTHORIZATION, token.header.clone());
    prepared
}

fn unready(error: ClientError) -> Failure {
    Failure::new(Reason::ConnectionFailure, error.to_string())
}

fn request(prepared: Box<Prepared>) -> Request {
    let Prepared {
        method,
        url,
        headers,
        body,
    } = *prepared;
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    if !body.is_empty() {
        *request.body_mut() = Some(body.into());
    }
    request
}

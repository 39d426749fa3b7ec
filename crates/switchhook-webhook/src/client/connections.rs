//! Sends one request over the right connections and with the right token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderValue};
use reqwest::{Request, Response, StatusCode};
use url::Url;

use super::ClientError;
use super::body::read;
use super::client_factory::ClientFactory;
use super::connection_watch::ConnectionWatch;
use super::h2_pool::{H2Pool, Permit};
use crate::compile::Webhook;
use crate::egress::Egress;
use crate::error;
use crate::prepared::Prepared;
use crate::resolve::{EgressResolver, NameLookup};
use crate::tls::CompiledTls;
use crate::token::{self, Token, Tokens};
use switchhook_core::outcome::{Failure, Reason};

/// The connections to all webhooks.
pub(super) struct Connections {
    egress: Arc<Egress>,
    resolver: Arc<EgressResolver>,
    /// Connections with the system's TLS settings.
    system_tls: Arc<H2Pool>,
    /// Connections with TLS settings of webhooks.
    own_tls: Mutex<Vec<(CompiledTls, Arc<H2Pool>)>>,
}

/// A response whose body is still unread. Fields drop in order: the response before its permit.
pub(super) struct PendingResponse {
    pub(super) response: Response,
    permit: Permit,
}

impl Connections {
    pub(super) fn new(egress: Egress, names: Arc<dyn NameLookup>) -> Result<Self, ClientError> {
        let egress = Arc::new(egress);
        let resolver = Arc::new(EgressResolver::new(Arc::clone(&egress), names));
        let system_tls = Arc::new(H2Pool::new(ClientFactory::new(&egress, &resolver, None)?)?);
        Ok(Self {
            egress,
            resolver,
            system_tls,
            own_tls: Mutex::default(),
        })
    }

    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    pub(super) fn prepare_for(&self, webhook: &Webhook) -> Result<(), ClientError> {
        self.pool(webhook).map(drop)
    }

    fn pool(&self, webhook: &Webhook) -> Result<Arc<H2Pool>, ClientError> {
        let Some(wanted) = webhook.own_tls() else {
            return Ok(Arc::clone(&self.system_tls));
        };
        let mut own_tls = self.own_tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = own_tls.iter().find(|(known, _)| known == wanted) {
            return Ok(Arc::clone(pool));
        }
        let factory = ClientFactory::new(&self.egress, &self.resolver, Some(wanted))?;
        let pool = Arc::new(H2Pool::new(factory)?);
        own_tls.push((wanted.clone(), Arc::clone(&pool)));
        Ok(pool)
    }

    fn permit(&self, webhook: &Webhook, url: &Url) -> Result<Permit, Failure> {
        let pool = self.pool(webhook).map_err(client_failed)?;
        pool.acquire(url, webhook.http2_streams)
            .map_err(client_failed)
    }

    /// Sends a request. Errors name the host of `url`.
    pub(super) async fn send(
        &self,
        webhook: &Webhook,
        prepared: Box<Prepared>,
        url: &Url,
    ) -> Result<PendingResponse, Failure> {
        let permit = self.permit(webhook, url)?;
        match &webhook.tokens {
            None => execute(permit, prepared, url).await,
            // Boxed, so that requests without a token do not reserve its space.
            Some(tokens) => {
                Box::pin(self.send_with_token((webhook, tokens), permit, prepared, url)).await
            }
        }
    }

    /// Sends the request again with a new token if the cached one is refused.
    async fn send_with_token(
        &self,
        (webhook, tokens): (&Webhook, &Tokens),
        permit: Permit,
        prepared: Box<Prepared>,
        url: &Url,
    ) -> Result<PendingResponse, Failure> {
        let fetch_token = || self.fetch_token(webhook, tokens);
        let (token, was_cached) = tokens.get(fetch_token).await?;
        if !was_cached {
            return execute(permit, with(&token, prepared), url).await;
        }
        let reply = execute(permit, with(&token, prepared.clone()), url).await?;
        if reply.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let PendingResponse { response, permit } = reply;
        drop(response);
        tokens.forget(&token).await;
        let (token, _) = tokens.get(fetch_token).await?;
        execute(permit, with(&token, prepared), url).await
    }

    async fn fetch_token(
        &self,
        webhook: &Webhook,
        tokens: &Tokens,
    ) -> Result<(HeaderValue, Duration), Failure> {
        let url = tokens.url();
        self.egress.check_url(url)?;
        let permit = self.permit(webhook, url)?;
        // Observed separately: this is the token endpoint's connection, not the webhook's.
        let sent = ConnectionWatch::default().watch(execute(permit, tokens.request().into(), url));
        let mut reply = sent.await?;
        let body = read(&mut reply.response, token::MAX_RESPONSE_BYTES, url).await?;
        tokens.read(reply.response.status(), &body.into_bytes())
    }
}

async fn execute(
    permit: Permit,
    prepared: Box<Prepared>,
    url: &Url,
) -> Result<PendingResponse, Failure> {
    let sent = permit.http.execute(request(prepared)).await;
    let response = sent.map_err(|error| error::client_failure(&error, url))?;
    Ok(PendingResponse { response, permit })
}

fn with(token: &Token, mut prepared: Box<Prepared>) -> Box<Prepared> {
    let headers = &mut prepared.headers;
    headers.insert(header::AUTHORIZATION, token.header.clone());
    prepared
}

fn client_failed(error: ClientError) -> Failure {
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

//! Sends one request over the right connections and with the right token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use http::header::{self, HeaderValue};
use metrics::counter;
use reqwest::{Request, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::body::{decode, read};
use super::client_factory::ClientFactory;
use super::h2_pool::{H2Pool, Permit};
use super::host_hints::HostHints;
use super::pools::Pools;
use super::{ClientError, retry_after};
use crate::broken::{self, Resend};
use crate::compile::Webhook;
use crate::connection_watch::ConnectionWatch;
use crate::egress::Egress;
use crate::error;
use crate::options::HttpVersion;
use crate::prepared::Prepared;
use crate::resolve::{EgressResolver, NameLookup};
use crate::tls::CompiledTls;
use crate::token::{self, Token, TokenFault, TokenRefusal, Tokens};
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Reason};

/// The connections to all webhooks.
pub(super) struct Connections {
    egress: Arc<Egress>,
    resolver: Arc<EgressResolver>,
    /// Connections with the system's TLS settings.
    system_tls: Pools,
    /// Connections with TLS settings of webhooks.
    own_tls: Mutex<Vec<(CompiledTls, Arc<Pools>)>>,
    hints: HostHints,
}

/// A response whose body is still unread. Fields drop in order: the response before its permit.
pub(super) struct PendingResponse {
    pub(super) response: Response,
    permit: Permit,
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub(super) failure: Failure,
    /// What the token endpoint answered, if there is no token. Boxed, since it is rare.
    pub(super) token: Option<Box<TokenRefusal>>,
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        let token = None;
        Self { failure, token }
    }
}

impl NoAnswer {
    fn no_token(TokenFault { failure, refusal }: TokenFault) -> Self {
        let token = Some(Box::new(refusal));
        Self { failure, token }
    }
}

impl Connections {
    pub(super) fn new(egress: Egress, names: Arc<dyn NameLookup>) -> Result<Self, ClientError> {
        let egress = Arc::new(egress);
        let resolver = Arc::new(EgressResolver::new(Arc::clone(&egress), names));
        let system_tls = Pools::new(ClientFactory::new(&egress, &resolver, None)?)?;
        Ok(Self {
            egress,
            resolver,
            system_tls,
            own_tls: Mutex::default(),
            hints: HostHints::default(),
        })
    }

    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    pub(super) fn prepare_for(&self, webhook: &Webhook) -> Result<(), ClientError> {
        let options = webhook.connection;
        match webhook.own_tls() {
            None => self.system_tls.get(options).map(drop),
            Some(wanted) => self.own_pools(wanted)?.get(options).map(drop),
        }
    }

    fn pool(&self, webhook: &Webhook, url: &Url) -> Result<Arc<H2Pool>, ClientError> {
        let options = self.hints.apply(url, webhook.connection);
        match webhook.own_tls() {
            None => self.system_tls.get(options),
            Some(wanted) => self.own_pools(wanted)?.get(options),
        }
    }

    fn own_pools(&self, wanted: &CompiledTls) -> Result<Arc<Pools>, ClientError> {
        let mut own_tls = self.own_tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pools)) = own_tls.iter().find(|(known, _)| known == wanted) {
            return Ok(Arc::clone(pools));
        }
        let factory = ClientFactory::new(&self.egress, &self.resolver, Some(wanted))?;
        let pools = Arc::new(Pools::new(factory)?);
        own_tls.push((wanted.clone(), Arc::clone(&pools)));
        Ok(pools)
    }

    fn permit(&self, webhook: &Webhook, url: &Url, until: Instant) -> Result<Permit, Failure> {
        let pool = self.pool(webhook, url).map_err(client_failed)?;
        pool.acquire(url, webhook.http2_streams, until)
            .map_err(client_failed)
    }

    /// Sends a request whose response is wanted by `until`. Errors name its host.
    pub(super) async fn send(
        &self,
        webhook: &Webhook,
        prepared: &mut Prepared,
        until: Instant,
    ) -> Result<PendingResponse, NoAnswer> {
        let permit = self.permit(webhook, &prepared.url, until)?;
        match &webhook.tokens {
            None => Ok(self.execute(permit, prepared).await?),
            // Boxed, so that requests without a token do not reserve its space.
            Some(tokens) => {
                Box::pin(self.send_with_token((webhook, tokens), permit, prepared, until)).await
            }
        }
    }

    /// Sends the request again with a new token if the cached one is refused.
    async fn send_with_token(
        &self,
        (webhook, tokens): (&Webhook, &Tokens),
        permit: Permit,
        prepared: &mut Prepared,
        until: Instant,
    ) -> Result<PendingResponse, NoAnswer> {
        let fetch_token = || self.fetch_token(webhook, tokens, until);
        let token = tokens.get(fetch_token).await;
        let (token, was_cached) = token.map_err(NoAnswer::no_token)?;
        authorize(prepared, &token);
        let reply = self.execute(permit, prepared).await?;
        if !was_cached || reply.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let PendingResponse { response, permit } = reply;
        drop(response);
        tokens.forget(&token).await;
        let token = tokens.get(fetch_token).await;
        let (token, _) = token.map_err(NoAnswer::no_token)?;
        authorize(prepared, &token);
        Ok(self.execute(permit, prepared).await?)
    }

    async fn fetch_token(
        &self,
        webhook: &Webhook,
        tokens: &Tokens,
        until: Instant,
    ) -> Result<(HeaderValue, Duration), TokenFault> {
        let url = tokens.url();
        self.egress.check_url(url).map_err(Failure::from)?;
        let permit = self.permit(webhook, url, until)?;
        let request = tokens.request();
        // Observed separately: this is the token endpoint's connection, not the webhook's.
        let sent = ConnectionWatch::new(until).watch(self.execute(permit, &request));
        let mut reply = sent.await?;
        let sent = read(&mut reply.response, token::MAX_RESPONSE_BYTES, url).await?;
        let body = decode(&reply.response, sent, token::MAX_RESPONSE_BYTES)?;
        let status = reply.response.status();
        let token = tokens.read(status, &body.into_bytes());
        token.map_err(|failure| TokenFault {
            failure,
            refusal: TokenRefusal {
                status: Some(status.as_u16()),
                retry_after: retry_after(&reply.response),
            },
        })
    }

    /// Sends a request; once more if its connection ended before the server answered.
    async fn execute(
        &self,
        permit: Permit,
        prepared: &Prepared,
    ) -> Result<PendingResponse, Failure> {
        let error = match permit.http.execute(request(prepared)).await {
            Ok(response) => return Ok(self.pending(permit, response, &prepared.url)),
            Err(error) => error,
        };
        // Boxed: it is rare, and a waiting request has no room for it.
        Box::pin(self.execute_again(permit, prepared, error)).await
    }

    async fn execute_again(
        &self,
        permit: Permit,
        prepared: &Prepared,
        mut error: reqwest::Error,
    ) -> Result<PendingResponse, Failure> {
        let failed = |error| ConnectionWatch::explain(error::client_failure(&error, &prepared.url));
        let mut resend = broken::resend(&error, ConnectionWatch::current_state());
        // Each address gets a share of the time, so this ends with the request's deadline.
        while resend == Some(Resend::NextAddress) {
            if let Some(watch) = ConnectionWatch::current() {
                watch.note_silent();
            }
            match permit.http.execute(request(prepared)).await {
                Ok(response) => return Ok(self.pending(permit, response, &prepared.url)),
                Err(next) => error = next,
            }
            resend = broken::resend(&error, ConnectionWatch::current_state());
        }
        let http1 = match resend {
            None | Some(Resend::NextAddress) => return Err(failed(error)),
            Some(Resend::Fresh) => false,
            // The operator chose the version.
            Some(Resend::Http1) if permit.version() != HttpVersion::Auto => {
                return Err(failed(error));
            }
            Some(Resend::Http1) => {
                self.hints.note_http1(&prepared.url);
                true
            }
        };
        let fresh = permit.unpooled(http1).map_err(client_failed)?;
        drop(permit);
        counter!(metric_names::RESENT).increment(1);
        let sent = fresh.http.execute(request(prepared)).await;
        let response = sent.map_err(failed)?;
        Ok(self.pending(fresh, response, &prepared.url))
    }

    fn pending(&self, mut permit: Permit, response: Response, url: &Url) -> PendingResponse {
        permit.note_response();
        self.hints
            .note_headers(url, response.headers(), permit.idle());
        PendingResponse { response, permit }
    }
}

fn authorize(prepared: &mut Prepared, token: &Token) {
    let headers = &mut prepared.headers;
    headers.insert(header::AUTHORIZATION, token.header.clone());
}

fn client_failed(error: ClientError) -> Failure {
    Failure::new(Reason::ConnectionFailure, error.to_string())
}

/// Returns the request for the HTTP client. The original is kept to be sent once more.
fn request(prepared: &Prepared) -> Request {
    let Prepared { method, body, .. } = prepared;
    let mut request = Request::new(method.clone(), prepared.url.clone());
    *request.headers_mut() = prepared.headers.clone();
    if body.is_empty() && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        // Neither reqwest (0.13) nor hyper (1) says that there is none, and lighttpd answers 411.
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if !body.is_empty() {
        *request.body_mut() = Some(body.clone().into());
    }
    request
}

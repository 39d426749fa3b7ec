//! Builds HTTP clients that differ only in their connections.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Proxy, redirect, retry};
use rustls::ClientConfig;

use super::ClientError;
use super::certificate_request;
use super::content_coding;
use super::proxy_layer::ProxyFaultLayer;
use crate::connection_watch::ConnectionWatchLayer;
use crate::egress::{Egress, ProxyAuth};
use crate::options::{ConnectionOptions, HttpVersion, Tls};
use crate::resolve::EgressResolver;
use crate::tls::{self, CompiledTls};

/// Idle connections kept per host.
const MAX_IDLE_PER_HOST: usize = 64;
/// Maximum number of headers in a response over HTTP/1.1.
const MAX_HEADERS: usize = 100;
/// Maximum bytes of a response's headers over HTTP/2, including 32 for each (RFC 9113, 6.5.2).
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// How long an HTTP/2 connection with waiting requests may be silent before it is pinged.
const PING_AFTER: Duration = Duration::from_secs(2);
/// How long the answer to a ping may take. A server whose only thread is busy answers late, so this
/// is longer than most servers are busy, and with `PING_AFTER` half of the default timeout.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// The common settings of a kind of connections: egress rule, proxy, TLS. TLS sessions are shared
/// too, so that further connections can resume one.
#[derive(Clone)]
pub(super) struct ClientFactory {
    resolver: Arc<EgressResolver>,
    proxy: Option<(Proxy, ProxyFaultLayer)>,
    tls: ClientConfig,
    options: ConnectionOptions,
}

impl ClientFactory {
    /// Uses the system's TLS settings if `own_tls` is `None`.
    pub(super) fn new(
        egress: &Egress,
        resolver: &Arc<EgressResolver>,
        own_tls: Option<&CompiledTls>,
    ) -> Result<Self, ClientError> {
        let mut tls = match own_tls {
            Some(own_tls) => ClientConfig::clone(own_tls.config()),
            None => tls::config(&Tls::default()).map_err(|error| ClientError(error.what))?,
        };
        certificate_request::note(&mut tls);
        let proxy = egress.proxy.clone().map(Proxy::all).transpose();
        let proxy = proxy.map_err(|error| client_error(&error))?;
        let proxy = match &egress.proxy_auth {
            Some(ProxyAuth { username, password }) => {
                proxy.map(|proxy| proxy.basic_auth(username, password.reveal()))
            }
            None => proxy,
        };
        Ok(Self {
            resolver: Arc::clone(resolver),
            proxy: proxy.zip(ProxyFaultLayer::of(egress)),
            tls,
            options: ConnectionOptions::default(),
        })
    }

    /// Returns a factory for connections with these options.
    pub(super) fn with(&self, options: ConnectionOptions) -> Self {
        Self {
            options,
            ..self.clone()
        }
    }

    /// Returns how long an idle connection is kept.
    pub(super) fn idle(&self) -> Duration {
        self.options.idle
    }

    /// Builds a client with its own connections; over HTTP/2 one per host.
    pub(super) fn build(&self) -> Result<reqwest::Client, ClientError> {
        let kept = if self.options.idle.is_zero() {
            0
        } else {
            MAX_IDLE_PER_HOST
        };
        let builder = self.builder(self.options.version);
        let builder = builder.pool_idle_timeout(self.options.idle);
        built(builder.pool_max_idle_per_host(kept))
    }

    /// Builds a client that makes a connection for each request and keeps none.
    pub(super) fn build_unpooled(
        &self,
        version: HttpVersion,
    ) -> Result<reqwest::Client, ClientError> {
        built(self.builder(version).pool_max_idle_per_host(0))
    }

    /// Returns the version of HTTP.
    pub(super) fn version(&self) -> HttpVersion {
        self.options.version
    }

    fn builder(&self, version: HttpVersion) -> ClientBuilder {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            // `Connections` resends, so reqwest keeps no copy of each request.
            .retry(retry::never().max_retries_per_request(0))
            .http1_max_headers(MAX_HEADERS)
            // Folded lines (RFC 9112, 5.2) are read as one.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .default_headers(HeaderMap::from_iter([(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static(content_coding::OFFERED),
            )]))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_keep_alive_while_idle(false)
            .connector_layer(ConnectionWatchLayer)
            .dns_resolver(Arc::clone(&self.resolver))
            .no_proxy();
        let mut tls = self.tls.clone();
        let builder = match version {
            HttpVersion::Auto => builder,
            HttpVersion::Http1 => {
                tls.alpn_protocols = vec![b"http/1.1".to_vec()];
                builder.http1_only()
            }
            HttpVersion::Http2 => {
                tls.alpn_protocols = vec![b"h2".to_vec()];
                builder.http2_prior_knowledge()
            }
        };
        let builder = builder.tls_backend_preconfigured(tls);
        match &self.proxy {
            Some((proxy, layer)) => builder.proxy(proxy.clone()).connector_layer(layer.clone()),
            None => builder,
        }
    }
}

fn built(builder: ClientBuilder) -> Result<reqwest::Client, ClientError> {
    builder.build().map_err(|error| client_error(&error))
}

fn client_error(error: &reqwest::Error) -> ClientError {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string);
    ClientError(cause.unwrap_or_else(|| "no reason is known".into()))
}

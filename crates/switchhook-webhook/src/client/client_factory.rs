//! Builds HTTP clients that differ only in their connections.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Proxy, redirect};
use rustls::ClientConfig;

use super::ClientError;
use super::connection_watch::ConnectionWatchLayer;
use crate::egress::Egress;
use crate::options::Tls;
use crate::resolve::EgressResolver;
use crate::tls::{self, CompiledTls};

/// How long an idle connection is kept for the next request.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Idle connections kept per host.
const MAX_IDLE_PER_HOST: usize = 64;
/// Maximum number of headers in a response over HTTP/1.1.
const MAX_HEADERS: usize = 100;
/// Maximum bytes of a response's headers over HTTP/2, including 32 for each (RFC 9113, 6.5.2).
const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// The common settings of a kind of connections: egress rule, proxy, TLS. TLS sessions are shared
/// too, so that further connections can resume one.
pub(super) struct ClientFactory {
    resolver: Arc<EgressResolver>,
    proxy: Option<Proxy>,
    tls: ClientConfig,
}

impl ClientFactory {
    /// Uses the system's TLS settings if `own_tls` is `None`.
    pub(super) fn new(
        egress: &Egress,
        resolver: &Arc<EgressResolver>,
        own_tls: Option<&CompiledTls>,
    ) -> Result<Self, ClientError> {
        let tls = match own_tls {
            Some(own_tls) => ClientConfig::clone(own_tls.config()),
            None => tls::config(&Tls::default()).map_err(|error| ClientError(error.what))?,
        };
        let proxy = egress.proxy.clone().map(Proxy::all).transpose();
        Ok(Self {
            resolver: Arc::clone(resolver),
            proxy: proxy.map_err(|error| client_error(&error))?,
            tls,
        })
    }

    /// Builds a client with its own connections; over HTTP/2 one per host.
    pub(super) fn build(&self) -> Result<reqwest::Client, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .connector_layer(ConnectionWatchLayer)
            .dns_resolver(Arc::clone(&self.resolver))
            .tls_backend_preconfigured(self.tls.clone())
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        builder.build().map_err(|error| client_error(&error))
    }
}

fn client_error(error: &reqwest::Error) -> ClientError {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string);
    ClientError(cause.unwrap_or_else(|| "no reason is known".into()))
}

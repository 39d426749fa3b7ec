//! Makes HTTP clients that are alike in everything but their connections.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Proxy, redirect};
use rustls::ClientConfig;

use super::ClientError;
use super::connecting::Watched;
use crate::egress::Egress;
use crate::options::Tls;
use crate::resolve::Guard;
use crate::tls::{self, Secured};

/// How long an idle connection is kept for the next request.
pub(super) const KEPT: Duration = Duration::from_secs(30);
/// Idle connections kept to one host.
const KEPT_EACH: usize = 64;
/// Headers of an answer over HTTP/1.1.
const HEADERS: usize = 100;
/// Bytes of an answer's headers over HTTP/2, 32 for each included (RFC 9113, 6.5.2).
const HEADER_BYTES: u32 = 64 * 1024;

/// What all connections of one kind have in common: whom they may reach, whom they trust,
/// what they show. The TLS sessions are shared too, so a further connection resumes one.
pub(super) struct ClientFactory {
    guard: Arc<Guard>,
    proxy: Option<Proxy>,
    tls: ClientConfig,
}

impl ClientFactory {
    /// `None`: the system's TLS settings.
    pub(super) fn new(
        egress: &Egress,
        guard: &Arc<Guard>,
        secured: Option<&Secured>,
    ) -> Result<Self, ClientError> {
        let tls = match secured {
            Some(secured) => ClientConfig::clone(secured.config()),
            None => tls::config(&Tls::default()).map_err(|fault| ClientError(fault.what))?,
        };
        let proxy = egress.proxy.clone().map(Proxy::all).transpose();
        Ok(Self {
            guard: Arc::clone(guard),
            proxy: proxy.map_err(|error| cannot(&error))?,
            tls,
        })
    }

    /// A client with connections of its own; over HTTP/2 one to each host.
    pub(super) fn make(&self) -> Result<reqwest::Client, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(KEPT_EACH)
            .http1_max_headers(HEADERS)
            .http2_max_header_list_size(HEADER_BYTES)
            .connector_layer(Watched)
            .dns_resolver(Arc::clone(&self.guard))
            .tls_backend_preconfigured(self.tls.clone())
            .no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        builder.build().map_err(|error| cannot(&error))
    }
}

fn cannot(error: &reqwest::Error) -> ClientError {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string);
    ClientError(cause.unwrap_or_else(|| "no reason is known".into()))
}

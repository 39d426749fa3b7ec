//! A webhook as far as it can be tried without a call.

mod judge;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::{Host, Url};

use super::net::{self, Timed};
use switchhook_core::outcome::Failure;
use switchhook_webhook::client::{Client, Delivery};
use switchhook_webhook::egress::{Blocked, Egress};
use switchhook_webhook::{Prepared, Webhook};

pub(super) use judge::judge;
use tls::Handshake;

/// What was seen of a webhook, each step only when the one before it went well.
#[derive(Debug, Default)]
pub(super) struct ProbeResult {
    /// `host:port`; `None` when the host stands in a variable or the sample is no URL.
    place: Option<String>,
    /// The egress rule's word on the URL or on an address.
    blocked: Option<Blocked>,
    /// The proxy's `host:port`, when there is one: then it is what was connected to.
    proxy: Option<String>,
    resolved: Option<Result<Timed<Vec<SocketAddr>>, String>>,
    connected: Option<Result<Duration, String>>,
    tls: Option<Result<Handshake, String>>,
    /// What `http2_streams` asks for.
    streams: usize,
    /// What a HEAD request was answered.
    answer: Option<Result<Delivery, Failure>>,
}

/// Looks the webhook's address up, connects, shakes hands; sends a HEAD request when `ask`.
pub(super) async fn probe(webhook: &Webhook, client: &Client, within: Duration, ask: bool) -> ProbeResult {
    let mut seen = ProbeResult {
        streams: webhook.http2_streams(),
        ..ProbeResult::default()
    };
    let Some(url) = webhook.sample_url() else {
        return seen;
    };
    seen.place = authority(&url);
    if let Err(blocked) = client.egress().check_url(&url) {
        seen.blocked = Some(blocked);
        return seen;
    }
    let within = within.min(webhook.timeout());
    let is_open = reach(webhook, &url, client.egress(), within, &mut seen).await;
    if is_open && ask {
        seen.answer = Some(client.deliver(webhook, head_request(webhook, url), within).await);
    }
    seen
}

fn authority(url: &Url) -> Option<String> {
    Some(format!(
        "{}:{}",
        url.host_str()?,
        url.port_or_known_default()?
    ))
}

/// Nothing of the call's data but the `1` of the sample is in it.
fn head_request(webhook: &Webhook, url: Url) -> Prepared {
    let mut headers = HeaderMap::new();
    webhook.authorize(&mut headers);
    Prepared {
        method: Method::HEAD,
        url,
        headers,
        body: Bytes::new(),
    }
}

/// Whether all went well.
async fn reach(
    webhook: &Webhook,
    url: &Url,
    egress: &Egress,
    within: Duration,
    seen: &mut ProbeResult,
) -> bool {
    seen.proxy = egress.proxy.as_ref().and_then(place);
    let Some(place) = seen.proxy.clone().or_else(|| seen.place.clone()) else {
        return false;
    };
    let addresses = match net::resolve(&place, within).await {
        Ok(resolved) => {
            let addresses = resolved.what.clone();
            seen.resolved = Some(Ok(resolved));
            addresses
        }
        Err(why) => {
            seen.resolved = Some(Err(why));
            return false;
        }
    };
    if seen.proxy.is_none() {
        let host = url.host_str().unwrap_or_default();
        let refused = |address: &SocketAddr| egress.check_address(host, address.ip()).err();
        seen.blocked = addresses.iter().find_map(refused);
        if seen.blocked.is_some() {
            return false;
        }
    }
    open(webhook, url, &addresses, within, seen).await
}

async fn open(
    webhook: &Webhook,
    url: &Url,
    addresses: &[SocketAddr],
    within: Duration,
    seen: &mut ProbeResult,
) -> bool {
    let stream = match net::connect(addresses, within).await {
        Ok(connected) => {
            seen.connected = Some(Ok(connected.took));
            connected.what
        }
        Err(why) => {
            seen.connected = Some(Err(why));
            return false;
        }
    };
    // Behind a proxy only a request could begin it.
    if url.scheme() != "https" || seen.proxy.is_some() {
        return true;
    }
    let shaken = tls::handshake(webhook, stream, &server_name(url), within).await;
    let well = shaken.is_ok();
    seen.tls = Some(shaken);
    well
}

/// An IPv6 address without its brackets.
fn server_name(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Domain(_) | Host::Ipv4(_)) | None => url.host_str().unwrap_or_default().into(),
    }
}

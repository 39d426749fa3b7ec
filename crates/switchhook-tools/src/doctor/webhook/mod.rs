//! Probes a webhook without a call: address, connection, TLS, and a HEAD request if allowed.

mod judge;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::net::{self, Timed};
use switchhook_core::outcome::Failure;
use switchhook_webhook::client::{Client, Delivery};
use switchhook_webhook::egress::{Blocked, Egress};
use switchhook_webhook::{Prepared, TlsFault, Webhook};

pub(super) use judge::judge;
use tls::Handshake;

/// Addresses of one name that are connected to.
const MOST_ADDRESSES: usize = 16;

/// The result of a probe. A step is `None` if an earlier one failed.
#[derive(Debug, Default)]
pub(super) struct ProbeResult {
    /// `host:port`; `None` if the host comes from a variable or the sample is no URL.
    authority: Option<String>,
    /// Why an egress rule blocks the URL or an address.
    blocked: Option<Blocked>,
    /// The proxy's `host:port`; if set, the probe connected to the proxy.
    proxy: Option<String>,
    resolved: Option<Result<Timed<Vec<SocketAddr>>, String>>,
    /// `[egress] hosts` gives the addresses; no name server is asked.
    is_given: bool,
    connected: Option<Result<Duration, String>>,
    /// The addresses that take no connections although another one does, each with the reason.
    failed_addresses: Vec<(IpAddr, String)>,
    tls: Option<Result<Handshake, TlsFault>>,
    /// The webhook's `http2_streams`.
    streams: usize,
    /// The answer to the HEAD request.
    answer: Option<Result<Delivery, Failure>>,
}

/// Looks up the address of one of the webhook's URLs, connects and does the TLS handshake. Sends a HEAD request if
/// `send_head` is set. Each step takes at most `within`, and no longer than the webhook's timeout.
pub(super) async fn probe(
    (webhook, url): (&Webhook, Option<Url>),
    client: &Client,
    within: Duration,
    send_head: bool,
) -> ProbeResult {
    let mut probed = ProbeResult {
        streams: webhook.http2_streams(),
        ..ProbeResult::default()
    };
    let Some(url) = url else {
        return probed;
    };
    probed.authority = authority(&url);
    if let Err(blocked) = client.egress().check_url(&url) {
        probed.blocked = Some(blocked);
        return probed;
    }
    let within = within.min(webhook.timeout());
    let is_open = reach(webhook, &url, client.egress(), within, &mut probed).await;
    if is_open && send_head {
        probed.answer = Some(
            client
                .deliver(webhook, head_request(webhook, url), within, None)
                .await,
        );
    }
    probed
}

fn authority(url: &Url) -> Option<String> {
    Some(format!(
        "{}:{}",
        url.host_str()?,
        url.port_or_known_default()?
    ))
}

/// Returns the HEAD request. It has no call data: the sample URL has `1` for each variable.
fn head_request(webhook: &Webhook, url: Url) -> Prepared {
    let mut headers = HeaderMap::new();
    webhook.authorize(&mut headers);
    Prepared {
        method: Method::HEAD,
        url,
        fallback_urls: Vec::new(),
        headers,
        body: Bytes::new(),
    }
}

/// Looks up, connects and does the handshake. Returns whether all steps succeeded.
async fn reach(
    webhook: &Webhook,
    url: &Url,
    egress: &Egress,
    within: Duration,
    probed: &mut ProbeResult,
) -> bool {
    probed.proxy = egress.proxy.as_ref().and_then(authority);
    let Some(authority) = probed.proxy.clone().or_else(|| probed.authority.clone()) else {
        return false;
    };
    let target = egress.proxy.as_ref().unwrap_or(url);
    let resolved = match given(target, egress) {
        Some(given) => {
            probed.is_given = true;
            Ok(given)
        }
        None => net::resolve(&authority, within).await,
    };
    let addresses = match resolved {
        Ok(resolved) => {
            let addresses = resolved.value.clone();
            probed.resolved = Some(Ok(resolved));
            addresses
        }
        Err(why) => {
            probed.resolved = Some(Err(why));
            return false;
        }
    };
    if probed.proxy.is_none() {
        let host = url.host_str().unwrap_or_default();
        let refused = |address: &SocketAddr| egress.check_address(host, address.ip()).err();
        probed.blocked = addresses.iter().find_map(refused);
        if probed.blocked.is_some() {
            return false;
        }
    }
    open(webhook, url, &addresses, within, probed).await
}

/// Returns the addresses that `[egress] hosts` gives a host. The client asks no name server then.
fn given(target: &Url, egress: &Egress) -> Option<Timed<Vec<SocketAddr>>> {
    let given = egress.hosts.get(target.domain()?)?;
    let port = target.port_or_known_default()?;
    Some(Timed {
        value: given.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
        took: Duration::ZERO,
    })
}

async fn open(
    webhook: &Webhook,
    url: &Url,
    addresses: &[SocketAddr],
    within: Duration,
    probed: &mut ProbeResult,
) -> bool {
    let Some(stream) = connect(addresses, within, probed).await else {
        return false;
    };
    // Behind a proxy TLS begins only with a request.
    if url.scheme() != "https" || probed.proxy.is_some() {
        return true;
    }
    let handshake = tls::handshake(webhook, stream, &server_name(url), within).await;
    let is_ok = handshake.is_ok();
    probed.tls = Some(handshake);
    is_ok
}

/// Connects to every address. Returns the connection to the first, in the order in which the client
/// tries them, that takes one.
async fn connect(
    addresses: &[SocketAddr],
    within: Duration,
    probed: &mut ProbeResult,
) -> Option<TcpStream> {
    let addresses = addresses.iter().take(MOST_ADDRESSES);
    let attempts = addresses.map(async |address| {
        let connected = net::connect(std::slice::from_ref(address), within).await;
        (address.ip(), connected)
    });
    let (mut stream, mut failed) = (None, Vec::new());
    for (address, connected) in join_all(attempts).await {
        match connected {
            Ok(connected) if stream.is_none() => {
                probed.connected = Some(Ok(connected.took));
                stream = Some(connected.value);
            }
            Ok(_) => {}
            Err(why) => failed.push((address, why)),
        }
    }
    if stream.is_none() {
        let why = failed.into_iter().next().map(|(_, why)| why);
        probed.connected = Some(Err(why.unwrap_or_default()));
        return None;
    }
    probed.failed_addresses = failed;
    stream
}

/// Returns the URL's host for TLS: an IPv6 address has no brackets there.
fn server_name(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Domain(_) | Host::Ipv4(_)) | None => url.host_str().unwrap_or_default().into(),
    }
}

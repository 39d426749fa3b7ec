//! Faults of the proxy, told from those of the webhook behind it.
//!
//! reqwest opens a tunnel for https and sends plain requests to the proxy itself. A layer around
//! its connector marks the errors of connections that go through the proxy. The tunnel of
//! hyper-util (0.1.21) drops the status with which a proxy refuses: the layer asks once more for it.

use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use crate::egress::{Egress, ProxyAuth};
use crate::error::host_port;
use crate::io_fault;
use crate::proxy_fault::ProxyFault;
use crate::resolve::LookupError;
use crate::tls_fault::TlsFault;
use switchhook_core::outcome::Failure;

/// Longest time to ask a proxy for the status of its refusal.
const ASK_TIME: Duration = Duration::from_secs(2);
/// Longest status line that is read.
const STATUS_LINE_BYTES: u64 = 512;

type BoxError = Box<dyn Error + Send + Sync>;

/// Marks the errors of a connector that connects through a proxy.
#[derive(Debug, Clone)]
pub(super) struct ProxyFaultLayer {
    proxy: Url,
    auth: Option<ProxyAuth>,
}

impl ProxyFaultLayer {
    /// Returns the layer if the rule has a proxy.
    pub(super) fn of(egress: &Egress) -> Option<Self> {
        Some(Self {
            proxy: egress.proxy.clone()?,
            auth: egress.proxy_auth.clone(),
        })
    }
}

impl<S> Layer<S> for ProxyFaultLayer {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector {
            inner,
            layer: self.clone(),
        }
    }
}

/// A connector whose errors say that they came through a proxy.
#[derive(Debug, Clone)]
pub(super) struct Connector<S> {
    inner: S,
    layer: ProxyFaultLayer,
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
    R: Debug,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        // The only trait of reqwest's target (0.13): `Unnameable(https://crm.example:8443/)`.
        let destination = destination(&format!("{target:?}"));
        let (connecting, layer) = (self.inner.call(target), self.layer.clone());
        let target = destination;
        Box::pin(async move {
            let error = match connecting.await {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let is_plain = target.as_ref().is_some_and(|target| target.is_plain);
            let what = match layer.explain(&*error, is_plain) {
                Explained::Webhook => None,
                Explained::Proxy(what) => Some(what),
                Explained::Refused => Some(layer.refusal(target).await),
            };
            Err(match what {
                Some(what) => Box::new(ProxyFault {
                    proxy: host_port(&layer.proxy),
                    what,
                }),
                None => error,
            })
        })
    }
}

/// Whose fault it is.
enum Explained {
    /// The webhook's behind the proxy.
    Webhook,
    /// The proxy's.
    Proxy(String),
    /// The proxy refused the tunnel with an unknown status.
    Refused,
}

impl ProxyFaultLayer {
    /// Tells a fault of the proxy from one of the webhook behind it.
    fn explain(&self, error: &(dyn Error + 'static), is_plain: bool) -> Explained {
        let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
        let mut next = Some(error);
        while let Some(cause) = next {
            causes.push(cause);
            next = cause.source();
        }
        let mut texts = causes.iter().map(ToString::to_string);
        let tunnel = texts.find_map(|text| Some(text.strip_prefix("tunnel error: ")?.to_owned()));
        // The errors of hyper-util's tunnel, a type that it does not export.
        Explained::Proxy(match tunnel.as_deref() {
            Some("unsuccessful") => return Explained::Refused,
            Some("proxy authorization required") => refused_credentials(self.auth.is_some()),
            Some("unexpected end of file") => "it closed the connection".into(),
            Some("proxy response headers too long") => "it does not answer in HTTP".into(),
            Some(_) => connect_fault(&causes),
            None if is_plain => connect_fault(&causes),
            None => return Explained::Webhook,
        })
    }

    async fn refusal(&self, target: Option<Target>) -> String {
        let asked = async { self.ask(&target?.authority).await.ok().flatten() };
        let status = timeout(ASK_TIME, asked).await.ok().flatten();
        let status = status.map_or_else(|| "no status".into(), |status| status.to_string());
        format!("it refuses to connect to the webhook ({status}); see its rules and its log")
    }

    /// Asks for a tunnel again and returns the status.
    async fn ask(&self, authority: &str) -> io::Result<Option<StatusCode>> {
        if self.proxy.scheme() != "http" {
            return Ok(None);
        }
        let stream = TcpStream::connect(host_port(&self.proxy)).await?;
        let mut stream = BufReader::new(stream);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(ProxyAuth { username, password }) = &self.auth {
            let pair = STANDARD.encode(format!("{username}:{}", password.reveal()));
            request.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        stream.take(STATUS_LINE_BYTES).read_line(&mut line).await?;
        let code = line.split(' ').nth(1).map(str::trim);
        Ok(code.and_then(|code| code.parse().ok()))
    }
}

fn refused_credentials(has_auth: bool) -> String {
    if has_auth {
        "it does not accept our credentials (407); correct [egress] proxy_auth".into()
    } else {
        "it wants credentials (407); set [egress] proxy_auth".into()
    }
}

fn connect_fault(causes: &[&(dyn Error + 'static)]) -> String {
    if let Some(error) = causes
        .iter()
        .find_map(|one| one.downcast_ref::<LookupError>())
    {
        return format!("no address found: {error}; correct [egress] proxy");
    }
    let errors = || {
        causes
            .iter()
            .filter_map(|one| one.downcast_ref::<io::Error>())
    };
    if let Some(fault) = errors().find_map(TlsFault::find) {
        return fault.to_string();
    }
    let why = errors().next_back().map(io_fault::describe);
    why.unwrap_or_else(|| "no connection to it".into())
}

/// Where a connection leads.
struct Target {
    authority: String,
    is_plain: bool,
}

fn destination(target: &str) -> Option<Target> {
    let url = target.split_once('(')?.1.strip_suffix(')')?;
    let url: Url = url.parse().ok()?;
    Some(Target {
        authority: host_port(&url),
        is_plain: url.scheme() == "http",
    })
}

/// Returns the fault of a proxy that answered a plain request itself; `None` if the answer is the
/// webhook's. An answer through a tunnel always is.
pub(super) fn answered(egress: &Egress, url: &Url, response: &Response) -> Option<Failure> {
    let proxy = egress.proxy.as_ref()?;
    let (status, headers) = (response.status(), response.headers());
    if url.scheme() != "http" {
        return None;
    }
    let what = if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        refused_credentials(egress.proxy_auth.is_some())
    } else if is_own_answer(status, headers) {
        let host = host_port(url);
        format!("it answered {status} in place of {host}; see its rules and its log")
    } else {
        return None;
    };
    let proxy = host_port(proxy);
    Some(Failure::from(&ProxyFault { proxy, what }))
}

/// Names the proxy in a failure to connect through it in time.
pub(super) fn named_in(egress: &Egress, late: Failure) -> Failure {
    match &egress.proxy {
        Some(proxy) if late.detail.starts_with("could not connect") => {
            let detail = format!("{}, through the proxy {}", late.detail, host_port(proxy));
            Failure::new(late.reason, detail)
        }
        Some(_) | None => late,
    }
}

/// Whether a proxy says that the answer is its own: squid, `Proxy-Status` (RFC 9209), tinyproxy.
fn is_own_answer(status: StatusCode, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let has_error = text("proxy-status").is_some_and(|text| text.contains("error="));
    let is_tinyproxy = text("server").is_some_and(|text| text.starts_with("tinyproxy/"));
    let is_error = status.is_client_error() || status.is_server_error();
    is_error && (headers.contains_key("x-squid-error") || has_error || is_tinyproxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_a_connection_is_read() {
        let target = destination("Unnameable(https://crm.example/)").unwrap();
        assert_eq!(
            (&*target.authority, target.is_plain),
            ("crm.example:443", false)
        );
        let target = destination("Unnameable(http://[::1]:8080/)").unwrap();
        assert_eq!((&*target.authority, target.is_plain), ("[::1]:8080", true));
    }
}

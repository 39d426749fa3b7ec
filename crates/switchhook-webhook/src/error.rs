//! Turns network and HTTP faults into failures: a reason and a sentence without URL or secrets.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::connection_watch::ConnectionState;
use super::egress::Blocked;
use super::http2;
use super::io_fault;
use super::proxy_fault::ProxyFault;
use super::resolve::LookupError;
use super::tls_fault::TlsFault;
use switchhook_core::outcome::{Failure, Reason};

/// Returns host and port, such as `crm.example:443`.
pub(super) fn host_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// How far a request came before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestStage {
    /// No status was received.
    NoStatus(ConnectionState),
    /// The status was received, but not the end of the body.
    Status,
}

/// Returns the failure of a request whose deadline passed.
pub(super) fn timed_out(timeout: Duration, url: &Url, stage: RequestStage) -> Failure {
    let (seconds, host_port) = (timeout.as_secs_f64(), host_port(url));
    let within = format!("within {seconds} s");
    let detail = match stage {
        RequestStage::Status => format!("no whole answer from {host_port} {within}"),
        RequestStage::NoStatus(ConnectionState::Resolving) => {
            let host = url.host_str().unwrap_or_default();
            format!("no name server answered for {host} {within}")
        }
        RequestStage::NoStatus(ConnectionState::Connecting) => {
            format!("could not connect to {host_port} {within}")
        }
        RequestStage::NoStatus(ConnectionState::Connected) => {
            format!("no answer from {host_port} {within}; it was connected to, and asked")
        }
        RequestStage::NoStatus(ConnectionState::Unknown) => {
            format!("no answer from {host_port} {within}")
        }
    };
    Failure::new(Reason::Timeout, detail)
}

/// Returns the failure of a response larger than the limit.
pub(super) fn response_too_large(limit: usize) -> Failure {
    let detail = format!("the response is larger than {limit} bytes");
    Failure::new(Reason::InvalidResponse, detail)
}

/// Returns the failure of a status; `None` for 2xx. `redirect` is where a redirect leads, and
/// `body` what was read.
pub(super) fn status_failure(
    status: StatusCode,
    url: &Url,
    redirect: Option<&str>,
    body: &[u8],
) -> Option<Failure> {
    if status.is_success() {
        return None;
    }
    let code = status.as_u16();
    let host_port = host_port(url);
    let name = status.canonical_reason().unwrap_or("unknown status");
    let (reason, detail) = match code {
        401 | 407 => (
            Reason::AuthenticationFailure,
            format!("{host_port} does not accept our credentials: {code} {name}"),
        ),
        300..=399 => {
            let to =
                redirect.map_or_else(String::new, |target| format!(", a redirect to {target}"));
            let detail =
                format!("{host_port} answered {code} {name}{to}; redirects are not followed");
            (Reason::HttpStatus, detail)
        }
        _ => {
            let cause = refused_connection(code, body);
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            let detail = format!("{host_port} answered {code} {name}{cause}");
            (Reason::HttpStatus, detail)
        }
    };
    Some(Failure::new(reason, detail))
}

/// What servers write into a 400 for a connection that they do not accept, and the cure.
const CONNECTION_WORDS: [(&str, &str); 5] = [
    (
        // nginx
        "No required SSL certificate was sent",
        "it requires a client certificate; set tls.client_cert_file and tls.client_key_file",
    ),
    (
        // nginx
        "The SSL certificate error",
        "it refuses our client certificate; set tls.client_cert_file and tls.client_key_file to \
         one that it accepts, with its chain",
    ),
    (
        // nginx
        "The plain HTTP request was sent to HTTPS port",
        PLAIN_HTTP,
    ),
    (
        // Apache
        "speaking plain HTTP to an SSL-enabled server port",
        PLAIN_HTTP,
    ),
    (
        // Go, Caddy
        "Client sent an HTTP request to an HTTPS server",
        PLAIN_HTTP,
    ),
];
const PLAIN_HTTP: &str = "the port speaks TLS; write https:// in the URL";

fn refused_connection(code: u16, body: &[u8]) -> Option<&'static str> {
    let body = (code == 400).then(|| String::from_utf8_lossy(body))?;
    let known = CONNECTION_WORDS
        .iter()
        .find(|(words, _)| body.contains(words));
    known.map(|(_, cause)| *cause)
}

/// Returns the failure behind an error of the HTTP client.
pub(super) fn client_failure(error: &reqwest::Error, url: &Url) -> Failure {
    let host_port = host_port(url);
    let causes = causes(error);
    if let Some(blocked) = find::<Blocked>(&causes) {
        return blocked.clone().into();
    }
    if let Some(fault) = find::<ProxyFault>(&causes) {
        return fault.into();
    }
    if let Some(unresolved) = find::<LookupError>(&causes) {
        let host = url.host_str().unwrap_or_default();
        let detail = format!("no address found for {host}: {unresolved}");
        return Failure::new(Reason::ConnectionFailure, detail);
    }
    if error.is_builder() {
        let detail = "the request could not be formed from its URL, headers and body";
        return Failure::new(Reason::InvalidRequest, detail);
    }
    if let Some(failure) = protocol_failure(&causes, &host_port) {
        return failure;
    }
    if find::<io::Error>(&causes).is_some_and(is_out_of_files) {
        return Failure::new(Reason::Overloaded, OUT_OF_FILES);
    }
    if let Some(fault) = tls_fault(error, url, &causes) {
        let detail = format!("no TLS with {host_port}: {fault}");
        return Failure::new(Reason::ConnectionFailure, detail);
    }
    let reason_text = reason_text(&causes);
    let detail = if error.is_connect() {
        format!("could not connect to {host_port}: {reason_text}")
    } else {
        format!("the connection to {host_port} broke: {reason_text}")
    };
    Failure::new(Reason::ConnectionFailure, detail)
}

/// Returns what is wrong with TLS. A server may refuse our certificate after the handshake too.
fn tls_fault(
    error: &reqwest::Error,
    url: &Url,
    causes: &[&(dyn Error + 'static)],
) -> Option<TlsFault> {
    let io_errors = || causes.iter().filter_map(|cause| cause.downcast_ref());
    let fault = io_errors().find_map(TlsFault::find);
    let is_handshake = error.is_connect() && url.scheme() == "https";
    // A connection that was not yet made is refused, not closed.
    let is_closed = || is_handshake && io_errors().any(io_fault::is_closed);
    fault.or_else(|| is_closed().then(TlsFault::closed))
}

const OUT_OF_FILES: &str =
    "the service has no free file descriptor for a connection; raise its LimitNOFILE";

/// ENFILE and EMFILE have no `ErrorKind` of their own.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// Recognizes responses that are not HTTP.
fn protocol_failure(causes: &[&(dyn Error + 'static)], host_port: &str) -> Option<Failure> {
    let hyper = find::<hyper::Error>(causes)?;
    if hyper.is_parse_too_large() {
        let detail = format!("{host_port} sent more headers than the limit");
        return Some(Failure::new(Reason::InvalidResponse, detail));
    }
    if hyper.is_parse() {
        let detail = format!("the response of {host_port} is not HTTP");
        return Some(Failure::new(Reason::InvalidResponse, detail));
    }
    None
}

/// Returns the innermost cause with a message.
fn reason_text(causes: &[&(dyn Error + 'static)]) -> String {
    if let Some(error) = find::<io::Error>(causes) {
        return io_reason(error);
    }
    if let Some(hyper) = find::<hyper::Error>(causes)
        && (hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled())
    {
        return CLOSED.into();
    }
    if let Some(error) = find::<h2::Error>(causes) {
        return http2::words(error);
    }
    let innermost = causes.last().map(ToString::to_string);
    innermost.unwrap_or_else(|| "no reason is known".into())
}

fn io_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return CLOSED.into();
    }
    io_fault::describe(error)
}

const CLOSED: &str = "it was closed before the whole response arrived";

pub(super) fn find<'a, E: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a E> {
    causes.iter().rev().find_map(|cause| cause.downcast_ref())
}

/// Returns an error's causes, outermost first, including the error inside an `io::Error`.
pub(super) fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_files_is_an_error_of_its_own() {
        let is = |code| is_out_of_files(&io::Error::from_raw_os_error(code));
        assert!(is(23) && is(24));
        assert!(!is(111) && !is_out_of_files(&io::Error::other("24")));
    }
}

//! What went wrong on the wire, in a sentence for a person, without URL or secrets.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::client::Connection;
use super::egress::Blocked;
use super::resolve::Unresolved;
use switchhook_core::outcome::{Failure, Reason};

/// `crm.example:443`
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// How far a request had come when its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Not to its status.
    Connection(Connection),
    /// To its status, and not to the end of its body.
    Status,
}

/// The deadline passed.
pub(super) fn timed_out(timeout: Duration, url: &Url, reached: Reached) -> Failure {
    let (seconds, place) = (timeout.as_secs_f64(), place(url));
    let within = format!("within {seconds} s");
    let detail = match reached {
        Reached::Status => format!("no whole answer from {place} {within}"),
        Reached::Connection(Connection::Connecting) => {
            format!("could not connect to {place} {within}")
        }
        Reached::Connection(Connection::Connected) => {
            format!("no answer from {place} {within}; it was connected to, and asked")
        }
        Reached::Connection(Connection::Unknown) => format!("no answer from {place} {within}"),
    };
    Failure::new(Reason::Timeout, detail)
}

/// The answer is larger than the limit.
pub(super) fn too_large(limit: usize) -> Failure {
    let detail = format!("the response is larger than {limit} bytes");
    Failure::new(Reason::InvalidResponse, detail)
}

/// The failure of a status; `None` for 2xx.
pub(super) fn of_status(status: StatusCode, url: &Url) -> Option<Failure> {
    if status.is_success() {
        return None;
    }
    let code = status.as_u16();
    let place = place(url);
    let name = status.canonical_reason().unwrap_or("no name for it");
    let (reason, detail) = match code {
        401 | 407 => (
            Reason::AuthenticationFailure,
            format!("{place} does not accept our credentials: {code} {name}"),
        ),
        300..=399 => (
            Reason::HttpStatus,
            format!("{place} answered {code} {name}; redirects are not followed"),
        ),
        _ => (
            Reason::HttpStatus,
            format!("{place} answered {code} {name}"),
        ),
    };
    Some(Failure::new(reason, detail))
}

/// The failure behind an error of the HTTP client.
pub(super) fn of_error(error: &reqwest::Error, url: &Url) -> Failure {
    let place = place(url);
    let causes = causes(error);
    if let Some(blocked) = find::<Blocked>(&causes) {
        return blocked.clone().into();
    }
    if let Some(unresolved) = find::<Unresolved>(&causes) {
        let host = url.host_str().unwrap_or_default();
        let detail = format!("no address found for {host}: {unresolved}");
        return Failure::new(Reason::ConnectionFailure, detail);
    }
    if error.is_builder() {
        let detail = "the request could not be formed from its URL, headers and body";
        return Failure::new(Reason::InvalidRequest, detail);
    }
    if let Some(failure) = of_protocol(&causes, &place) {
        return failure;
    }
    // A connection that breaks in the middle of a body fails its decoding too.
    if error.is_decode() && find::<hyper::Error>(&causes).is_none() {
        let detail = "the response's compression is damaged";
        return Failure::new(Reason::InvalidResponse, detail);
    }
    if find::<io::Error>(&causes).is_some_and(is_out_of_files) {
        return Failure::new(Reason::Overloaded, OUT_OF_FILES);
    }
    let why = why(&causes);
    let detail = if error.is_connect() {
        format!("could not connect to {place}: {why}")
    } else {
        format!("the connection to {place} broke: {why}")
    };
    Failure::new(Reason::ConnectionFailure, detail)
}

const OUT_OF_FILES: &str =
    "no more files can be opened for a connection; raise LimitNOFILE of this service";

/// ENFILE and EMFILE, which have no `ErrorKind` of their own.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// Answers that are no HTTP, and proxies that want a password.
fn of_protocol(causes: &[&(dyn Error + 'static)], place: &str) -> Option<Failure> {
    if causes
        .iter()
        .any(|cause| cause.to_string().ends_with(PROXY_AUTH))
    {
        let detail = format!("the proxy does not accept our credentials for {place}");
        return Some(Failure::new(Reason::AuthenticationFailure, detail));
    }
    let hyper = find::<hyper::Error>(causes)?;
    if hyper.is_parse_too_large() {
        let detail = format!("{place} sent more headers than we read");
        return Some(Failure::new(Reason::InvalidResponse, detail));
    }
    if hyper.is_parse() {
        let detail = format!("what {place} sent is not HTTP");
        return Some(Failure::new(Reason::InvalidResponse, detail));
    }
    None
}

/// hyper-util's `TunnelError::ProxyAuthRequired`, a type that it does not export.
const PROXY_AUTH: &str = "proxy authorization required";

/// The innermost cause that says something.
fn why(causes: &[&(dyn Error + 'static)]) -> String {
    if let Some(error) = find::<io::Error>(causes) {
        return of_io(error);
    }
    if let Some(hyper) = find::<hyper::Error>(causes)
        && (hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled())
    {
        return CLOSED.into();
    }
    let innermost = causes.last().map(ToString::to_string);
    innermost.unwrap_or_else(|| "no reason is known".into())
}

fn of_io(error: &io::Error) -> String {
    let kind = error.kind();
    if let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == kind) {
        return (*words).to_owned();
    }
    match error.get_ref() {
        // rustls: "invalid peer certificate: UnknownIssuer"
        Some(inner) if kind == io::ErrorKind::InvalidData => format!("TLS failed: {inner}"),
        Some(_) | None => kind.to_string(),
    }
}

const WORDS: [(io::ErrorKind, &str); 8] = [
    (io::ErrorKind::ConnectionRefused, "connection refused"),
    (io::ErrorKind::ConnectionReset, RESET),
    (io::ErrorKind::ConnectionAborted, RESET),
    (io::ErrorKind::BrokenPipe, RESET),
    (io::ErrorKind::UnexpectedEof, CLOSED),
    (io::ErrorKind::TimedOut, "nobody answers at that address"),
    (io::ErrorKind::HostUnreachable, "there is no way to it"),
    (io::ErrorKind::NetworkUnreachable, "there is no way to it"),
];
const RESET: &str = "the connection was reset";
const CLOSED: &str = "it was closed before the whole answer was there";

fn find<'a, E: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a E> {
    causes.iter().rev().find_map(|cause| cause.downcast_ref())
}

/// An error's causes, outermost first; what an `io::Error` wraps is one.
fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
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
    fn a_process_and_a_system_out_of_files_are_told_from_other_errors() {
        let is = |code| is_out_of_files(&io::Error::from_raw_os_error(code));
        assert!(is(23) && is(24));
        assert!(!is(111) && !is_out_of_files(&io::Error::other("24")));
    }
}

//! Requests whose connection ended before an answer: which of them are sent once more.

use std::error::Error;
use std::io;

use h2::Reason;

use super::connection_watch::{ConnectionState, SilentAddress};
use super::error::{causes, find};

/// How a request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resend {
    /// On a connection of its own.
    Fresh,
    /// The same, over HTTP/1.1.
    Http1,
    /// To the next address of its host.
    NextAddress,
}

/// Returns how a request that failed with `error` is sent once more; `None` if it is not.
///
/// A kept connection may end at the moment when it is used again: the server's idle time is over, or
/// it reloads. Such a request was most likely never read, so it is sent again whatever its method,
/// as libcurl does. A connection that was made for the request is no reason to send it again,
/// unless the server says that it did not process it (RFC 9113, 8.7).
pub(super) fn resend(error: &reqwest::Error, connection: ConnectionState) -> Option<Resend> {
    let causes = causes(error);
    if find::<SilentAddress>(&causes).is_some() {
        return Some(Resend::NextAddress);
    }
    if error.is_connect() || error.is_builder() {
        return None;
    }
    if let Some(http2) = find::<h2::Error>(&causes)
        && let Some(resend) = unprocessed(http2)
    {
        return Some(resend);
    }
    let reused = connection != ConnectionState::Connected;
    (reused && ended(&causes)).then_some(Resend::Fresh)
}

fn unprocessed(error: &h2::Error) -> Option<Resend> {
    let by_server = error.is_remote() && (error.is_reset() || error.is_go_away());
    match error.reason().filter(|_| by_server)? {
        Reason::HTTP_1_1_REQUIRED => Some(Resend::Http1),
        Reason::REFUSED_STREAM => Some(Resend::Fresh),
        Reason::NO_ERROR if error.is_go_away() => Some(Resend::Fresh),
        _ => None,
    }
}

/// Returns whether the connection ended, rather than the request.
fn ended(causes: &[&(dyn Error + 'static)]) -> bool {
    if let Some(http2) = find::<h2::Error>(causes) {
        return http2.is_go_away() || http2.is_io();
    }
    if find::<io::Error>(causes).is_some_and(|error| is_end(error.kind())) {
        return true;
    }
    find::<hyper::Error>(causes).is_some_and(|hyper| {
        hyper.is_incomplete_message()
            || hyper.is_closed()
            || hyper.is_canceled()
            || hyper.is_timeout()
    })
}

fn is_end(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
    )
}

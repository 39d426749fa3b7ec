//! Words for what happens on HTTP/2 connections.

/// Returns what happened on an HTTP/2 connection, with the protocol's name for the reason.
pub(super) fn words(error: &h2::Error) -> String {
    let what = match (error.is_remote(), error.is_reset()) {
        (true, true) => "the server broke the request off",
        (true, false) => "the server closed the HTTP/2 connection",
        (false, _) => "what the server sent is not valid HTTP/2",
    };
    match error.reason() {
        Some(reason) => format!("{what} ({reason:?})"),
        None => what.to_owned(),
    }
}

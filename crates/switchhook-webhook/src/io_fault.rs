//! Words for network errors of the system. Sentences of failures and of `doctor` use them.

use std::io;

/// Words for the kinds of errors that connections have.
const WORDS: [(io::ErrorKind, &str); 8] = [
    (io::ErrorKind::ConnectionRefused, "connection refused"),
    (io::ErrorKind::ConnectionReset, RESET),
    (io::ErrorKind::ConnectionAborted, RESET),
    (io::ErrorKind::BrokenPipe, RESET),
    (io::ErrorKind::UnexpectedEof, "the connection was closed"),
    (io::ErrorKind::TimedOut, "the address did not respond"),
    (io::ErrorKind::HostUnreachable, "no route to the host"),
    (io::ErrorKind::NetworkUnreachable, "no route to its network"),
];
const RESET: &str = "the connection was reset";

/// Returns why a connection failed, such as `connection refused`.
#[must_use]
pub fn describe(error: &io::Error) -> String {
    let known = WORDS.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(
        || error.kind().to_string(),
        |(_, words)| (*words).to_owned(),
    )
}

/// Returns why a name was not found, such as `name or service not known`.
#[must_use]
pub fn describe_lookup(error: &io::Error) -> String {
    let words = error.to_string();
    // The system writes "failed to lookup address information: Name or service not known".
    let why = words.rsplit_once(": ");
    why.map_or(words.as_str(), |(_, why)| why).to_lowercase()
}

/// Whether the other end closed or reset the connection.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_found_is_said_without_the_system_s_prefix() {
        let error = io::Error::other("failed to lookup address information: Name not known");
        assert_eq!(describe_lookup(&error), "name not known");
        assert_eq!(describe_lookup(&io::Error::other("Odd")), "odd");
    }
}

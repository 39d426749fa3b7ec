//! The address of a switch.

/// The port of Event Socket unless `event_socket.conf.xml` says otherwise.
const PORT: u16 = 8021;

/// Adds the default port to an address without one.
///
/// An IPv6 address with a port has brackets.
pub(crate) fn with_port(address: &str) -> String {
    let address = address.trim();
    let colons = address.matches(':').count();
    match (address.strip_prefix('['), colons) {
        (Some(rest), _) if rest.ends_with(']') => format!("{address}:{PORT}"),
        (Some(_), _) | (None, 1) => address.to_owned(),
        (None, 0) => format!("{address}:{PORT}"),
        (None, _) => format!("[{address}]:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn an_address_without_a_port_gets_the_default_one() {
        for (written, used) in [
            ("localhost", "localhost:8021"),
            ("127.0.0.1", "127.0.0.1:8021"),
            ("127.0.0.1:5", "127.0.0.1:5"),
            ("fs.example.com:8022", "fs.example.com:8022"),
            ("::1", "[::1]:8021"),
            ("[::1]", "[::1]:8021"),
            ("[::1]:5", "[::1]:5"),
            (" localhost ", "localhost:8021"),
        ] {
            assert_eq!(with_port(written), used, "{written}");
        }
    }
}

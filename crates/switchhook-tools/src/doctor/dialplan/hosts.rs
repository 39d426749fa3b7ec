//! The argument of the `socket` application: its hosts, and which of them we are.

use std::net::{IpAddr, SocketAddr};

/// FreeSWITCH: mod_event_socket.c `socket_function`, when the host names no port.
const DEFAULT_PORT: u16 = 8084;

/// What is known of where a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostPlace {
    Ours,
    Elsewhere,
    Unknown,
}

/// A host of the `socket` application's list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) port: u16,
    pub(super) path: Option<&'a str>,
}

/// The names of the variables in a text.
pub(super) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        rest = after;
        let name = rest.split('}').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !name.is_empty() && name.len() <= 128 && name.chars().all(plain) {
            names.push(name.to_owned());
        }
    }
    names
}

/// FreeSWITCH: mod_event_socket.c `socket_function`: the last `:` begins the port, a `/`
/// behind it the path; a host without a port takes that of the host before it.
pub(super) fn hosts(list: &str) -> Vec<Host<'_>> {
    let mut port = DEFAULT_PORT;
    let host = |text| {
        let (name, rest) = split_port(text);
        let (number, path) = match rest {
            Some(rest) => rest
                .split_once('/')
                .map_or((rest, None), |(n, p)| (n, Some(p))),
            None => ("", None),
        };
        port = number.parse().unwrap_or(port);
        let (name, path) = match (name.split_once('/'), path) {
            (Some((name, path)), None) => (name, Some(path)),
            (_, path) => (name, path),
        };
        Host { name, port, path }
    };
    list.split('|')
        .filter(|text| !text.is_empty())
        .map(host)
        .collect()
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    text.rsplit_once(':')
        .map_or((text, None), |(name, rest)| (name, Some(rest)))
}

pub(super) fn place(host: &Host<'_>, listen: SocketAddr, same_machine: bool) -> HostPlace {
    if host.name.contains("${") {
        return HostPlace::Unknown;
    }
    if host.port != listen.port() {
        return HostPlace::Elsewhere;
    }
    let name = if host.name == "localhost" {
        "127.0.0.1"
    } else {
        host.name
    };
    let Ok(ip) = name.parse::<IpAddr>() else {
        return HostPlace::Unknown;
    };
    let (ip, ours) = (ip.to_canonical(), listen.ip().to_canonical());
    match (ip.is_loopback(), ours.is_unspecified()) {
        // Another machine's loopback is that machine.
        (true, _) if !same_machine => HostPlace::Elsewhere,
        (true, true) => HostPlace::Ours,
        // Which addresses this machine has is not known.
        (false, true) => HostPlace::Unknown,
        (_, false) if ip == ours => HostPlace::Ours,
        (_, false) => HostPlace::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_as_the_switch_reads_it() {
        let read = |list| -> Vec<(&str, u16, Option<&str>)> {
            hosts(list)
                .into_iter()
                .map(|host| (host.name, host.port, host.path))
                .collect()
        };
        assert_eq!(read("10.0.0.1"), [("10.0.0.1", 8084, None)]);
        assert_eq!(
            read("10.0.0.1/lookup"),
            [("10.0.0.1", 8084, Some("lookup"))]
        );
        assert_eq!(
            read("a:9000/lookup||b|c:1"),
            [
                ("a", 9000, Some("lookup")),
                ("b", 9000, None),
                ("c", 1, None)
            ]
        );
    }

    #[test]
    fn a_host_is_ours_by_its_address_and_port() {
        let is = |host: &str, listen: &str, same_machine| {
            place(&hosts(host)[0], listen.parse().unwrap(), same_machine)
        };
        use HostPlace::{Elsewhere, Ours, Unknown};
        for (host, listen, same_machine, place) in [
            ("127.0.0.1:8084", "127.0.0.1:8084", true, Ours),
            ("localhost:8084", "127.0.0.1:8084", true, Ours),
            ("127.0.0.1:8085", "127.0.0.1:8084", true, Elsewhere),
            ("127.0.0.2:8084", "127.0.0.1:8084", true, Elsewhere),
            ("127.0.0.1:8084", "127.0.0.1:8084", false, Elsewhere),
            ("127.0.0.1:8084", "0.0.0.0:8084", true, Ours),
            ("127.0.0.1:8084", "0.0.0.0:8084", false, Elsewhere),
            ("10.0.0.5:8084", "0.0.0.0:8084", false, Unknown),
            ("10.0.0.5:8084", "10.0.0.5:8084", false, Ours),
            ("switchhook:8084", "10.0.0.5:8084", false, Unknown),
            ("${switchhook}", "127.0.0.1:8084", true, Unknown),
        ] {
            assert_eq!(
                is(host, listen, same_machine),
                place,
                "{host} {listen} {same_machine}"
            );
        }
    }

    #[test]
    fn variables_are_plain_names() {
        assert_eq!(
            variables("${switchhook}|${b.c}:1 async"),
            ["switchhook", "b.c"]
        );
        assert_eq!(variables("${strftime %Y} ${} ${x"), ["x"]);
    }
}

//! Where a webhook may go: the scheme, and the address that is connected to.
//!
//! The strict side is the default. Public addresses are allowed; special-purpose ones
//! (IANA "Special-Purpose Address Registry", RFC 6890) only where the operator lists them;
//! link-local addresses and those of the clouds' metadata services never. A name is
//! resolved here, all its addresses are checked, and those very addresses are connected
//! to. With a proxy, names are resolved by the proxy and only literal addresses are checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use crate::call::outcome::{Failure, Reason};

/// The operator's rule.
#[derive(Clone, Default)]
pub struct Egress {
    /// `http://` is allowed too.
    pub allow_plain_http: bool,
    /// Special-purpose ranges that webhooks may reach.
    pub allow_addresses: Vec<IpNet>,
    /// The proxy for every request; the environment's is never used.
    pub proxy: Option<Url>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("allow_plain_http", &self.allow_plain_http)
            .field("allow_addresses", &self.allow_addresses)
            .field("proxy", &self.proxy.as_ref().and_then(Url::host_str))
            .finish()
    }
}

/// An address that the rule refuses; its text names the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// A special-purpose address that is not listed.
    #[error(
        "{host} is at {address}, a private or special-purpose address; \
         list its range in [egress] allow_addresses if webhooks may reach it"
    )]
    NotListed {
        /// The host as asked for.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// An address that no webhook reaches.
    #[error(
        "{host} is at {address}, a link-local or cloud metadata address, \
         which webhooks never reach"
    )]
    Never {
        /// The host as asked for.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// Plain `http`.
    #[error(
        "{host} is asked over plain http; use https, or set allow_plain_http = true in [egress]"
    )]
    PlainHttp {
        /// The host as asked for.
        host: String,
    },
    /// Not `http` and not `https`.
    #[error("{scheme}: is not a scheme that webhooks use; use https")]
    Scheme {
        /// The URL's scheme.
        scheme: String,
    },
}

impl From<Blocked> for Failure {
    fn from(blocked: Blocked) -> Self {
        Self::new(Reason::BlockedAddress, blocked.to_string())
    }
}

impl Egress {
    /// Checks what can be seen of a URL: its scheme and a literal address, in whatever
    /// spelling (the URL parser reads `0x7f.1` as `127.0.0.1`).
    ///
    /// # Errors
    /// What is refused, and the setting that would allow it.
    pub fn check_url(&self, url: &Url) -> Result<(), Blocked> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        match url.scheme() {
            "https" => {}
            "http" if self.allow_plain_http => {}
            "http" => return Err(Blocked::PlainHttp { host: host() }),
            other => {
                let scheme = other.to_owned();
                return Err(Blocked::Scheme { scheme });
            }
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(&host(), address.into()),
            Some(Host::Ipv6(address)) => self.check_address(&host(), address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Checks an address that `host` was resolved to.
    ///
    /// # Errors
    /// That it is refused, and the setting that would allow it.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Blocked> {
        let host = host.to_owned();
        let inner = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => embedded(v6).map(IpAddr::V4),
        };
        if is_never(address) || inner.is_some_and(is_never) {
            return Err(Blocked::Never { host, address });
        }
        let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let allowed = match inner {
            // The same host as its IPv4 address, to this machine: listed as either.
            Some(inner) if is_mapped => self.lists(address) || self.lists(inner),
            // A gateway's address: both it and what is behind it have to be allowed.
            Some(inner) => self.lists(address) && (self.lists(inner) || !is_special(inner)),
            None => !is_special(address) || self.lists(address),
        };
        if allowed {
            Ok(())
        } else {
            Err(Blocked::NotListed { host, address })
        }
    }

    fn lists(&self, address: IpAddr) -> bool {
        self.allow_addresses
            .iter()
            .any(|net| net.contains(&address))
    }
}

/// Link-local, and where the clouds keep their machines' credentials.
fn is_never(address: IpAddr) -> bool {
    const METADATA_V4: [Ipv4Addr; 3] = [
        Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud
        Ipv4Addr::new(168, 63, 129, 16),   // Azure
        Ipv4Addr::new(192, 0, 0, 192),     // Oracle Cloud
    ];
    const METADATA_V6: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // Amazon
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google
    ];
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || METADATA_V6.contains(&v6),
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 (RFC 6052 and
/// RFC 8215), 6to4, Teredo (the client's, inverted).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        (0, 0) if (c, d, e) == (0, 0, 0) && matches!(f, 0 | 0xffff) => {
            // `::` and `::1` are themselves.
            (f != 0 || g != 0 || h > 1).then(|| v4(g, h))
        }
        (0x64, 0xff9b) => Some(v4(g, h)),
        (0x2002, _) => Some(v4(b, c)),
        (0x2001, 0) => Some(v4(!g, !h)),
        _ => None,
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4.iter().any(|net| net.contains(&v4)),
        // Only 2000::/3 is given out as unicast.
        IpAddr::V6(v6) => {
            v6.segments()[0] >> 13 != 1 || SPECIAL_V6.iter().any(|net| net.contains(&v6))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),       // this network
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // carrier-grade NAT
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 31, 196, 0, 24), // AS112
    v4(192, 52, 193, 0, 24), // AMT
    v4(192, 88, 99, 0, 24),  // 6to4 relay anycast
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarking
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 3),     // multicast, reserved, broadcast
];

/// Within 2000::/3.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // IETF protocol assignments, Teredo, ORCHID, benchmarking
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4
    v6(0x3fff, 0, 20),     // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(listed: &[&str]) -> Egress {
        Egress {
            allow_plain_http: true,
            allow_addresses: listed.iter().map(|net| net.parse().unwrap()).collect(),
            proxy: None,
        }
    }

    fn check(egress: &Egress, url: &str) -> Result<(), Blocked> {
        egress.check_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn special_purpose_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::808:808]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2002:808:808::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[3fff::1]",
            "[5f00::1]",
        ] {
            let refused = check(&egress(&[]), &format!("https://{host}/"));
            let sentence = refused.unwrap_err().to_string();
            assert!(
                sentence.contains("[egress] allow_addresses"),
                "{host}: {sentence}"
            );
        }
        for host in ["8.8.8.8", "[2606:4700::1111]", "172.32.0.1", "crm.example"] {
            assert_eq!(
                check(&egress(&[]), &format!("https://{host}/")),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn what_is_listed_is_allowed() {
        let some = egress(&["10.0.0.0/8", "127.0.0.1/32", "64:ff9b::/96"]);
        for host in [
            "10.9.8.7",
            "127.0.0.1",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::808:808]",
            "[64:ff9b::a00:1]",
        ] {
            assert_eq!(check(&some, &format!("http://{host}/")), Ok(()), "{host}");
        }
        for host in ["127.0.0.2", "192.168.0.1", "[64:ff9b::7f00:2]"] {
            assert!(check(&some, &format!("http://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn metadata_and_link_local_are_never_reached() {
        let all = egress(&["0.0.0.0/0", "::/0"]);
        for host in [
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::]",
            "[::169.254.169.254]",
        ] {
            let refused = check(&all, &format!("http://{host}/"));
            assert!(matches!(refused, Err(Blocked::Never { .. })), "{host}");
        }
    }

    #[test]
    fn plain_http_is_refused_by_the_name_of_its_setting() {
        let refused = check(&Egress::default(), "http://crm.example/");
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("allow_plain_http")
        );
    }
}

//! The egress rule: which schemes and addresses webhooks may reach.
//!
//! Strict by default. Public addresses are allowed. Special-purpose ones (IANA "Special-Purpose
//! Address Registry", RFC 6890) are allowed only if the operator lists them. Link-local addresses
//! and cloud metadata services are never allowed. All addresses of a name are checked, and the
//! connection goes to one of the checked addresses. With a proxy, the proxy resolves names, and
//! only literal addresses are checked.

mod ranges;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use ranges::{embedded, is_local_nat64, is_never, is_special};
use switchhook_core::outcome::{Failure, Reason};
use switchhook_core::secret::Secret;

/// The operator's egress rule.
#[derive(Clone, Default)]
pub struct Egress {
    /// Allows `http://` too.
    pub allow_plain_http: bool,
    /// Special-purpose ranges that webhooks may reach.
    pub allow_addresses: Vec<IpNet>,
    /// The proxy for every request. Proxy settings of the environment are ignored.
    pub proxy: Option<Url>,
    /// Our credentials for the proxy.
    pub proxy_auth: Option<ProxyAuth>,
    /// Addresses of names, in lower case, that no name server is asked for.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// Credentials for the proxy, sent as `Proxy-Authorization: Basic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAuth {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
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

/// Why the rule refuses an address; the message names the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// A special-purpose address that is not listed.
    #[error(
        "{host} is at {address}, a private or special-purpose address; \
         list its range in [egress] allow_addresses if webhooks may reach it"
    )]
    NotListed {
        /// The URL's host.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// An address that is never allowed.
    #[error(
        "{host} is at {address}, a link-local or cloud metadata address, \
         which webhooks never reach"
    )]
    Never {
        /// The URL's host.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// Plain `http`.
    #[error(
        "the URL for {host} uses plain http; use https, or set allow_plain_http = true in [egress]"
    )]
    PlainHttp {
        /// The URL's host.
        host: String,
    },
    /// A user name or password in the URL, where logs and proxies would show it.
    #[error("the URL for {host} has a user name or password in it; use auth.basic or auth.bearer")]
    Credentials {
        /// The URL's host.
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
    /// Checks the scheme of a URL, and its host if that is a literal address. The URL parser has
    /// normalized every spelling of an address.
    ///
    /// # Errors
    /// The refusal, which names the setting that would allow the URL.
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
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::Credentials { host: host() });
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(&host(), address.into()),
            Some(Host::Ipv6(address)) => self.check_address(&host(), address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Checks an address that `host` resolved to.
    ///
    /// # Errors
    /// The refusal, which names the setting that would allow the address.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Blocked> {
        let host = host.to_owned();
        let inner: Vec<IpAddr> = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => embedded(v6).map(IpAddr::V4).collect(),
        };
        if is_never(address) || inner.iter().copied().any(is_never) {
            return Err(Blocked::Never { host, address });
        }
        let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let may = |inner: &IpAddr| self.lists(*inner) || !is_special(*inner);
        let allowed = if is_mapped {
            // An IPv4-mapped address reaches the same host, so either form may be listed.
            self.lists(address) || inner.iter().any(|inner| self.lists(*inner))
        } else if inner.is_empty() {
            !is_special(address) || self.lists(address)
        } else if is_local_nat64(address) {
            // Only the network's gateway knows which address it stands for.
            self.lists(address)
        } else {
            // A gateway address: it and the address behind it must both be allowed.
            self.lists(address) && inner.iter().all(may)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(listed: &[&str]) -> Egress {
        Egress {
            allow_plain_http: true,
            allow_addresses: listed.iter().map(|net| net.parse().unwrap()).collect(),
            ..Egress::default()
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

//! Tables of special-purpose addresses (RFC 6890 and its registries).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Returns whether the address is link-local or a cloud metadata service, where clouds keep
/// credentials of machines.
pub(super) fn is_never(address: IpAddr) -> bool {
    const METADATA_V4: [Ipv4Addr; 3] = [
        Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud
        Ipv4Addr::new(168, 63, 129, 16),   // Azure
        Ipv4Addr::new(192, 0, 0, 192),     // Oracle Cloud
    ];
    const METADATA_V6: [Ipv6Addr; 3] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // Amazon
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // Amazon's pods
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google
    ];
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || METADATA_V6.contains(&v6),
    }
}

/// Returns the IPv4 addresses that an IPv6 address may stand for: mapped, compatible, translated
/// (RFC 2765), NAT64 (RFC 6052), 6to4, Teredo (the client's, inverted, and its server's), ISATAP
/// (RFC 5214), and all readings of a local NAT64 prefix (RFC 8215).
pub(super) fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let last = v4(g, h);
    let found = match (a, b, c, d, e, f) {
        // `::` and `::1` are ordinary IPv6 addresses.
        (0, 0, 0, 0, 0, 0) if g == 0 && h <= 1 => [None; 4],
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) => [Some(last), None, None, None],
        (0x64, 0xff9b, 1, ..) => at_every_length(address).map(Some),
        (0x64, 0xff9b, ..) => [Some(last), None, None, None],
        (0x2002, ..) => [Some(v4(b, c)), None, None, None],
        (0x2001, 0, ..) => [Some(v4(!g, !h)), Some(v4(c, d)), None, None],
        (_, _, _, _, 0 | 0x200, 0x5efe) => [Some(last), None, None, None],
        _ => [None; 4],
    };
    found.into_iter().flatten()
}

/// RFC 6052, 2.2: the IPv4 address behind a prefix of 48, 56, 64 and 96 bits; the ninth byte is
/// skipped.
fn at_every_length(address: Ipv6Addr) -> [Ipv4Addr; 4] {
    let bytes = address.octets();
    let v4 = |at: [usize; 4]| Ipv4Addr::from(at.map(|at| bytes[at]));
    [
        v4([6, 7, 9, 10]),
        v4([7, 9, 10, 11]),
        v4([9, 10, 11, 12]),
        v4([12, 13, 14, 15]),
    ]
}

/// RFC 8215: a network's own NAT64, whose prefix may have any length.
pub(super) fn is_local_nat64(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments()[..3] == [0x64, 0xff9b, 1])
}

pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4.iter().any(|net| net.contains(&v4)),
        // Only 2000::/3 is assigned as unicast.
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

/// Special-purpose ranges within 2000::/3.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // IETF protocol assignments, Teredo, ORCHID, benchmarking
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4
    v6(0x3fff, 0, 20),     // documentation
];

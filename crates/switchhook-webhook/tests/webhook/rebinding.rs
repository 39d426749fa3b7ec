//! The egress rule holds for every form of an address, and for names whose addresses change
//! between lookups.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchhook_core::outcome::Reason;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::{Client, NameLookup, Webhook};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::*;

/// Counts connections, and answers like a healthy webhook.
struct CountingServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl CountingServer {
    async fn open(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    read_request(&mut stream).await;
                    let good = answer("200 OK", "connection: close\r\n", "{\"queue\":\"a\"}");
                    let _ = stream.write_all(&good).await;
                });
            }
        });
        Self {
            address,
            connections,
        }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Returns the forms of one address that a URL's host may have.
fn spellings(of: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = of.octets().map(u32::from);
    let whole = of.to_bits();
    let (low, rest) = (c << 8 | d, b << 16 | c << 8 | d);
    let hex = |number: u32| [format!("{number:#x}"), format!("0X{number:08X}")];
    let mut all = vec![
        of.to_string(),
        format!("{of}."),
        whole.to_string(),
        format!("0{whole:o}"),
        format!("{a}.{rest}"),
        format!("{a}.{b}.{low}"),
        format!("{a:#x}.{rest}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("000{a:o}.{b}.0x{c:02x}.{d}"),
        format!("{a:#x}.{b}.0{low:o}"),
    ];
    all.extend(hex(whole));
    let percent: String = of
        .to_string()
        .bytes()
        .map(|b| format!("%{b:02X}"))
        .collect();
    let wide = |text: &str, of: char, to: u32| -> String {
        let turned = |c: char| {
            if c.is_ascii_digit() {
                char::from_u32(u32::from(c) - u32::from('0') + to)
            } else {
                Some(if c == '.' { of } else { c })
            }
        };
        text.chars().filter_map(turned).collect()
    };
    all.push(percent);
    all.push(wide(&of.to_string(), '。', 0xff10));
    all.push(wide(&of.to_string(), '．', 0x1d7ce));
    all.push(wide(&whole.to_string(), '.', 0xff10));
    all.extend(six(of).into_iter().map(|six| format!("[{six}]")));
    all.push(format!("[::ffff:{of}]"));
    all.push(format!("[0:0:0:0:0:FFFF:{of}]"));
    all.push(format!("[::{of}]"));
    all.push(format!("[64:ff9b::{of}]"));
    all
}

/// Returns the IPv6 addresses that lead to an IPv4 one.
fn six(of: Ipv4Addr) -> [Ipv6Addr; 11] {
    let bits = of.to_bits();
    let (high, low) = ((bits >> 16) as u16, (bits & 0xffff) as u16);
    let [a, b, c, d] = of.octets().map(u16::from);
    let new = Ipv6Addr::new;
    [
        new(0, 0, 0, 0, 0, 0xffff, high, low),
        new(0, 0, 0, 0, 0, 0, high, low),
        new(0, 0, 0, 0, 0xffff, 0, high, low),
        new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
        new(0x64, 0xff9b, 1, high, c, d << 8, 0, 0),
        new(0x64, 0xff9b, 1, a, b, c << 8 | d, 0, 0),
        new(0x64, 0xff9b, 1, 0, a, b << 8 | c, d << 8, 0),
        new(0x2002, high, low, 0, 0, 0, 0, 1),
        new(0x2001, 0, 0, 0, 0, 0, !high, !low),
        new(0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low),
    ]
}

#[tokio::test]
async fn hundreds_of_spellings_of_forbidden_addresses_connect_to_nobody() {
    let door = CountingServer::open("[::]:0".parse().unwrap()).await;
    let port = door.address.port();
    let strict = Egress {
        allow_plain_http: true,
        ..Egress::default()
    };
    let client = Client::new(strict).unwrap();
    let (mut requests, mut refused) = (0, 0);
    for forbidden in [
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(127, 8, 9, 10),
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::new(10, 1, 2, 3),
        Ipv4Addr::new(172, 31, 255, 1),
        Ipv4Addr::new(192, 168, 0, 1),
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::new(100, 64, 0, 1),
    ] {
        for host in spellings(forbidden) {
            let url = format!("http://{host}:{port}/");
            let Ok(webhook) = Webhook::compile("lookup", options(url, PATIENT)) else {
                continue; // No URL at all, which check says.
            };
            requests += 1;
            let outcome = client.send(&webhook, prepare(&webhook)).await;
            let failure = outcome.verdict.unwrap_err();
            assert_eq!(failure.reason, Reason::BlockedAddress, "{host}: {failure}");
            assert_eq!(outcome.duration, None, "{host}: something was sent");
            refused += usize::from(failure.detail.contains("[egress]"));
        }
    }
    assert!(requests >= 200, "{requests} spellings");
    assert!(refused >= 150, "the cure is named {refused} times");
    assert_eq!(door.count(), 0);
}

#[tokio::test]
async fn metadata_is_refused_in_every_spelling_though_everything_is_listed() {
    let everything = Egress {
        allow_plain_http: true,
        allow_addresses: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        ..Egress::default()
    };
    let mut refused = 0;
    for never in [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "192.0.0.192",
    ] {
        for host in spellings(never.parse().unwrap()) {
            let Ok(url) = format!("https://{host}/").parse() else {
                continue;
            };
            let message = everything.check_url(&url).unwrap_err().to_string();
            assert!(message.contains("never"), "{host}: {message}");
            refused += 1;
        }
    }
    assert!(refused >= 100, "{refused}");
}

/// Returns each result in turn, over and over.
struct RotatingLookup {
    answers: Vec<Vec<IpAddr>>,
    requests: AtomicUsize,
}

impl NameLookup for RotatingLookup {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let turn = self.requests.fetch_add(1, Ordering::SeqCst) % self.answers.len();
        let found = self.answers[turn].iter().map(|ip| SocketAddr::new(*ip, 0));
        let found = found.collect();
        async move {
            tokio::task::yield_now().await;
            Ok(found)
        }
        .boxed()
    }
}

/// An allowed and a refused server, on one port of two addresses.
async fn two_servers() -> (CountingServer, CountingServer) {
    loop {
        let good = CountingServer::open("127.0.0.2:0".parse().unwrap()).await;
        let bad = SocketAddr::new([127, 0, 0, 3].into(), good.address.port());
        if TcpListener::bind(bad).await.is_ok() {
            return (good, CountingServer::open(bad).await);
        }
    }
}

#[tokio::test]
async fn a_thousand_names_that_turn_to_a_forbidden_address_never_connect_to_it() {
    const RACES: usize = 1_000;
    let (good, bad) = two_servers().await;
    let (to_good, to_bad) = (good.address.ip(), bad.address.ip());
    let names = RotatingLookup {
        answers: vec![
            vec![to_good],
            vec![to_bad],
            vec![to_good, to_bad],
            vec![to_bad, to_good],
            vec![to_good],
            vec!["169.254.169.254".parse().unwrap()],
        ],
        requests: AtomicUsize::new(0),
    };
    let egress = Egress {
        allow_plain_http: true,
        allow_addresses: vec!["127.0.0.2/32".parse().unwrap()],
        ..Egress::default()
    };
    let client = Client::with_names(egress, Arc::new(names)).unwrap();
    let port = good.address.port();
    let mut races = tokio::task::JoinSet::new();
    let (mut answered, mut blocked) = (0, 0);
    for race in 0..RACES {
        // Four requests share a name, so that they share its lookup too.
        let url = format!("http://crm{}.example:{port}/", race / 4);
        let client = client.clone();
        races.spawn(async move {
            let webhook = Webhook::compile("lookup", options(url, PATIENT)).unwrap();
            client.send(&webhook, prepare(&webhook)).await.verdict
        });
        if races.len() < 16 && race + 1 < RACES {
            continue;
        }
        while let Some(verdict) = races.join_next().await {
            match verdict.unwrap() {
                Ok(_) => answered += 1,
                Err(failure) => {
                    assert_eq!(failure.reason, Reason::BlockedAddress, "{failure}");
                    blocked += 1;
                }
            }
        }
    }
    assert_eq!(answered + blocked, RACES);
    assert!(answered > 50 && blocked > 50, "{answered} and {blocked}");
    assert_eq!(bad.count(), 0, "the forbidden address was connected to");
    assert!(good.count() > 0);
}

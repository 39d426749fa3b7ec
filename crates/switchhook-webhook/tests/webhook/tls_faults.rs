//! Each way in which TLS fails has its own sentence, with what is to be changed; and which
//! certificates `tls.ca_file` trusts.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use switchhook_core::outcome::Reason;
use switchhook_core::secret::Secret;
use switchhook_webhook::options::{Identity, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::secure::{Authority, Setup, send_secure, trusting_ca};
use crate::support::*;

/// Parameters of a certificate for these names, with a common name.
fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn self_signed(params: CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity {
        certificate: certificate.pem(),
        key: Secret::new(key.serialize_pem()),
    }
}

fn authority_itself(names: &[&str], common_name: &str) -> Identity {
    let mut params = params(names, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    self_signed(params)
}

/// Trusts a certificate itself.
fn listing(identity: &Identity) -> Tls {
    Tls {
        ca: Some(identity.certificate.clone()),
        ..Tls::default()
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_said_with_its_cure() {
    let (ours, other) = (Authority::new(), Authority::named("other"));
    let same_name = Authority::new();
    let good = || ours.issue("localhost", 2200);
    let mut early = params(&["localhost"], "x");
    early.not_before = date_time_ymd(2199, 1, 1);
    early.not_after = date_time_ymd(2200, 1, 1);
    let mut client = params(&["localhost"], "x");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let elsewhere = || ours.issue("elsewhere.example", 2200);
    for (identity, tls, what, cure) in [
        (
            good(),
            Tls::default(),
            "not trusted (UnknownIssuer)",
            "tls.ca_file",
        ),
        (
            good(),
            trusting_ca(&same_name),
            "not signed by the key",
            "replace its certificate in tls.ca_file",
        ),
        (
            good(),
            trusting_ca(&other),
            "not trusted (UnknownIssuer)",
            "tls.ca_file",
        ),
        (
            ours.issue("localhost", 2001),
            trusting_ca(&ours),
            "expired on 2001-12-31",
            "renew",
        ),
        (
            ours.sign(early),
            trusting_ca(&ours),
            "valid only from 2199-01-01 on",
            "clock",
        ),
        (
            elsewhere(),
            trusting_ca(&ours),
            "is for elsewhere.example, not for localhost",
            "URL",
        ),
        (
            ours.sign(params(&[], "localhost")),
            trusting_ca(&ours),
            "names no host",
            "subjectAltName",
        ),
        (
            ours.sign(client),
            trusting_ca(&ours),
            "not one of a server",
            "serverAuth",
        ),
        (
            authority_itself(&["localhost"], "x"),
            trusting_ca(&ours),
            "CA:TRUE",
            "itself in tls.ca_file",
        ),
    ] {
        let address = Setup::of(identity).serve().await;
        let outcome = send_secure(address, "localhost", tls).await;
        let start = format!("no TLS with localhost:{}: its certificate", address.port());
        for words in [&start, what, cure] {
            failed(&outcome, Reason::ConnectionFailure, words);
        }
        assert_eq!(outcome.status, None);
    }
}

#[tokio::test]
async fn a_certificate_that_is_itself_in_the_file_is_trusted_as_curl_trusts_it() {
    let ours = Authority::new();
    let (root, middle) = (Authority::new(), KeyPair::generate().unwrap());
    let mut below = params(&[], "middle");
    below.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = CertifiedIssuer::signed_by(below, middle, root.issuer()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = params(&["localhost"], "x")
        .signed_by(&key, &middle)
        .unwrap();
    let leaf = Identity {
        certificate: leaf.pem(),
        key: Secret::new(key.serialize_pem()),
    };
    let middle = Tls {
        ca: Some(middle.pem()),
        ..Tls::default()
    };
    let mut old = params(&["localhost"], "x");
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    old.not_after = date_time_ymd(2001, 12, 31);
    let itself = |identity: Identity| (listing(&identity), identity);
    for (name, (tls, identity), refused) in [
        (
            "an authority",
            itself(authority_itself(&["localhost"], "x")),
            None,
        ),
        (
            "by its common name",
            itself(authority_itself(&[], "LOCALHOST")),
            None,
        ),
        (
            "a server's",
            itself(self_signed(params(&["localhost"], "x"))),
            None,
        ),
        (
            "a server's, by its common name",
            itself(self_signed(params(&[], "localhost"))),
            None,
        ),
        (
            "one of another authority",
            itself(ours.issue("localhost", 2200)),
            None,
        ),
        ("its authority, which is not a root", (middle, leaf), None),
        (
            "expired",
            itself(self_signed(old)),
            Some("expired on 2001-12-31"),
        ),
        (
            "of another host",
            itself(authority_itself(&["a.example"], "localhost")),
            Some("is for a.example"),
        ),
        (
            "of another common name",
            itself(authority_itself(&[], "a.example")),
            Some("names no host"),
        ),
    ] {
        for only_tls12 in [false, true] {
            let setup = Setup {
                only_tls12,
                ..Setup::of(identity.clone())
            };
            let outcome = send_secure(setup.serve().await, "localhost", tls.clone()).await;
            match refused {
                None => assert!(outcome.verdict.is_ok(), "{name}: {:?}", outcome.verdict),
                Some(words) => failed(&outcome, Reason::ConnectionFailure, words),
            }
        }
    }
}

/// A server that reads the greeting, sends `bytes` and closes.
async fn handshake_server(bytes: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&bytes).await;
    });
    address
}

#[tokio::test]
async fn a_server_that_breaks_the_handshake_off_is_said_with_its_cure() {
    // A fatal alert (RFC 8446, 6): content type 21, version, length, level 2, description.
    let alert = |description: u8| vec![21, 3, 3, 0, 2, 2, description];
    for (bytes, what, cure) in [
        (
            alert(40),
            "shares no cipher with us, or requires a client",
            "tls.client_cert_file",
        ),
        (
            alert(48),
            "refuses our client certificate (UnknownCA)",
            "tls.client_cert_file",
        ),
        (
            alert(70),
            "accepts no TLS version that we offer",
            "tls.min_version",
        ),
        (
            alert(80),
            "broke the handshake off (alert InternalError)",
            "openssl s_client",
        ),
        (
            alert(112),
            "no site of the URL's host name (SNI)",
            "host name of the certificate",
        ),
        (
            alert(116),
            "requires a client certificate",
            "tls.client_cert_file",
        ),
        (alert(120), "neither HTTP/2 nor HTTP/1.1", "host and port"),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            "what it sent is not TLS",
            "http://",
        ),
        (
            Vec::new(),
            "closed the connection in the handshake",
            "client certificate",
        ),
    ] {
        let address = handshake_server(bytes).await;
        let outcome = send_secure(address, "localhost", Tls::default()).await;
        for words in ["no TLS with localhost:", what, cure] {
            failed(&outcome, Reason::ConnectionFailure, words);
        }
    }
}

#[tokio::test]
async fn a_server_that_requires_a_certificate_is_said_whatever_it_does() {
    let authority = Authority::new();
    let stranger = |name| Some(Authority::named(name).issue("switch", 2200));
    for alpn in ["http/1.1", "h2"] {
        for only_tls12 in [false, true] {
            for identity in [None, stranger("ours"), stranger("other")] {
                let setup = Setup {
                    alpn,
                    only_tls12,
                    clients: Some(authority.roots()),
                    ..Setup::of(authority.issue("localhost", 2200))
                };
                let tls = Tls {
                    identity,
                    ..trusting_ca(&authority)
                };
                let outcome = send_secure(setup.serve().await, "localhost", tls).await;
                for words in ["client certificate", "tls.client_cert_file"] {
                    failed(&outcome, Reason::ConnectionFailure, words);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_400_that_is_about_the_connection_is_said_with_its_cure() {
    for (body, cure) in [
        (
            "<center>No required SSL certificate was sent</center>",
            "requires a client certificate; set tls.client_cert_file",
        ),
        (
            "<center>The SSL certificate error</center>",
            "refuses our client certificate",
        ),
        (
            "<center>The plain HTTP request was sent to HTTPS port</center>",
            "write https://",
        ),
        (
            "You're speaking plain HTTP to an SSL-enabled server port.",
            "write https://",
        ),
        (
            "Client sent an HTTP request to an HTTPS server.\n",
            "write https://",
        ),
    ] {
        let outcome = send(server_sending(answer("400 Bad Request", "", body)).await).await;
        failed(&outcome, Reason::HttpStatus, "answered 400 Bad Request: ");
        failed(&outcome, Reason::HttpStatus, cure);
    }
    let outcome = send(server_sending(answer("400 Bad Request", "", "no lead")).await).await;
    assert!(
        outcome
            .verdict
            .unwrap_err()
            .detail
            .ends_with("answered 400 Bad Request")
    );
}

#[tokio::test]
async fn a_redirect_s_target_is_said_without_what_may_be_secret() {
    for (location, shown) in [
        (
            "https://a.example/echo?token=correct-horse#x",
            "302 Found, a redirect to https://a.example/echo; redirects",
        ),
        (
            "https://me:correct-horse@a.example/",
            "a redirect to https://a.example/; redirects",
        ),
        ("/login", "/login; redirects are not followed"),
        ("http://[", "answered 302 Found; redirects are not followed"),
    ] {
        let headers = format!("location: {location}\r\n");
        let outcome = send(server_sending(answer("302 Found", &headers, "")).await).await;
        failed(&outcome, Reason::HttpStatus, shown);
    }
}

//! Harmful responses are refused within time and size limits.

use std::io::Write as _;

use switchhook_core::outcome::{Mapped, Outcome, Reason};
use switchhook_webhook::options::{
    Mapping, ResponseOptions, ResponseType, ValueKind, WebhookOptions,
};
use tokio::io::AsyncWriteExt as _;

use crate::secure::{Authority, Setup, send_secure, trusting_ca};
use crate::support::*;

const TYPES: [ResponseType; 3] = [ResponseType::Json, ResponseType::Xml, ResponseType::Text];

async fn send_for(kind: ResponseType, path: &str, bytes: Vec<u8>) -> Outcome {
    let address = server_sending(bytes).await;
    let options = WebhookOptions {
        response: ResponseOptions {
            kind,
            map: vec![Mapping {
                name: "queue".into(),
                path: path.into(),
                kind: ValueKind::Text,
                default: None,
            }],
            limit: 1 << 20,
            fault: None,
        },
        ..options(format!("http://{address}/callers"), PATIENT)
    };
    send_with(open(), options).await
}

fn mapped(outcome: &Outcome) -> &Mapped {
    &outcome.verdict.as_ref().unwrap()[0]
}

#[tokio::test]
async fn what_is_nested_without_end_is_an_invalid_response() {
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (kind, path, body) in [
        (ResponseType::Json, "$..x", deep("[", "]")),
        (ResponseType::Json, "$..x", deep("{\"x\":", "}")),
        (ResponseType::Json, "$..x", "[".repeat(1 << 20)),
        (ResponseType::Xml, "//x", "<a>".repeat(300_000)),
    ] {
        let outcome = send_for(kind, path, answer("200 OK", "", &body)).await;
        let failure = outcome.verdict.unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidResponse, "{failure}");
    }
    // Closed elements are valid XML; no code may recurse once per level.
    let whole = deep("<a>", "</a>");
    let outcome = send_for(ResponseType::Xml, "//x", answer("200 OK", "", &whole)).await;
    let failure = outcome.verdict.unwrap_err();
    let is_fair = matches!(
        failure.reason,
        Reason::InvalidResponse | Reason::InvalidResponseMap
    );
    assert!(is_fair, "{failure}");
}

#[tokio::test]
async fn entities_of_xml_are_neither_unfolded_nor_fetched() {
    let nested =
        "<!DOCTYPE a [<!ENTITY one \"x\"><!ENTITY two \"&one;&one;\">]><a><x>&two;</x></a>";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let outside = format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file://{file}\">]><a><x>&x;</x></a>");
    let parameter = "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\">%p;]><a><x>y</x></a>";
    for body in [nested, outside.as_str(), parameter] {
        let outcome = send_for(ResponseType::Xml, "/a/x", answer("200 OK", "", body)).await;
        let failure = outcome.verdict.unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidResponse, "{failure}");
        assert!(!failure.detail.contains("[package]"), "{failure}");
    }
}

#[tokio::test]
async fn a_million_headers_are_not_read() {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..1_000_000 {
        write!(head, "X-{number}: a\r\n").unwrap();
    }
    let one = server(|mut stream, _| async move {
        let _ = stream.write_all(&head).await;
    });
    let outcome = send(one.await).await;
    failed(
        &outcome,
        Reason::InvalidResponse,
        "more headers than the limit",
    );

    let authority = Authority::new();
    let setup = Setup {
        alpn: "h2",
        headers: 100_000,
        ..Setup::of(authority.issue("localhost", 2200))
    };
    let outcome = send_secure(setup.serve().await, "localhost", trusting_ca(&authority)).await;
    let failure = outcome.verdict.unwrap_err();
    let is_fair = matches!(
        failure.reason,
        Reason::ConnectionFailure | Reason::InvalidResponse
    );
    assert!(is_fair, "{failure}");
}

#[tokio::test]
async fn two_lengths_are_no_answer() {
    let body = "{\"queue\":\"a\"}";
    let twice = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-length: 2\r\n\r\n{body}",
        body.len()
    );
    let outcome = send(server_sending(twice).await).await;
    failed(&outcome, Reason::InvalidResponse, "not HTTP");
}

#[tokio::test]
async fn bytes_that_are_not_what_they_are_said_to_be_are_refused_or_marked() {
    let with =
        |kind: &str, body: &[u8]| answer("200 OK", &format!("content-type: {kind}\r\n"), body);
    let latin = b"{\"queue\":\"M\xfcller\"}";
    let wide: Vec<u8> = "{\"queue\":\"a\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for body in [
        with("application/json; charset=utf-8", latin),
        with("application/json; charset=utf-16", &wide[..wide.len() - 1]),
        with(
            "application/json; charset=made-up",
            b"{\"queue\":\"\xff\xfe\"}",
        ),
    ] {
        let outcome = send_for(ResponseType::Json, "$.queue", body).await;
        let failure = outcome.verdict.unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidResponse, "{failure}");
    }
    let text = |kind: &str, body: &[u8]| send_for(ResponseType::Text, "q=(.*)", with(kind, body));
    let outcome = text("text/plain; charset=iso-8859-1", b"q=M\xfcller").await;
    assert_eq!(mapped(&outcome).text, "Müller");
    let outcome = text("text/plain", b"q=M\xfcller").await;
    assert_eq!(mapped(&outcome).text, "M\u{fffd}ller");
    // As text the byte would be replaced; XML is refused.
    let xml = with("text/xml", b"<a>M\xfcller</a>");
    let outcome = send_for(ResponseType::Xml, "/a", xml).await;
    assert_eq!(outcome.verdict.unwrap_err().reason, Reason::InvalidResponse);
}

#[tokio::test]
async fn no_bytes_at_random_do_more_than_fail() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let body: Vec<u8> = (0..random.usize(1..5000)).map(|_| random.u8(..)).collect();
        let whole = match round % 3 {
            0 => answer("200 OK", "", &body),
            1 => answer("200 OK", "content-encoding: deflate\r\n", &body),
            _ => [b"HTTP/1.1 200 OK\r\n".as_slice(), &body].concat(),
        };
        let kind = TYPES[round / 3 % 3];
        let path = ["$..x", "//x", "x(.*)"][round / 3 % 3];
        let outcome = send_for(kind, path, whole).await;
        if let Err(failure) = outcome.verdict {
            assert!(!failure.detail.contains('\n'), "{failure}");
        }
    }
}

//! The outcome of a request for every behaviour of a server.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use switchhook_core::outcome::{Mapped, Reason};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::*;

#[tokio::test]
async fn an_answer_becomes_variables_and_says_how_long_it_took() {
    let (report, received) = oneshot::channel();
    let body = r#"{"queue": "main"}"#;
    let address = server(move |mut stream, request| async move {
        report.send(request).unwrap();
        let bytes = answer("200 OK", "content-type: application/json\r\n", body);
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let outcome = send(address).await;
    let queue = Mapped {
        name: "queue".into(),
        text: "main".into(),
        typed: false,
    };
    assert_eq!(outcome.verdict, Ok(vec![queue]));
    assert_eq!(outcome.status, Some(200));
    assert_eq!(outcome.raw, body);
    assert!(outcome.duration.is_some());
    assert!(outcome.phases.headers.is_some() && outcome.phases.body.is_some());
    let request = received.await.unwrap();
    assert!(
        request.starts_with("POST /callers?token=correct-horse HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer correct-horse\r\n"),
        "{request}"
    );
    assert!(request.ends_with(r#"{"caller": "+4930"}"#), "{request}");
}

#[tokio::test]
async fn an_empty_answer_succeeds_where_nothing_is_required() {
    let empty = server_sending(answer("204 No Content", "", "")).await;
    let mut nothing = options(format!("http://{empty}/"), PATIENT);
    nothing.response.map.clear();
    assert_eq!(send_with(open(), nothing).await.verdict, Ok(Vec::new()));
    let outcome = send(server_sending(answer("200 OK", "", "")).await).await;
    failed(&outcome, Reason::InvalidResponseMap, "queue");
    assert_eq!((outcome.status, outcome.raw.len()), (Some(200), 0));
}

#[tokio::test]
async fn a_server_that_is_slow_or_drips_meets_one_deadline() {
    let silent = server(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let outcome = send_short(silent).await;
    let words = "within 0.3 s; it was connected to, and asked";
    failed(&outcome, Reason::Timeout, words);
    assert_eq!(outcome.status, None);
    assert_eq!(outcome.phases.connected, Some(true));
    assert!(outcome.duration.is_some());

    let drip = server(|mut stream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
            .await;
        while stream.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let outcome = send_short(drip).await;
    failed(&outcome, Reason::Timeout, "no whole answer");
    assert_eq!(outcome.status, Some(200));

    let headers = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(b"y").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    failed(&send_short(headers).await, Reason::Timeout, "within");
}

#[tokio::test]
async fn a_connection_not_made_in_time_is_not_a_missing_answer() {
    // Nothing answers the TLS handshake there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let outcome = send_with(open(), options(format!("https://{address}/"), SHORT)).await;
    let words = format!("could not connect to {address} within 0.3 s");
    failed(&outcome, Reason::Timeout, &words);
    assert_eq!(outcome.phases.headers, None);
    assert_eq!(outcome.phases.connected, Some(false));
}

#[tokio::test]
async fn a_connection_that_fails_is_said_in_words() {
    let nobody = test_support::ports::unused();
    let outcome = send(nobody).await;
    let words = format!("could not connect to {nobody}: connection refused");
    failed(&outcome, Reason::ConnectionFailure, &words);
    assert_eq!(outcome.status, None);
    assert_eq!(outcome.phases.connected, Some(false));

    let reset = server(|stream, _| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    failed(&send(reset).await, Reason::ConnectionFailure, "reset");

    failed(
        &send(server_sending("").await).await,
        Reason::ConnectionFailure,
        "closed before",
    );

    let cut = server_sending("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"queue\"").await;
    let outcome = send(cut).await;
    failed(&outcome, Reason::ConnectionFailure, "closed before");
    assert_eq!(outcome.status, Some(200));
}

#[tokio::test]
async fn a_name_without_an_address_and_a_server_without_tls_are_connection_failures() {
    // Too long for a label, so no name server is queried.
    let name = format!("http://{}.example/", "a".repeat(64));
    let outcome = send_with(open(), options(name, PATIENT)).await;
    failed(
        &outcome,
        Reason::ConnectionFailure,
        "no address found for aaaa",
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let outcome = send_with(open(), options(format!("https://{plain}/"), PATIENT)).await;
    failed(&outcome, Reason::ConnectionFailure, "not TLS; correct");
}

#[tokio::test]
async fn every_other_status_than_2xx_is_a_failure_and_its_body_is_kept() {
    for (status, reason) in [
        ("401 Unauthorized", Reason::AuthenticationFailure),
        (
            "407 Proxy Authentication Required",
            Reason::AuthenticationFailure,
        ),
        ("302 Found", Reason::HttpStatus),
        ("403 Forbidden", Reason::HttpStatus),
        ("500 Internal Server Error", Reason::HttpStatus),
        ("599 Whatever", Reason::HttpStatus),
    ] {
        let headers = "location: http://127.0.0.1:1/\r\nwww-authenticate: Basic\r\n";
        let outcome = send(server_sending(answer(status, headers, "why")).await).await;
        failed(&outcome, reason, &status[..3]);
        assert_eq!(outcome.status, status[..3].parse().ok());
        assert_eq!(outcome.raw, "why");
    }
}

#[tokio::test]
async fn rubbish_is_an_invalid_response() {
    let outcome = send(server_sending(answer("200 OK", "", "<html>")).await).await;
    failed(&outcome, Reason::InvalidResponse, "not JSON");
    assert_eq!(
        (outcome.status, &outcome.raw[..]),
        (Some(200), &b"<html>"[..])
    );
    let outcome = send(server_sending("SSH-2.0-OpenSSH_9.2\r\n").await).await;
    failed(&outcome, Reason::InvalidResponse, "not HTTP");
    let damaged = answer("200 OK", "content-encoding: gzip\r\n", "not gzip at all");
    failed(
        &send(server_sending(damaged).await).await,
        Reason::InvalidResponse,
        "compression",
    );
}

#[tokio::test]
async fn too_much_is_cut_at_the_limit() {
    let fits = format!("{{\"queue\":\"main\"}}{}", " ".repeat(LIMIT - 16));
    assert!(
        send(server_sending(answer("200 OK", "", fits)).await)
            .await
            .verdict
            .is_ok()
    );
    let outcome = send(server_sending(answer("200 OK", "", vec![b'x'; LIMIT + 1])).await).await;
    failed(&outcome, Reason::InvalidResponse, "larger than 1000 bytes");

    let endless = server(|mut stream, _| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 100]).await.is_ok() {}
    })
    .await;
    failed(&send(endless).await, Reason::InvalidResponse, "larger");

    let failing = answer("500 Internal Server Error", "", vec![b'x'; 5000]);
    let outcome = send(server_sending(failing).await).await;
    failed(&outcome, Reason::HttpStatus, "500");
    assert_eq!(outcome.raw.len(), LIMIT);
}

#[tokio::test]
async fn a_compressed_answer_is_counted_as_it_unpacks() {
    let packed = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let small = answer(
        "200 OK",
        "content-encoding: gzip\r\n",
        packed(b"{\"queue\":\"a\"}"),
    );
    let outcome = send(server_sending(small).await).await;
    assert!(outcome.verdict.is_ok());
    assert_eq!(outcome.raw, "{\"queue\":\"a\"}");
    let packed_spaces = packed(&vec![b' '; 50_000_000]);
    assert!(packed_spaces.len() < 100_000);
    let outcome = send(
        server_sending(answer(
            "200 OK",
            "content-encoding: gzip\r\n",
            packed_spaces,
        ))
        .await,
    )
    .await;
    failed(&outcome, Reason::InvalidResponse, "larger");
}

/// A server that compresses as it was offered is read; it is not offered what is not read.
#[tokio::test]
async fn the_encodings_that_are_offered_are_those_that_are_unpacked() {
    let (tell, told) = oneshot::channel();
    let address = server(move |mut stream, request| async move {
        tell.send(request).unwrap();
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{\"queue\":\"a\"}").unwrap();
        let body = encoder.finish().unwrap();
        let bytes = answer("200 OK", "content-encoding: deflate\r\n", body);
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let outcome = send(address).await;
    assert_eq!(outcome.raw, "{\"queue\":\"a\"}");
    assert!(outcome.verdict.is_ok());
    let request = told.await.unwrap();
    let offers = |line: &str| line.strip_prefix("accept-encoding: ").map(str::to_owned);
    let offered = request.lines().find_map(offers).expect(&request);
    let mut offered: Vec<&str> = offered.split(',').map(str::trim).collect();
    offered.sort_unstable();
    assert_eq!(offered, ["deflate", "gzip"], "the test above unpacks gzip");
}

#[tokio::test]
async fn headers_without_end_are_an_invalid_response() {
    let many = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-y: z\r\n").await.is_ok() {}
    })
    .await;
    failed(&send(many).await, Reason::InvalidResponse, "headers");
    let long = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'y'; 1000]).await.is_ok() {}
    })
    .await;
    failed(&send(long).await, Reason::InvalidResponse, "headers");
}

#[tokio::test]
async fn dropping_the_request_closes_its_connection() {
    let (report, received) = oneshot::channel();
    let (closed, is_closed) = oneshot::channel();
    let address = server(|mut stream, _| async move {
        report.send(()).unwrap();
        let end = stream.read(&mut [0; 16]).await;
        closed.send(end.unwrap_or(0)).unwrap();
    })
    .await;
    let request = tokio::spawn(send(address));
    received.await.unwrap();
    request.abort();
    assert_eq!(is_closed.await.unwrap(), 0);
}

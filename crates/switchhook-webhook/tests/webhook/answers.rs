//! Answers are read as they were meant: one row for each way in which a server writes one. To add a
//! row, write what comes in and what the variable `v` is, or words of the sentence.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_webhook::options::{
    Mapping, ResponseOptions, ResponseType, ValueKind, WebhookOptions,
};

use crate::support::*;

use ResponseType::{Json, Text, Xml};

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

async fn ask(answer: Vec<u8>, response: ResponseOptions) -> Outcome {
    let url = format!("http://{}/callers", server_sending(answer).await);
    let options = WebhookOptions {
        response,
        ..options(url, PATIENT)
    };
    send_with(open(), options).await
}

fn mapping(kind: ResponseType, path: &str) -> ResponseOptions {
    let mapping = Mapping {
        name: "v".into(),
        path: path.into(),
        kind: ValueKind::Text,
        default: None,
    };
    ResponseOptions {
        kind,
        map: vec![mapping],
        limit: LIMIT,
        fault: None,
    }
}

/// What comes in, and the value or words of the sentence.
type Row = (
    &'static str,
    &'static str,
    Vec<u8>,
    ResponseType,
    &'static str,
    Result<&'static str, &'static str>,
);

const ANN: &str = r#"{"v":"Ann"}"#;
const BIG: &str = r#"[{"id":9007199254740992,"v":"Bob"},{"id":9007199254740993,"v":"Ann"}]"#;

#[rustfmt::skip] // a row a line
fn codings() -> Vec<Row> {
    let members = joined(&[&gzip("Ann "), &gzip("Meyer")]);
    let json_members = joined(&[&gzip(r#"{"v":"#), &gzip(r#""Ann"}"#)]);
    vec![
        ("upper case", "content-encoding: GZIP\r\n", gzip(ANN), Json, "$.v", Ok("Ann")),
        ("x-gzip", "content-encoding: x-gzip\r\n", gzip(ANN), Json, "$.v", Ok("Ann")),
        ("twice", "content-encoding: gzip, gzip\r\n", gzip(gzip(ANN)), Json, "$.v", Ok("Ann")),
        ("twice, two headers", "content-encoding: deflate\r\ncontent-encoding: gzip\r\n", gzip(zlib(ANN)), Json, "$.v", Ok("Ann")),
        ("deflate", "content-encoding: deflate\r\n", zlib(ANN), Json, "$.v", Ok("Ann")),
        ("raw deflate", "content-encoding: Deflate\r\n", raw_deflate(ANN), Json, "$.v", Ok("Ann")),
        ("identity", "content-encoding: identity\r\n", ANN.into(), Json, "$.v", Ok("Ann")),
        ("text of two members", "content-encoding: gzip\r\n", members, Text, ".+", Ok("Ann Meyer")),
        ("JSON of two members", "content-encoding: gzip\r\n", json_members, Json, "$.v", Ok("Ann")),
        ("a coding that we do not have", "content-encoding: br\r\n", ANN.into(), Json, "$.v", Err("the coding \"br\"")),
        ("too many codings", "content-encoding: gzip,gzip,gzip,gzip,gzip\r\n", ANN.into(), Json, "$.v", Err("more than 4 codings")),
        ("damaged", "content-encoding: gzip\r\n", ANN.into(), Json, "$.v", Err("compression is damaged")),
        ("cut", "content-encoding: gzip\r\n", gzip(ANN)[..20].to_vec(), Json, "$.v", Err("compression is damaged")),
    ]
}

#[rustfmt::skip] // a row a line
fn charsets() -> Vec<Row> {
    let utf16_xml = "<?xml version=\"1.0\" encoding=\"utf-16\"?><v>Žuža</v>";
    let little = |text: &str| joined(&[b"\xff\xfe", &utf16(text, u16::to_le_bytes)]);
    let big = |text: &str| joined(&[b"\xfe\xff", &utf16(text, u16::to_be_bytes)]);
    vec![
        ("JSON in Latin-1", "content-type: application/json; charset=iso-8859-1\r\n", b"{\"v\":\"Jos\xe9\"}".to_vec(), Json, "$.v", Ok("José")),
        ("JSON in windows-1252", "content-type: application/json;charset=\"Windows-1252\"\r\n", b"{\"v\":\"5 \x80\"}".to_vec(), Json, "$.v", Ok("5 €")),
        ("text in windows-1251", "content-type: text/plain; charset=windows-1251\r\n", b"\xc0\xed\xed\xe0".to_vec(), Text, ".+", Ok("Анна")),
        ("text in Shift_JIS", "content-type: text/plain; charset=shift_jis\r\n", b"\x8e\x52\x93\x63".to_vec(), Text, ".+", Ok("山田")),
        ("XML in UTF-16, little-endian", "content-type: text/xml\r\n", little(utf16_xml), Xml, "/v", Ok("Žuža")),
        ("XML in UTF-16, big-endian", "content-type: application/xml; charset=utf-16\r\n", big(utf16_xml), Xml, "/v", Ok("Žuža")),
        ("XML in UTF-16 without a mark", "content-type: text/xml; charset=utf-16\r\n", utf16(utf16_xml, u16::to_be_bytes), Xml, "/v", Ok("Žuža")),
        ("JSON in UTF-16", "content-type: application/json\r\n", utf16(ANN, u16::to_le_bytes), Json, "$.v", Ok("Ann")),
        ("XML in ISO-8859-2 by its declaration", "content-type: text/xml\r\n", b"<?xml version='1.0' encoding='ISO-8859-2'?><v>\xaeu\xbea</v>".to_vec(), Xml, "/v", Ok("Žuža")),
        ("a mark wins over the charset", "content-type: text/plain; charset=iso-8859-1\r\n", "\u{feff}José".into(), Text, ".+", Ok("José")),
        ("a mark before JSON", "", "\u{feff}{\"v\":\"José\"}".into(), Json, "$.v", Ok("José")),
        ("a charset that nobody knows, on UTF-8", "content-type: text/plain; charset=utf8mb4\r\n", "José".into(), Text, ".+", Ok("José")),
        ("a charset that nobody knows", "content-type: text/plain; charset=klingon\r\n", b"Jos\xe9".to_vec(), Text, ".+", Err("charset \"klingon\" is not known")),
        ("JSON that is not UTF-8", "", b"{\"v\":\"Jos\xe9\"}".to_vec(), Json, "$.v", Err("is not UTF-8")),
        ("text that is not UTF-8", "", b"Jos\xe9".to_vec(), Text, ".+", Ok("Jos\u{fffd}")),
    ]
}

#[rustfmt::skip] // a row a line
fn values() -> Vec<Row> {
    vec![
        ("half an emoji elsewhere", "", br#"{"v":"Ann","x":"\ud83d"}"#.to_vec(), Json, "$.v", Ok("Ann")),
        ("half an emoji", "", br#"{"v":"Ann \ud83d"}"#.to_vec(), Json, "$.v", Ok("Ann \u{fffd}")),
        ("a whole emoji", "", br#"{"v":"\ud83d\ude00"}"#.to_vec(), Json, "$.v", Ok("😀")),
        ("not JSON", "", br#"{"v":"\ud83d"#.to_vec(), Json, "$.v", Err("not JSON")),
        ("a folded header", "content-type: text/plain;\r\n charset=iso-8859-1\r\n", b"Jos\xe9".to_vec(), Text, ".+", Ok("José")),
        ("an exponent", "", br#"{"v":1E5}"#.to_vec(), Json, "$.v", Ok("1E5")),
        ("an exponent in a list", "", br#"{"v":[1E5, {"a":2e-3}]}"#.to_vec(), Json, "$.v", Ok(r#"[1E5,{"a":2e-3}]"#)),
        ("a fraction", "", br#"{"v":1.10}"#.to_vec(), Json, "$.v", Ok("1.10")),
        ("a large number", "", br#"{"v":123456789012345678901234567890}"#.to_vec(), Json, "$.v", Ok("123456789012345678901234567890")),
        ("a neighbour one apart", "", BIG.into(), Json, "$[?@.id == 9007199254740993].v", Err("too large to compare")),
        ("a neighbour one apart, as text", "", br#"[{"id":"9007199254740992","v":"Bob"},{"id":"9007199254740993","v":"Ann"}]"# .to_vec(), Json, "$[?@.id == '9007199254740993'].v", Ok("Ann")),
        ("numbers of up to 15 digits", "", br#"[{"id":1,"v":"Bob"},{"id":999999999999999,"v":"Ann"}]"#.to_vec(), Json, "$[?@.id == 999999999999999].v", Ok("Ann")),
        ("the usual idiom", "", br#"<s:e xmlns:s="urn:s"><s:v>Ann</s:v></s:e>"#.to_vec(), Xml, "//*[local-name()='v']", Ok("Ann")),
    ]
}

#[tokio::test]
async fn an_answer_is_read_as_it_was_meant() {
    let rows = [codings(), charsets(), values()].concat();
    for (name, headers, body, kind, path, expected) in rows {
        let outcome = ask(answer("200 OK", headers, body), mapping(kind, path)).await;
        match (&outcome.verdict, expected) {
            (Ok(mapped), Ok(expected)) => assert_eq!(mapped[0].text, expected, "{name}"),
            (Err(failure), Err(words)) => {
                assert!(failure.detail.contains(words), "{name}: {failure}")
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_202_without_a_result_is_a_success_where_nothing_is_read() {
    for (status, body, reads, succeeds) in [
        ("202 Accepted", "queued", false, true),
        ("202 Accepted", "", false, true),
        ("202 Accepted", "queued", true, false),
        ("200 OK", "queued", false, false),
    ] {
        let mut response = mapping(Json, "$.v");
        if !reads {
            response.map.clear();
        }
        let outcome = ask(answer(status, "", body), response).await;
        assert_eq!(outcome.verdict.is_ok(), succeeds, "{status} {body} {reads}");
    }
}

#[tokio::test]
async fn a_fault_in_the_answer_is_a_failure_with_its_text_whatever_the_status() {
    let soap = "<e:Envelope xmlns:e=\"urn:e\"><e:Body><e:Fault><faultstring>no such\n  lead</faultstring></e:Fault></e:Body></e:Envelope>";
    for (status, kind, path, body, reason) in [
        (
            "500 Internal Server Error",
            Xml,
            "//faultstring",
            soap,
            Reason::HttpStatus,
        ),
        (
            "200 OK",
            Xml,
            "//faultstring",
            soap,
            Reason::InvalidResponse,
        ),
        (
            "401 Unauthorized",
            Xml,
            "//faultstring",
            soap,
            Reason::AuthenticationFailure,
        ),
        (
            "200 OK",
            Json,
            "$.error.text",
            r#"{"error":{"text":"no such lead"}}"#,
            Reason::InvalidResponse,
        ),
        (
            "200 OK",
            Text,
            "^ERR (.+)",
            "ERR no such lead",
            Reason::InvalidResponse,
        ),
    ] {
        let response = ResponseOptions {
            kind,
            fault: Some(path.into()),
            ..ResponseOptions::default()
        };
        let outcome = ask(answer(status, "", body), response).await;
        let failure = outcome.verdict.unwrap_err();
        assert_eq!(
            (failure.reason, &*failure.detail),
            (reason, "no such lead"),
            "{status}"
        );
        assert!(failure.is_fault);
    }
    let none = ResponseOptions {
        fault: Some("$.error".into()),
        ..mapping(Json, "$.v")
    };
    let outcome = ask(answer("200 OK", "", ANN), none.clone()).await;
    assert_eq!(outcome.verdict.unwrap()[0].text, "Ann");
    let outcome = ask(answer("500 Internal Server Error", "", "<html>"), none).await;
    failed(&outcome, Reason::HttpStatus, "answered 500");
}

//! No valid answer is misread: messages of every kind, in all codings, charsets and forms of numbers.

use std::io::Write as _;

use encoding_rs::Encoding;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use switchhook_webhook::decode_content;
use switchhook_webhook::options::{Mapping, ResponseOptions, ResponseType, ValueKind};
use switchhook_webhook::response::ResponseParser;

const LIMIT: usize = 64 * 1024;

/// A message, the path of a value in it, and the value that its sender meant.
#[derive(Debug, Clone)]
struct Message {
    kind: ResponseType,
    path: &'static str,
    text: String,
    meant: String,
}

/// Text that all kinds can carry: XML has no control characters.
fn words() -> impl Strategy<Value = String> {
    let letters = "[ -~]{0,12}|[à-žА-яぁ-ん一-十가-힣€‘’“”…\u{feff}\u{2028}]{0,8}|\\PC{0,8}";
    letters.prop_map(|text| text.replace(['\u{fffe}', '\u{ffff}'], ""))
}

/// A number as servers write it.
fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
}

fn json() -> impl Strategy<Value = Message> {
    let escaped = |text: &str| -> String {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        units.collect()
    };
    let text = (words(), any::<bool>()).prop_map(move |(meant, escape)| {
        let written = if escape {
            format!("\"{}\"", escaped(&meant))
        } else {
            serde_json::Value::from(meant.as_str()).to_string()
        };
        (written, meant)
    });
    let number = number().prop_map(|number| (number.clone(), number));
    let list = prop::collection::vec(number_or_word(), 0..4).prop_map(|items| {
        let list = format!("[{}]", items.join(","));
        (list.clone(), list)
    });
    let truth = any::<bool>().prop_map(|truth| (truth.to_string(), truth.to_string()));
    let value = prop_oneof![4 => text, 4 => number, 1 => list, 1 => truth];
    (value, words()).prop_map(|((written, meant), other)| {
        let other = serde_json::Value::from(other);
        Message {
            kind: ResponseType::Json,
            path: "$.a[1].v",
            text: format!("{{\"o\":{other},\n \"a\":[null,{{\"v\" : {written}}}]}}"),
            meant,
        }
    })
}

fn number_or_word() -> impl Strategy<Value = String> {
    prop_oneof![number(), Just("\"a\"".to_owned()), Just("null".to_owned())]
}

fn xml() -> impl Strategy<Value = Message> {
    let written = |text: &str, how: u8| match how {
        0 if !text.contains("]]>") => format!("<![CDATA[{text}]]>"),
        1 => text
            .chars()
            .map(|c| format!("&#x{:x};", u32::from(c)))
            .collect(),
        _ => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace("]]>", "]]&gt;"),
    };
    (words(), 0..3u8, any::<bool>()).prop_map(move |(meant, how, in_namespace)| {
        let value = written(&meant, how);
        let text = if in_namespace {
            format!("<s:r xmlns:s=\"urn:s\"><s:o/><s:v>{value}</s:v></s:r>")
        } else {
            format!("<r><o>{value}</o><v>{value}</v></r>")
        };
        Message {
            kind: ResponseType::Xml,
            path: "//v",
            text,
            meant,
        }
    })
}

fn plain() -> impl Strategy<Value = Message> {
    let text = words().prop_map(|meant| Message {
        kind: ResponseType::Text,
        path: r"(?s)\Av=(.*)\z",
        text: format!("v={meant}"),
        meant,
    });
    // A form is read as text: its values stay percent-encoded.
    let form = words().prop_map(|meant| {
        let meant: String = meant.bytes().map(|byte| format!("%{byte:02X}")).collect();
        Message {
            kind: ResponseType::Text,
            path: "(?:^|&)v=([^&]*)",
            text: format!("o=1+2&v={meant}&z="),
            meant,
        }
    });
    prop_oneof![text, form]
}

/// How a message says its charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    InHeader,
    ByMark,
    InDeclaration,
}

const CHARSETS: [&str; 20] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "iso-8859-1",
    "windows-1252",
    "iso-8859-2",
    "windows-1250",
    "windows-1251",
    "koi8-r",
    "iso-8859-7",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "shift_jis",
    "euc-jp",
    "gbk",
    "gb18030",
    "big5",
    "euc-kr",
    "macintosh",
];

/// Returns the `Content-Type` and the bytes; in UTF-8 if the charset cannot carry the message.
fn in_charset(message: &Message, label: &str, says: Says) -> (String, Vec<u8>) {
    let kind = match message.kind {
        ResponseType::Json => "application/json",
        ResponseType::Xml => "text/xml",
        ResponseType::Text => "text/plain",
    };
    let encoding = Encoding::for_label(label.as_bytes()).unwrap();
    let is_unicode = label.starts_with("utf-");
    let can = is_unicode || {
        let (bytes, _, lossy) = encoding.encode(&message.text);
        !lossy && encoding.decode_without_bom_handling(&bytes).0 == message.text
    };
    let label = if can { label } else { "utf-8" };
    let cannot_say = (says == Says::ByMark && !label.starts_with("utf-"))
        || (says == Says::InDeclaration && message.kind != ResponseType::Xml);
    let says = if cannot_say { Says::InHeader } else { says };
    let mut text = message.text.clone();
    if says == Says::InDeclaration {
        text = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>{text}");
    }
    if says == Says::ByMark {
        text.insert(0, '\u{feff}');
    }
    let bytes = match label {
        "utf-8" => text.into_bytes(),
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => encoding.encode(&text).0.into_owned(),
    };
    let header = match says {
        Says::InHeader => format!("{kind}; charset={label}"),
        Says::ByMark | Says::InDeclaration => kind.to_owned(),
    };
    (header, bytes)
}

/// Applies codings in this order.
fn coded(mut bytes: Vec<u8>, codings: &[&str]) -> (String, Vec<u8>) {
    let mut names = Vec::new();
    for coding in codings {
        let gzip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        bytes = match *coding {
            "members" => {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                [gzip(first), gzip(second)].concat()
            }
            "raw" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&bytes).unwrap();
                encoder.finish().unwrap()
            }
            "Deflate" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&bytes).unwrap();
                encoder.finish().unwrap()
            }
            "identity" => bytes,
            _ => gzip(&bytes),
        };
        names.push(match *coding {
            "members" => "gzip",
            "raw" => "deflate",
            name => name,
        });
    }
    (names.join(", "), bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_valid_answer_is_misread(
        message in prop_oneof![json(), xml(), plain()],
        charset in prop::sample::select(CHARSETS.to_vec()),
        says in prop::sample::select(vec![Says::InHeader, Says::ByMark, Says::InDeclaration]),
        codings in prop::collection::vec(
            prop::sample::select(vec!["gzip", "GZIP", "x-gzip", "members", "Deflate", "raw", "identity"]), 0..4),
    ) {
        let (content_type, bytes) = in_charset(&message, charset, says);
        let (coding, sent) = coded(bytes, &codings);
        let body = decode_content(&coding, &sent, LIMIT);
        let body = body.map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        let mut errors = Vec::new();
        let parser = ResponseParser::compile(&options(&message), &mut errors);
        prop_assert!(errors.is_empty(), "{errors:?}");
        let read = parser.parse(Some(&content_type), &body);
        let read = read.map_err(|failure| TestCaseError::fail(format!("{content_type}: {failure}")))?;
        prop_assert_eq!(&read[0].text, &message.meant, "{} {}", content_type, coding);
    }
}

fn options(message: &Message) -> ResponseOptions {
    ResponseOptions {
        kind: message.kind,
        map: vec![Mapping {
            name: "v".into(),
            path: message.path.into(),
            kind: ValueKind::Text,
            // A text that is found and empty must not be taken for one that is not there.
            default: None,
        }],
        limit: LIMIT,
        fault: None,
    }
}

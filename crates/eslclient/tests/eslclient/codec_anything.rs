//! The codec on any bytes: it neither panics nor holds more than its limits.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::Decoder;
use proptest::prelude::*;

use crate::codec::{event, plain, tight};

/// Malformed Event Socket of every kind.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"Content-Length: ".to_vec()),
        Just(b"Content-Type: text/event-plain\n".to_vec()),
        Just(b"Content-Type: text/event-json\n".to_vec()),
        Just(b"Event-Name: CHANNEL_DATA\n".to_vec()),
        Just(b"reply-text: +OK%41\r\n".to_vec()),
        Just(b"Reply-Text:".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b": ".to_vec()),
        Just(b"%".to_vec()),
        Just(b"{\"a\":\"".to_vec()),
        Just(b"\\u".to_vec()),
        Just(b"\"}".to_vec()),
        (0..2000u64).prop_map(|length| length.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic_or_hold_more_than_its_limits(
        bytes in hostile(),
        chunk in 1..300usize,
    ) {
        let mut decoder = Decoder::new(tight());
        for part in bytes.chunks(chunk) {
            decoder.feed(part);
            while let Ok(Some(frame)) = decoder.next_frame() {
                prop_assert!(frame.as_bytes().len() <= 1200);
                let _ = frame.headers().count();
                prop_assert_eq!(frame.reply_text(), frame.header("Reply-Text"));
                if let Ok(event) = frame.into_event(&tight()) {
                    let _ = event.iter().map(|(_, value)| value.len()).sum::<usize>();
                    let _ = (event.name().len(), event.body().len(), event.values("a").len());
                }
            }
            prop_assert!(decoder.pending() <= 1200 + 300, "{}", decoder.pending());
            prop_assert!(decoder.memory() <= 2 * (16 * 1024 + 1500), "{}", decoder.memory());
        }
    }

    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(bytes in hostile(), cut in any::<prop::sample::Index>()) {
        let take = |parts: &[&[u8]]| {
            let mut decoder = Decoder::new(tight());
            let mut found = Vec::new();
            for part in parts {
                decoder.feed(part);
                loop {
                    match decoder.next_frame() {
                        Ok(Some(frame)) => found.push(Ok(frame)),
                        Ok(None) => break,
                        Err(fault) => {
                            found.push(Err(fault));
                            return found;
                        }
                    }
                }
            }
            found
        };
        let (before, after) = bytes.split_at(cut.index(bytes.len() + 1));
        prop_assert_eq!(take(&[&bytes]), take(&[before, after]));
    }

    #[test]
    fn any_json_object_of_strings_reads_as_serde_json_reads_it(
        members in prop::collection::vec(("[a-z\\PC\"\\\\]{1,8}", "\\PC*|[\\x00-\\x7f]{0,20}"), 0..20),
    ) {
        let object: serde_json::Map<_, _> = members
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let body = serde_json::to_string(&object).unwrap();
        let event = event("json", body.as_bytes()).unwrap();
        prop_assert_eq!(event.len(), object.len());
        for ((name, value), (ours, our_value)) in object.iter().zip(event.iter()) {
            prop_assert_eq!(name, &*ours);
            prop_assert_eq!(value.as_str().unwrap(), &*our_value);
        }
    }

    #[test]
    fn any_value_that_was_percent_encoded_reads_back(value in "\\PC*|[\\x00-\\x7f]{0,40}") {
        let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
        let event = plain(&format!("a: {encoded}\n\n"));
        prop_assert_eq!(event.get("a").unwrap(), value);
    }
}

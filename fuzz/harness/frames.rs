//! Bytes of a peer to frames: cut wherever they may be, the frames are the same, and no
//! more is kept than the limits allow.

use eslclient::{DecodeError, Decoder, Frame, Limits};

const LIMITS: Limits = Limits {
    header_bytes: 16 * 1024,
    headers: 256,
    body_bytes: 8192,
};
/// What a decoder may hold beyond one frame of the largest size: the read that ends it.
const SPARE: usize = 64 * 1024;

/// The first byte says how the rest is cut.
pub fn run(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else {
        return;
    };
    let whole = decode(stream, stream.len().max(1));
    let pieces = decode(stream, usize::from(cut).max(1));
    assert_eq!(whole.1, pieces.1, "the end depends on where it is cut");
    let bytes = |frames: &[Frame]| -> Vec<Vec<u8>> {
        frames
            .iter()
            .map(|frame| frame.as_bytes().to_vec())
            .collect()
    };
    assert_eq!(bytes(&whole.0), bytes(&pieces.0));
    whole.0.into_iter().for_each(read);
}

fn decode(stream: &[u8], piece: usize) -> (Vec<Frame>, Option<DecodeError>) {
    let mut decoder = Decoder::new(LIMITS);
    let mut frames = Vec::new();
    for piece in stream.chunks(piece) {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        let most = LIMITS.header_bytes + LIMITS.body_bytes + piece.len() + SPARE;
        assert!(decoder.pending() <= most && decoder.memory() <= 2 * most);
    }
    (frames, None)
}

fn read(frame: Frame) {
    assert!(frame.as_bytes().len() <= LIMITS.header_bytes + LIMITS.body_bytes);
    assert!(frame.headers().count() <= LIMITS.headers);
    for (name, value) in frame.headers() {
        assert!(!name.contains('\n') || frame.is_encoded());
        assert!(value.len() <= 3 * LIMITS.header_bytes);
    }
    assert!(frame.as_bytes().ends_with(frame.body()));
    let _ = (frame.content_type(), frame.body_text().len());
    drop(frame.into_event(&LIMITS));
}

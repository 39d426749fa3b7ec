//! Reads what the shim recorded (`tests/chaos/shim/src/record.rs`).

use std::path::Path;

/// What a program did, in the order in which it did it.
#[derive(Debug, Clone)]
pub enum Act {
    Write {
        path: String,
        at: usize,
        data: Vec<u8>,
    },
    Truncate {
        path: String,
        length: usize,
    },
    /// Of a file, or of a folder.
    Sync {
        path: String,
    },
    Remove {
        path: String,
    },
    /// It said so on standard output.
    Said(String),
}

/// Every act of a record.
pub fn read(file: &Path) -> Vec<Act> {
    let bytes = std::fs::read(file).unwrap();
    let (mut acts, mut rest) = (Vec::new(), &bytes[..]);
    while let Some((&kind, after)) = rest.split_first() {
        let (path, after) = piece(after);
        let (at, after) = number(after);
        let (data, after) = piece(after);
        rest = after;
        let path = String::from_utf8(path.to_vec()).unwrap();
        acts.push(match kind {
            b'w' => Act::Write {
                path,
                at,
                data: data.to_vec(),
            },
            b't' => Act::Truncate { path, length: at },
            b's' => Act::Sync { path },
            b'r' => Act::Remove { path },
            b'o' => Act::Said(String::from_utf8(data.to_vec()).unwrap()),
            other => panic!("a record of kind {other}"),
        });
    }
    acts
}

fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let (number, rest) = bytes.split_first_chunk().unwrap();
    (usize::try_from(u64::from_le_bytes(*number)).unwrap(), rest)
}

fn piece(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = number(bytes);
    rest.split_at(length)
}

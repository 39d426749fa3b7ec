//! The folder that mod_json_cdr writes to. It is the operator's: nothing in it is changed.
//!
//! A file has its final name while it is written (FreeSWITCH: mod_json_cdr.c, `process_cdr`), so
//! one that does not parse may only be unfinished. With `rotate` it is in a folder below, named by
//! the time of the rotation.

use std::collections::BinaryHeap;
use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use switchhook_core::cdr::Cdr;

/// Files of one listing: bounds what a long absence costs at once.
const LISTED: usize = 50_000;
/// Folders of rotations.
const FOLDERS: usize = 10_000;
const SUFFIX: &str = ".cdr.json";

/// A file that may be a CDR.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Found {
    /// When it was last written, µs since 1970 by the file system's clock.
    pub(crate) written_us: i64,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What came of reading a file.
pub(crate) enum Read {
    /// A leg.
    Cdr(Box<Cdr>),
    /// No CDR, and perhaps one when it is written to its end.
    Unfinished(String),
    /// Never one.
    Refused(String),
}

/// The files in `folder` that were written at `since_us` or later and are `new`, the oldest first.
/// When there are very many, the oldest of them.
pub(crate) fn list(
    folder: &Path,
    since_us: i64,
    new: &dyn Fn(&Found) -> bool,
) -> io::Result<Vec<Found>> {
    let mut oldest = BinaryHeap::new();
    let mut keep = |found: Found| {
        if found.written_us >= since_us && new(&found) {
            oldest.push(found);
            if oldest.len() > LISTED {
                oldest.pop();
            }
        }
    };
    for folder in folders(folder)? {
        // Who turned a rotation's folder away later does not hide the others.
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        entries.flatten().filter_map(of_entry).for_each(&mut keep);
    }
    Ok(oldest.into_sorted_vec())
}

/// The folder, and those of its rotations.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.flatten();
    let rotated = entries.filter(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_folder && entry.file_name().to_str().is_some_and(is_a_rotations)
    });
    let rotated = rotated.map(|entry| entry.path()).take(FOLDERS);
    Ok(std::iter::once(folder.to_owned()).chain(rotated).collect())
}

/// `%Y-%m-%d-%H-%M-%S`.
fn is_a_rotations(name: &str) -> bool {
    let shape = "0000-00-00-00-00-00".bytes();
    let fits = |(byte, like): (u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        like => byte == like,
    };
    name.len() == shape.len() && name.bytes().zip(shape).all(fits)
}

fn of_entry(entry: DirEntry) -> Option<Found> {
    let name = entry.file_name();
    if !name.as_encoded_bytes().ends_with(SUFFIX.as_bytes()) {
        return None;
    }
    // Not through links: `metadata` of an entry is the link's own.
    found(entry.path(), &entry.metadata().ok()?)
}

fn found(path: PathBuf, file: &Metadata) -> Option<Found> {
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    file.is_file().then_some(Found {
        written_us: i64::try_from(written.as_micros()).ok()?,
        path,
        bytes: file.len(),
    })
}

/// The files of a channel, with and without `prefix-a-leg`. None for a Unique-ID that is no
/// file's name: a dialplan may give any text as one.
pub(crate) fn of_channel(folder: &Path, uuid: &str) -> Vec<Found> {
    let is_name = !uuid.is_empty() && uuid.len() <= 200 && !uuid.contains(['/', '\\', '\0']);
    if !is_name {
        return Vec::new();
    }
    let folders = folders(folder).unwrap_or_default().into_iter();
    let paths = folders
        .flat_map(|folder| ["", "a_"].map(|prefix| folder.join(format!("{prefix}{uuid}{SUFFIX}"))));
    paths
        .filter_map(|path| {
            let file = fs::symlink_metadata(&path).ok()?;
            found(path, &file)
        })
        .collect()
}

/// Reads one file of at most `limit` bytes.
pub(crate) fn read(found: &Found, limit: u64) -> Read {
    if found.bytes > limit {
        let what = format!("{} bytes, more than limits.frame_body_bytes", found.bytes);
        return Read::Refused(what);
    }
    let bytes = match bytes(&found.path, limit) {
        Ok(bytes) => bytes,
        Err(error) => return Read::Unfinished(error.to_string()),
    };
    match Cdr::parse(&bytes) {
        Ok(cdr) => Read::Cdr(Box::new(cdr)),
        Err(error) => Read::Unfinished(error.to_string()),
    }
}

/// Only of a file that is one: a pipe would be waited for, a link may lead anywhere.
fn bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let listed = fs::symlink_metadata(path)?;
    if !listed.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (listed.dev(), listed.ino()) {
        return Err(io::Error::other("another file took its place"));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

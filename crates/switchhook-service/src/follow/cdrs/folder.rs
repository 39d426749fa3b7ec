//! The folder that mod_json_cdr writes to. It belongs to the operator: nothing in it is changed.
//!
//! The switch writes a file under its final name (FreeSWITCH: mod_json_cdr.c, `process_cdr`), so
//! a file that does not parse may be unfinished. With `rotate` files are moved to a subfolder
//! named by the time of the rotation.

use std::collections::BinaryHeap;
use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use switchhook_core::cdr::Cdr;

/// The number of files in one listing; bounds the memory after a long absence.
const LISTED: usize = 50_000;
/// The number of rotation folders that are listed.
const FOLDERS: usize = 10_000;
const SUFFIX: &str = ".cdr.json";

/// A file that may be a CDR.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CdrFile {
    /// When it was last written, µs since 1970 by the file system's clock.
    pub(crate) written_us: i64,
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The result of reading one file.
pub(crate) enum ReadOutcome {
    /// A CDR.
    Cdr(Box<Cdr>),
    /// No CDR; it may become one when it is written to its end.
    Unfinished(String),
    /// Not a CDR, and never will be.
    Refused(String),
}

/// Lists the files in `folder` and its rotations that were written at `since_us` or later and are
/// `new`, oldest first. If there are too many, returns the oldest.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn list(
    folder: &Path,
    since_us: i64,
    new: &dyn Fn(&CdrFile) -> bool,
) -> io::Result<Vec<CdrFile>> {
    let mut oldest = BinaryHeap::new();
    let mut keep = |file_info: CdrFile| {
        if file_info.written_us >= since_us && new(&file_info) {
            oldest.push(file_info);
            if oldest.len() > LISTED {
                oldest.pop();
            }
        }
    };
    for folder in folders(folder)? {
        // An unreadable rotation folder does not hide the others.
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        entries.flatten().filter_map(of_entry).for_each(&mut keep);
    }
    Ok(oldest.into_sorted_vec())
}

/// Returns the folder and its rotation folders.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.flatten();
    let rotated = entries.filter(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_folder && entry.file_name().to_str().is_some_and(is_rotation)
    });
    let rotated = rotated.map(|entry| entry.path()).take(FOLDERS);
    Ok(std::iter::once(folder.to_owned()).chain(rotated).collect())
}

/// Returns whether the name has the form `%Y-%m-%d-%H-%M-%S` of a rotation.
fn is_rotation(name: &str) -> bool {
    let shape = "0000-00-00-00-00-00".bytes();
    let fits = |(byte, like): (u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        like => byte == like,
    };
    name.len() == shape.len() && name.bytes().zip(shape).all(fits)
}

fn of_entry(entry: DirEntry) -> Option<CdrFile> {
    let name = entry.file_name();
    if !name.as_encoded_bytes().ends_with(SUFFIX.as_bytes()) {
        return None;
    }
    // Does not follow links: `metadata` of an entry is the link's own.
    file_info(entry.path(), &entry.metadata().ok()?)
}

fn file_info(path: PathBuf, file: &Metadata) -> Option<CdrFile> {
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    file.is_file().then_some(CdrFile {
        written_us: i64::try_from(written.as_micros()).ok()?,
        path,
        bytes: file.len(),
    })
}

/// Returns the files of a channel, with and without `prefix-a-leg`. Returns none for a Unique-ID
/// that cannot be a file name: a dialplan may set any text as one.
pub(crate) fn of_channel(folder: &Path, uuid: &str) -> Vec<CdrFile> {
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
            file_info(path, &file)
        })
        .collect()
}

/// Reads one file of at most `limit` bytes.
pub(crate) fn read(file_info: &CdrFile, limit: u64) -> ReadOutcome {
    if file_info.bytes > limit {
        let what = format!(
            "{} bytes, more than limits.frame_body_bytes",
            file_info.bytes
        );
        return ReadOutcome::Refused(what);
    }
    let bytes = match bytes(&file_info.path, limit) {
        Ok(bytes) => bytes,
        Err(error) => return ReadOutcome::Unfinished(error.to_string()),
    };
    match Cdr::parse(&bytes) {
        Ok(cdr) => ReadOutcome::Cdr(Box::new(cdr)),
        Err(error) => ReadOutcome::Unfinished(error.to_string()),
    }
}

/// Reads regular files only: a pipe would block, and a link may lead anywhere.
fn bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let last_list = fs::symlink_metadata(path)?;
    if !last_list.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (last_list.dev(), last_list.ino()) {
        return Err(io::Error::other("the file was replaced"));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

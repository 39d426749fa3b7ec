//! Writes a call's file, and keeps the folder within its limits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use switchhook_core::zone::Zone;

use super::RecorderOptions;
use super::format::{Header, Line};
use super::redact::{RedactedCall, Secrets};
use switchhook_core::timestamp::format_ms;

/// Suffix of a recording's file name.
const SUFFIX: &str = ".call.jsonl";

/// Writes a call's file and removes the oldest files beyond the limits.
pub(super) fn write(
    options: &RecorderOptions,
    secrets: &Secrets,
    header: &Header,
    lines: Vec<Line>,
) -> io::Result<()> {
    fs::create_dir_all(&options.folder)?;
    let RedactedCall { header, lines } = secrets.redact(header, lines);
    let began = format_ms(header.began_ms, Zone::UTC, "%Y%m%dT%H%M%S%.3fZ");
    // A channel's Unique-ID comes from outside.
    let uuid: String = header
        .uuid
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    let name = format!("{began}-{uuid}{SUFFIX}");
    let part = options.folder.join(format!(".{name}.part"));
    let mut out = BufWriter::new(create_private(&part)?);
    serde_json::to_writer(&mut out, &header)?;
    out.write_all(b"\n")?;
    for line in &lines {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    fs::rename(&part, options.folder.join(name))?;
    remove_oldest(options)
}

fn create_private(part: &Path) -> io::Result<File> {
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(part)
}

/// Removes the oldest recordings until the rest is within the limits. Other files are left alone.
fn remove_oldest(options: &RecorderOptions) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for entry in fs::read_dir(&options.folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            let about = entry.metadata()?;
            files.push((about.modified()?, entry.path(), about.len()));
        }
    }
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    let mut left = files.len();
    for (_, path, size) in files {
        if left <= options.files && bytes <= options.bytes {
            break;
        }
        fs::remove_file(path)?;
        bytes -= size;
        left -= 1;
    }
    Ok(())
}

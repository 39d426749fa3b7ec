//! The folder of recordings. File names come from the switch, and so from callers: a file counts
//! only if it exists, is complete, and is inside the folder.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::spawn_blocking;

use super::PublishError;

/// Characters that stay as they are in a URL's path (RFC 3986, unreserved).
const URL_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A folder of recordings: its path on this machine and its path on the switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// The path on this machine.
    pub local: PathBuf,
    /// The path on the switch.
    pub on_switch: PathBuf,
}

/// A file's size and modification time at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSnapshot {
    /// The path with all links resolved.
    pub file: PathBuf,
    /// The size in bytes.
    pub bytes: u64,
    modified: Option<SystemTime>,
}

impl Folder {
    /// Returns a file's path within the folder, with `/` between its parts, from its path on the
    /// switch. Returns `None` for a path outside the folder or with `..` in it.
    #[must_use]
    pub fn relative_path(&self, path: &str) -> Option<String> {
        let rest = Path::new(path).strip_prefix(&self.on_switch).ok()?;
        let part = |part: Component<'_>| match part {
            Component::Normal(name) => name.to_str().map(str::to_owned),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        };
        let parts: Option<Vec<String>> = rest.components().map(part).collect();
        parts
            .map(|parts| parts.join("/"))
            .filter(|path| !path.is_empty())
    }

    /// Inspects the file at a path within the folder; `max_bytes` is its largest size in bytes.
    ///
    /// # Errors
    /// Returns why the file cannot be used: it is absent, incomplete, too large, or outside the
    /// folder.
    pub async fn inspect(
        &self,
        path_in_folder: &str,
        max_bytes: Option<u64>,
    ) -> Result<FileSnapshot, PublishError> {
        let (local, path_in_folder) = (self.local.clone(), path_in_folder.to_owned());
        let inspected = spawn_blocking(move || inspect(&local, &path_in_folder, max_bytes)).await;
        inspected.unwrap_or_else(|error| Err(PublishError::NotReady(error.to_string())))
    }
}

impl FileSnapshot {
    /// Checks that the file has not changed.
    ///
    /// # Errors
    /// Returns [`PublishError::NotReady`] when it has changed or is gone.
    pub(crate) async fn check_unchanged(&self) -> Result<(), PublishError> {
        let found = tokio::fs::metadata(&self.file).await;
        let found = found.map(|metadata| (metadata.len(), metadata.modified().ok()));
        if found.is_ok_and(|found| found == (self.bytes, self.modified)) {
            Ok(())
        } else {
            Err(PublishError::NotReady("it is still being written".into()))
        }
    }

    /// Returns what identifies the file's content: its size and the second of its last change.
    pub(crate) fn content_tag(&self) -> String {
        tag(self.bytes, self.modified)
    }

    /// Opens the file, if it is still the one that was inspected.
    ///
    /// # Errors
    /// It is gone, or another file.
    #[cfg(feature = "uploads")]
    pub(crate) fn open(&self, folder: &Folder) -> io::Result<File> {
        let file = open_resolved(&fs::canonicalize(&folder.local)?, &self.file)?;
        let found = file.metadata()?;
        if (found.len(), found.modified().ok()) == (self.bytes, self.modified) {
            Ok(file)
        } else {
            Err(io::Error::other("it has changed"))
        }
    }
}

/// Opens the regular file at a path within a folder, and nothing beyond the folder.
///
/// # Errors
/// There is no such file, a link leads out of the folder, or it is no regular file.
pub(crate) fn open_within(local: &Path, path_in_folder: &str) -> io::Result<(File, String)> {
    let root = fs::canonicalize(local)?;
    let file = open_resolved(&root, &fs::canonicalize(root.join(path_in_folder))?)?;
    let found = file.metadata()?;
    let tag = tag(found.len(), found.modified().ok());
    Ok((file, tag))
}

fn tag(bytes: u64, modified: Option<SystemTime>) -> String {
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    format!("{bytes}-{}", since.unwrap_or_default().as_secs())
}

/// Opens a path whose links were resolved. What was put in its place since then is refused: the
/// kernel follows no link and does not leave `root`, and a named pipe is not waited for.
fn open_resolved(root: &Path, resolved: &Path) -> io::Result<File> {
    let outside = || io::Error::other("a link leads out of the folder");
    let path = resolved.strip_prefix(root).map_err(|_| outside())?;
    let file = open_beneath(root, path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
    use rustix::io::Errno;

    let beneath = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(root, beneath, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&folder, path, flags, Mode::empty(), resolve) {
        Ok(file) => Ok(file.into()),
        // An old kernel, or a sandbox that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => {
            let flags = flags | OFlags::NOFOLLOW;
            Ok(open(root.join(path), flags, Mode::empty())?.into())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    File::open(root.join(path))
}

fn inspect(
    local: &Path,
    path_in_folder: &str,
    max_bytes: Option<u64>,
) -> Result<FileSnapshot, PublishError> {
    let later = |error: io::Error| PublishError::NotReady(format!("it cannot be read: {error}"));
    let resolved = fs::canonicalize(local.join(path_in_folder)).map_err(later)?;
    let root = fs::canonicalize(local).map_err(later)?;
    if !resolved.starts_with(&root) {
        return Err(PublishError::Permanent(
            "a link leads out of the folder".into(),
        ));
    }
    // Opening a named pipe would block.
    let found = fs::symlink_metadata(&resolved).map_err(later)?;
    if !found.is_file() {
        return Err(PublishError::Permanent("it is not a regular file".into()));
    }
    let file = open_resolved(&root, &resolved).map_err(later)?;
    check_complete(&resolved, file, &found)?;
    if let Some(max_bytes) = max_bytes.filter(|max_bytes| found.len() > *max_bytes) {
        let what = format!(
            "it has {} bytes, and recordings.upload.bytes allows {max_bytes}",
            found.len()
        );
        return Err(PublishError::Permanent(what));
    }
    Ok(FileSnapshot {
        file: resolved,
        bytes: found.len(),
        modified: found.modified().ok(),
    })
}

/// Checks what one look at a file can tell.
fn check_complete(name: &Path, mut file: File, found: &Metadata) -> Result<(), PublishError> {
    if found.len() == 0 {
        return Err(PublishError::NotReady("it is empty".into()));
    }
    let mut head = [0; 12];
    let read = file.read_exact(&mut head);
    match read {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(PublishError::NotReady(
            format!("it cannot be read: {error}"),
        )),
        Ok(()) | Err(_) => check_wav(name, &head, found.len()),
    }
}

/// Checks a WAV file's header. The switch writes the size when it closes the file: one that died
/// leaves a header that announces almost nothing, or none at all.
fn check_wav(file: &Path, head: &[u8; 12], bytes: u64) -> Result<(), PublishError> {
    let not_ready = |why: &str| Err(PublishError::NotReady(why.into()));
    let is_named_wav = file
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("wav"));
    match wav_size(head) {
        // An odd number of bytes is padded, and some writers do not count the padding.
        Some(announced) if [Some(announced), announced.checked_add(1)].contains(&Some(bytes)) => {
            Ok(())
        }
        Some(announced) if announced > bytes => {
            not_ready("it is incomplete: its header announces more bytes")
        }
        Some(_) => not_ready(
            "its header announces fewer bytes: the switch has not closed it, or died; repair the header, see the page Recordings",
        ),
        None if is_named_wav && !is_wav(head) => {
            not_ready("it has no WAV header: the switch has not closed it, or died")
        }
        None => Ok(()),
    }
}

fn is_wav(head: &[u8; 12]) -> bool {
    matches!(
        head,
        [
            b'R',
            b'I',
            b'F',
            b'F' | b'X',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E'
        ]
    ) || head.starts_with(b"RF64")
}

/// Returns the file size that a WAV header announces; the header of a stream announces none.
fn wav_size(head: &[u8; 12]) -> Option<u64> {
    let [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'A', b'V', b'E'] = *head else {
        return None;
    };
    let rest = u32::from_le_bytes([a, b, c, d]);
    (rest != u32::MAX).then(|| u64::from(rest) + 8)
}

/// Percent-encodes each part of a path for a URL.
#[must_use]
pub fn encode_path(path: &str) -> String {
    let parts = path.split('/');
    let parts: Vec<String> = parts
        .map(|part| utf8_percent_encode(part, URL_UNRESERVED).to_string())
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_folder_is_ours() {
        let folder = Folder {
            local: "/mnt/rec".into(),
            on_switch: "/rec".into(),
        };
        for (path, inside) in [
            ("/rec/a.wav", Some("a.wav")),
            ("/rec/x/./y//a.wav", Some("x/y/a.wav")),
            ("/rec/../etc/passwd", None),
            ("/rec/x/../../etc/passwd", None),
            ("/record/a.wav", None),
            ("/rec", None),
            ("a.wav", None),
            ("http_cache://x", None),
            ("", None),
        ] {
            assert_eq!(folder.relative_path(path).as_deref(), inside, "{path}");
        }
    }

    const UNFINISHED: &str = "its header announces fewer bytes: the switch has not closed it, or died; repair the header, see the page Recordings";
    const HEADERLESS: &str = "it has no WAV header: the switch has not closed it, or died";

    #[test]
    fn a_file_is_whole_when_its_header_says_so() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a.wav");
        let wav = |size: u32| [b"RIFF", &size.to_le_bytes()[..], b"WAVE", b"12345678"].concat();
        let any_not_ready = |why: &str| Err(PublishError::NotReady(why.into()));
        let cases = [
            (wav(12), Ok(20)),
            (wav(11), Ok(20)),
            (wav(u32::MAX), Ok(20)),
            // The writer did not fill in the size.
            (wav(0), any_not_ready(UNFINISHED)),
            (wav(8), any_not_ready(UNFINISHED)),
            (
                wav(13),
                any_not_ready("it is incomplete: its header announces more bytes"),
            ),
            (Vec::new(), any_not_ready("it is empty")),
            (b"ID3".to_vec(), any_not_ready(HEADERLESS)),
            (vec![0; 20], any_not_ready(HEADERLESS)),
        ];
        for (bytes, expected) in cases {
            fs::write(&file, &bytes).unwrap();
            let snapshot = inspect(temp.path(), "a.wav", Some(20)).map(|snapshot| snapshot.bytes);
            assert_eq!(snapshot, expected, "{bytes:?}");
        }
        let file = temp.path().join("a.mp3");
        fs::write(&file, b"ID3").unwrap();
        assert_eq!(inspect(temp.path(), "a.mp3", Some(20)).unwrap().bytes, 3);
        fs::write(&file, [b'x'; 21]).unwrap();
        let snapshot = inspect(temp.path(), "a.mp3", Some(20));
        assert!(
            matches!(snapshot, Err(PublishError::Permanent(_))),
            "{snapshot:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_folder_is_never_followed() {
        use std::os::unix::fs::symlink;
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("rec");
        fs::create_dir_all(folder.join("real")).unwrap();
        fs::write(temp.path().join("secret"), "another's").unwrap();
        fs::write(folder.join("real/a.mp3"), "a call").unwrap();
        symlink(temp.path(), folder.join("up")).unwrap();
        symlink(temp.path().join("secret"), folder.join("b.wav")).unwrap();
        symlink(folder.join("real"), folder.join("today")).unwrap();
        for out in ["up/secret", "b.wav", "real"] {
            let snapshot = inspect(&folder, out, None);
            assert!(
                matches!(snapshot, Err(PublishError::Permanent(_))),
                "{out}: {snapshot:?}"
            );
        }
        assert_eq!(inspect(&folder, "today/a.mp3", None).unwrap().bytes, 6);
        let snapshot = inspect(&folder, "c.wav", None);
        assert!(
            matches!(snapshot, Err(PublishError::NotReady(_))),
            "{snapshot:?}"
        );
    }
}

//! The folder that recordings are in: names come from the switch, and so from callers; a file
//! counts only when it is there, ours and whole.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::spawn_blocking;

use super::Trouble;

/// What may stand as it is in a URL's path (RFC 3986 unreserved).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A folder of recordings, as this machine and the switch know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// On this machine.
    pub here: PathBuf,
    /// What the switch calls it.
    pub switch: PathBuf,
}

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it is, without links.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    modified: Option<SystemTime>,
}

impl Folder {
    /// The place in the folder of a file by its path on the switch, with `/` between its parts;
    /// `None` when it is not there, or only by way of `..`.
    #[must_use]
    pub fn within(&self, path: &str) -> Option<String> {
        let rest = Path::new(path).strip_prefix(&self.switch).ok()?;
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

    /// The file at a place in the folder, of at most so many bytes.
    ///
    /// # Errors
    /// It is not there, not whole, or none of ours.
    pub async fn look(&self, within: &str, most: Option<u64>) -> Result<Seen, Trouble> {
        let (here, within) = (self.here.clone(), within.to_owned());
        let looked = spawn_blocking(move || look(&here, &within, most)).await;
        looked.unwrap_or_else(|error| Err(Trouble::NotYet(error.to_string())))
    }
}

impl Seen {
    /// Whether the file is still as it was.
    ///
    /// # Errors
    /// It is not.
    pub(crate) async fn is_unchanged(&self) -> Result<(), Trouble> {
        let found = tokio::fs::metadata(&self.file).await;
        let found = found.map(|metadata| (metadata.len(), metadata.modified().ok()));
        match found.is_ok_and(|found| found == (self.bytes, self.modified)) {
            true => Ok(()),
            false => Err(Trouble::NotYet("it is still being written".into())),
        }
    }
}

fn look(here: &Path, within: &str, most: Option<u64>) -> Result<Seen, Trouble> {
    let later = |error: io::Error| Trouble::NotYet(format!("it cannot be read: {error}"));
    let real = fs::canonicalize(here.join(within)).map_err(later)?;
    let root = fs::canonicalize(here).map_err(later)?;
    if !real.starts_with(root) {
        return Err(Trouble::Never("a link leads out of the folder".into()));
    }
    // A pipe would be waited for when it is opened.
    let found = fs::symlink_metadata(&real).map_err(later)?;
    if !found.is_file() {
        return Err(Trouble::Never("it is no file".into()));
    }
    is_whole(&real, &found)?;
    if let Some(most) = most.filter(|most| found.len() > *most) {
        let what = format!(
            "it has {} bytes, and recordings.upload.bytes allows {most}",
            found.len()
        );
        return Err(Trouble::Never(what));
    }
    Ok(Seen {
        file: real,
        bytes: found.len(),
        modified: found.modified().ok(),
    })
}

/// As far as one look can tell.
fn is_whole(file: &Path, found: &Metadata) -> Result<(), Trouble> {
    if found.len() == 0 {
        return Err(Trouble::NotYet("it is empty".into()));
    }
    let mut head = [0; 12];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Err(Trouble::NotYet(format!("it cannot be read: {error}")))
        }
        Ok(()) if announced(&head).is_some_and(|bytes| bytes > found.len()) => {
            Err(Trouble::NotYet("its end is not there".into()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The size that the head of a WAV file gives it; a stream's has none.
fn announced(head: &[u8; 12]) -> Option<u64> {
    let [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'A', b'V', b'E'] = *head else {
        return None;
    };
    let rest = u32::from_le_bytes([a, b, c, d]);
    (rest != u32::MAX).then(|| u64::from(rest) + 8)
}

/// A path as it stands in a URL.
#[must_use]
pub fn encoded(path: &str) -> String {
    let parts = path.split('/');
    let parts: Vec<String> = parts
        .map(|part| utf8_percent_encode(part, KEPT).to_string())
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_folder_is_ours() {
        let folder = Folder {
            here: "/mnt/rec".into(),
            switch: "/rec".into(),
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
            assert_eq!(folder.within(path).as_deref(), inside, "{path}");
        }
    }

    #[test]
    fn a_file_is_whole_when_its_head_does_not_promise_more() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.wav");
        let wav = |size: u32| [b"RIFF", &size.to_le_bytes()[..], b"WAVE", b"12345678"].concat();
        let not_yet = |why: &str| Err(Trouble::NotYet(why.into()));
        let cases = [
            (wav(12), Ok(20)),
            // Not closed by whoever wrote it: nothing is known of its end.
            (wav(0), Ok(20)),
            (wav(u32::MAX), Ok(20)),
            (wav(13), not_yet("its end is not there")),
            (Vec::new(), not_yet("it is empty")),
            (b"ID3".to_vec(), Ok(3)),
        ];
        for (bytes, expected) in cases {
            fs::write(&file, &bytes).unwrap();
            let seen = look(place.path(), "a.wav", Some(20)).map(|seen| seen.bytes);
            assert_eq!(seen, expected, "{bytes:?}");
        }
        fs::write(&file, [b'x'; 21]).unwrap();
        let seen = look(place.path(), "a.wav", Some(20));
        assert!(matches!(seen, Err(Trouble::Never(_))), "{seen:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_folder_is_never_followed() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("rec");
        fs::create_dir_all(folder.join("real")).unwrap();
        fs::write(place.path().join("secret"), "another's").unwrap();
        fs::write(folder.join("real/a.wav"), "a call").unwrap();
        symlink(place.path(), folder.join("up")).unwrap();
        symlink(place.path().join("secret"), folder.join("b.wav")).unwrap();
        symlink(folder.join("real"), folder.join("today")).unwrap();
        for out in ["up/secret", "b.wav", "real"] {
            let seen = look(&folder, out, None);
            assert!(matches!(seen, Err(Trouble::Never(_))), "{out}: {seen:?}");
        }
        assert_eq!(look(&folder, "today/a.wav", None).unwrap().bytes, 6);
        let seen = look(&folder, "c.wav", None);
        assert!(matches!(seen, Err(Trouble::NotYet(_))), "{seen:?}");
    }
}

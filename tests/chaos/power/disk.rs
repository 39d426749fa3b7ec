//! A disk that keeps only what was synced: the rest of it is there, or not, or torn, when the
//! power fails.

use std::collections::BTreeMap;
use std::path::Path;

use super::log::Act;

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    changes: Vec<Change>,
}

/// Number of the file that a name stands for.
type Names = BTreeMap<String, usize>;

#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    names: Names,
    synced_names: Names,
    /// The names after each change since the folder was synced, in the order in which they
    /// were made: a file system keeps to that.
    names_since: Vec<Names>,
}

/// How the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing that was not synced is there.
    Gone,
    /// All of it is: the system's cache was written a moment before.
    There,
    /// Any part of it, in sectors.
    Any,
}

impl Disk {
    /// Does what the program did.
    pub fn act(&mut self, act: &Act) {
        match act {
            Act::Write { path, at, data } => {
                let change = Change::Write(*at, data.clone());
                let file = self.file(path);
                self.files[file].changes.push(change);
            }
            Act::Truncate { path, length } => {
                let file = self.file(path);
                self.files[file].changes.push(Change::Truncate(*length));
            }
            Act::Remove { path } => {
                self.names.remove(path);
                self.names_since.push(self.names.clone());
            }
            Act::Sync { path } => self.sync(path),
            Act::Said(_) => {}
        }
    }

    fn file(&mut self, path: &str) -> usize {
        if let Some(&file) = self.names.get(path) {
            return file;
        }
        self.files.push(File::default());
        let file = self.files.len() - 1;
        self.names.insert(path.to_owned(), file);
        self.names_since.push(self.names.clone());
        file
    }

    fn sync(&mut self, path: &str) {
        if let Some(&file) = self.names.get(path) {
            let file = &mut self.files[file];
            for change in std::mem::take(&mut file.changes) {
                change.apply(&mut file.synced);
            }
        } else if Path::new(path).is_dir() {
            self.synced_names = self.names.clone();
            self.names_since.clear();
        }
    }

    /// Leaves in `folder` what is there when the power comes back.
    pub fn fail(&self, folder: &Path, rest: Rest, random: &mut fastrand::Rng) {
        let kept = match rest {
            Rest::Gone => 0,
            Rest::There => self.names_since.len(),
            Rest::Any => random.usize(0..=self.names_since.len()),
        };
        let names = match kept.checked_sub(1) {
            Some(last) => &self.names_since[last],
            None => &self.synced_names,
        };
        for (path, &file) in names {
            let name = Path::new(path).file_name().unwrap();
            let bytes = self.files[file].after(rest, random);
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

impl File {
    fn after(&self, rest: Rest, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.changes {
            match rest {
                Rest::Gone => {}
                Rest::There => change.apply(&mut bytes),
                Rest::Any => change.tear(&mut bytes, random),
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => put(bytes, *at, data),
            Self::Truncate(length) => bytes.resize(*length, 0),
        }
    }

    /// All of it, nothing, or some of its sectors.
    fn tear(&self, bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
        match (self, random.u8(0..3)) {
            (_, 0) => {}
            (Self::Write(at, data), 1) => {
                for (number, sector) in data.chunks(SECTOR).enumerate() {
                    if random.bool() {
                        put(bytes, at + number * SECTOR, sector);
                    }
                }
            }
            (_, _) => self.apply(bytes),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

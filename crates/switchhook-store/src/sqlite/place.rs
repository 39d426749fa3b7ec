//! Why no database can be at a path, each cause with its own cure.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::StoreError;

/// Checks that a database can be at `path`, as far as every user sees it.
///
/// # Errors
/// [`StoreError::Place`] if its folder does not exist, or a folder or file is in the way.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    if path.is_dir() {
        let cure = format!(
            "name a file in it: [store] url = \"sqlite:{}\"",
            path.join("switchhook.db").display()
        );
        return Err(place(path, "it is a folder", cure));
    }
    let found = std::fs::metadata(folder);
    let is_hidden = |error: &io::Error| error.kind() == ErrorKind::PermissionDenied;
    if found
        .as_ref()
        .map_or_else(is_hidden, std::fs::Metadata::is_dir)
    {
        // Opening names what this user may not do.
        return Ok(());
    }
    let shown = folder.display();
    if let Some(file) = folder.ancestors().find(|part| part.is_file()) {
        let why = format!("{} is a file, not a folder", file.display());
        return Err(place(path, why, "correct the path in [store] url"));
    }
    let cure = "create the folder, for the service's user alone, or name another one in [store] \
                url";
    Err(place(path, format!("there is no folder {shown}"), cure))
}

/// Returns the error for a file of the database at `path` that cannot be opened.
pub(super) fn unopened(path: &Path, error: &io::Error) -> StoreError {
    let store = path.display().to_string();
    let folder = folder_of(path).display();
    let kind = error.kind();
    if [ErrorKind::PermissionDenied, ErrorKind::NotFound].contains(&kind) {
        let why = format!("this user may not enter or write {folder} ({kind})");
        let cure = "give the folder and its files to the service's user (chown; under systemd \
                    StateDirectory or ReadWritePaths), or name another one in [store] url";
        return place(path, why, cure);
    }
    if kind == ErrorKind::ReadOnlyFilesystem {
        let why = format!("{folder} is on a read-only file system");
        let cure = "mount it for writing (under systemd: StateDirectory or ReadWritePaths), or \
                    name another place in [store] url";
        return place(path, why, cure);
    }
    if [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&kind) {
        return StoreError::Full { store };
    }
    StoreError::Disk {
        store,
        why: error.to_string(),
    }
}

/// Returns the cause behind a database that could not be opened, if its files show one.
pub(super) fn refine(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Disk { .. } = error else {
        return error;
    };
    let opened = std::fs::File::options().read(true).write(true).open(path);
    let written = opened.and_then(|_| tempfile::tempfile_in(folder_of(path)));
    match written.map_err(|cause| unopened(path, &cause)) {
        // The database's own words say more.
        Ok(_) | Err(StoreError::Disk { .. }) => error,
        Err(known) => known,
    }
}

/// Returns the folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn place(path: &Path, why: impl Into<String>, cure: impl Into<String>) -> StoreError {
    StoreError::Place {
        store: path.display().to_string(),
        why: why.into(),
        cure: cure.into(),
    }
}

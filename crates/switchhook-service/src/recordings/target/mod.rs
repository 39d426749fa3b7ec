//! The target of uploads: one object for each recording, checked after the upload.
//!
//! An object's key is the prefix, the call's Unique-ID and the file's path within the folder. So a
//! file name that another call uses again does not replace this call's object, and a call's objects
//! are found by its Unique-ID. [`key`] makes a name safe.

mod azure;
mod key;
mod open;
mod options;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use minijinja::{Environment, context};
use object_store::path::{Path, PathPart};
use object_store::signer::Signer;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions,
};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use url::Url;

pub use options::{TargetError, TargetKind, TargetOptions};

use super::{FileSnapshot, Folder, LinkCheck, LinkChecker, LinkOrigin, PublishError, encode_path};
use key::safe_part;

/// Bytes of one part of an object, and of memory for each upload. S3 allows 10,000 parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Longest key that every target accepts, in bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Most characters of a target's error text.
const MAX_ERROR_CHARS: usize = 300;
/// The name of the template of links.
const LINK_TEMPLATE: &str = "recordings.upload.public_url";

/// How others fetch an object.
enum Link {
    /// At an address of the operator's choice.
    Template(Box<Environment<'static>>),
    /// By a signed link of the target.
    Signed(Arc<dyn Signer>),
}

/// The target of uploads.
pub struct Target {
    options: TargetOptions,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    link: Link,
    checker: LinkChecker,
}

/// Shows no secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// Shows the target's URL with the prefix.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.options.kind)?;
        match self.prefix.as_ref() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

impl Target {
    /// Returns the folder that recordings are read from.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.options.folder
    }

    /// Returns the largest recording, in bytes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.options.bytes
    }

    /// Returns the number of uploads at a time.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.options.at_once
    }

    /// Uploads a recording, checks that the object exists and its link opens, and returns the link.
    ///
    /// # Errors
    /// Returns why the recording has no link: for example, it has changed since `snapshot`, or the
    /// target fails.
    pub(super) async fn publish(
        &self,
        call_uuid: &str,
        path_in_folder: &str,
        snapshot: &FileSnapshot,
    ) -> Result<String, PublishError> {
        let key = self.key(call_uuid, path_in_folder)?;
        self.check_folder()?;
        self.upload(&key, snapshot).await?;
        let there = self.store.head(&key).await.map_err(unavailable)?;
        snapshot.check_unchanged().await?;
        if there.size != snapshot.bytes {
            let what = format!("{} of its {} bytes arrived", there.size, snapshot.bytes);
            return Err(PublishError::TargetUnavailable(what));
        }
        let link = self.link(&key).await?;
        self.check_link(&link).await.map_err(|why| {
            let what = format!("the link of an uploaded recording does not open: {why}");
            PublishError::TargetUnavailable(what)
        })?;
        Ok(link)
    }

    async fn check_link(&self, link: &str) -> Result<LinkCheck, String> {
        let origin = match &self.link {
            Link::Template(_) => LinkOrigin::Operator,
            Link::Signed(_) => LinkOrigin::Signed,
        };
        self.checker.check(link, origin).await
    }

    /// Checks that a target folder exists. It is not created: it may be a file system that is not
    /// mounted.
    fn check_folder(&self) -> Result<(), PublishError> {
        match &self.options.kind {
            TargetKind::Folder { path } if !path.is_dir() => {
                let what = format!("the folder {} does not exist", path.display());
                Err(PublishError::TargetUnavailable(what))
            }
            TargetKind::Folder { .. }
            | TargetKind::S3 { .. }
            | TargetKind::Azure { .. }
            | TargetKind::Google { .. } => Ok(()),
        }
    }

    fn key(&self, call_uuid: &str, path_in_folder: &str) -> Result<Path, PublishError> {
        let names = std::iter::once(call_uuid).chain(path_in_folder.split('/'));
        let own = names.map(|name| PathPart::from(safe_part(name)));
        let key: Path = self.prefix.parts().chain(own).collect();
        if key.as_ref().len() > MAX_KEY_BYTES || call_uuid.is_empty() {
            return Err(PublishError::Permanent("its name is too long".into()));
        }
        Ok(key)
    }

    async fn upload(&self, key: &Path, snapshot: &FileSnapshot) -> Result<(), PublishError> {
        let file = snapshot.open(&self.options.folder).map_err(unreadable)?;
        let file = File::from_std(file);
        // A file that grows meanwhile is noticed later, and must not exceed the allowed size.
        let mut file = file.take(snapshot.bytes);
        let attributes = self.attributes(&snapshot.file);
        if snapshot.bytes <= PART_BYTES as u64 {
            let options = PutOptions {
                attributes,
                ..PutOptions::default()
            };
            let all = read_part(&mut file).await?;
            let put = self.store.put_opts(key, all.into(), options).await;
            return put.map(drop).map_err(unavailable);
        }
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let mut upload = self
            .store
            .put_multipart_opts(key, options)
            .await
            .map_err(unavailable)?;
        let sent = async {
            loop {
                let next = read_part(&mut file).await?;
                if next.is_empty() {
                    break upload.complete().await.map(drop).map_err(unavailable);
                }
                upload.put_part(next.into()).await.map_err(unavailable)?;
            }
        };
        let sent: Result<(), PublishError> = sent.await;
        if sent.is_err() {
            // The target's own rules clean up parts that stay.
            drop(upload.abort().await);
        }
        sent
    }

    /// Returns an object's attributes; a file in a folder has none.
    fn attributes(&self, file: &std::path::Path) -> Attributes {
        let end = file
            .extension()
            .and_then(|end| end.to_str())
            .unwrap_or_default();
        let kind = match end.to_ascii_lowercase().as_str() {
            "wav" => "audio/wav",
            "mp3" => "audio/mpeg",
            "ogg" | "opus" => "audio/ogg",
            "mp4" | "m4a" => "audio/mp4",
            _ => "application/octet-stream",
        };
        match &self.options.kind {
            TargetKind::Folder { .. } => Attributes::new(),
            TargetKind::S3 { .. } | TargetKind::Azure { .. } | TargetKind::Google { .. } => {
                Attributes::from_iter([(Attribute::ContentType, kind)])
            }
        }
    }

    async fn link(&self, key: &Path) -> Result<String, PublishError> {
        match &self.link {
            Link::Template(template) => {
                let template = template.get_template(LINK_TEMPLATE);
                let key = encode_path(key.as_ref());
                let rendered = template.and_then(|template| template.render(context! { key }));
                rendered.map_err(|error| PublishError::Permanent(error.to_string()))
            }
            Link::Signed(signer) => {
                let signed = signer.signed_url(Method::GET, key, self.options.expires);
                let link = signed.await.map_err(unavailable)?;
                self.correct(link, key).map(Into::into)
            }
        }
    }

    /// Corrects what the library signs wrongly.
    fn correct(&self, link: Url, key: &Path) -> Result<Url, PublishError> {
        let TargetKind::Azure {
            container,
            key_id,
            key: secret,
            ..
        } = &self.options.kind
        else {
            return Ok(link);
        };
        let place = azure::Place {
            account: key_id,
            container,
            key: secret,
        };
        let invalid = || PublishError::Permanent("the account's key is not base64".into());
        azure::sign_again(link, place, key).ok_or_else(invalid)
    }

    /// Returns the keys of a call's objects.
    ///
    /// # Errors
    /// Returns the target's error text.
    pub async fn keys_of_call(&self, call_uuid: &str) -> Result<Vec<String>, String> {
        let Ok(key) = self.key(call_uuid, "x") else {
            return Ok(Vec::new());
        };
        let parts: Vec<PathPart<'_>> = key.parts().collect();
        let folder: Path = parts[..parts.len() - 1].iter().cloned().collect();
        let found = self.store.list(Some(&folder));
        let keys = found.map_ok(|object| object.location.to_string());
        keys.try_collect().await.map_err(|error| error_text(&error))
    }

    /// Deletes objects by key; an absent object is not an error.
    ///
    /// # Errors
    /// Returns the target's error text; some objects may be deleted then.
    pub async fn delete(&self, keys: &[String]) -> Result<(), String> {
        let keys = keys.iter().map(|key| Path::parse(key).map_err(Into::into));
        let keys: Vec<object_store::Result<Path>> = keys.collect();
        let mut deleted = self.store.delete_stream(stream::iter(keys).boxed());
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error_text(&error)),
            }
        }
        Ok(())
    }

    /// Writes a small object, checks that it exists, fetches one byte of its link, and deletes it.
    ///
    /// # Errors
    /// Returns what failed, and the target's error text.
    pub async fn probe(&self) -> Result<LinkCheck, String> {
        let name = format!("switchhook-doctor-{}", uuid::Uuid::new_v4().simple());
        let key: Path = self.prefix.parts().chain([PathPart::from(name)]).collect();
        let failed = |what: &'static str| {
            move |error: object_store::Error| format!("{what}: {}", error_text(&error))
        };
        self.check_folder().map_err(|error| error.to_string())?;
        let bytes = Bytes::from_static(b"switchhook");
        let put = self.store.put(&key, bytes.clone().into()).await;
        put.map_err(failed("nothing can be written"))?;
        let found = self.store.head(&key).await;
        let opened = match self.link(&key).await {
            Ok(link) => self.check_link(&link).await,
            Err(error) => Err(error.to_string()),
        };
        let deleted = self.store.delete(&key).await;
        let found = found.map_err(failed("the written object cannot be found"))?;
        deleted.map_err(failed(
            "the written object cannot be deleted, which `switchhook forget` needs",
        ))?;
        if found.size != bytes.len() as u64 {
            return Err(format!("{} of {} bytes arrived", found.size, bytes.len()));
        }
        opened.map_err(|why| format!("the link of the written object does not open: {why}"))
    }
}

/// Reads the next part of a file; empty at its end.
async fn read_part(file: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, PublishError> {
    let mut bytes = Vec::new();
    file.take(PART_BYTES as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(unreadable)?;
    Ok(bytes.into())
}

fn unreadable(error: std::io::Error) -> PublishError {
    PublishError::NotReady(format!("it cannot be read: {error}"))
}

fn unavailable(error: object_store::Error) -> PublishError {
    PublishError::TargetUnavailable(error_text(&error))
}

/// Returns the error in one short line: a target's text comes from outside.
fn error_text(error: &object_store::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = words.join(" ");
    let end = plain
        .char_indices()
        .nth(MAX_ERROR_CHARS)
        .map_or(plain.len(), |(at, _)| at);
    plain[..end].to_owned()
}

#[cfg(test)]
mod tests;

//! Where recordings are uploaded to: an object for each, checked when it is there.
//!
//! Its key is the prefix, the call's Unique-ID and the file's place in the folder: a file name that
//! is used again for another call does not take the place of this one's, and all objects of a call
//! are found by its Unique-ID. What is not safe in a key is percent-encoded by the library.

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

pub use open::TargetError;
pub use options::{TargetKind, TargetOptions};

use super::{FileSnapshot, Folder, PublishError, encode_path};

/// Bytes of one part of an object, and of memory for each upload; S3 allows 10,000 parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Longest key that every target takes, bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Characters of what a target says.
const MAX_ERROR_CHARS: usize = 300;
/// The template of links.
const LINK_TEMPLATE: &str = "recordings.upload.public_url";

/// How an object is fetched by others.
enum Link {
    /// At an address of the operator's.
    Template(Box<Environment<'static>>),
    /// By a link that is signed.
    Signed(Arc<dyn Signer>),
}

/// Where recordings are uploaded to.
pub struct Target {
    options: TargetOptions,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    link: Link,
}

/// Without secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// Where it is.
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
    /// The folder that recordings are taken from.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.options.folder
    }

    /// Bytes that a recording may have.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.options.bytes
    }

    /// Uploads at once.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.options.at_once
    }

    /// Uploads a recording that was snapshot so, and looks whether it is there; its link.
    ///
    /// # Errors
    /// It is not there, or not whole.
    pub(super) async fn publish(
        &self,
        call_uuid: &str,
        within: &str,
        snapshot: &FileSnapshot,
    ) -> Result<String, PublishError> {
        let key = self.key(call_uuid, within)?;
        self.check_folder()?;
        self.upload(&key, snapshot).await?;
        let there = self.store.head(&key).await.map_err(unavailable)?;
        snapshot.is_unchanged().await?;
        if there.size != snapshot.bytes {
            let what = format!("{} of its {} bytes arrived", there.size, snapshot.bytes);
            return Err(PublishError::TargetUnavailable(what));
        }
        self.link(&key).await
    }

    /// A folder that is not there is not made: it may be one that is not mounted.
    fn check_folder(&self) -> Result<(), PublishError> {
        match &self.options.kind {
            TargetKind::Folder { path } if !path.is_dir() => {
                let what = format!("the folder {} is not there", path.display());
                Err(PublishError::TargetUnavailable(what))
            }
            TargetKind::Folder { .. }
            | TargetKind::S3 { .. }
            | TargetKind::Azure { .. }
            | TargetKind::Google { .. } => Ok(()),
        }
    }

    fn key(&self, call_uuid: &str, within: &str) -> Result<Path, PublishError> {
        let file = within.split('/').map(PathPart::from);
        let own = std::iter::once(PathPart::from(call_uuid)).chain(file);
        let key: Path = self.prefix.parts().chain(own).collect();
        match key.as_ref().len() > MAX_KEY_BYTES || call_uuid.is_empty() {
            true => Err(PublishError::Permanent("its name is too long".into())),
            false => Ok(key),
        }
    }

    async fn upload(&self, key: &Path, snapshot: &FileSnapshot) -> Result<(), PublishError> {
        let file = File::open(&snapshot.file).await.map_err(unreadable)?;
        // What grows meanwhile is found out afterwards, and is not to be more than allowed.
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
            // Parts that are left are the target's to clean up: it has rules for that.
            drop(upload.abort().await);
        }
        sent
    }

    /// A folder has none.
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
                signed.await.map(Into::into).map_err(unavailable)
            }
        }
    }

    /// The keys of a call's objects.
    ///
    /// # Errors
    /// What the target says.
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

    /// Deletes objects by their keys; one that is gone is no fault.
    ///
    /// # Errors
    /// What the target says; some may be deleted then.
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

    /// Puts a small object, looks whether it is there, and deletes it.
    ///
    /// # Errors
    /// What could not be done, and what the target says.
    pub async fn probe(&self) -> Result<(), String> {
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
        let deleted = self.store.delete(&key).await;
        let found = found.map_err(failed("what was written cannot be looked at"))?;
        deleted.map_err(failed(
            "what was written cannot be deleted, as forget would",
        ))?;
        match found.size == bytes.len() as u64 {
            true => Ok(()),
            false => Err(format!("of {} bytes {} arrived", bytes.len(), found.size)),
        }
    }
}

/// The next bytes of a file, as many as a part has; none at its end.
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

/// In one short line: a target's words come from outside.
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

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

pub use options::{TargetError, TargetKind, TargetOptions};

use super::{Folder, Seen, Trouble, encoded};

/// Bytes of one part of an object, and of memory for each upload; S3 allows 10,000 parts.
const PART: usize = 8 * 1024 * 1024;
/// Longest key that every target takes, bytes.
const KEY: usize = 1024;
/// Characters of what a target says.
const SAID: usize = 300;
/// The template of links.
const LINK: &str = "recordings.upload.public_url";

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

    /// Uploads a recording that was seen so, and looks whether it is there; its link.
    ///
    /// # Errors
    /// It is not there, or not whole.
    pub(super) async fn publish(
        &self,
        call_uuid: &str,
        within: &str,
        seen: &Seen,
    ) -> Result<String, Trouble> {
        let key = self.key(call_uuid, within)?;
        self.is_there()?;
        self.put(&key, seen).await?;
        let there = self.store.head(&key).await.map_err(away)?;
        seen.is_unchanged().await?;
        if there.size != seen.bytes {
            let what = format!("{} of its {} bytes arrived", there.size, seen.bytes);
            return Err(Trouble::Away(what));
        }
        self.link(&key).await
    }

    /// A folder that is not there is not made: it may be one that is not mounted.
    fn is_there(&self) -> Result<(), Trouble> {
        match &self.options.kind {
            TargetKind::Folder { path } if !path.is_dir() => {
                let what = format!("the folder {} is not there", path.display());
                Err(Trouble::Away(what))
            }
            TargetKind::Folder { .. }
            | TargetKind::S3 { .. }
            | TargetKind::Azure { .. }
            | TargetKind::Google { .. } => Ok(()),
        }
    }

    fn key(&self, call_uuid: &str, within: &str) -> Result<Path, Trouble> {
        let file = within.split('/').map(PathPart::from);
        let own = std::iter::once(PathPart::from(call_uuid)).chain(file);
        let key: Path = self.prefix.parts().chain(own).collect();
        match key.as_ref().len() > KEY || call_uuid.is_empty() {
            true => Err(Trouble::Never("its name is too long".into())),
            false => Ok(key),
        }
    }

    async fn put(&self, key: &Path, seen: &Seen) -> Result<(), Trouble> {
        let file = File::open(&seen.file).await.map_err(unread)?;
        // What grows meanwhile is found out afterwards, and is not to be more than allowed.
        let mut file = file.take(seen.bytes);
        let attributes = self.attributes(&seen.file);
        if seen.bytes <= PART as u64 {
            let options = PutOptions {
                attributes,
                ..PutOptions::default()
            };
            let all = part(&mut file).await?;
            let put = self.store.put_opts(key, all.into(), options).await;
            return put.map(drop).map_err(away);
        }
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let mut upload = self
            .store
            .put_multipart_opts(key, options)
            .await
            .map_err(away)?;
        let sent = async {
            loop {
                let next = part(&mut file).await?;
                if next.is_empty() {
                    break upload.complete().await.map(drop).map_err(away);
                }
                upload.put_part(next.into()).await.map_err(away)?;
            }
        };
        let sent: Result<(), Trouble> = sent.await;
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

    async fn link(&self, key: &Path) -> Result<String, Trouble> {
        match &self.link {
            Link::Template(template) => {
                let template = template.get_template(LINK);
                let key = encoded(key.as_ref());
                let rendered = template.and_then(|template| template.render(context! { key }));
                rendered.map_err(|error| Trouble::Never(error.to_string()))
            }
            Link::Signed(signer) => {
                let signed = signer.signed_url(Method::GET, key, self.options.expires);
                signed.await.map(Into::into).map_err(away)
            }
        }
    }

    /// The keys of a call's objects.
    ///
    /// # Errors
    /// What the target says.
    pub async fn of_call(&self, call_uuid: &str) -> Result<Vec<String>, String> {
        let Ok(key) = self.key(call_uuid, "x") else {
            return Ok(Vec::new());
        };
        let parts: Vec<PathPart<'_>> = key.parts().collect();
        let folder: Path = parts[..parts.len() - 1].iter().cloned().collect();
        let found = self.store.list(Some(&folder));
        let keys = found.map_ok(|object| object.location.to_string());
        keys.try_collect().await.map_err(|error| said(&error))
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
                Err(error) => return Err(said(&error)),
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
        let told = |what: &'static str| {
            move |error: object_store::Error| format!("{what}: {}", said(&error))
        };
        self.is_there().map_err(|trouble| trouble.to_string())?;
        let bytes = Bytes::from_static(b"switchhook");
        let put = self.store.put(&key, bytes.clone().into()).await;
        put.map_err(told("nothing can be written"))?;
        let found = self.store.head(&key).await;
        let deleted = self.store.delete(&key).await;
        let found = found.map_err(told("what was written cannot be looked at"))?;
        deleted.map_err(told("what was written cannot be deleted, as forget would"))?;
        match found.size == bytes.len() as u64 {
            true => Ok(()),
            false => Err(format!("of {} bytes {} arrived", bytes.len(), found.size)),
        }
    }
}

/// The next bytes of a file, as many as a part has; none at its end.
async fn part(file: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Trouble> {
    let mut bytes = Vec::new();
    file.take(PART as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(unread)?;
    Ok(bytes.into())
}

fn unread(error: std::io::Error) -> Trouble {
    Trouble::NotYet(format!("it cannot be read: {error}"))
}

fn away(error: object_store::Error) -> Trouble {
    Trouble::Away(said(&error))
}

/// In one short line: a target's words come from outside.
fn said(error: &object_store::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = words.join(" ");
    let end = plain
        .char_indices()
        .nth(SAID)
        .map_or(plain.len(), |(at, _)| at);
    plain[..end].to_owned()
}

#[cfg(test)]
mod tests;

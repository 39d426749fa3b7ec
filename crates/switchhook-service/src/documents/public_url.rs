//! Where recordings can be fetched: a `[recordings] public_url` template, signed links to files
//! that this program serves, or an upload target.

use std::sync::Arc;

use minijinja::{Environment, context};
use tracing::warn;

use crate::config::{Config, Diagnostic, Diagnostics};
use crate::recordings::{
    Folder, PublishTo, Publisher, SignedLinks, Target, TargetError, encode_path, strict_template,
};
use switchhook_core::recording::Recording;

const NAME: &str = "public_url";

/// The source of `recordedFilePublicPath`.
#[derive(Debug)]
pub(crate) enum PublicUrl {
    /// A template; its URLs are known at once.
    Template(Box<Environment<'static>>),
    /// A publisher; documents wait until it has a link.
    Published(Arc<Publisher>),
}

impl PublicUrl {
    /// Returns what the configuration says; `None` if it says nothing.
    ///
    /// # Errors
    /// A template that is invalid or names an unknown value; an invalid target.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, Diagnostics> {
        if let Some(publisher) = publisher(config)? {
            return Ok(Some(Self::Published(Arc::new(publisher))));
        }
        let Some(text) = config.recordings.public_url.clone() else {
            return Ok(None);
        };
        let tried = strict_template(NAME, text).and_then(|environment| {
            render(&environment, "a.wav", "/recordings/a.wav")?;
            Ok(Some(Self::Template(Box::new(environment))))
        });
        tried.map_err(|error| {
            let cure =
                "write it as https://rec.example/{{ file_name }}; {{ path }} is the whole path";
            config.refuse(vec![config.fault(
                "recordings.public_url",
                error.to_string(),
                cure,
            )])
        })
    }

    /// Returns the URL of one recording of a call, if it is known without waiting.
    /// `name` is its file name, with as many folders as tell it from the call's other recordings.
    pub(super) fn of(&self, call_uuid: &str, recording: &Recording, name: &str) -> Option<String> {
        let path = &recording.path;
        let url = match self {
            Self::Template(template) => {
                render(template, name, path).map_err(|error| error.to_string())
            }
            Self::Published(publisher) if publisher.covers(path) => return None,
            Self::Published(_) => Err("it is not in the folder of [recordings]".to_owned()),
        };
        url.map_err(|error| {
            warn!(
                call_uuid,
                file = path,
                error,
                "no public URL for a recording"
            )
        })
        .ok()
    }
}

fn render(
    template: &Environment<'static>,
    file_name: &str,
    path: &str,
) -> Result<String, minijinja::Error> {
    let (file_name, path) = (encode_path(file_name), encode_path(path));
    let template = template.get_template(NAME)?;
    template.render(context! { file_name, path })
}

/// Returns the publisher of recordings, if one is configured.
///
/// # Errors
/// An invalid target.
fn publisher(config: &Config) -> Result<Option<Publisher>, Diagnostics> {
    let wait = config.recordings.wait;
    if let Some(links) = signed_links(config) {
        return Ok(Some(Publisher::new(wait, PublishTo::SignedLinks(links))));
    }
    let target = target(config)?;
    Ok(target.map(|target| Publisher::new(wait, PublishTo::Target(Box::new(target)))))
}

/// Returns the target that recordings are uploaded to, if one is configured.
///
/// # Errors
/// An invalid target.
pub fn target(config: &Config) -> Result<Option<Target>, Diagnostics> {
    let opened = config.recordings.upload.as_ref().map(Target::open);
    opened
        .transpose()
        .map_err(|TargetError { key, what, help }| {
            let key = format!("recordings.upload.{key}");
            config.refuse(vec![config.fault(&key, what, help)])
        })
}

/// Returns the signed links to served recordings, if this program serves them.
#[must_use]
pub fn signed_links(config: &Config) -> Option<Arc<SignedLinks>> {
    let serve = config.recordings.serve.as_ref()?;
    let links = SignedLinks::new(
        serve.folder.clone(),
        &serve.url,
        &serve.secret,
        serve.expires,
    );
    Some(Arc::new(links))
}

/// Returns the folder of recordings on this machine, with the setting that names it.
pub fn recordings_folder(config: &Config) -> Option<(&'static str, &Folder)> {
    let recordings = &config.recordings;
    let served = recordings.serve.as_ref().map(|serve| &serve.folder);
    let uploaded = recordings.upload.as_ref().map(|upload| &upload.folder);
    let served = served.map(|folder| ("recordings.serve.folder", folder));
    served.or(uploaded.map(|folder| ("recordings.upload.folder", folder)))
}

/// Returns a warning if the folder of recordings cannot be read. It is no error: the folder may be
/// mounted later.
pub(crate) fn missing_folder_warning(config: &Config) -> Option<Diagnostic> {
    let (key, folder) = recordings_folder(config)?;
    let error = std::fs::read_dir(&folder.local).err()?;
    let what = format!(
        "{}: {error}: documents will wait in vain for its recordings",
        folder.local.display()
    );
    let cure = "mount the folder, or give this program's user read access";
    Some(config.fault(key, what, cure))
}

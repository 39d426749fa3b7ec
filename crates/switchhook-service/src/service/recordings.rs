//! Where recordings can be fetched: `[recordings] public_url`, links of our own, or an upload.

use std::sync::Arc;

use minijinja::{Environment, context};
use tracing::warn;

use crate::config::{Config, Diagnostic, Diagnostics};
use crate::recordings::signed_links::SignedLinks;
use crate::recordings::{Folder, PublishTo, Publisher, Target, TargetError, encoded, template};
use switchhook_core::recording::Recording;

const NAME: &str = "public_url";

/// Who makes `recordedFilePublicPath`.
#[derive(Debug)]
pub(crate) enum PublicUrl {
    /// A template.
    Template(Box<Environment<'static>>),
    /// What is waited for.
    Published(Arc<Publisher>),
}

impl PublicUrl {
    /// The configuration's; `None` when it has none.
    ///
    /// # Errors
    /// A template that is none, or names what it cannot; a target that cannot be.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, Diagnostics> {
        if let Some(publisher) = publisher(config)? {
            return Ok(Some(Self::Published(Arc::new(publisher))));
        }
        let Some(text) = config.recordings.public_url.clone() else {
            return Ok(None);
        };
        let tried = template(NAME, text).and_then(|environment| {
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

    /// The URL of one recording of a call, when it needs not be waited for.
    pub(super) fn of(&self, call_uuid: &str, recording: &Recording) -> Option<String> {
        let path = &recording.path;
        let url = match self {
            Self::Template(template) => {
                render(template, recording.file_name(), path).map_err(|error| error.to_string())
            }
            Self::Published(publisher) if publisher.has(path) => return None,
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
    let (file_name, path) = (encoded(file_name), encoded(path));
    let template = template.get_template(NAME)?;
    template.render(context! { file_name, path })
}

/// Who publishes recordings, when anybody does.
///
/// # Errors
/// A target that cannot be.
pub(crate) fn publisher(config: &Config) -> Result<Option<Publisher>, Diagnostics> {
    let wait = config.recordings.wait;
    if let Some(shelf) = shelf(config) {
        return Ok(Some(Publisher::new(wait, PublishTo::SignedLinks(shelf))));
    }
    let place = |target| PublishTo::Target(Box::new(target));
    let target = target(config)?;
    Ok(target.map(|target| Publisher::new(wait, place(target))))
}

/// Where recordings are uploaded to, when they are.
///
/// # Errors
/// A target that cannot be.
pub fn target(config: &Config) -> Result<Option<Target>, Diagnostics> {
    let opened = config.recordings.upload.as_ref().map(Target::open);
    opened
        .transpose()
        .map_err(|TargetError { key, what, cure }| {
            let key = format!("recordings.upload.{key}");
            config.refuse(vec![config.fault(&key, what, cure)])
        })
}

/// What is served, when it is.
pub(crate) fn shelf(config: &Config) -> Option<Arc<SignedLinks>> {
    let serve = config.recordings.serve.as_ref()?;
    let shelf = SignedLinks::new(
        serve.folder.clone(),
        &serve.url,
        &serve.secret,
        serve.expires,
    );
    Some(Arc::new(shelf))
}

/// Where recordings are on this machine, with the setting that says so.
pub fn recordings_folder(config: &Config) -> Option<(&'static str, &Folder)> {
    let recordings = &config.recordings;
    let served = recordings.serve.as_ref().map(|serve| &serve.folder);
    let uploaded = recordings.upload.as_ref().map(|upload| &upload.folder);
    let served = served.map(|folder| ("recordings.serve.folder", folder));
    served.or(uploaded.map(|folder| ("recordings.upload.folder", folder)))
}

/// A folder of recordings that is not there: worth a warning, for it may be mounted later.
pub(crate) fn absent(config: &Config) -> Option<Diagnostic> {
    let (key, folder) = recordings_folder(config)?;
    let error = std::fs::read_dir(&folder.here).err()?;
    let what = format!(
        "{}: {error}: documents wait for recordings that are not found",
        folder.here.display()
    );
    let cure = "mount it, or let this program's user read it";
    Some(config.fault(key, what, cure))
}

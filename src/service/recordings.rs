//! Where recordings can be fetched: `[recordings] public_url`, or links of our own.

use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior, context};
use tracing::warn;

use crate::call::recording::Recording;
use crate::config::{Config, Fault, Faults};
use crate::ops::shelf::{Shelf, encoded};

const NAME: &str = "public_url";

/// Who makes `recordedFilePublicPath`.
#[derive(Debug)]
pub enum PublicUrl {
    /// A template.
    Template(Box<Environment<'static>>),
    /// Links of our own.
    Shelf(Arc<Shelf>),
}

impl PublicUrl {
    /// The configuration's template; `None` when it has none.
    ///
    /// # Errors
    /// A template that is none, or names what it cannot.
    pub fn new(config: &Config) -> Result<Option<Self>, Faults> {
        if let Some(shelf) = shelf(config) {
            return Ok(Some(Self::Shelf(shelf)));
        }
        let Some(template) = config.recordings.public_url.clone() else {
            return Ok(None);
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let added = environment.add_template_owned(NAME, template);
        let tried = added.and_then(|()| render(&environment, "a.wav", "/recordings/a.wav"));
        let template = |_| Some(Self::Template(Box::new(environment.clone())));
        tried.map(template).map_err(|error| {
            let cure =
                "write it as https://rec.example/{{ file_name }}; {{ path }} is the whole path";
            config.refuse(vec![config.fault(
                "recordings.public_url",
                error.to_string(),
                cure,
            )])
        })
    }

    /// The URL of one recording of a call.
    pub fn of(&self, call_uuid: &str, recording: &Recording) -> Option<String> {
        let path = &recording.path;
        let url = match self {
            Self::Template(template) => {
                render(template, recording.file_name(), path).map_err(|error| error.to_string())
            }
            Self::Shelf(shelf) => shelf.link(path).ok_or_else(|| {
                "it is not in recordings.serve.folder (or switch_folder)".to_owned()
            }),
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

/// What is served, when it is.
pub fn shelf(config: &Config) -> Option<Arc<Shelf>> {
    let serve = config.recordings.serve.as_ref()?;
    let (folder, switch_folder) = (serve.folder.clone(), serve.switch_folder.clone());
    let shelf = Shelf::new(
        folder,
        switch_folder,
        &serve.url,
        &serve.secret,
        serve.expires,
    );
    Some(Arc::new(shelf))
}

/// A folder of recordings that is not there: worth a warning, for it may be mounted later.
pub fn absent(config: &Config) -> Option<Fault> {
    let serve = config.recordings.serve.as_ref()?;
    let error = std::fs::read_dir(&serve.folder).err()?;
    let what = format!(
        "{}: {error}: no link leads to a file",
        serve.folder.display()
    );
    let cure = "mount it, or let this program's user read it";
    Some(config.fault("recordings.serve.folder", what, cure))
}

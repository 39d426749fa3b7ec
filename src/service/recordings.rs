//! Where recordings can be fetched: `[recordings] public_url`.

use minijinja::{Environment, UndefinedBehavior, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::warn;

use crate::call::recording::Recording;
use crate::config::{Config, Faults};

/// What a file's name may hold as it is in a URL (RFC 3986 unreserved).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const NAME: &str = "public_url";

/// The template of `recordedFilePublicPath`.
#[derive(Debug)]
pub struct PublicUrl(Environment<'static>);

impl PublicUrl {
    /// The configuration's template; `None` when it has none.
    ///
    /// # Errors
    /// A template that is none, or names what it cannot.
    pub fn new(config: &Config) -> Result<Option<Self>, Faults> {
        let Some(template) = config.recordings.public_url.clone() else {
            return Ok(None);
        };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let added = environment.add_template_owned(NAME, template);
        let url = Self(environment);
        let tried = added.and_then(|()| url.render("a.wav", "/recordings/a.wav"));
        tried.map(|_| Some(url)).map_err(|error| {
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
        match self.render(recording.file_name(), &recording.path) {
            Ok(url) => Some(url),
            Err(error) => {
                warn!(call_uuid, file = recording.path, %error, "no public URL for a recording");
                None
            }
        }
    }

    fn render(&self, file_name: &str, path: &str) -> Result<String, minijinja::Error> {
        let file_name = utf8_percent_encode(file_name, KEPT).to_string();
        let path: Vec<String> = path
            .split('/')
            .map(|part| utf8_percent_encode(part, KEPT).to_string())
            .collect();
        self.0
            .get_template(NAME)?
            .render(context! { file_name, path => path.join("/") })
    }
}

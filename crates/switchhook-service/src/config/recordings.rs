//! `[recordings]`: how recordings are published.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use toml_edit::Value;
use url::Url;

use super::folder::{DAY, folders};
use super::secrets::{refuse_short, secret};
use super::section::Section;
use super::sections::socket_address;
use super::upload::upload;
use super::value::{Parsed, Problem, display, duration, one_line, optional};
use crate::recordings::{Folder, TargetOptions};
use switchhook_core::secret::Secret;

/// `[recordings]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recordings {
    /// Template of `recordedFilePublicPath`.
    pub public_url: Option<String>,
    /// Serve recordings from this program.
    pub serve: Option<ServeOptions>,
    /// Upload recordings to a target.
    pub upload: Option<TargetOptions>,
    /// The longest time that documents wait for recordings to be served or uploaded.
    pub wait: Duration,
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            public_url: None,
            serve: None,
            upload: None,
            wait: Duration::from_secs(600),
        }
    }
}

impl Recordings {
    /// Returns the secret that signs links or authorizes uploads.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        let served = self.serve.as_ref().map(|serve| &serve.secret);
        served.or_else(|| self.upload.as_ref()?.kind.key())
    }
}

/// `recordings.serve`: recordings behind signed links of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// The folder of recordings.
    pub folder: Folder,
    /// The URL that links begin with.
    pub url: String,
    /// The secret that signs links.
    pub secret: Secret,
    /// The address that this program serves links on.
    pub listen: SocketAddr,
    /// How long a link is valid.
    pub expires: Duration,
}

pub(super) fn recordings(mut section: Section<'_>) -> Recordings {
    section.at_most_one(&["public_url", "serve", "upload"]);
    let default = Recordings::default();
    let least = Duration::from_secs(1);
    Recordings {
        public_url: section.get("public_url", optional(one_line)).flatten(),
        serve: serve(section.subsection("serve")),
        upload: upload(section.subsection("upload")),
        wait: section.get_or("wait", default.wait, duration(least..=7 * DAY)),
    }
}

fn serve(mut section: Section<'_>) -> Option<ServeOptions> {
    if !section.is_present() {
        return None;
    }
    let keys = ["secret", "secret_env", "secret_file"];
    let help = "add secret_env, secret_file or secret, such as `openssl rand -base64 32` makes";
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8087));
    let minute = Duration::from_secs(60);
    let serve = ServeOptions {
        folder: folders(&mut section),
        url: section.require("url", "add url = \"https://rec.example\"", link_base),
        secret: secret(&mut section, &keys, help),
        listen: section.get_or("listen", listen, socket_address),
        expires: section.get_or("expires", 30 * DAY, duration(minute..=3650 * DAY)),
    };
    refuse_short(&mut section, &keys, &serve.secret);
    Some(serve)
}

fn link_base(value: &Value) -> Parsed<String> {
    let text = one_line(value)?;
    let url = text.parse::<Url>().ok();
    let fits = |url: &Url| {
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain
    };
    if url.as_ref().is_some_and(fits) {
        return Ok(text);
    }
    let what = format!(
        "{} is not an address that links can begin with",
        display(value)
    );
    Err(Problem::new(what, "write it as \"https://rec.example\""))
}

//! `[recordings]`: where recordings can be fetched.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml_edit::Value;
use url::Url;

use super::secrets::secret;
use super::section::Section;
use super::sections::socket_address;
use super::upload::upload;
use super::value::{Read, Wrong, duration, one_line, optional, shown};
use crate::recordings::{Folder, TargetOptions};
use switchhook_core::secret::Secret;

/// `[recordings]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recordings {
    /// Template of `recordedFilePublicPath`.
    pub public_url: Option<String>,
    /// They are served by this program.
    pub serve: Option<Serve>,
    /// They are uploaded.
    pub upload: Option<TargetOptions>,
    /// The longest that documents wait for those that are served or uploaded.
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
    /// What links are signed or uploads authorized with.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        let served = self.serve.as_ref().map(|serve| &serve.secret);
        served.or_else(|| self.upload.as_ref()?.kind.key())
    }
}

/// `recordings.serve`: links of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where recordings are.
    pub folder: Folder,
    /// What links begin with.
    pub url: String,
    /// What they are signed with.
    pub secret: Secret,
    /// Where they lead to in the end.
    pub listen: SocketAddr,
    /// How long one holds.
    pub expires: Duration,
}

/// A secret that is shorter can be guessed.
const SECRET_LEAST: usize = 16;
pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn recordings(mut section: Section<'_>) -> Recordings {
    section.only_one(&["public_url", "serve", "upload"]);
    let default = Recordings::default();
    let least = Duration::from_secs(1);
    Recordings {
        public_url: section.get("public_url", optional(one_line)).flatten(),
        serve: serve(section.section("serve")),
        upload: upload(section.section("upload")),
        wait: section.get_or("wait", default.wait, duration(least..=7 * DAY)),
    }
}

fn serve(mut section: Section<'_>) -> Option<Serve> {
    if !section.is_there() {
        return None;
    }
    let keys = ["secret", "secret_env", "secret_file"];
    let help = "add secret_env, secret_file or secret, such as `openssl rand -base64 32` makes";
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8087));
    let minute = Duration::from_secs(60);
    let serve = Serve {
        folder: folders(&mut section),
        url: section.need("url", "add url = \"https://rec.example\"", base),
        secret: secret(&mut section, &keys, help),
        listen: section.get_or("listen", listen, socket_address),
        expires: section.get_or("expires", 30 * DAY, duration(minute..=3650 * DAY)),
    };
    let length = serve.secret.reveal().len();
    if (1..SECRET_LEAST).contains(&length) {
        let what = format!("has {length} characters, and {SECRET_LEAST} are the least");
        let given = keys.iter().find(|key| section.has(key)).unwrap_or(&keys[0]);
        section.fault(
            given,
            Wrong::new(what, "make one with `openssl rand -base64 32`"),
        );
    }
    Some(serve)
}

/// `folder`, and `switch_folder` where the switch calls it otherwise.
pub(super) fn folders(section: &mut Section<'_>) -> Folder {
    let help = "add folder = \"/var/lib/freeswitch/recordings\"";
    let here = section.need("folder", help, folder);
    Folder {
        switch: section.get_or("switch_folder", here.clone(), folder),
        here,
    }
}

/// A whole path: the working directory of a service is nobody's guess.
fn folder(value: &Value) -> Read<PathBuf> {
    let path = PathBuf::from(one_line(value)?);
    if path.is_absolute() && path.parent().is_some() {
        return Ok(path);
    }
    let what = format!(
        "{} is not the whole path of a folder of its own",
        shown(value)
    );
    Err(Wrong::new(what, "write it from its / on"))
}

fn base(value: &Value) -> Read<String> {
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
        shown(value)
    );
    Err(Wrong::new(what, "write it as \"https://rec.example\""))
}

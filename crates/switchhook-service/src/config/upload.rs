//! `recordings.upload`: where recordings are uploaded to.

use std::path::PathBuf;
use std::time::Duration;

use toml_edit::Value;
use url::Url;

use super::recordings::{DAY, folders};
use super::secrets::apart;
use super::section::Section;
use super::sections::http_url;
use super::value::{Read, Wrong, bytes, duration, number, one_line, optional, shown};
use crate::recordings::{TargetKind, TargetOptions};
use switchhook_core::secret::Secret;

const MIB: usize = 1024 * 1024;
/// What a signed link may hold for: S3 and Google allow no more.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);
const KEYS: [&str; 3] = ["key", "key_env", "key_file"];

/// A target's scheme, the name in its place, and what follows it.
#[derive(Default)]
struct To {
    scheme: Scheme,
    name: String,
    rest: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Scheme {
    #[default]
    File,
    S3,
    Azure,
    Google,
}

pub(super) fn upload(mut section: Section<'_>) -> Option<TargetOptions> {
    if !section.is_there() {
        return None;
    }
    let minute = Duration::from_secs(60);
    let to: To = section.need("to", "add to = \"s3://bucket/recordings\"", to);
    let public_url = section.get("public_url", optional(one_line)).flatten();
    if to.scheme == Scheme::File && public_url.is_none() && section.has("to") {
        let help = "add public_url = \"https://rec.example/{{ key }}\"";
        let what = "is missing: a folder signs no links";
        section.fault("public_url", Wrong::new(what, help));
    }
    let options = TargetOptions {
        folder: folders(&mut section),
        prefix: match to.scheme {
            Scheme::File => String::new(),
            Scheme::S3 | Scheme::Azure | Scheme::Google => to.rest.clone(),
        },
        kind: kind(&mut section, to),
        expires: section.get_or("expires", LONGEST, duration(minute..=7 * DAY)),
        bytes: size(&mut section),
        at_once: section.get_or("at_once", 4, number(1..=64)),
        public_url,
    };
    Some(options)
}

fn size(section: &mut Section<'_>) -> u64 {
    let size = section.get_or("bytes", 512 * MIB, bytes(1..=64 * 1024 * MIB));
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Each key is known whatever the scheme; what it has no use for is a fault.
fn kind(section: &mut Section<'_>, to: To) -> TargetKind {
    let endpoint = section.get("endpoint", endpoint);
    let region = section.get("region", one_line);
    let key_id = section.get("key_id", one_line);
    let key = apart(section, &KEYS, |around| around.of_the_target());
    let has_key = KEYS.into_iter().find(|key| section.has(key));
    let (needs_id, needs_key) = match to.scheme {
        Scheme::File => (false, false),
        Scheme::S3 | Scheme::Azure => (true, true),
        Scheme::Google => (false, true),
    };
    let cloud = to.scheme != Scheme::File;
    for (name, is_given, is_of_use) in [
        ("endpoint", section.has("endpoint"), cloud),
        ("region", section.has("region"), to.scheme == Scheme::S3),
        ("key_id", section.has("key_id"), needs_id),
        (has_key.unwrap_or("key"), has_key.is_some(), needs_key),
    ] {
        if is_given && !is_of_use {
            section.fault(name, Wrong::new("is of no use there", "take it away"));
        }
    }
    if needs_id && !section.has("key_id") {
        let help = "add the access key's ID (s3) or the storage account's name (az)";
        section.fault("key_id", Wrong::new("is missing", help));
    }
    if needs_key && has_key.is_none() {
        let help = "add key_env, key_file or key: a secret access key (s3), an account's key \
                    (az), or a service account's JSON (gs)";
        section.fault("key", Wrong::new("is missing", help));
    }
    let key_id = key_id.unwrap_or_default();
    let key = key.unwrap_or_else(|| Secret::new(""));
    let To { scheme, name, rest } = to;
    match scheme {
        Scheme::File => TargetKind::Folder {
            path: PathBuf::from(rest),
        },
        Scheme::S3 => TargetKind::S3 {
            bucket: name,
            region: region.unwrap_or_else(|| "us-east-1".into()),
            endpoint,
            key_id,
            key,
        },
        Scheme::Azure => TargetKind::Azure {
            container: name,
            endpoint,
            key_id,
            key,
        },
        Scheme::Google => TargetKind::Google {
            bucket: name,
            endpoint,
            key,
        },
    }
}

fn to(value: &Value) -> Read<To> {
    let text = one_line(value)?;
    let help = "write it as \"s3://bucket/prefix\", \"az://container/prefix\", \
                \"gs://bucket/prefix\" or \"file:///srv/recordings\"";
    let wrong = || {
        let what = format!("{} is no place to upload to", shown(value));
        Wrong::new(what, help)
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let scheme = match scheme {
        "file" => Scheme::File,
        "s3" => Scheme::S3,
        "az" => Scheme::Azure,
        "gs" => Scheme::Google,
        _ => return Err(wrong()),
    };
    if scheme == Scheme::File {
        let path = PathBuf::from(rest);
        let is_own = path.is_absolute() && path.parent().is_some();
        return match is_own && !rest.split('/').any(|part| part == "..") {
            true => Ok(To {
                scheme,
                name: String::new(),
                rest: rest.to_owned(),
            }),
            false => Err(wrong()),
        };
    }
    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_plain = |part: &str| part != "." && part != ".." && !part.contains(['?', '#', '%']);
    let rest = rest.trim_end_matches('/');
    let plain = rest.is_empty()
        || rest
            .split('/')
            .all(|part| !part.is_empty() && is_plain(part));
    if name.is_empty() || !name.chars().all(fits) || !plain {
        return Err(wrong());
    }
    Ok(To {
        scheme,
        name: name.to_owned(),
        rest: rest.to_owned(),
    })
}

fn endpoint(value: &Value) -> Read<Url> {
    let help = "write it as \"https://s3.example\"";
    let url = http_url(value, "a service", help)?;
    match url.query().is_none() && url.fragment().is_none() {
        true => Ok(url),
        false => Err(Wrong::new("has a query or a fragment", help)),
    }
}

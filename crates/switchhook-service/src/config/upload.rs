//! `recordings.upload`: the target that recordings are uploaded to.

use std::path::PathBuf;
use std::time::Duration;

use toml_edit::Value;
use url::Url;

use super::folder::{DAY, folders};
use super::secrets::secret_from;
use super::section::Section;
use super::sections::http_url;
use super::value::{Parsed, Problem, byte_size, display, duration, number, one_line, optional};
use crate::recordings::{TargetKind, TargetOptions};
use switchhook_core::secret::Secret;

const MIB: usize = 1024 * 1024;
/// Longest validity of a signed link: S3 and Google allow no more.
const MAX_LINK_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);
const KEYS: [&str; 3] = ["key", "key_env", "key_file"];

/// The parts of `to`: scheme, bucket or container, and path.
#[derive(Default)]
struct Destination {
    scheme: DestinationScheme,
    bucket: String,
    path: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum DestinationScheme {
    #[default]
    File,
    S3,
    Azure,
    Google,
}

pub(super) fn upload(mut section: Section<'_>) -> Option<TargetOptions> {
    if !section.is_present() {
        return None;
    }
    let minute = Duration::from_secs(60);
    let to: Destination = section.require("to", "add to = \"s3://bucket/recordings\"", destination);
    let public_url = section.get("public_url", optional(one_line)).flatten();
    if to.scheme == DestinationScheme::File && public_url.is_none() && section.has("to") {
        let help = "add public_url = \"https://rec.example/{{ key }}\"";
        let what = "is missing: links to a folder are never signed";
        section.fault("public_url", Problem::new(what, help));
    }
    let options = TargetOptions {
        folder: folders(&mut section),
        prefix: match to.scheme {
            DestinationScheme::File => String::new(),
            DestinationScheme::S3 | DestinationScheme::Azure | DestinationScheme::Google => {
                to.path.clone()
            }
        },
        kind: target_kind(&mut section, to),
        expires: section.get_or("expires", MAX_LINK_LIFETIME, duration(minute..=7 * DAY)),
        bytes: size(&mut section),
        at_once: section.get_or("at_once", 4, number(1..=64)),
        public_url,
    };
    Some(options)
}

fn size(section: &mut Section<'_>) -> u64 {
    let size = section.get_or("bytes", 512 * MIB, byte_size(1..=64 * 1024 * MIB));
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Reads the target's keys. Every key is known for every scheme; a key that the scheme does not use
/// is a fault.
fn target_kind(section: &mut Section<'_>, to: Destination) -> TargetKind {
    let endpoint = section.get("endpoint", endpoint);
    let region = section.get("region", one_line);
    let key_id = section.get("key_id", one_line);
    let key = secret_from(section, &KEYS, |environment| {
        environment.for_upload_target()
    });
    let has_key = KEYS.into_iter().find(|key| section.has(key));
    let (needs_id, needs_key) = match to.scheme {
        DestinationScheme::File => (false, false),
        DestinationScheme::S3 | DestinationScheme::Azure => (true, true),
        DestinationScheme::Google => (false, true),
    };
    let cloud = to.scheme != DestinationScheme::File;
    for (name, is_given, is_of_use) in [
        ("endpoint", section.has("endpoint"), cloud),
        (
            "region",
            section.has("region"),
            to.scheme == DestinationScheme::S3,
        ),
        ("key_id", section.has("key_id"), needs_id),
        (has_key.unwrap_or("key"), has_key.is_some(), needs_key),
    ] {
        if is_given && !is_of_use {
            section.fault(
                name,
                Problem::new("is not used by this kind of target", "remove it"),
            );
        }
    }
    if needs_id && !section.has("key_id") {
        let help = "add the access key's ID (s3) or the storage account's name (az)";
        section.fault("key_id", Problem::new("is missing", help));
    }
    if needs_key && has_key.is_none() {
        let help = "add key_env, key_file or key: a secret access key (s3), an account's key \
                    (az), or a service account's JSON (gs)";
        section.fault("key", Problem::new("is missing", help));
    }
    let key_id = key_id.unwrap_or_default();
    let key = key.unwrap_or_else(|| Secret::new(""));
    let Destination {
        scheme,
        bucket,
        path,
    } = to;
    match scheme {
        DestinationScheme::File => TargetKind::Folder {
            path: PathBuf::from(path),
        },
        DestinationScheme::S3 => TargetKind::S3 {
            bucket,
            region: region.unwrap_or_else(|| "us-east-1".into()),
            endpoint,
            key_id,
            key,
        },
        DestinationScheme::Azure => TargetKind::Azure {
            container: bucket,
            endpoint,
            key_id,
            key,
        },
        DestinationScheme::Google => TargetKind::Google {
            bucket,
            endpoint,
            key,
        },
    }
}

fn destination(value: &Value) -> Parsed<Destination> {
    let text = one_line(value)?;
    let help = "write it as \"s3://bucket/prefix\", \"az://container/prefix\", \
                \"gs://bucket/prefix\" or \"file:///srv/recordings\"";
    let problem = || {
        let what = format!("{} is not a target for uploads", display(value));
        Problem::new(what, help)
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(problem)?;
    let scheme = match scheme {
        "file" => DestinationScheme::File,
        "s3" => DestinationScheme::S3,
        "az" => DestinationScheme::Azure,
        "gs" => DestinationScheme::Google,
        _ => return Err(problem()),
    };
    if scheme == DestinationScheme::File {
        let path = PathBuf::from(rest);
        let is_own = path.is_absolute() && path.parent().is_some();
        if !is_own || rest.split('/').any(|part| part == "..") {
            return Err(problem());
        }
        return Ok(Destination {
            scheme,
            bucket: String::new(),
            path: rest.to_owned(),
        });
    }
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(fits) {
        return Err(problem());
    }
    let path = path.trim_end_matches('/');
    if let Some(part) = path.split('/').find(|part| !is_prefix_part(part))
        && !path.is_empty()
    {
        let what = format!(
            "{}: {part:?} cannot be a part of the prefix",
            display(value)
        );
        let help =
            "use letters, digits, blanks, ., _ and - between the slashes, and no dot at the end";
        return Err(Problem::new(what, help));
    }
    Ok(Destination {
        scheme,
        bucket: bucket.to_owned(),
        path: path.to_owned(),
    })
}

/// Whether a part of the prefix is the same in the target as in the configuration. Targets and
/// object_store 0.14.2 change, encode or refuse other characters, each in its own way.
fn is_prefix_part(part: &str) -> bool {
    let fits =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '+' | '=' | ',' | '@');
    !part.is_empty()
        && part.chars().all(fits)
        && !part.ends_with(['.', ' '])
        && !part.starts_with(' ')
}

fn endpoint(value: &Value) -> Parsed<Url> {
    let help = "write it as \"https://s3.example\"";
    let url = http_url(value, "a service", help)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Problem::new("has a query or a fragment", help));
    }
    Ok(url)
}

//! The options of an upload target.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::recordings::Folder;
use switchhook_core::secret::Secret;

/// The target, the folder to upload from, and how others fetch the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The folder that recordings are read from.
    pub folder: Folder,
    /// The kind of target and its address.
    pub kind: TargetKind,
    /// The beginning of every key.
    pub prefix: String,
    /// Template of links (`{{ key }}`); without one, links are signed.
    pub public_url: Option<String>,
    /// How long a signed link is valid.
    pub expires: Duration,
    /// Largest recording, in bytes.
    pub bytes: u64,
    /// Uploads at a time.
    pub at_once: usize,
}

/// Why a target cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {help}")]
pub struct TargetError {
    /// The setting, without its section.
    pub key: &'static str,
    /// What is wrong with it.
    pub what: String,
    /// How to correct it.
    pub help: &'static str,
}

/// A kind of target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A folder of this machine.
    Folder {
        /// The folder's path.
        path: PathBuf,
    },
    /// Amazon S3, or a compatible service.
    S3 {
        /// The bucket.
        bucket: String,
        /// The region.
        region: String,
        /// The service's address; `None` for Amazon's.
        endpoint: Option<Url>,
        /// Access key ID.
        key_id: String,
        /// Secret access key.
        key: Secret,
    },
    /// Azure Blob Storage.
    Azure {
        /// The container.
        container: String,
        /// The service's address; `None` for Microsoft's.
        endpoint: Option<Url>,
        /// Storage account.
        key_id: String,
        /// Access key.
        key: Secret,
    },
    /// Google Cloud Storage.
    Google {
        /// The bucket.
        bucket: String,
        /// The service's address; `None` for Google's.
        endpoint: Option<Url>,
        /// The JSON of a service account's key.
        key: Secret,
    },
}

impl TargetKind {
    /// Returns the secret of the target, if it has one.
    #[must_use]
    pub const fn key(&self) -> Option<&Secret> {
        match self {
            Self::Folder { .. } => None,
            Self::S3 { key, .. } | Self::Azure { key, .. } | Self::Google { key, .. } => Some(key),
        }
    }
}

/// Shows the target's URL without secrets.
impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, name, endpoint) = match self {
            Self::Folder { path } => return write!(f, "file://{}", path.display()),
            Self::S3 {
                bucket, endpoint, ..
            } => ("s3", bucket, endpoint),
            Self::Azure {
                container,
                endpoint,
                ..
            } => ("az", container, endpoint),
            Self::Google {
                bucket, endpoint, ..
            } => ("gs", bucket, endpoint),
        };
        write!(f, "{scheme}://{name}")?;
        match endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

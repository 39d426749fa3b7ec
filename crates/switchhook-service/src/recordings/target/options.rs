//! What an upload needs to know.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::recordings::Folder;
use switchhook_core::secret::Secret;

/// Where to, which files, and how others fetch them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The folder that recordings are taken from.
    pub folder: Folder,
    /// Where to.
    pub kind: TargetKind,
    /// What every key begins with.
    pub prefix: String,
    /// Template of links (`{{ key }}`); without one they are signed.
    pub public_url: Option<String>,
    /// How long a signed link holds.
    pub expires: Duration,
    /// Bytes that a recording may have.
    pub bytes: u64,
    /// Uploads at once.
    pub at_once: usize,
}

/// Why a target cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {cure}")]
pub struct TargetError {
    /// The setting, without its section.
    pub key: &'static str,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub cure: &'static str,
}

/// A kind of target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A folder of this machine.
    Folder {
        /// Its path.
        path: PathBuf,
    },
    /// S3, or what speaks like it.
    S3 {
        /// Bucket.
        bucket: String,
        /// Region.
        region: String,
        /// `None`: Amazon's.
        endpoint: Option<Url>,
        /// Access key ID.
        key_id: String,
        /// Secret access key.
        key: Secret,
    },
    /// Azure's blobs.
    Azure {
        /// Container.
        container: String,
        /// `None`: Microsoft's.
        endpoint: Option<Url>,
        /// Storage account.
        key_id: String,
        /// Access key.
        key: Secret,
    },
    /// Google Cloud Storage.
    Google {
        /// Bucket.
        bucket: String,
        /// `None`: Google's.
        endpoint: Option<Url>,
        /// The JSON of a service account's key.
        key: Secret,
    },
}

impl TargetKind {
    /// Its secret.
    #[must_use]
    pub const fn key(&self) -> Option<&Secret> {
        match self {
            Self::Folder { .. } => None,
            Self::S3 { key, .. } | Self::Azure { key, .. } | Self::Google { key, .. } => Some(key),
        }
    }
}

/// Without secrets.
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

//! From what the configuration says to a target that can be written to.

use std::sync::Arc;
use std::time::Duration;

use minijinja::context;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use reqwest::redirect;
use url::Url;

use super::{LINK, Link, Target, TargetError, TargetKind, TargetOptions, said};
use crate::recordings::template;
use switchhook_webhook::client_builder;

/// To connect, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// One request: a part of an object over a slow line.
const REQUEST: Duration = Duration::from_secs(120);
/// A target that fails is asked again at once; then later, with other calls in between.
const RETRIES: usize = 2;
const RETRY: Duration = Duration::from_secs(10);

/// A target of either kind: some sign links.
type Opened = (Arc<dyn ObjectStore>, Option<Arc<dyn Signer>>);

impl Target {
    /// A target; nothing is asked of it yet.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn open(options: &TargetOptions) -> Result<Self, TargetError> {
        let (store, signer) = opened(&options.kind)?;
        let link = match (&options.public_url, signer) {
            (Some(text), _) => Link::Template(Box::new(link(text)?)),
            (None, Some(signer)) => Link::Signed(signer),
            (None, None) => {
                return Err(TargetError {
                    key: "public_url",
                    what: "is missing: a folder signs no links".into(),
                    cure: "add public_url = \"https://rec.example/{{ key }}\"",
                });
            }
        };
        Ok(Self {
            prefix: Path::from(options.prefix.as_str()),
            options: options.clone(),
            store,
            link,
        })
    }
}

fn link(text: &str) -> Result<minijinja::Environment<'static>, TargetError> {
    let made = template(LINK, text.to_owned()).and_then(|environment| {
        environment
            .get_template(LINK)?
            .render(context! { key => "uuid/a.wav" })?;
        Ok(environment)
    });
    made.map_err(|error| TargetError {
        key: "public_url",
        what: error.to_string(),
        cure: "write it as https://rec.example/{{ key }}",
    })
}

/// The library's builders have this in common, but no trait.
macro_rules! over_http {
    ($builder:expr, $endpoint:expr) => {
        $builder
            .with_client_options(client_options($endpoint.as_ref()))
            .with_retry(retries())
            .with_http_connector(Connector::new($endpoint.as_ref())?)
    };
}

fn opened(kind: &TargetKind) -> Result<Opened, TargetError> {
    match kind {
        TargetKind::Folder { path } => folder(path),
        TargetKind::S3 {
            bucket,
            region,
            endpoint,
            key_id,
            key,
        } => {
            let builder = AmazonS3Builder::new()
                .with_bucket_name(bucket)
                .with_region(region)
                .with_access_key_id(key_id)
                .with_secret_access_key(key.reveal());
            let builder = over_http!(builder, endpoint);
            let builder = match endpoint {
                Some(endpoint) => builder.with_endpoint(base(endpoint)),
                None => builder,
            };
            both(builder.build())
        }
        TargetKind::Azure {
            container,
            endpoint,
            key_id,
            key,
        } => {
            let builder = MicrosoftAzureBuilder::new()
                .with_container_name(container)
                .with_account(key_id)
                .with_access_key(key.reveal());
            let builder = over_http!(builder, endpoint);
            let builder = match endpoint {
                Some(endpoint) => builder.with_endpoint(base(endpoint)),
                None => builder,
            };
            both(builder.build())
        }
        TargetKind::Google {
            bucket,
            endpoint,
            key,
        } => {
            let builder = GoogleCloudStorageBuilder::new()
                .with_bucket_name(bucket)
                .with_service_account_key(key.reveal());
            let builder = over_http!(builder, endpoint);
            let builder = match endpoint {
                Some(endpoint) => builder.with_base_url(&base(endpoint)),
                None => builder,
            };
            both(builder.build())
        }
    }
}

/// What is in it is on the disk before a document says so.
fn folder(path: &std::path::Path) -> Result<Opened, TargetError> {
    let root = Path::from_absolute_path(path).map_err(|error| TargetError {
        key: "to",
        what: error.to_string(),
        cure: "write it as \"file:///srv/recordings\"",
    })?;
    let disk = LocalFileSystem::new().with_fsync(true);
    Ok((Arc::new(PrefixStore::new(disk, root)), None))
}

fn both<S>(built: object_store::Result<S>) -> Result<Opened, TargetError>
where
    S: ObjectStore + Signer,
{
    let store = built.map_err(|error| TargetError {
        key: "key",
        what: said(&error),
        cure: "see [recordings] upload in the reference",
    })?;
    let store = Arc::new(store);
    Ok((Arc::clone(&store) as Arc<dyn ObjectStore>, Some(store)))
}

/// As the library joins it with a bucket.
fn base(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}

/// Plain HTTP only where the operator wrote it.
fn is_plain(endpoint: Option<&Url>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.scheme() == "http")
}

fn client_options(endpoint: Option<&Url>) -> ClientOptions {
    ClientOptions::new().with_allow_http(is_plain(endpoint))
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY,
    }
}

/// Gives the library a client of ours: no redirect, and no proxy of the environment.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl Connector {
    fn new(endpoint: Option<&Url>) -> Result<Self, TargetError> {
        // The target is the operator's, and not of a call's choosing: [egress] is not asked.
        let failed = |what| TargetError {
            key: "to",
            what,
            cure: "see whether the system has certificates of authorities",
        };
        let builder = client_builder().map_err(|fault| failed(fault.what))?;
        let client = builder
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .https_only(!is_plain(endpoint))
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .no_proxy()
            .build();
        client.map(Self).map_err(|error| failed(error.to_string()))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

//! Opens a target from its options.

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

use super::{LINK_TEMPLATE, Link, Target, TargetError, TargetKind, TargetOptions, error_text};
use crate::recordings::{LinkChecker, strict_template};
use switchhook_webhook::client_builder;

/// Time to connect, including TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time of one request: a part of an object over a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The library retries a failed request a few times at once; later retries are for the call's next
/// check.
const MAX_RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// An opened store, and its signer if it can sign links.
type OpenedStore = (Arc<dyn ObjectStore>, Option<Arc<dyn Signer>>);

impl Target {
    /// Opens a target without sending a request.
    ///
    /// # Errors
    /// Returns the setting that cannot be used.
    pub fn open(options: &TargetOptions) -> Result<Self, TargetError> {
        let (store, signer) = open_store(&options.kind)?;
        let link = match (&options.public_url, signer) {
            (Some(text), _) => Link::Template(Box::new(link_template(text)?)),
            (None, Some(signer)) => Link::Signed(signer),
            (None, None) => {
                return Err(TargetError {
                    key: "public_url",
                    what: "is missing: links to a folder are never signed".into(),
                    help: "add public_url = \"https://rec.example/{{ key }}\"",
                });
            }
        };
        let checker = LinkChecker::new().map_err(unusable)?;
        let prefix = Path::parse(&options.prefix).map_err(|error| TargetError {
            key: "to",
            what: error.to_string(),
            help: "write it as \"s3://bucket/prefix\"",
        })?;
        Ok(Self {
            prefix,
            options: options.clone(),
            store,
            link,
            checker,
        })
    }
}

fn link_template(text: &str) -> Result<minijinja::Environment<'static>, TargetError> {
    let made = strict_template(LINK_TEMPLATE, text.to_owned()).and_then(|environment| {
        environment
            .get_template(LINK_TEMPLATE)?
            .render(context! { key => "uuid/a.wav" })?;
        Ok(environment)
    });
    made.map_err(|error| TargetError {
        key: "public_url",
        what: error.to_string(),
        help: "write it as https://rec.example/{{ key }}",
    })
}

/// The library's builders share these methods, but no trait.
macro_rules! over_http {
    ($builder:expr, $endpoint:expr) => {
        $builder
            .with_client_options(client_options($endpoint.as_ref()))
            .with_retry(retries())
            .with_http_connector(Connector::new($endpoint.as_ref())?)
    };
}

fn open_store(kind: &TargetKind) -> Result<OpenedStore, TargetError> {
    match kind {
        TargetKind::Folder { path } => open_folder(path),
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
                Some(endpoint) => builder.with_endpoint(base_url(endpoint)),
                None => builder,
            };
            with_signer(builder.build())
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
                Some(endpoint) => builder.with_endpoint(base_url(endpoint)),
                None => builder,
            };
            with_signer(builder.build())
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
                Some(endpoint) => builder.with_base_url(&base_url(endpoint)),
                None => builder,
            };
            with_signer(builder.build())
        }
    }
}

/// Opens a folder. A file is synced to the disk before a document links to it.
fn open_folder(path: &std::path::Path) -> Result<OpenedStore, TargetError> {
    let root = Path::from_absolute_path(path).map_err(|error| TargetError {
        key: "to",
        what: error.to_string(),
        help: "write it as \"file:///srv/recordings\"",
    })?;
    let disk = LocalFileSystem::new().with_fsync(true);
    Ok((Arc::new(PrefixStore::new(disk, root)), None))
}

fn with_signer<S>(built: object_store::Result<S>) -> Result<OpenedStore, TargetError>
where
    S: ObjectStore + Signer,
{
    let store = built.map_err(|error| TargetError {
        key: "key",
        what: error_text(&error),
        help: "see [recordings] upload in the reference",
    })?;
    let store = Arc::new(store);
    Ok((Arc::clone(&store) as Arc<dyn ObjectStore>, Some(store)))
}

/// Returns the URL without a final `/`, because the library appends the bucket.
fn base_url(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}

/// Plain HTTP is used only if the operator wrote `http://`.
fn is_plain_http(endpoint: Option<&Url>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.scheme() == "http")
}

fn client_options(endpoint: Option<&Url>) -> ClientOptions {
    ClientOptions::new().with_allow_http(is_plain_http(endpoint))
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// Returns the fault of a client that cannot be built.
fn unusable(what: String) -> TargetError {
    TargetError {
        key: "to",
        what,
        help: "check the system's CA certificates",
    }
}

/// Gives the library a client without redirects and without the environment's proxy.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl Connector {
    fn new(endpoint: Option<&Url>) -> Result<Self, TargetError> {
        // The operator chose the target, not a call, so the rules of [egress] do not apply.
        let builder = client_builder().map_err(|error| unusable(error.what))?;
        let client = builder
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .https_only(!is_plain_http(endpoint))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .build();
        client
            .map(Self)
            .map_err(|error| unusable(error.to_string()))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

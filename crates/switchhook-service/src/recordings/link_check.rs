//! Fetches one byte of a link, so that a document does not have links that do not open.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::RANGE;
use tokio::time::Instant;

use switchhook_webhook::client_builder;

/// Longest time for one link.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an address that this machine cannot reach is left alone.
const OUT_OF_REACH: Duration = Duration::from_secs(300);

/// Who made a link, and so what an answer to this machine means for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOrigin {
    /// The target signed it: it opens for everyone or for nobody.
    Signed,
    /// It leads to a server of the operator's choice, which may be out of this machine's reach or
    /// ask for a password.
    Operator,
}

/// What fetching a link showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCheck {
    /// It opens.
    Opens,
    /// Nothing can be said from this machine: half a sentence that says why.
    OutOfReach(String),
}

/// Fetches links. It uses no proxy and follows no redirect, as uploads do.
#[derive(Debug)]
pub struct LinkChecker {
    http: reqwest::Client,
    /// Until when the operator's server is left alone.
    out_of_reach: ArcSwapOption<(Instant, String)>,
}

impl LinkChecker {
    /// Returns a checker of links.
    ///
    /// # Errors
    /// Returns why the system's certificates cannot be used.
    pub fn new() -> Result<Self, String> {
        let builder = client_builder().map_err(|error| error.what)?;
        let client = builder
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy()
            .build();
        Ok(Self {
            http: client.map_err(|error| error.to_string())?,
            out_of_reach: ArcSwapOption::empty(),
        })
    }

    /// Fetches the first byte of `link`.
    ///
    /// # Errors
    /// Returns half a sentence that says why the link does not open. It does not show the link,
    /// which may be signed.
    pub async fn check(&self, link: &str, origin: LinkOrigin) -> Result<LinkCheck, String> {
        if origin == LinkOrigin::Operator
            && let Some(known) = self.out_of_reach.load_full()
            && Instant::now() < known.0
        {
            return Ok(LinkCheck::OutOfReach(known.1.clone()));
        }
        let request = self.http.get(link).header(RANGE, "bytes=0-0");
        let why = match request.send().await {
            // The body is not read: a server without ranges would send all of it.
            Ok(response) if response.status().is_success() => {
                self.out_of_reach.store(None);
                return Ok(LinkCheck::Opens);
            }
            Ok(response) => {
                let status = response.status();
                let why = format!("it answers {status}");
                let is_gate = status.is_redirection() || matches!(status.as_u16(), 401 | 403 | 407);
                if origin == LinkOrigin::Signed || !is_gate {
                    return Err(why);
                }
                // One file may be closed to us and the next one open.
                return Ok(LinkCheck::OutOfReach(why));
            }
            Err(error) => reason(&error.without_url()),
        };
        if origin == LinkOrigin::Signed {
            return Err(why);
        }
        let until = Instant::now() + OUT_OF_REACH;
        self.out_of_reach
            .store(Some(Arc::new((until, why.clone()))));
        Ok(LinkCheck::OutOfReach(why))
    }
}

/// Returns the first cause of a failed request.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer came within {TIMEOUT:?}");
    }
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

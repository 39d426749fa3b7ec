//! Passes the CDRs that switches post to the follower of each switch.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::counter;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tracing::warn;

use crate::config::{self, Config, Credentials};
use crate::follow::{self, CdrInbox};
use switchhook_admin::cdr_receiver::{BasicCredentials, CdrRejection, ReceiveCdr, posts};
use switchhook_core::cdr::Cdr;
use switchhook_core::metric_names;

/// The switches that may post CDRs.
#[derive(Default)]
pub(crate) struct PostedCdrs(Vec<Switch>);

/// The credentials of a switch; a reload replaces them.
type SharedCredentials = Arc<ArcSwapOption<Credentials>>;

struct Switch {
    address: String,
    auth: SharedCredentials,
    posts: Arc<Semaphore>,
    inbox: CdrInbox,
}

impl PostedCdrs {
    /// Adds a switch with its follower's inbox, if the switch may post.
    pub(super) fn add(&mut self, switch: &config::Switch, inbox: CdrInbox) {
        if switch.json_cdr_post {
            self.0.push(Switch {
                address: switch.address.clone(),
                auth: Arc::new(ArcSwapOption::from_pointee(switch.json_cdr_auth.clone())),
                posts: posts(),
                inbox,
            });
        }
    }

    /// Takes the credentials of another configuration.
    pub(super) fn replace_credentials(&self, config: &Config) {
        for switch in &self.0 {
            let mut all = config.freeswitch.iter();
            if let Some(new) = all.find(|new| new.address == switch.address) {
                switch.auth.store(new.json_cdr_auth.clone().map(Arc::new));
            }
        }
    }

    /// Returns whether any switch may post.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn switch(&self, name: &str) -> Result<&Switch, CdrRejection> {
        let switch = self.0.iter().find(|switch| switch.inbox.is_of(name));
        switch.ok_or_else(|| unknown(name))
    }

    async fn pass_on(&self, name: &str, record: &[u8]) -> Result<(), CdrRejection> {
        let switch = self.switch(name)?;
        let cdr = Cdr::parse(record).map_err(|error| switch.refuse(&error.to_string()))?;
        match switch.inbox.take(cdr).await {
            Ok(()) => Ok(()),
            Err(error @ follow::CdrRejection::Foreign) => Err(switch.refuse(&error.to_string())),
            Err(error @ follow::CdrRejection::NotNow) => {
                Err(CdrRejection::Unavailable(error.to_string()))
            }
        }
    }
}

fn unknown(name: &str) -> CdrRejection {
    let name: String = name.chars().take(100).collect();
    let name = name.escape_debug();
    CdrRejection::UnknownSwitch(format!(
        "no switch {name} may post here: set json_cdr_post = true in its [[freeswitch]], or post to /json_cdr/ and its name in cdrId"
    ))
}

impl Switch {
    fn accepts(&self, credentials: Option<&BasicCredentials>) -> bool {
        let auth = self.auth.load();
        let Some(wanted) = auth.as_ref() else {
            return true;
        };
        // Digests are compared, so that the time taken reveals nothing of the password.
        let digest = |user: &str, password: &str| {
            let hash = Sha256::new().chain_update(user).chain_update([0]);
            hash.chain_update(password).finalize()
        };
        let wanted = digest(&wanted.username, wanted.password.reveal());
        credentials.is_some_and(|(user, password)| digest(user, password) == wanted)
    }

    fn refuse(&self, why: &str) -> CdrRejection {
        let switch = self.address.clone();
        warn!(switch, why, "a posted CDR is refused");
        counter!(metric_names::CDRS, "switch" => switch, "outcome" => "refused").increment(1);
        CdrRejection::Invalid(why.to_owned())
    }
}

impl ReceiveCdr for PostedCdrs {
    fn authorize(
        &self,
        switch: &str,
        credentials: Option<&BasicCredentials>,
    ) -> Result<Arc<Semaphore>, CdrRejection> {
        let switch = self.switch(switch)?;
        if switch.accepts(credentials) {
            Ok(Arc::clone(&switch.posts))
        } else {
            Err(CdrRejection::Unauthorized)
        }
    }

    fn receive(&self, switch: String, record: Bytes) -> BoxFuture<'_, Result<(), CdrRejection>> {
        async move { self.pass_on(&switch, &record).await }.boxed()
    }
}

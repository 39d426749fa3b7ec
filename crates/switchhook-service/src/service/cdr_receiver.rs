//! Passes the CDRs that switches post to the follower of each switch.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::counter;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::config::{self, Credentials};
use crate::follow::{CdrInbox, CdrRejection};
use switchhook_admin::cdr_receiver::{BasicCredentials, CdrRejection, ReceiveCdr};
use switchhook_core::cdr::Cdr;
use switchhook_core::metric_names;

/// The switches that may post CDRs.
#[derive(Default)]
pub(crate) struct PostedCdrs(Vec<Switch>);

struct Switch {
    address: String,
    auth: Option<Credentials>,
    inbox: CdrInbox,
}

impl PostedCdrs {
    /// Adds a switch with its follower's inbox, if the switch may post.
    pub(super) fn add(&mut self, switch: &config::Switch, inbox: CdrInbox) {
        if switch.json_cdr_post {
            self.0.push(Switch {
                address: switch.address.clone(),
                auth: switch.json_cdr_auth.clone(),
                inbox,
            });
        }
    }

    async fn pass_on(
        &self,
        name: &str,
        credentials: Option<BasicCredentials>,
        record: &[u8],
    ) -> Result<(), CdrRejection> {
        let switch = self.0.iter().find(|switch| switch.inbox.is_of(name));
        let switch = switch.ok_or_else(|| unknown(name))?;
        if !switch.accepts(credentials) {
            return Err(CdrRejection::Unauthorized);
        }
        let cdr = Cdr::parse(record).map_err(|error| switch.refuse(&error.to_string()))?;
        match switch.inbox.take(cdr).await {
            Ok(()) => Ok(()),
            Err(error @ CdrRejection::Foreign) => Err(switch.refuse(&error.to_string())),
            Err(error @ CdrRejection::NotNow) => Err(CdrRejection::NotNow(error.to_string())),
        }
    }
}

fn unknown(name: &str) -> CdrRejection {
    let name = name.escape_debug();
    CdrRejection::Unknown(format!(
        "no switch {name} may post here: set json_cdr_post = true in its [[freeswitch]], or post to /json_cdr/ and its name in cdrId"
    ))
}

impl Switch {
    fn accepts(&self, credentials: Option<BasicCredentials>) -> bool {
        let Some(wanted) = &self.auth else {
            return true;
        };
        // Digests are compared, so that the time taken reveals nothing of the password.
        let digest = |user: &str, password: &str| {
            let hash = Sha256::new().chain_update(user).chain_update([0]);
            hash.chain_update(password).finalize()
        };
        let wanted = digest(&wanted.username, wanted.password.reveal());
        credentials.is_some_and(|(user, password)| digest(&user, &password) == wanted)
    }

    fn refuse(&self, why: &str) -> CdrRejection {
        let switch = self.address.clone();
        warn!(switch, why, "a posted CDR is refused");
        counter!(metric_names::CDRS, "switch" => switch, "outcome" => "refused").increment(1);
        CdrRejection::Bad(why.to_owned())
    }
}

impl ReceiveCdr for PostedCdrs {
    fn take(
        &self,
        switch: String,
        credentials: Option<BasicCredentials>,
        record: Bytes,
    ) -> BoxFuture<'_, Result<(), CdrRejection>> {
        async move { self.pass_on(&switch, credentials, &record).await }.boxed()
    }
}

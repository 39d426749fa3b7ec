//! The CDRs that switches post, to the follower of each.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use metrics::counter;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::config::{self, Credentials};
use crate::follow::{Inlet, NotTaken};
use switchhook_admin::cdr_receiver::{Basic, ReceiveCdr, Refusal};
use switchhook_core::cdr::Cdr;
use switchhook_core::metric_names;

/// Every switch that may post.
#[derive(Default)]
pub(crate) struct CdrPosts(Vec<Switch>);

struct Switch {
    address: String,
    auth: Option<Credentials>,
    inlet: Inlet,
}

impl CdrPosts {
    /// A switch with the inlet of its follower.
    pub(super) fn admit(&mut self, switch: &config::Switch, inlet: Inlet) {
        if switch.json_cdr_post {
            self.0.push(Switch {
                address: switch.address.clone(),
                auth: switch.json_cdr_auth.clone(),
                inlet,
            });
        }
    }

    async fn give(&self, name: &str, said: Option<Basic>, record: &[u8]) -> Result<(), Refusal> {
        let switch = self.0.iter().find(|switch| switch.inlet.is_of(name));
        let switch = switch.ok_or_else(|| unknown(name))?;
        if !switch.admits(said) {
            return Err(Refusal::Unauthorized);
        }
        let cdr = Cdr::parse(record).map_err(|error| switch.refuse(&error.to_string()))?;
        match switch.inlet.take(cdr).await {
            Ok(()) => Ok(()),
            Err(error @ NotTaken::Foreign) => Err(switch.refuse(&error.to_string())),
            Err(error @ NotTaken::NotNow) => Err(Refusal::NotNow(error.to_string())),
        }
    }
}

fn unknown(name: &str) -> Refusal {
    let name = name.escape_debug();
    Refusal::Unknown(format!(
        "no switch {name} may post here: set json_cdr_post = true in its [[freeswitch]], or post to /json_cdr/ and its name in cdrId"
    ))
}

impl Switch {
    fn admits(&self, said: Option<Basic>) -> bool {
        let Some(wanted) = &self.auth else {
            return true;
        };
        // Of digests, so that the time of comparing tells nothing.
        let digest = |user: &str, password: &str| {
            let hash = Sha256::new().chain_update(user).chain_update([0]);
            hash.chain_update(password).finalize()
        };
        let wanted = digest(&wanted.username, wanted.password.reveal());
        said.is_some_and(|(user, password)| digest(&user, &password) == wanted)
    }

    fn refuse(&self, why: &str) -> Refusal {
        let switch = self.address.clone();
        warn!(switch, why, "a posted record is refused");
        counter!(metric_names::CDRS, "switch" => switch, "outcome" => "refused").increment(1);
        Refusal::Bad(why.to_owned())
    }
}

impl ReceiveCdr for CdrPosts {
    fn take(
        &self,
        switch: String,
        said: Option<Basic>,
        record: Bytes,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        async move { self.give(&switch, said, &record).await }.boxed()
    }
}

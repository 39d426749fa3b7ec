//! The switches that are followed, as those who know which calls there are.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::call_control::{CallVerifier, Confirmation};
use crate::config::Config;
use crate::follow::CallQuery;

/// All of them.
pub(crate) struct FollowedSwitches(Vec<CallQuery>);

impl FollowedSwitches {
    /// `None` when there is nobody to ask, or the operator does not want it.
    pub(super) fn of(config: &Config, askers: Vec<CallQuery>) -> Option<Arc<dyn CallVerifier>> {
        let wanted = config.listen.confirm_calls && !askers.is_empty();
        wanted.then(|| Arc::new(Self(askers)) as Arc<dyn CallVerifier>)
    }
}

impl CallVerifier for FollowedSwitches {
    fn confirm(&self, uuid: &str) -> BoxFuture<'static, Confirmation> {
        let askers = self.0.iter().cloned();
        let asked = askers.map(|asker| {
            let uuid = uuid.to_owned();
            async move { asker.has(uuid).await }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        async move {
            let mut all = true;
            while let Some(answer) = answers.next().await {
                match answer {
                    Some(true) => return Confirmation::Known,
                    Some(false) => {}
                    None => all = false,
                }
            }
            match all {
                true => Confirmation::Unknown,
                false => Confirmation::Unanswered,
            }
        }
        .boxed()
    }
}

//! One call: its recordings looked at, made reachable, and what follows from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{DocumentMaker, FileSnapshot, Links, PublishError, Publisher, SETTLE_TIME};
use switchhook_core::health::Health;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_store::{Published, Store, Unpublished};

/// How long a claimed call is ours; prolonged while it is seen to.
pub(super) const LEASE: Duration = Duration::from_secs(90);
/// Between two looks: a share of the time that the call has waited, within these.
const MIN_RECHECK: Duration = Duration::from_millis(500);
const MAX_RECHECK: Duration = Duration::from_secs(30);
const RECHECK_SHARE: u32 = 8;
/// What one look, an upload included, may take beyond the wait: of a call that waited while
/// nobody was there, too.
const LAST_ATTEMPT: Duration = Duration::from_secs(60);
/// Before what waits of a call is read again, when that failed.
const UNREADABLE_RETRY: Duration = Duration::from_secs(3_600);

/// A place that is away fails for every call.
static GIVEN_UP_LOG: LogThrottle = LogThrottle::new(20);

/// What seeing to a call takes.
#[derive(Clone)]
pub(super) struct StoreContext {
    pub(super) store: Store,
    pub(super) documents: Arc<dyn DocumentMaker>,
    pub(super) health: watch::Sender<Health>,
}

impl fmt::Debug for StoreContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreContext")
    }
}

/// What came of a look at a call.
enum CallResult {
    /// Its documents can be made.
    Done(Published),
    /// Once more, after this.
    Again(Duration),
}

type Inspected = BTreeMap<String, Result<(String, FileSnapshot), PublishError>>;

impl StoreContext {
    /// Looks at a claimed call once, until `stop`.
    pub(super) async fn publish_call(&self, call: Unpublished, stop: &CancellationToken) {
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => CallResult::Again(Duration::ZERO),
            () = self.keep_lease(&call) => return self.delete_uploads(&call).await,
            looked = self.process(&call) => looked,
        };
        match looked {
            CallResult::Done(published) => self.store_documents(call, published).await,
            CallResult::Again(wait) => {
                if let Err(error) = self.store.postpone(&call, wait).await {
                    let call_uuid = call.call_uuid;
                    debug!(call_uuid, %error, "a call that waits for recordings keeps its lease");
                }
            }
        }
    }

    /// Prolongs the lease; returns when another has it.
    async fn keep_lease(&self, call: &Unpublished) {
        loop {
            sleep(LEASE / 3).await;
            if matches!(self.store.postpone(call, LEASE).await, Ok(false)) {
                return;
            }
        }
    }

    async fn process(&self, call: &Unpublished) -> CallResult {
        let call_uuid = &call.call_uuid;
        let paths = match self.documents.recordings(&call.json) {
            Ok(paths) => paths,
            Err(error) => {
                error!(call_uuid, %error, "what waits of a call cannot be read; its documents stay in the store");
                return CallResult::Again(UNREADABLE_RETRY);
            }
        };
        let end = Instant::now() + call.left.max(LAST_ATTEMPT);
        let links = match self.documents.publisher() {
            None => Some(Links::new()),
            Some(publisher) => self.links(&publisher, call, paths, end).await,
        };
        let Some(links) = links else {
            counter!(metric_names::PUBLISHED, "outcome" => "again").increment(1);
            let wait = (call.since / RECHECK_SHARE).clamp(MIN_RECHECK, MAX_RECHECK);
            return CallResult::Again(wait.min(call.left));
        };
        match self.documents.publish(&call.json, &links) {
            Ok(published) => {
                log_unpublished(call_uuid, &links);
                CallResult::Done(published)
            }
            Err(error) => {
                error!(call_uuid, %error, "what waits of a call cannot be read; its documents stay in the store");
                CallResult::Again(UNREADABLE_RETRY)
            }
        }
    }

    /// The link of each recording, or why there will be none; `None` when that is still to be snapshot.
    async fn links(
        &self,
        publisher: &Publisher,
        call: &Unpublished,
        paths: Vec<String>,
        end: Instant,
    ) -> Option<Links> {
        let may_wait = !call.left.is_zero();
        let files = inspect_files(publisher, paths, may_wait).await;
        let mut links = Links::new();
        let waits = |error: &PublishError| may_wait && !matches!(error, PublishError::Permanent(_));
        if files.values().any(|file| file.as_ref().is_err_and(waits)) {
            return None;
        }
        for (path, file) in files {
            let link = match file {
                Ok((within, snapshot)) => {
                    let publish = publisher.publish(&call.call_uuid, &within, &snapshot);
                    let late = || PublishError::TargetUnavailable("it took too long".into());
                    let link = timeout_at(end, publish).await;
                    link.unwrap_or_else(|_| Err(late()))
                }
                Err(error) => Err(error),
            };
            self.update_health(&call.call_uuid, &path, &link);
            if link.as_ref().is_err_and(waits) && Instant::now() < end {
                return None;
            }
            links.insert(path, link);
        }
        Some(links)
    }

    /// Says once that the place is away, and once that it is back.
    fn update_health(&self, call_uuid: &str, file: &str, link: &Result<String, PublishError>) {
        let health = match link {
            Ok(_) => Health::well(),
            Err(PublishError::TargetUnavailable(why)) => {
                Health::ill(format!("recordings cannot be uploaded: {why}"))
            }
            Err(PublishError::NotReady(_) | PublishError::Permanent(_)) => return,
        };
        self.health.send_if_modified(|known| {
            let changed = known.ok != health.ok;
            match (changed, health.ok) {
                (true, true) => info!("recordings are uploaded again"),
                (true, false) => warn!(
                    call_uuid,
                    file, "{}; documents wait for them ([recordings] wait)", health.what
                ),
                (false, _) => {}
            }
            *known = health;
            changed
        });
    }

    /// Deletes what was uploaded of a call that was forgotten meanwhile: nothing is stored of it, so
    /// nothing would find it again. What another instance has done or does is left alone.
    async fn delete_uploads(&self, call: &Unpublished) {
        let uuid: &str = &call.call_uuid;
        let waits = self.store.unpublished_until(&[uuid]).await;
        let documents = self.store.documents_of(&[uuid]).await;
        let is_forgotten =
            matches!(waits, Ok(None)) && documents.is_ok_and(|documents| documents.is_empty());
        let publisher = self.documents.publisher().filter(|_| is_forgotten);
        let Some(publisher) = publisher else { return };
        match publisher.delete_uploads(uuid).await {
            Ok(()) => info!(
                call_uuid = uuid,
                "a call was forgotten while its recordings were uploaded"
            ),
            Err(error) => error!(
                call_uuid = uuid,
                error, "recordings of a forgotten call stay where they were uploaded to"
            ),
        }
    }

    /// Offers it to the store for as long as the lease lasts; after that another look is taken.
    async fn store_documents(&self, call: Unpublished, published: Published) {
        let until = Instant::now() + LEASE / 3;
        loop {
            let error = match self.store.publish(call.clone(), published.clone()).await {
                Ok(true) => return,
                Ok(false) => return self.delete_uploads(&call).await,
                Err(error) => error,
            };
            let waited = match error.is_recoverable() {
                true => timeout_at(until, self.store.recovered()).await.is_ok(),
                false => false,
            };
            if !waited {
                let call_uuid = call.call_uuid;
                warn!(call_uuid, %error, "the documents of a call are not stored yet");
                return;
            }
        }
    }
}

/// The recordings that are published, as they are at two looks.
async fn inspect_files(publisher: &Publisher, paths: Vec<String>, may_wait: bool) -> Inspected {
    let mut files = Inspected::new();
    for path in paths {
        let Some(within) = publisher.folder().relative_path(&path) else {
            continue;
        };
        let snapshot = publisher.inspect(&within).await;
        files.insert(path, snapshot.map(|snapshot| (within, snapshot)));
    }
    let not_yet = files
        .values()
        .any(|file| matches!(file, Err(PublishError::NotReady(_))));
    if (may_wait && not_yet) || files.values().all(Result::is_err) {
        return files;
    }
    sleep(SETTLE_TIME).await;
    for file in files.values_mut() {
        let Ok((_, snapshot)) = file else { continue };
        if let Err(error) = snapshot.is_unchanged().await {
            *file = Err(error);
        }
    }
    files
}

fn log_unpublished(call_uuid: &str, links: &Links) {
    for (file, link) in links {
        let Err(why) = link else {
            counter!(metric_names::PUBLISHED, "outcome" => "reachable").increment(1);
            continue;
        };
        counter!(metric_names::PUBLISHED, "outcome" => "given_up").increment(1);
        GIVEN_UP_LOG.say(|left_out| {
            warn!(
                call_uuid,
                file,
                %why,
                left_out,
                "a recording cannot be fetched, and its call's document says so"
            );
        });
    }
}

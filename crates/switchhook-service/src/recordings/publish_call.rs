//! Processes one waiting call: inspects its recordings, publishes them, and stores its documents.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{FileSnapshot, Links, PublishError, Publisher, SETTLE_TIME};
use crate::documents::DocumentBuilder;
use switchhook_core::health::Health;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_store::{PublishedCall, Store, UnpublishedCall};

/// Duration of the lease on a claimed call; renewed while the call is processed.
pub(super) const LEASE: Duration = Duration::from_secs(90);
/// Time between two checks of a call: a share of the time it has waited, within these bounds.
const MIN_RECHECK: Duration = Duration::from_millis(500);
const MAX_RECHECK: Duration = Duration::from_secs(30);
const RECHECK_SHARE: u32 = 8;
/// Least time for one check with its uploads, even if the call waited too long while no instance
/// was running.
const LAST_ATTEMPT: Duration = Duration::from_secs(60);
/// Wait before a call whose stored content cannot be parsed is read again.
const UNREADABLE_RETRY: Duration = Duration::from_secs(3_600);

/// A target that is down fails for every call.
static GIVEN_UP_LOG: LogThrottle = LogThrottle::new(20);

/// What processing a call needs.
#[derive(Clone)]
pub(super) struct StoreContext {
    pub(super) store: Store,
    pub(super) documents: Arc<DocumentBuilder>,
    pub(super) health: watch::Sender<Health>,
}

impl fmt::Debug for StoreContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreContext")
    }
}

/// The result of checking a call once.
enum CallResult {
    /// Its documents are built.
    Done(PublishedCall),
    /// Check again after this time.
    Again(Duration),
}

type Inspected = BTreeMap<String, Result<(String, FileSnapshot), PublishError>>;

impl StoreContext {
    /// Processes a claimed call once, or until `stop`.
    pub(super) async fn publish_call(&self, call: UnpublishedCall, stop: &CancellationToken) {
        let inspected = tokio::select! {
            biased;
            () = stop.cancelled() => CallResult::Again(Duration::ZERO),
            () = self.keep_lease(&call) => return self.delete_uploads(&call).await,
            inspected = self.process(&call) => inspected,
        };
        match inspected {
            CallResult::Done(published) => self.store_documents(call, published).await,
            CallResult::Again(wait) => {
                if let Err(error) = self.store.postpone(&call, wait).await {
                    let call_uuid = call.call_uuid;
                    debug!(call_uuid, %error, "a waiting call was not released; its lease expires later");
                }
            }
        }
    }

    /// Renews the lease; returns when another instance has it.
    async fn keep_lease(&self, call: &UnpublishedCall) {
        loop {
            sleep(LEASE / 3).await;
            if matches!(self.store.postpone(call, LEASE).await, Ok(false)) {
                return;
            }
        }
    }

    async fn process(&self, call: &UnpublishedCall) -> CallResult {
        let call_uuid = &call.call_uuid;
        let paths = match self.documents.recordings(&call.json) {
            Ok(paths) => paths,
            Err(error) => {
                error!(call_uuid, %error, "a waiting call's stored content cannot be parsed; its documents stay in the store");
                return CallResult::Again(UNREADABLE_RETRY);
            }
        };
        let end = Instant::now() + call.remaining.max(LAST_ATTEMPT);
        let links = match self.documents.publisher() {
            None => Some(Links::new()),
            Some(publisher) => self.links(&publisher, call, paths, end).await,
        };
        let Some(links) = links else {
            counter!(metric_names::PUBLISHED, "outcome" => "again").increment(1);
            let wait = (call.waited / RECHECK_SHARE).clamp(MIN_RECHECK, MAX_RECHECK);
            return CallResult::Again(wait.min(call.remaining));
        };
        match self.documents.publish(&call.json, &links) {
            Ok(published) => {
                log_unpublished(call_uuid, &links);
                CallResult::Done(published)
            }
            Err(error) => {
                error!(call_uuid, %error, "a waiting call's stored content cannot be parsed; its documents stay in the store");
                CallResult::Again(UNREADABLE_RETRY)
            }
        }
    }

    /// Returns the link of each recording, or why it has none; `None` when that is not yet known.
    async fn links(
        &self,
        publisher: &Publisher,
        call: &UnpublishedCall,
        paths: Vec<String>,
        end: Instant,
    ) -> Option<Links> {
        let may_wait = !call.remaining.is_zero();
        let files = inspect_files(publisher, paths, may_wait).await;
        let mut links = Links::new();
        let waits = |error: &PublishError| may_wait && !matches!(error, PublishError::Permanent(_));
        if files.values().any(|file| file.as_ref().is_err_and(waits)) {
            return None;
        }
        for (path, file) in files {
            let link = match file {
                Ok((path_in_folder, snapshot)) => {
                    let publish = publisher.publish(&call.call_uuid, &path_in_folder, &snapshot);
                    let timed_out = || PublishError::TargetUnavailable("it took too long".into());
                    let link = timeout_at(end, publish).await;
                    link.unwrap_or_else(|_| Err(timed_out()))
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

    /// Logs once that the target is down, and once that it has recovered.
    fn update_health(&self, call_uuid: &str, file: &str, link: &Result<String, PublishError>) {
        let health = match link {
            Ok(_) => Health::healthy(),
            Err(PublishError::TargetUnavailable(why)) => {
                Health::failing(format!("recordings cannot be published: {why}"))
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

    /// Deletes the uploads of a call that was forgotten meanwhile: the store has nothing of it, so
    /// nobody would find them again. The work of other instances is left alone.
    async fn delete_uploads(&self, call: &UnpublishedCall) {
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
                error, "uploads of a forgotten call were not deleted"
            ),
        }
    }

    /// Stores the documents, and retries for as long as the lease lasts; after that the call is
    /// checked again.
    async fn store_documents(&self, call: UnpublishedCall, published: PublishedCall) {
        let until = Instant::now() + LEASE / 3;
        loop {
            let error = match self.store.publish(call.clone(), published.clone()).await {
                Ok(true) => return,
                Ok(false) => return self.delete_uploads(&call).await,
                Err(error) => error,
            };
            let recovered =
                error.is_recoverable() && timeout_at(until, self.store.recovered()).await.is_ok();
            if !recovered {
                let call_uuid = call.call_uuid;
                warn!(call_uuid, %error, "a call's documents were not stored; they are retried later");
                return;
            }
        }
    }
}

/// Inspects the published recordings at two looks.
async fn inspect_files(publisher: &Publisher, paths: Vec<String>, may_wait: bool) -> Inspected {
    let mut files = Inspected::new();
    for path in paths {
        let Some(path_in_folder) = publisher.folder().relative_path(&path) else {
            continue;
        };
        let snapshot = publisher.inspect(&path_in_folder).await;
        files.insert(path, snapshot.map(|snapshot| (path_in_folder, snapshot)));
    }
    let any_not_ready = files
        .values()
        .any(|file| matches!(file, Err(PublishError::NotReady(_))));
    if (may_wait && any_not_ready) || files.values().all(Result::is_err) {
        return files;
    }
    sleep(SETTLE_TIME).await;
    for file in files.values_mut() {
        let Ok((_, snapshot)) = file else { continue };
        if let Err(error) = snapshot.check_unchanged().await {
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
        GIVEN_UP_LOG.log(|left_out| {
            warn!(
                call_uuid,
                file,
                %why,
                left_out,
                "a recording was not published; its call's document is marked incomplete"
            );
        });
    }
}

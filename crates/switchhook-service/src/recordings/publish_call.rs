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

use super::engine::LEASE;
use super::{DocumentMaker, Links, Publisher, SETTLED, Seen, Trouble};
use switchhook_core::health::Health;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_store::{Published, Store, Unpublished};

/// Between two looks: a share of the time that the call has waited, within these.
const SOONEST: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_secs(30);
const SHARE: u32 = 8;
/// What one look, an upload included, may take beyond the wait: of a call that waited while
/// nobody was there, too.
const LAST_TRY: Duration = Duration::from_secs(60);
/// Before what waits of a call is read again, when that failed.
const UNREAD: Duration = Duration::from_secs(3_600);

/// A place that is away fails for every call.
static FEW: LogThrottle = LogThrottle::new(20);

/// What seeing to a call takes.
#[derive(Clone)]
pub(super) struct StoreContext {
    pub(super) store: Store,
    pub(super) making: Arc<dyn DocumentMaker>,
    pub(super) health: watch::Sender<Health>,
}

impl fmt::Debug for StoreContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

/// What came of a look at a call.
enum Looked {
    /// Its documents can be made.
    Done(Published),
    /// Once more, after this.
    Again(Duration),
}

type Files = BTreeMap<String, Result<(String, Seen), Trouble>>;

impl StoreContext {
    /// Looks at a claimed call once, until `stop`.
    pub(super) async fn see_to(&self, call: Unpublished, stop: &CancellationToken) {
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => Looked::Again(Duration::ZERO),
            () = self.lose(&call) => return self.take_back(&call).await,
            looked = self.look(&call) => looked,
        };
        match looked {
            Looked::Done(published) => self.exchange(call, published).await,
            Looked::Again(wait) => {
                if let Err(error) = self.store.postpone(&call, wait).await {
                    let call_uuid = call.call_uuid;
                    debug!(call_uuid, %error, "a call that waits for recordings keeps its lease");
                }
            }
        }
    }

    /// Prolongs the lease; returns when another has it.
    async fn lose(&self, call: &Unpublished) {
        loop {
            sleep(LEASE / 3).await;
            if matches!(self.store.postpone(call, LEASE).await, Ok(false)) {
                return;
            }
        }
    }

    async fn look(&self, call: &Unpublished) -> Looked {
        let call_uuid = &call.call_uuid;
        let paths = match self.making.recordings(&call.json) {
            Ok(paths) => paths,
            Err(error) => {
                error!(call_uuid, %error, "what waits of a call cannot be read; its documents stay in the store");
                return Looked::Again(UNREAD);
            }
        };
        let end = Instant::now() + call.left.max(LAST_TRY);
        let links = match self.making.publisher() {
            None => Some(Links::new()),
            Some(publisher) => self.links(&publisher, call, paths, end).await,
        };
        let Some(links) = links else {
            counter!(metric_names::PUBLISHED, "outcome" => "again").increment(1);
            let wait = (call.since / SHARE).clamp(SOONEST, LATEST);
            return Looked::Again(wait.min(call.left));
        };
        match self.making.publish(&call.json, &links) {
            Ok(published) => {
                tell(call_uuid, &links);
                Looked::Done(published)
            }
            Err(error) => {
                error!(call_uuid, %error, "what waits of a call cannot be read; its documents stay in the store");
                Looked::Again(UNREAD)
            }
        }
    }

    /// The link of each recording, or why there will be none; `None` when that is still to be seen.
    async fn links(
        &self,
        publisher: &Publisher,
        call: &Unpublished,
        paths: Vec<String>,
        end: Instant,
    ) -> Option<Links> {
        let may_wait = !call.left.is_zero();
        let files = files(publisher, paths, may_wait).await;
        let mut links = Links::new();
        let waits = |trouble: &Trouble| may_wait && !matches!(trouble, Trouble::Never(_));
        if files.values().any(|file| file.as_ref().is_err_and(waits)) {
            return None;
        }
        for (path, file) in files {
            let link = match file {
                Ok((within, seen)) => {
                    let publish = publisher.publish(&call.call_uuid, &within, &seen);
                    let late = || Trouble::Away("it took too long".into());
                    let link = timeout_at(end, publish).await;
                    link.unwrap_or_else(|_| Err(late()))
                }
                Err(trouble) => Err(trouble),
            };
            self.note(&call.call_uuid, &path, &link);
            if link.as_ref().is_err_and(waits) && Instant::now() < end {
                return None;
            }
            links.insert(path, link);
        }
        Some(links)
    }

    /// Says once that the place is away, and once that it is back.
    fn note(&self, call_uuid: &str, file: &str, link: &Result<String, Trouble>) {
        let health = match link {
            Ok(_) => Health::well(),
            Err(Trouble::Away(why)) => Health::ill(format!("recordings cannot be uploaded: {why}")),
            Err(Trouble::NotYet(_) | Trouble::Never(_)) => return,
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
    async fn take_back(&self, call: &Unpublished) {
        let uuid: &str = &call.call_uuid;
        let waits = self.store.unpublished_until(&[uuid]).await;
        let documents = self.store.documents_of(&[uuid]).await;
        let is_forgotten =
            matches!(waits, Ok(None)) && documents.is_ok_and(|documents| documents.is_empty());
        let publisher = self.making.publisher().filter(|_| is_forgotten);
        let Some(publisher) = publisher else { return };
        match publisher.take_back(uuid).await {
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
    async fn exchange(&self, call: Unpublished, published: Published) {
        let until = Instant::now() + LEASE / 3;
        loop {
            let error = match self.store.publish(call.clone(), published.clone()).await {
                Ok(true) => return,
                Ok(false) => return self.take_back(&call).await,
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
async fn files(publisher: &Publisher, paths: Vec<String>, may_wait: bool) -> Files {
    let mut files = Files::new();
    for path in paths {
        let Some(within) = publisher.folder().within(&path) else {
            continue;
        };
        let seen = publisher.look(&within).await;
        files.insert(path, seen.map(|seen| (within, seen)));
    }
    let not_yet = files
        .values()
        .any(|file| matches!(file, Err(Trouble::NotYet(_))));
    if (may_wait && not_yet) || files.values().all(Result::is_err) {
        return files;
    }
    sleep(SETTLED).await;
    for file in files.values_mut() {
        let Ok((_, seen)) = file else { continue };
        if let Err(trouble) = seen.is_unchanged().await {
            *file = Err(trouble);
        }
    }
    files
}

fn tell(call_uuid: &str, links: &Links) {
    for (file, link) in links {
        let Err(why) = link else {
            counter!(metric_names::PUBLISHED, "outcome" => "reachable").increment(1);
            continue;
        };
        counter!(metric_names::PUBLISHED, "outcome" => "given_up").increment(1);
        FEW.say(|left_out| {
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

//! `/changes`: tells an open page to load itself again, as server-sent events.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::listener::{KeyedPermit, Peer};
use crate::state::AdminState;

/// The shortest time between two events of a page.
const SHORTEST: Duration = Duration::from_millis(700);
/// The longest time, on top of [`SHORTEST`]: the outbox changes without a notification.
const LONGEST: Duration = Duration::from_secs(5);

/// The time between two events of a page that does not show every account, on top of [`SHORTEST`].
const LIMITED: Duration = Duration::from_secs(2);

/// The time between two comments on a stream: a proxy ends connections that are silent.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The time after which a browser asks for a stream that has ended.
const RETRY: Duration = Duration::from_secs(1);
/// What a proxy has to know: nginx must not collect the stream, and nothing may compress it.
const THROUGH_PROXIES: [(&str, &str); 2] = [
    ("x-accel-buffering", "no"),
    ("cache-control", "no-cache, no-transform"),
];

/// The stream of one open page.
struct PageStream {
    /// `None` if some accounts are not to be seen: when their calls come and go is not told.
    changed: Option<watch::Receiver<u64>>,
    stop: CancellationToken,
    _permit: KeyedPermit<IpAddr>,
}

/// Responds with the stream of one page.
pub(crate) async fn changes(state: AdminState, Peer(peer): Peer) -> Response {
    let Some(permit) = state.sse_permits.try_acquire(peer.ip()) else {
        let message = "too many pages are open; this one gets no updates\n";
        return (StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    let page = PageStream {
        changed: (!state.access.is_limited()).then(|| state.live_calls.changed()),
        stop: state.stop.clone(),
        _permit: permit,
    };
    let stream = Sse::new(stream::unfold(page, next));
    let stream = stream.keep_alive(KeepAlive::new().interval(HEARTBEAT));
    (THROUGH_PROXIES, stream).into_response()
}

async fn next(mut page: PageStream) -> Option<(Result<Event, Infallible>, PageStream)> {
    let changed = async {
        sleep(SHORTEST).await;
        match &mut page.changed {
            // An error means that the live calls are gone: the service stops.
            Some(changed) => drop(timeout(LONGEST, changed.changed()).await),
            None => sleep(LIMITED).await,
        }
    };
    tokio::select! {
        () = page.stop.cancelled() => return None,
        () = changed => {}
    }
    let event = Event::default().retry(RETRY).event("changed").data("now");
    Some((Ok(event), page))
}

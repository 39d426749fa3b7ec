//! Tells an open page that there is something new, so that it asks for itself again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::http::Ops;

/// Pages that are told; one more is refused, and stays as it is until it is loaded again.
pub(crate) const PAGES: usize = 64;
/// A page is not told more often.
const AT_MOST: Duration = Duration::from_millis(700);
/// A page is told at least so often: the outbox moves without us being told.
const AT_LEAST: Duration = Duration::from_secs(5);

/// One open page.
struct Open {
    changed: watch::Receiver<u64>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// The stream of one page.
pub(crate) async fn changes(State(ops): State<Ops>) -> Response {
    let Ok(place) = Arc::clone(&ops.pages).try_acquire_owned() else {
        let said = "too many pages are open; this one is not kept up to date\n";
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    };
    let open = Open {
        changed: ops.live_calls.changed(),
        stop: ops.stop.clone(),
        _place: place,
    };
    Sse::new(stream::unfold(open, next))
        .keep_alive(KeepAlive::default())
        .into_response()
}

async fn next(mut open: Open) -> Option<(Result<Event, Infallible>, Open)> {
    let changed = async {
        sleep(AT_MOST).await;
        // It ends with its board, which is when the service does.
        drop(timeout(AT_LEAST, open.changed.changed()).await);
    };
    tokio::select! {
        () = open.stop.cancelled() => return None,
        () = changed => {}
    }
    let event = Event::default().event("changed").data("now");
    Some((Ok(event), open))
}

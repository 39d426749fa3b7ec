//! `switchhook lab --serve`: the service with calls that go on, for a look at its page.

use switchhook_sim::{LabError, LabOptions, Placed, Started};
use tokio::signal::ctrl_c;
use tokio::sync::Notify;

use super::{RealService, pace, store_settings, temporary_folder};
use crate::cli::lab::Lab;
use crate::commands::{counted, write_stdout};

/// Requests that the lab's webhook keeps: it runs for as long as somebody looks.
const KEPT_REQUESTS: usize = 2_000;

/// Places a call a second until Ctrl-C.
///
/// # Errors
/// Fails if the lab cannot be set up.
pub async fn calls(args: &Lab) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let options = LabOptions {
        only: args.only.clone(),
        pace: pace(args),
        follow: true,
        config: store_settings(folder.path()),
        http_token: Some(token.clone()),
        kept_requests: Some(KEPT_REQUESTS),
        ..LabOptions::default()
    };
    let service = RealService {
        folder: folder.path().to_owned(),
    };
    let up = |started: &Started| {
        // Who closed the output learns nothing, but the calls go on.
        drop(write_stdout(&greeting(&started.http, &token)));
    };
    let stop = Notify::new();
    let run = switchhook_sim::keep_calling(options, service, up, stop.notified());
    tokio::pin!(run);
    tokio::select! {
        placed = &mut run => return done(placed),
        pressed = ctrl_c() => pressed.map_err(unwatched)?,
    }
    stop.notify_one();
    write_stdout("stopping: calls on hold get their answers; Ctrl-C again does not wait\n")?;
    tokio::select! {
        placed = run => done(placed),
        pressed = ctrl_c() => pressed.map(|()| true).map_err(unwatched),
    }
}

fn done(placed: Result<Placed, LabError>) -> Result<bool, String> {
    let placed = placed.map_err(|error| error.to_string())?;
    let calls = counted(placed.calls, "call", "calls");
    write_stdout(&format!(
        "{calls}, of which {} ended; nothing is left behind\n",
        placed.ended
    ))?;
    Ok(true)
}

fn unwatched(error: std::io::Error) -> String {
    format!("cannot wait for Ctrl-C: {error}")
}

fn greeting(http: &str, token: &str) -> String {
    format!(
        "The service takes a call a second from a simulated FreeSWITCH, each of another kind.\n\
         \n    http://{http}/\n\n\
         shows why each call took its line, and its document. The page asks for a token before it\n\
         changes something, such as sending a document again: {token}\n\
         Ctrl-C ends all.\n"
    )
}

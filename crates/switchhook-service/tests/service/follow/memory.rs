//! A late event of a finished call starts no new call.

use crate::follow::anew::anew;
use crate::follow::events::bodies;
use crate::follow::link::{ids, uuid};
use crate::follow::repair::metric;
use crate::follow::stage::Stage;

/// In this capture the queue dials the agent on a channel without an originator.
const CALL: &str = "inbound-queue-callcenter";

/// Returns the events of a call without the destruction of the agent's channel, and that event.
fn without_destruction() -> (Vec<String>, String) {
    let mut call = bodies(CALL);
    let first = uuid(&call[0]);
    let of_agent =
        |body: &String| body.contains("\"Event-Name\":\"CHANNEL_DESTROY\"") && uuid(body) != first;
    let late = call.iter().position(of_agent).unwrap();
    let late = call.remove(late);
    (call, late)
}

#[tokio::test]
async fn what_comes_late_makes_no_second_document_also_after_a_restart() {
    let stage = Stage::new().await;
    let settings = stage.settings("[limits]\ndetails_deadline = \"100ms\"");
    let (call, late) = without_destruction();
    let service = stage.serve(&settings).await;
    stage.switch.play(&call);
    stage.inbox.wait(1).await;
    service.stop().await;

    let service = stage.serve(&settings).await;
    stage.switch.play(std::slice::from_ref(&late));
    // The same event of an unknown call becomes a document, and not earlier.
    stage.switch.play(&anew(&[late]).0);
    let posts = stage.inbox.wait(2).await;
    assert_eq!(posts[1].json()["incomplete"], true);
    assert!(metric(&service, "switchhook_incomplete_calls_total").await > 0);
    service.stop().await;
    assert_eq!(ids(&stage.inbox.posts()).len(), 2);
}

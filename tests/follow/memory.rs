//! A call that is over stays over.

use crate::anew::anew;
use crate::events::bodies;
use crate::link::ids;
use crate::stage::Stage;

const CALL: &str = "outbound-customer-then-agent-recorded";

/// The events of a call without the destruction of its channels, and those.
fn without_destruction() -> (Vec<String>, Vec<String>) {
    let late = |body: &String| body.contains("\"Event-Name\":\"CHANNEL_DESTROY\"");
    let (late, rest): (Vec<_>, Vec<_>) = bodies(CALL).into_iter().partition(late);
    assert_eq!(late.len(), 2);
    (rest, late)
}

#[tokio::test]
async fn what_comes_late_makes_no_second_document_also_after_a_restart() {
    let stage = Stage::new().await;
    let settings = stage.settings("");
    let (call, late) = without_destruction();
    let service = stage.serve(&settings).await;
    stage.switch.play(&call);
    stage.inbox.wait(1).await;
    service.stop().await;

    let service = stage.serve(&settings).await;
    stage.switch.play(&late);
    stage.switch.play(&anew(&bodies(CALL)).0);
    stage.inbox.wait(2).await;
    service.stop().await;
    assert_eq!(ids(&stage.inbox.posts()).len(), 2);
}

//! Two services in the dialplan's list of hosts; one is replaced while calls keep coming.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use switchhook_service::service::Service;
use switchhook_sim::switch::{Call, CallRecord, LegRecord, Pace, Switch};
use tokio::task::JoinSet;

use crate::follow::inbox::Inbox;
use crate::follow::settings;
use crate::follow::stage::start;

/// The switch, its folder of CDRs, and its calls.
struct Traffic {
    switch: Arc<Switch>,
    hosts: Vec<String>,
    calls: JoinSet<CallRecord>,
}

impl Traffic {
    /// Starts further calls; each asks a webhook and talks for a moment.
    fn arrives(&mut self, calls: u64) {
        for call in 0..calls {
            let switch = Arc::clone(&self.switch);
            let call = Call {
                hosts: self.hosts.clone(),
                talks: Duration::from_millis(100 * call),
                ..Call::default()
            };
            self.calls.spawn(async move { switch.place(call).await });
        }
    }

    /// Waits until that many calls are finished and each leg has a CDR.
    async fn ends(&mut self, calls: usize, folder: &Path) -> BTreeSet<String> {
        let mut ended = BTreeSet::new();
        while ended.len() < calls {
            let call = self.calls.join_next().await.unwrap().unwrap();
            assert_eq!(call.line, Some(0), "{:?}", call.variables);
            for leg in &call.legs {
                let file = folder.join(format!("{}.cdr.json", leg.uuid));
                fs::write(file, record(leg)).unwrap();
            }
            ended.insert(call.uuid);
        }
        ended
    }
}

/// Returns a leg's CDR as mod_json_cdr writes it.
fn record(leg: &LegRecord) -> String {
    let mut variables = json!(leg.variables);
    variables["uuid"] = json!(leg.uuid);
    variables["hangup_cause_q850"] = json!(leg.q850.to_string());
    let profile = json!({
        "profile_index": "1",
        "caller_profile": {
            "uuid": leg.uuid, "caller_id_number": leg.caller, "ani": leg.caller,
            "destination_number": leg.destination, "chan_name": "sofia/lab/caller",
        },
        "times": {
            "created_time": leg.created_us.to_string(),
            "answered_time": leg.answered_us.to_string(),
            "hangup_time": leg.ended_us.to_string(),
        },
    });
    let direction = if leg.outbound { "outbound" } else { "inbound" };
    let record = json!({
        "switchname": "fs1", "channel_data": { "direction": direction },
        "variables": variables, "callflow": [profile],
    });
    record.to_string()
}

/// Returns the settings of the service that follows the switch.
async fn following(
    folder: &Path,
    port: SocketAddr,
    inbox: &Inbox,
    esl: Option<SocketAddr>,
) -> Service {
    let cdrs = format!(
        "json_cdr_dir = \"{}\"\n[store]",
        folder.join("cdrs").display()
    );
    let mut text = settings::all_to(folder, port, inbox.address).replace("[store]", &cdrs);
    if let Some(esl) = esl {
        text = text.replacen("127.0.0.1:0", &esl.to_string(), 1);
    }
    text.push_str(&lookup(inbox));
    text.push_str("[limits]\ndetails_deadline = \"20s\"\n");
    start(&text).await
}

fn lookup(inbox: &Inbox) -> String {
    format!("[webhooks.lookup]\nurl = \"{}\"\n", inbox.url("lookup"))
}

/// Returns the settings of the standby service: it takes calls and follows no switch.
async fn stand_in(folder: &Path, inbox: &Inbox) -> Service {
    let head = settings::head(folder, ([127, 0, 0, 1], 9).into());
    let begin = head.find("[[freeswitch]]").unwrap();
    let end = head.find("[store]").unwrap();
    start(&format!(
        "{}{}{}",
        &head[..begin],
        &head[end..],
        lookup(inbox)
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_and_no_document_is_lost_while_one_of_two_services_is_replaced() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders.each_ref().map(tempfile::TempDir::path);
    let cdrs = first.join("cdrs");
    fs::create_dir(&cdrs).unwrap();
    let inbox = Inbox::start().await;
    let switch = Switch::new("fs1", Pace::Wire);
    let port = switch
        .listen(([127, 0, 0, 1], 0).into(), "ClueCon")
        .await
        .unwrap();
    let other = stand_in(second, &inbox).await;
    let followed = switch.followed_by(1);
    let old = following(first, port.address(), &inbox, None).await;
    followed.await;
    let hosts = [old.esl, other.esl]
        .map(|address| address.to_string())
        .to_vec();
    let calls = JoinSet::new();
    let mut traffic = Traffic {
        switch: Arc::clone(&switch),
        hosts,
        calls,
    };

    // Calls talk and wait on hold when the first service is stopped. More come while it stops, while
    // only the other one runs, and once the new one is up.
    let esl = old.esl;
    traffic.arrives(10);
    let mut over = traffic.ends(4, &cdrs).await;
    traffic.arrives(10);
    let stopping = tokio::spawn(old.stop());
    traffic.arrives(10);
    over.extend(traffic.ends(10, &cdrs).await);
    stopping.await.unwrap();
    traffic.arrives(10);
    over.extend(traffic.ends(10, &cdrs).await);
    let new = following(first, port.address(), &inbox, Some(esl)).await;
    traffic.arrives(10);
    over.extend(traffic.ends(26, &cdrs).await);
    assert_eq!(over.len(), 50);
    let of_calls = |posts: &[crate::follow::inbox::Post]| {
        let documents = posts.iter().filter(|post| post.path == "/completed");
        documents.map(|post| post.json()).collect::<Vec<_>>()
    };
    let posts = inbox.wait_for(|posts| of_calls(posts).len() >= 50).await;
    let documents = of_calls(&posts);
    let ids = documents
        .iter()
        .map(|one| one["phonon-uuid"].as_str().unwrap().to_owned());
    assert_eq!(ids.collect::<BTreeSet<_>>(), over);
    assert_eq!(documents.len(), 50, "each once");
    for document in &documents {
        assert_eq!(document.get("incomplete"), None, "{document:#}");
    }
    new.stop().await;
    other.stop().await;
    assert_eq!(of_calls(&inbox.posts()).len(), 50);
}

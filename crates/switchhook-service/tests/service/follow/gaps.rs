//! Documents of calls that ended while the switch was not connected.

use serde_json::{Value, json};
use switchhook_service::config::Config;

use crate::follow::anew::{anew, renewed};
use crate::follow::events::bodies;
use crate::follow::golden;
use crate::follow::link::uuid;
use crate::follow::stage::Stage;

const CALL: &str = "outbound-customer-then-agent-recorded";

/// How long a call waits for its missing parts.
const IMPATIENT: &str = "[limits]\ndetails_deadline = \"100ms\"";

/// Returns the events of a call while its legs live, and the rest.
pub fn talking(name: &str) -> (Vec<String>, Vec<String>) {
    let mut bodies = bodies(name);
    let down = |body: &String| body.contains("\"Event-Name\":\"CHANNEL_HANGUP\"");
    let first = bodies.iter().position(down).unwrap();
    let rest = bodies.split_off(first);
    (bodies, rest)
}

pub fn uuids(bodies: &[String]) -> Vec<String> {
    let mut uuids: Vec<String> = bodies.iter().map(|body| uuid(body)).collect();
    uuids.sort();
    uuids.dedup();
    uuids
}

/// Asserts that the document is the golden one, without what could not be learnt.
fn says_what_it_lacks(document: &Value, golden: &Value) {
    assert_eq!(document["incomplete"], true);
    assert_eq!(document["phonon-uuid"], golden["phonon-uuid"]);
    assert_eq!(document["keys"], golden["keys"]);
    let missing: Vec<&str> = document["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    for (index, entry) in golden["callDetails"].as_array().unwrap().iter().enumerate() {
        let learnt = &document["callDetails"][index];
        for name in ["startTime", "connectTime", "calleeNumber", "cdrId"] {
            assert_eq!(learnt[name], entry[name], "{name}");
        }
        for name in ["endTime", "duration", "hangupCause"] {
            assert_eq!(learnt.get(name), None);
            let path = format!("callDetails[{index}].{name}");
            assert!(missing.contains(&path.as_str()), "{path} in {missing:?}");
        }
    }
}

#[tokio::test]
async fn a_switch_that_dies_with_calls_up_leaves_documents_that_say_so() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings(IMPATIENT)).await;
    let (lost, _) = talking(CALL);
    let (kept, new) = anew(&bodies("inbound-caller-hangs-up"));
    stage.switch.play(&lost);
    stage.switch.play(&kept[..2]);
    stage.switch.alive(&[&uuid(&kept[0])]);
    stage.switch.cut();
    stage.switch.followed(2).await;
    let posts = stage.inbox.wait(1).await;
    says_what_it_lacks(&posts[0].json(), &golden::documents(CALL)[0]);

    // A call that lives goes on, however long ago the other was given up.
    stage.switch.play(&kept[2..]);
    let posts = stage.inbox.wait(2).await;
    let golden = renewed(&golden::text("inbound-caller-hangs-up"), &new);
    assert_eq!(
        json!([posts[1].json()]),
        serde_json::from_str::<Value>(&golden).unwrap()
    );
    service.stop().await;
}

#[tokio::test]
async fn a_channel_that_the_switch_does_not_list_yet_is_not_lost() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings(IMPATIENT)).await;
    let (before, after) = talking(CALL);
    let (gone, _) = anew(&before);
    stage.switch.play(&before);
    stage.switch.play(&gone);
    let uuids = uuids(&before);
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    stage.switch.alive(&uuids);
    stage.switch.unlisted(&uuids);
    stage.switch.cut();
    stage.switch.followed(2).await;
    // The other call is given up. This one would have been by then.
    stage.inbox.wait(1).await;
    stage.switch.play(&after);
    let posts = stage.inbox.wait(2).await;
    assert_eq!(posts[1].json(), golden::documents(CALL)[0]);
    service.stop().await;
}

#[tokio::test]
async fn calls_that_end_while_the_service_is_away_have_their_documents_after_its_start() {
    let stage = Stage::new().await;
    let settings = stage.settings(IMPATIENT);
    let service = stage.serve(&settings).await;
    stage.switch.play(&talking(CALL).0);
    // Followed by a finished call: once that is stored, so are the legs before it.
    stage.switch.play(&bodies("inbound-caller-hangs-up"));
    stage.inbox.wait(1).await;
    service.stop().await;
    let service = stage.serve(&settings).await;
    let posts = stage.inbox.wait(2).await;
    says_what_it_lacks(&posts[1].json(), &golden::documents(CALL)[0]);
    service.stop().await;
}

#[tokio::test]
async fn calls_that_live_through_a_restart_have_whole_documents() {
    let stage = Stage::new().await;
    let settings = stage.settings(IMPATIENT);
    let (before, after) = talking(CALL);
    let service = stage.serve(&settings).await;
    stage.switch.play(&before);
    let uuids = uuids(&before);
    stage
        .switch
        .alive(&uuids.iter().map(String::as_str).collect::<Vec<_>>());
    stage.switch.play(&bodies("inbound-caller-hangs-up"));
    stage.inbox.wait(1).await;
    service.stop().await;
    let service = stage.serve(&settings).await;
    stage.switch.play(&after);
    let posts = stage.inbox.wait(2).await;
    assert_eq!(posts[1].json(), golden::documents(CALL)[0]);
    service.stop().await;
}

#[tokio::test]
async fn calls_of_a_switch_that_never_comes_back_are_not_kept_for_ever() {
    let stage = Stage::new().await;
    let settings = stage.settings(IMPATIENT);
    let service = stage.serve(&settings).await;
    let (before, after) = talking(CALL);
    stage.switch.play(&before);
    // Both legs hung up, and no further event comes.
    let hangups = after
        .iter()
        .filter(|body| body.contains("\"Event-Name\":\"CHANNEL_HANGUP\""));
    stage
        .switch
        .play(&hangups.cloned().collect::<Vec<String>>());
    stage.switch.play(&bodies("inbound-caller-hangs-up"));
    stage.inbox.wait(1).await;
    service.stop().await;
    let away = settings.replace(&stage.switch.address.to_string(), "127.0.0.1:9");
    let named = away.replace("password =", "name = \"fs1\"\npassword =");
    assert!(Config::parse(&named, "test.toml").is_ok());
    let service = crate::follow::stage::start(&named).await;
    let posts = stage.inbox.wait(2).await;
    let golden = &golden::documents(CALL)[0];
    assert_eq!(posts[1].json()["phonon-uuid"], golden["phonon-uuid"]);
    service.stop().await;
}

#[tokio::test]
async fn a_recording_that_fell_into_a_gap_is_missing() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings(IMPATIENT)).await;
    let call = bodies(CALL);
    let record = |body: &String| body.contains("\"Event-Name\":\"RECORD_");
    let first = call.iter().position(record).unwrap();
    let last = call.iter().rposition(record).unwrap();
    let uuids = uuids(&call);
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    stage.switch.alive(&uuids);
    stage.switch.play(&call[..first]);
    stage.switch.cut();
    stage.switch.followed(2).await;
    stage.switch.play(&call[last + 1..]);
    let document = stage.inbox.wait(1).await[0].json();
    assert_eq!(document["incomplete"], true);
    let missing = document["missing"].as_array().unwrap();
    assert!(missing.contains(&json!("recordingUrls")), "{missing:?}");
    service.stop().await;
}

/// Only `uuid_dump` shows this recording: once the next one ends, the channel holds no trace of it.
#[tokio::test]
async fn one_of_several_recordings_that_fell_into_a_gap_is_missing() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings(IMPATIENT)).await;
    let call = bodies("inbound-recordings-discarded");
    let of = |name: &str, body: &String| body.contains(&format!("\"Event-Name\":\"{name}\""));
    let all = |name: &str| -> Vec<usize> {
        let found = call.iter().enumerate();
        let found = found.filter(|(_, body)| of(name, body));
        found.map(|(at, _)| at).collect()
    };
    let (starts, stops) = (all("RECORD_START"), all("RECORD_STOP"));
    let recorded = uuid(&call[stops[1]]);
    let uuids = uuids(&call);
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    stage.switch.play(&call[..starts[1]]);
    stage.switch.alive(&uuids);
    stage.switch.dumps(&recorded, &call[stops[1]]);
    stage.switch.cut();
    stage.switch.followed(2).await;
    let asked = format!("api uuid_dump {recorded} json");
    stage.switch.asked(&asked).await;
    stage.switch.play(&call[starts[2] + 1..]);
    let document = stage.inbox.wait(1).await[0].json();
    assert_eq!(document["missing"], json!(["recordingUrls"]));
    service.stop().await;
}

/// The caller's channel does not name an agent whom a queue rang and who did not answer.
#[tokio::test]
async fn who_waited_in_a_queue_during_a_gap_may_lack_agents() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings(IMPATIENT)).await;
    let call = bodies("inbound-queue-callcenter-agent-misses-then-answers");
    let created = |body: &&String| body.contains("\"Event-Name\":\"CHANNEL_CREATE\"");
    let agents = call.iter().filter(created).skip(1);
    let missed = uuid(agents.clone().next().unwrap());
    let caller = uuid(&call[0]);
    stage.switch.alive(&[&caller]);
    stage.switch.play(&call[..2]);
    stage.switch.cut();
    stage.switch.followed(2).await;
    let rest = call[2..].iter().filter(|body| !body.contains(&missed));
    stage.switch.play(&rest.cloned().collect::<Vec<_>>());
    let document = stage.inbox.wait(1).await[0].json();
    assert_eq!(document["missing"], json!(["callDetails"]));
    service.stop().await;
}

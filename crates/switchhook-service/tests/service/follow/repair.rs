//! Documents of calls that ended while the switch was not connected, from its CDRs.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use regex::Regex;
use serde_json::{Value, json};
use switchhook_service::service::Service;

use crate::follow::anew::{anew, renewed};
use crate::follow::events::{bodies, captures};
use crate::follow::gaps::{talking, uuids};
use crate::follow::golden;
use crate::follow::inbox::Post;
use crate::follow::link::uuid;
use crate::follow::stage::{Stage, start, until};

const CALL: &str = "inbound-recorded-on-agent-leg";
const OTHER: &str = "inbound-attended-transfer-refer-replaces";
const SIMPLE: &str = "inbound-caller-hangs-up";

/// A stage whose switch has a folder of CDRs.
struct Repair {
    stage: Stage,
    cdrs: PathBuf,
}

impl Repair {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let cdrs = stage.folder.path().join("json_cdr");
        fs::create_dir(&cdrs).unwrap();
        Self { stage, cdrs }
    }

    /// Returns settings in which documents say where their legs come from, and calls wait only briefly
    /// for details.
    fn settings(&self) -> String {
        let folder = format!("json_cdr_dir = \"{}\"\n[store]", self.cdrs.display());
        let settings = self
            .stage
            .settings("[limits]\ndetails_deadline = \"400ms\"");
        let settings =
            settings.replace("webhook = true", "webhook = true\nlearnt_key = \"learnt\"");
        settings.replace("[store]", &folder)
    }

    async fn serve(&self) -> Service {
        self.stage.serve(&self.settings()).await
    }

    /// Writes the CDRs of a capture as the switch does, with and without `prefix-a-leg`.
    fn record(&self, capture: &str) {
        for (at, (uuid, bytes)) in records(capture).into_iter().enumerate() {
            let prefix = ["", "a_"][at % 2];
            self.write(&format!("{prefix}{uuid}.cdr.json"), &bytes);
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.cdrs.join(name), bytes).unwrap();
    }

    /// Plays a whole call and waits for its document: by then everything played before is stored.
    async fn another(&self, posts: usize) -> Vec<Post> {
        self.stage.switch.play(&anew(&bodies(SIMPLE)).0);
        self.stage.inbox.wait(posts).await
    }
}

/// Returns the CDRs of a capture: Unique-ID and file.
fn records(capture: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fs::read_dir(captures().join("json_cdr")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let of_capture = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split_once('.').unwrap().0 == capture
    };
    let mut files: Vec<PathBuf> = files.filter(of_capture).collect();
    files.sort();
    let record = |path: PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let uuid = stem.split_once('.').unwrap().1.to_owned();
        (uuid, fs::read(path).unwrap())
    };
    files.into_iter().map(record).collect()
}

/// Returns the golden documents of a capture, as they are if the legs come from this source.
fn golden(capture: &str, learnt: &str) -> Vec<Value> {
    let mut documents = golden::documents(capture);
    for document in &mut documents {
        document["learnt"] = json!(learnt);
    }
    golden::sorted(documents)
}

fn json_of(posts: &[Post]) -> Vec<Value> {
    golden::sorted(posts.iter().map(Post::json).collect())
}

pub async fn metric(service: &Service, line: &str) -> u64 {
    let page = test_support::http::get(format!("http://{}/metrics", service.http));
    let page = page.await.unwrap().text().await.unwrap();
    let value = page.lines().find_map(|found| found.strip_prefix(line));
    value
        .unwrap_or_else(|| panic!("{line} in {page}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn calls_that_end_while_the_service_is_away_have_the_documents_of_their_events() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    // One call's events were read; the other begins and ends without a connection.
    repair.stage.switch.play(&talking(CALL).0);
    repair.another(1).await;
    service.stop().await;
    repair.record(CALL);
    repair.record(OTHER);
    let service = repair.serve().await;
    let mut expected = golden(CALL, "reconciled");
    expected.extend(golden(OTHER, "reconciled"));
    let posts = repair.stage.inbox.wait(1 + expected.len()).await;
    assert_eq!(json_of(&posts[1..]), golden::sorted(expected));
    service.stop().await;
}

#[tokio::test]
async fn a_switch_that_cannot_be_reached_is_known_by_its_records() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    repair.stage.switch.play(&talking(CALL).0);
    repair.another(1).await;
    service.stop().await;
    repair.record(CALL);
    // This switch refuses every command, so it is not followed.
    repair.stage.switch.refuse(Some("event json"));
    let service = start(&repair.settings()).await;
    let posts = repair.stage.inbox.wait(2).await;
    assert_eq!(json_of(&posts[1..]), golden(CALL, "reconciled"));
    service.stop().await;
}

#[tokio::test]
async fn legs_that_end_while_the_connection_is_lost_are_found_by_name() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    repair.stage.switch.play(&talking(CALL).0);
    // Too old to be listed: these files are looked for by name.
    repair.record(CALL);
    for file in fs::read_dir(&repair.cdrs).unwrap() {
        let file = fs::File::options().write(true).open(file.unwrap().path());
        let old = SystemTime::now() - Duration::from_secs(3_600);
        file.unwrap().set_modified(old).unwrap();
    }
    repair.stage.switch.cut();
    repair.stage.switch.followed(2).await;
    let posts = repair.stage.inbox.wait(1).await;
    assert_eq!(json_of(&posts), golden(CALL, "reconciled"));
    service.stop().await;
}

#[tokio::test]
async fn records_beside_the_events_change_nothing_in_whatever_order_they_come() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    let call = bodies(CALL);
    let ended = |body: &String| body.contains("\"Event-Name\":\"CHANNEL_HANGUP_COMPLETE\"");
    let first = call.iter().position(ended).unwrap();
    // The CDRs come before the first leg's end, and all are read again after a restart.
    repair.stage.switch.play(&call[..first]);
    repair.record(CALL);
    repair.stage.switch.play(&call[first..]);
    let posts = repair.stage.inbox.wait(1).await;
    assert_eq!(json_of(&posts), golden(CALL, "full"));
    service.stop().await;
    let service = repair.serve().await;
    repair.another(2).await;
    service.stop().await;
    assert_eq!(
        repair.stage.inbox.posts().len(),
        2,
        "one of them is of another call"
    );
}

#[tokio::test]
async fn what_was_in_the_folder_before_the_first_start_is_no_news() {
    let repair = Repair::new().await;
    repair.record(OTHER);
    let service = repair.serve().await;
    repair.another(1).await;
    service.stop().await;
    repair.record(CALL);
    let service = repair.serve().await;
    let posts = repair.stage.inbox.wait(2).await;
    assert_eq!(json_of(&posts[1..]), golden(CALL, "reconciled"));
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_record_is_refused_and_holds_up_none() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    // From here on the CDRs are new.
    repair.another(1).await;
    service.stop().await;
    let outside = repair.stage.folder.path().join("outside.cdr.json");
    let [(_, elsewhere), ..] = &records("inbound-no-route")[..] else {
        panic!("a record");
    };
    fs::write(&outside, elsewhere).unwrap();
    std::os::unix::fs::symlink(&outside, repair.cdrs.join("link.cdr.json")).unwrap();
    fs::create_dir(repair.cdrs.join("folder.cdr.json")).unwrap();
    let huge = fs::File::create(repair.cdrs.join("huge.cdr.json")).unwrap();
    huge.set_len(1 << 40).unwrap();
    repair.write("none.txt", elsewhere);
    repair.write(".hidden.cdr.json", b"{}");
    repair.write("\u{1b}[31m\n.cdr.json", b"not JSON");
    let whole = records(CALL);
    repair.record(CALL);
    repair.write("truncated.cdr.json", &whole[0].1[..100]);
    let service = repair.serve().await;
    let posts = repair.stage.inbox.wait(2).await;
    assert_eq!(json_of(&posts[1..]), golden(CALL, "reconciled"));
    let refused = format!(
        "switchhook_cdrs_total{{switch=\"{}\",outcome=\"refused\"}}",
        repair.stage.switch.address
    );
    while metric(&service, &refused).await < 1 {
        // The large file may be read after the call's document is posted.
    }
    let left = fs::read_dir(&repair.cdrs).unwrap().count();
    assert_eq!(left, 9, "the files are the operator's");
    service.stop().await;
}

#[tokio::test]
async fn a_record_that_is_still_being_written_is_read_when_it_is_whole() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    service.stop().await;
    let records = records(CALL);
    for (uuid, bytes) in &records {
        let half = &bytes[..bytes.len() / 2];
        repair.write(&format!("{uuid}.cdr.json"), half);
    }
    let service = repair.serve().await;
    repair.another(1).await;
    repair.record(CALL);
    let posts = repair.stage.inbox.wait(2).await;
    assert_eq!(json_of(&posts[1..]), golden(CALL, "reconciled"));
    service.stop().await;
}

#[tokio::test]
async fn a_folder_that_comes_later_is_read_then() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    repair.another(1).await;
    service.stop().await;
    fs::remove_dir(&repair.cdrs).unwrap();
    repair.stage.switch.refuse(Some("event json"));
    let service = start(&repair.settings()).await;
    let (status, check) = until(&service, "json_cdr", false).await;
    assert_eq!(status, 200, "calls are served");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("json_cdr_dir"), "{detail}");
    fs::create_dir(&repair.cdrs).unwrap();
    let rotated = repair.cdrs.join("2026-11-25-10-00-00");
    fs::create_dir(&rotated).unwrap();
    for (uuid, bytes) in records(CALL) {
        fs::write(rotated.join(format!("{uuid}.cdr.json")), bytes).unwrap();
    }
    let posts = repair.stage.inbox.wait(2).await;
    assert_eq!(json_of(&posts[1..]), golden(CALL, "reconciled"));
    until(&service, "json_cdr", true).await;
    service.stop().await;
}

#[tokio::test]
async fn a_recording_that_fell_into_a_gap_is_known_from_the_record() {
    let repair = Repair::new().await;
    let service = repair.serve().await;
    let call = bodies(CALL);
    let record = |body: &String| body.contains("\"Event-Name\":\"RECORD_");
    let first = call.iter().position(record).unwrap();
    let last = call.iter().rposition(record).unwrap();
    let uuids = uuids(&call);
    repair
        .stage
        .switch
        .alive(&uuids.iter().map(String::as_str).collect::<Vec<_>>());
    repair.stage.switch.play(&call[..first]);
    repair.stage.switch.cut();
    repair.stage.switch.followed(2).await;
    repair.record(CALL);
    repair.stage.switch.play(&call[last + 1..]);
    let posts = repair.stage.inbox.wait(1).await;
    assert_eq!(json_of(&posts), golden(CALL, "reconciled"));
    service.stop().await;
}

#[tokio::test]
async fn a_unique_id_that_is_given_again_has_a_document_for_each_call() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    let first = bodies(SIMPLE);
    let created = Regex::new("\"Caller-Channel-Created-Time\":\"([0-9]+)\"").unwrap();
    let old = &created.captures(&first[0]).unwrap()[1];
    let new = (old.parse::<u64>().unwrap() + 60_000_000).to_string();
    let second: Vec<String> = first.iter().map(|body| body.replace(old, &new)).collect();
    stage.switch.play(&first);
    stage.switch.play(&second);
    // A late event of the first channel must not end a later call.
    stage.switch.play(&first[first.len() - 1..]);
    let posts = stage.inbox.wait(2).await;
    let golden = &golden::documents(SIMPLE)[0];
    assert_eq!(posts[0].json(), *golden);
    assert_eq!(posts[1].json()["phonon-uuid"], golden["phonon-uuid"]);
    assert_ne!(
        posts[1].json()["callDetails"][0]["startTime"],
        golden["callDetails"][0]["startTime"]
    );
    service.stop().await;
}

#[tokio::test]
async fn a_channel_that_began_in_a_gap_is_dumped_and_has_a_whole_document() {
    let repair = Repair::new().await;
    let (call, new) = anew(&bodies(CALL));
    let ended = |body: &String| body.contains("\"Event-Name\":\"CHANNEL_HANGUP\"");
    let first = call.iter().position(ended).unwrap();
    let uuids = uuids(&call);
    repair
        .stage
        .switch
        .alive(&uuids.iter().map(String::as_str).collect::<Vec<_>>());
    for body in &call[..first] {
        repair.stage.switch.dumps(&uuid(body), body);
    }
    let service = repair.serve().await;
    for uuid in &uuids {
        repair
            .stage
            .switch
            .asked(&format!("api uuid_dump {uuid} json"))
            .await;
    }
    repair.stage.switch.play(&call[first..]);
    let posts = repair.stage.inbox.wait(1).await;
    let golden = renewed(&golden::text(CALL), &new);
    let mut golden: Value = serde_json::from_str(&golden).unwrap();
    golden[0]["learnt"] = json!("reconciled");
    assert_eq!(json!(json_of(&posts)), golden);
    service.stop().await;
}

/// Sends the request that mod_json_cdr makes.
async fn post(
    service: &Service,
    switch: &str,
    body: Vec<u8>,
    password: Option<&str>,
) -> (u16, String) {
    let url = format!("http://{}/json_cdr/{switch}?uuid=x", service.http);
    let mut request = test_support::http::client().post(url).body(body);
    if let Some(password) = password {
        request = request.basic_auth("fs1", Some(password));
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_posted_record_is_stored_before_it_is_answered() {
    let repair = Repair::new().await;
    let auth = "json_cdr_post = true\njson_cdr_auth = { username = \"fs1\", password = \"secret\" }\n[store]";
    let settings = repair
        .stage
        .settings("[limits]\ndetails_deadline = \"400ms\"\nframe_body_bytes = \"64 KiB\"");
    let settings = settings.replace("[store]", auth);
    let service = repair.stage.serve(&settings).await;
    let records = records(CALL);
    for (name, password, body, status) in [
        ("fs1", None, &records[0].1[..], 401),
        ("fs1", Some("wrong"), &records[0].1[..], 401),
        ("fs2", Some("secret"), &records[0].1[..], 404),
        ("fs1", Some("secret"), b"no record", 400),
        ("fs1", Some("secret"), &[b' '; 70_000], 400),
    ] {
        let (answered, text) = post(&service, name, body.to_vec(), password).await;
        assert_eq!(answered, status, "{name} {password:?}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
    let own = repair.stage.switch.address.to_string();
    for (name, (_, record)) in [own.as_str(), "fs1"].into_iter().zip(&records) {
        let (status, text) = post(&service, name, record.clone(), Some("secret")).await;
        assert_eq!((status, text.as_str()), (200, "stored\n"));
    }
    // A CDR that it accepted is in its store.
    service.stop().await;
    let service = start(&settings).await;
    let posts = repair.stage.inbox.wait(1).await;
    assert_eq!(json_of(&posts), golden::documents(CALL));
    service.stop().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_stored_is_asked_for_again() {
    let repair = Repair::new().await;
    let settings = repair
        .stage
        .settings("")
        .replace("[store]", "json_cdr_post = true\n[store]");
    // The switch was never reached, so its name is unknown.
    repair.stage.switch.refuse(Some("auth"));
    let service = start(&settings).await;
    let address = repair.stage.switch.address.to_string();
    let record = records("inbound-no-route").remove(0).1;
    let (status, text) = post(&service, &address, record, None).await;
    assert_eq!(status, 503, "{text}");
    service.stop().await;
}

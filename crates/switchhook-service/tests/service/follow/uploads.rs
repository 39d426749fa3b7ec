//! Documents wait for their recordings until these are closed, complete and reachable, but not for
//! ever.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use switchhook_core::metric_names;
use switchhook_service::service::Service;
use test_support::SOUND;
use test_support::events::of_capture;
use tokio::time::sleep;

use crate::follow::inbox::Post;
use crate::follow::recordings::{play, published, recorded};
use crate::follow::stage::Stage;

/// Returns settings that upload to a folder. The switch's path of the recordings is `/rec`.
fn to_a_folder(stage: &Stage, more: &str) -> String {
    let target = stage.folder.path().join("public");
    fs::create_dir_all(&target).unwrap();
    let upload = format!(
        "upload = {{ FOLDER, to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\"{more} }}",
        target.display()
    );
    published(stage, &upload)
}

fn recording(stage: &Stage, name: &str) -> PathBuf {
    let file = stage.folder.path().join("rec").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    file
}

/// Returns how often, in this process, a call's recordings were checked and not ready.
async fn looks(service: &Service) -> u64 {
    let url = format!("http://{}/metrics", service.http);
    let page = test_support::http::get(url)
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let sample = format!("{}{{outcome=\"again\"}} ", metric_names::PUBLISHED);
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix(&sample));
    value.unwrap().parse().unwrap()
}

/// Waits for that many further checks.
async fn looked(service: &Service, times: u64) {
    let before = looks(service).await;
    while looks(service).await < before + times {
        sleep(Duration::from_millis(50)).await;
    }
}

fn whole(post: &Post) {
    assert!(post.json()["incomplete"].is_null(), "{}", post.json());
}

#[tokio::test]
async fn a_document_is_posted_when_its_recording_is_whole_and_uploaded_with_a_link_to_it() {
    let stage = Stage::new().await;
    let service = stage.serve(&to_a_folder(&stage, "")).await;
    play(&stage, "one", &["/rec/2026/a b#1.wav"]);
    // First the file is missing; then its header says that more follows.
    looked(&service, 2).await;
    let file = recording(&stage, "2026/a b#1.wav");
    fs::write(&file, &SOUND[..20]).unwrap();
    looked(&service, 2).await;
    assert!(stage.inbox.posts().is_empty());
    let page = format!("http://{}/calls/one", service.http);
    let page = test_support::http::get(page)
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let notice = "Its documents wait for its recordings, until ";
    assert!(page.contains(notice), "{page}");
    fs::write(&file, SOUND).unwrap();
    let posts = stage.inbox.wait(1).await;
    whole(&posts[0]);
    let entry = &posts[0].json()["recordingUrls"][0];
    assert_eq!(entry["recordedFileName"], "a b#1.wav");
    let link = entry["recordedFilePublicPath"].as_str().unwrap();
    assert_eq!(
        link,
        "https://rec.example/one/2026/a_b_1__ef4f324a3bcad2e1.wav"
    );
    // The files that a web server would find.
    let public = stage
        .folder
        .path()
        .join("public/one/2026/a_b_1__ef4f324a3bcad2e1.wav");
    assert_eq!(fs::read(public).unwrap(), SOUND);
    service.stop().await;
}

#[tokio::test]
async fn a_file_that_grows_is_waited_for() {
    let stage = Stage::new().await;
    let service = stage.serve(&to_a_folder(&stage, "")).await;
    let file = recording(&stage, "a.mp3");
    let mut growing = fs::File::create(&file).unwrap();
    growing.write_all(b"begin").unwrap();
    play(&stage, "one", &["/rec/a.mp3"]);
    let grow = async {
        loop {
            growing.write_all(b" more").unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = grow => {}
        () = looked(&service, 2) => {}
    }
    assert!(stage.inbox.posts().is_empty());
    stage.inbox.wait(1).await;
    let public = stage.folder.path().join("public/one/a.mp3");
    assert_eq!(fs::read(public).unwrap(), fs::read(&file).unwrap());
    service.stop().await;
}

/// Asserts that a document names the file, has no link, and says that the link is missing.
fn lacks_its_link(document: &Value) {
    let entry = &document["recordingUrls"][0];
    assert!(entry["recordedFileName"].is_string(), "{document}");
    assert!(entry["recordedFilePublicPath"].is_null(), "{document}");
    assert_eq!(document["incomplete"], true, "{document}");
    let missing = json!(["recordingUrls[0].recordedFilePublicPath"]);
    assert_eq!(document["missing"], missing);
}

#[tokio::test]
async fn a_recording_that_never_comes_is_waited_for_so_long_and_the_document_says_so() {
    let stage = Stage::new().await;
    for (uuid, settings) in [
        ("one", to_a_folder(&stage, "")),
        (
            "two",
            published(
                &stage,
                "serve = { FOLDER, url = \"https://rec.example\", secret = \"at least 16 characters\", \
                 listen = \"127.0.0.1:0\" }",
            ),
        ),
    ] {
        let settings = settings.replace("[recordings]", "[recordings]\nwait = \"1s\"");
        let service = stage.serve(&settings).await;
        let before = stage.inbox.posts().len();
        recorded(&stage, uuid, "/rec/never.wav").await;
        lacks_its_link(&stage.inbox.posts()[before].json());
        let page = format!("http://{}/calls/{uuid}", service.http);
        let page = test_support::http::get(page)
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("Incomplete"), "{page}");
        service.stop().await;
    }
}

/// Plays a capture of three customers of an agent who stays; one talk is recorded to this path, on the
/// agent's leg.
fn play_a_standing_agent(stage: &Stage, path: &str) {
    let mut events = of_capture("ways", "standing-agent-parked-between-uuid_bridges");
    for event in &mut events {
        event.0.retain(|(name, _)| name != "variable_flow.name");
        let recorded = event
            .0
            .iter_mut()
            .find(|(name, _)| name == "Record-File-Path");
        if let Some((_, recorded)) = recorded {
            path.clone_into(recorded);
        }
    }
    let lines: Vec<String> = events.iter().map(|event| event.json()).collect();
    stage.switch.play(&lines);
}

#[tokio::test]
async fn a_recording_of_an_agent_who_took_part_that_never_comes_is_missing_too() {
    let stage = Stage::new().await;
    let settings = to_a_folder(&stage, "").replace("[recordings]", "[recordings]\nwait = \"1s\"");
    let service = stage.serve(&settings).await;
    play_a_standing_agent(&stage, "/rec/never.wav");
    let posts = stage.inbox.wait(4).await;
    let documents = posts.iter().map(Post::json);
    let recorded: Vec<Value> = documents
        .filter(|document| document.get("recordingUrls").is_some())
        .collect();
    assert_eq!(recorded.len(), 1, "{recorded:#?}");
    lacks_its_link(&recorded[0]);
    service.stop().await;
}

#[tokio::test]
async fn what_can_never_be_published_is_not_waited_for() {
    let stage = Stage::new().await;
    let service = stage.serve(&to_a_folder(&stage, ", bytes = 20")).await;
    fs::write(recording(&stage, "large.wav"), SOUND).unwrap();
    let outside = stage.folder.path().join("secret.wav");
    fs::write(&outside, "another's").unwrap();
    std::os::unix::fs::symlink(&outside, recording(&stage, "link.wav")).unwrap();
    for (uuid, path) in [("one", "/rec/large.wav"), ("two", "/rec/link.wav")] {
        let before = stage.inbox.posts().len();
        recorded(&stage, uuid, path).await;
        lacks_its_link(&stage.inbox.posts()[before].json());
    }
    // A file outside the folder gets no link, and the document is not incomplete.
    let entry = recorded(&stage, "three", "/tmp/x.wav").await;
    assert!(entry["recordedFilePublicPath"].is_null(), "{entry}");
    whole(stage.inbox.posts().last().unwrap());
    let public = fs::read_dir(stage.folder.path().join("public")).unwrap();
    assert_eq!(public.count(), 0);
    service.stop().await;
}

#[tokio::test]
async fn a_target_that_is_away_is_tried_until_it_is_back_and_readyz_says_so() {
    let stage = Stage::new().await;
    let settings = to_a_folder(&stage, "");
    let target = stage.folder.path().join("public");
    fs::remove_dir(&target).unwrap();
    fs::write(recording(&stage, "a.wav"), SOUND).unwrap();
    let service = stage.serve(&settings).await;
    play(&stage, "one", &["/rec/a.wav"]);
    let (status, check) = crate::follow::stage::until(&service, "recordings", false).await;
    assert_eq!(status, 200, "calls do not depend on it");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("public does not exist"), "{detail}");
    assert!(stage.inbox.posts().is_empty());
    fs::create_dir(&target).unwrap();
    whole(&stage.inbox.wait(1).await[0]);
    crate::follow::stage::until(&service, "recordings", true).await;
    service.stop().await;
}

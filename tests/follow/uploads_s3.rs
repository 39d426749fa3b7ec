//! Recordings that go to S3: in parts, after failures, checked when they are there.

use std::fs;
use std::time::Duration;

use serde_json::json;
use switchhook::recordings::{Folder, Kind, Target, TargetOptions};
use switchhook::webhook::options::Secret;

use crate::log::Log;
use crate::recordings::{SOUND, play, published, recorded};
use crate::s3::{KEY_ID, S3};
use crate::stage::{Stage, until};

/// Nowhere but in the configuration.
const KEY: &str = "a-secret-access-key-of-the-tests";

fn settings(stage: &Stage, s3: &S3) -> String {
    let upload = format!(
        "upload = {{ FOLDER, to = \"s3://acme/calls\", endpoint = \"http://{}\", \
         region = \"eu-central-1\", key_id = \"{KEY_ID}\", key = \"{KEY}\", expires = \"1h\" }}",
        s3.address
    );
    published(stage, &upload)
}

#[tokio::test]
async fn a_large_recording_arrives_in_parts_after_failures_and_its_signed_link_opens_it() {
    let log = Log::of_this_process();
    let (stage, s3) = (Stage::new().await, S3::start().await);
    let service = stage.serve(&settings(&stage, &s3)).await;
    // Two parts and a bit.
    let sound: Vec<u8> = (0..17 * 1024 * 1024)
        .map(|at: u32| (at % 251) as u8)
        .collect();
    let file = stage.folder.path().join("rec/a b#1.wav");
    fs::write(&file, &sound).unwrap();
    s3.fails(6);
    play(&stage, "one", &["/rec/a b#1.wav"]);
    let (_, check) = until(&service, "recordings", false).await;
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("503"), "{detail}");
    assert!(stage.inbox.posts().is_empty());
    let document = stage.inbox.wait(1).await[0].json();
    assert!(document["incomplete"].is_null(), "{document}");
    let key = "acme/calls/one/a b%231.wav";
    assert!(s3.object(key).is_some_and(|object| object == sound));
    let link = document["recordingUrls"][0]["recordedFilePublicPath"].as_str();
    let link = link.unwrap();
    assert!(link.contains("X-Amz-Expires=3600"), "{link}");
    let opened = reqwest::get(link).await.unwrap().bytes().await.unwrap();
    assert!(opened == sound);
    // Small ones go in one piece.
    fs::write(stage.folder.path().join("rec/b.wav"), SOUND).unwrap();
    let before = s3.requests().len();
    recorded(&stage, "two", "/rec/b.wav").await;
    let asked = s3.requests().split_off(before);
    assert_eq!(
        asked,
        ["PUT acme/calls/two/b.wav", "HEAD acme/calls/two/b.wav"]
    );
    // What it says of itself has no secret.
    for place in ["readyz", "metrics", "calls/one"] {
        let url = format!("http://{}/{place}", service.http);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(!text.contains(KEY), "{place}: {text}");
    }
    assert!(!document.to_string().contains(KEY));
    assert!(log.lines_with(KEY).is_empty());
    assert!(!log.lines_with("recordings are uploaded again").is_empty());
    service.stop().await;
}

#[tokio::test]
async fn an_object_that_did_not_arrive_whole_is_no_link() {
    let (stage, s3) = (Stage::new().await, S3::start().await);
    fs::create_dir_all(stage.folder.path().join("rec")).unwrap();
    fs::write(stage.folder.path().join("rec/a.wav"), SOUND).unwrap();
    s3.loses(1);
    let settings = settings(&stage, &s3).replace("[recordings]", "[recordings]\nwait = \"1s\"");
    let service = stage.serve(&settings).await;
    let entry = recorded(&stage, "one", "/rec/a.wav").await;
    assert!(entry["recordedFilePublicPath"].is_null(), "{entry}");
    let document = stage.inbox.posts()[0].json();
    let missing = json!(["recordingUrls[0].recordedFilePublicPath"]);
    assert_eq!(document["missing"], missing);
    service.stop().await;
}

fn target(kind: Kind, prefix: &str) -> Target {
    let options = TargetOptions {
        folder: Folder::default(),
        kind,
        prefix: prefix.into(),
        public_url: None,
        expires: Duration::from_secs(60),
        bytes: 1,
        at_once: 1,
    };
    Target::open(&options).unwrap()
}

#[tokio::test]
async fn a_target_is_tried_and_a_calls_objects_are_deleted() {
    let s3 = S3::start().await;
    let endpoint = Some(format!("http://{}", s3.address).parse().unwrap());
    let of = |key_id: &str| Kind::S3 {
        bucket: "acme".into(),
        region: "eu-central-1".into(),
        endpoint: endpoint.clone(),
        key_id: key_id.into(),
        key: Secret::new(KEY),
    };
    let ours = target(of(KEY_ID), "");
    ours.probe().await.unwrap();
    assert!(s3.objects().is_empty(), "it leaves nothing");
    let refused = target(of("somebody"), "").probe().await.unwrap_err();
    assert!(refused.contains("nothing can be written"), "{refused}");
    assert!(!refused.contains(KEY), "{refused}");

    let stage = Stage::new().await;
    let service = stage.serve(&settings(&stage, &s3)).await;
    for (call, name) in [("u1", "a.wav"), ("u1-2", "b.wav")] {
        fs::write(stage.folder.path().join("rec").join(name), SOUND).unwrap();
        recorded(&stage, call, &format!("/rec/{name}")).await;
    }
    service.stop().await;
    let calls = target(of(KEY_ID), "calls");
    let keys = calls.of_call("u1").await.unwrap();
    assert_eq!(keys, ["calls/u1/a.wav"]);
    calls.delete(&keys).await.unwrap();
    assert_eq!(s3.objects(), ["acme/calls/u1-2/b.wav"]);
}

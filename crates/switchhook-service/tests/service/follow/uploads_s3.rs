//! Recordings that are uploaded to S3: in parts, retried, and checked after the upload.

use std::fs;
use std::time::Duration;

use serde_json::json;
use switchhook_core::secret::Secret;
use switchhook_service::config::Config;
use switchhook_service::recordings::{Folder, Target, TargetKind, TargetOptions};
use switchhook_store::{Caller, Role, Store, StoreOptions};
use test_support::SOUND;
use tokio::time::sleep;

use crate::follow::log::Log;
use crate::follow::recordings::{play, published, recorded};
use crate::follow::s3::{KEY_ID, S3};
use crate::follow::stage::{Stage, until};

/// The secret; it must appear only in the configuration.
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
    // A little more than one part; its header is that of a stream, which says no length.
    let mut sound = [b"RIFF".as_slice(), &u32::MAX.to_le_bytes(), b"WAVE"].concat();
    sound.extend((0..8 * 1024 * 1024 + 7).map(|at: u32| (at % 251) as u8));
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
    let key = "acme/calls/one/a_b_1__ef4f324a3bcad2e1.wav";
    assert!(s3.object(key).is_some_and(|object| object == sound));
    let link = document["recordingUrls"][0]["recordedFilePublicPath"].as_str();
    let link = link.unwrap();
    assert!(link.contains("X-Amz-Expires=3600"), "{link}");
    let opened = test_support::http::get(link)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(opened == sound);
    // Small files are uploaded in one request.
    fs::write(stage.folder.path().join("rec/b.wav"), SOUND).unwrap();
    let before = s3.requests().len();
    recorded(&stage, "two", "/rec/b.wav").await;
    let asked = s3.requests().split_off(before);
    assert_eq!(
        asked,
        [
            "PUT acme/calls/two/b.wav",
            "HEAD acme/calls/two/b.wav",
            // One byte of the link.
            "GET acme/calls/two/b.wav",
        ]
    );
    // Its pages and documents hold no secret.
    for place in ["readyz", "metrics", "calls/one"] {
        let url = format!("http://{}/{place}", service.http);
        let text = test_support::http::get(url)
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(!text.contains(KEY), "{place}: {text}");
    }
    assert!(!document.to_string().contains(KEY));
    assert!(log.lines_with(KEY).is_empty());
    assert!(!log.lines_with("recordings are uploaded again").is_empty());
    service.stop().await;
}

#[tokio::test]
async fn a_reload_replaces_the_key_of_uploads() {
    let (stage, s3) = (Stage::new().await, S3::start().await);
    fs::create_dir_all(stage.folder.path().join("rec")).unwrap();
    fs::write(stage.folder.path().join("rec/a.wav"), SOUND).unwrap();
    let right = settings(&stage, &s3);
    let service = stage.serve(&right.replace(KEY_ID, "AKIA0ANOTHER")).await;
    play(&stage, "one", &["/rec/a.wav"]);
    let (_, check) = until(&service, "recordings", false).await;
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("403"), "{detail}");
    let right = Config::parse(&right, "test.toml").unwrap();
    service.reload(&right).unwrap();
    let document = stage.inbox.wait(1).await[0].json();
    let link = document["recordingUrls"][0]["recordedFilePublicPath"].as_str();
    assert!(link.unwrap().contains(KEY_ID), "{document}");
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

fn target(kind: TargetKind, prefix: &str) -> Target {
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
    let of = |key_id: &str| TargetKind::S3 {
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
    let keys = calls.keys_of_call("u1").await.unwrap();
    assert_eq!(keys, ["calls/u1/a.wav"]);
    calls.delete(&keys).await.unwrap();
    assert_eq!(s3.objects(), ["acme/calls/u1-2/b.wav"]);
}

/// If a caller is erased while a recording is uploaded, the target keeps nothing of it either.
#[tokio::test]
async fn what_is_uploaded_of_a_caller_who_is_forgotten_meanwhile_is_taken_back() {
    let log = Log::of_this_process();
    let (stage, s3) = (Stage::new().await, S3::start().await);
    let service = stage.serve(&settings(&stage, &s3)).await;
    fs::write(stage.folder.path().join("rec/a.wav"), SOUND).unwrap();
    s3.holds(true);
    play(&stage, "forgotten", &["/rec/a.wav"]);
    while s3.requests().is_empty() {
        sleep(Duration::from_millis(20)).await;
    }
    let url = format!("sqlite:{}", stage.folder.path().join("store.db").display());
    let store = Store::open(StoreOptions::new(url, Role::Command))
        .await
        .unwrap();
    let caller = Caller::new("919879072567").unwrap();
    let found = store.find_caller(&caller).await.unwrap();
    assert_eq!(found.unpublished(), 1);
    store.forget(&found).await.unwrap();
    s3.holds(false);
    log.says("a call was forgotten while its recordings were uploaded")
        .await;
    let asked = s3.requests();
    assert_eq!(asked[0], "PUT acme/calls/forgotten/a.wav");
    assert!(s3.objects().is_empty(), "{asked:?}");
    assert!(stage.inbox.posts().is_empty());
    service.stop().await;
}

/// Google signs with RSA, and ring makes no such keys. Nothing but this test knows this one.
const ACCOUNT_KEY: &str = include_str!("account_key.pem");

#[tokio::test]
async fn azure_and_google_take_recordings_too_each_with_its_own_links() {
    let (stage, s3) = (Stage::new().await, S3::start().await);
    let account = json!({
        "client_email": "calls@acme.example",
        "private_key_id": "1",
        "private_key": ACCOUNT_KEY,
    });
    let file = stage.folder.path().join("account.json");
    fs::write(&file, account.to_string()).unwrap();
    let google = format!("to = \"gs://acme/gs\", key_file = \"{}\"", file.display());
    let azure =
        "to = \"az://acme/az\", key_id = \"acme\", key = \"c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=\"";
    for (keys, call, signature) in [
        (azure, "az", "sig="),
        (google.as_str(), "gs", "X-Goog-Signature="),
    ] {
        let endpoint = format!("endpoint = \"http://{}\"", s3.address);
        let settings = published(
            &stage,
            &format!("upload = {{ FOLDER, {endpoint}, {keys} }}"),
        );
        fs::write(stage.folder.path().join("rec/a b.wav"), SOUND).unwrap();
        let service = stage.serve(&settings).await;
        let entry = recorded(&stage, call, "/rec/a b.wav").await;
        let link = entry["recordedFilePublicPath"].as_str();
        let link = link.unwrap_or_else(|| panic!("{entry}: {:?}", s3.requests()));
        assert!(link.contains(signature), "{link}");
        let opened = test_support::http::get(link)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(opened, SOUND, "{link}");
        let object = s3.object(&format!("acme/{call}/{call}/a_b__7301eec9d260cac0.wav"));
        assert_eq!(object.as_deref(), Some(SOUND), "{:?}", s3.objects());
        service.stop().await;
    }
}

#[tokio::test]
async fn no_more_go_at_once_than_are_allowed() {
    let (stage, s3) = (Stage::new().await, S3::start().await);
    let settings = settings(&stage, &s3).replace("expires =", "at_once = 2, expires =");
    let service = stage.serve(&settings).await;
    fs::write(stage.folder.path().join("rec/a.wav"), SOUND).unwrap();
    for call in ["1", "2", "3", "4", "5", "6"] {
        play(&stage, call, &["/rec/a.wav"]);
    }
    stage.inbox.wait(6).await;
    assert_eq!(s3.objects().len(), 6);
    assert!(s3.most_at_once() <= 2, "{}", s3.most_at_once());
    service.stop().await;
}

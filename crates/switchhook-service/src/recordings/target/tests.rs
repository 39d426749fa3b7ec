use std::time::Duration;

use super::*;
use switchhook_core::secret::Secret;

/// Azure's is base64.
const KEY: &str = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=";

fn options(kind: TargetKind) -> TargetOptions {
    TargetOptions {
        folder: Folder::default(),
        kind,
        prefix: "calls/pbx".into(),
        public_url: None,
        expires: Duration::from_secs(3_600),
        bytes: 1,
        at_once: 1,
    }
}

fn s3() -> TargetKind {
    TargetKind::S3 {
        bucket: "acme".into(),
        region: "eu-central-1".into(),
        endpoint: None,
        key_id: "AKIA0EXAMPLE".into(),
        key: Secret::new(KEY),
    }
}

fn azure() -> TargetKind {
    TargetKind::Azure {
        container: "acme".into(),
        endpoint: None,
        key_id: "acme".into(),
        key: Secret::new(KEY),
    }
}

#[test]
fn a_key_is_the_calls_own_whatever_the_name_is() {
    let target = Target::open(&options(s3())).unwrap();
    for (call, within, key) in [
        ("u1", "2026/a b.wav", "calls/pbx/u1/2026/a b.wav"),
        ("u1", "a%2e#?*.wav", "calls/pbx/u1/a%252e%23%3F%2A.wav"),
        ("../u2", "x\\..\\a.wav", "calls/pbx/..%2Fu2/x%5C..%5Ca.wav"),
        ("..", "a\n.wav", "calls/pbx/%2E%2E/a%0A.wav"),
    ] {
        assert_eq!(target.key(call, within).unwrap().as_ref(), key);
    }
    for (call, within) in [("u1", "x".repeat(1_024)), ("", "a.wav".to_owned())] {
        assert!(matches!(target.key(call, &within), Err(Trouble::Never(_))));
    }
}

#[tokio::test]
async fn links_are_signed_by_each_targets_rules_and_nothing_shows_the_key() {
    for (kind, begins, shown) in [
        (
            s3(),
            "https://s3.eu-central-1.amazonaws.com/acme/calls/pbx/u1/a%20b.wav?",
            "s3://acme/calls/pbx",
        ),
        (
            azure(),
            "https://acme.blob.core.windows.net/acme/calls/pbx/u1/a%20b.wav?",
            "az://acme/calls/pbx",
        ),
    ] {
        let target = Target::open(&options(kind)).unwrap();
        let link = target
            .link(&target.key("u1", "a b.wav").unwrap())
            .await
            .unwrap();
        assert!(link.starts_with(begins), "{link}");
        let signed = ["X-Amz-Expires=3600", "se="]
            .iter()
            .any(|word| link.contains(word));
        assert!(signed && link.to_lowercase().contains("sig"), "{link}");
        assert_eq!(target.to_string(), shown);
        for text in [link, format!("{target:?}"), format!("{:?}", target.options)] {
            assert!(!text.contains(KEY), "{text}");
        }
    }
}

#[test]
fn what_cannot_be_is_said_before_the_first_recording() {
    let folder = TargetKind::Folder {
        path: "/srv/recordings".into(),
    };
    let wrong = TargetKind::Azure {
        container: "acme".into(),
        endpoint: None,
        key_id: "acme".into(),
        key: Secret::new("not base64!"),
    };
    let json = TargetKind::Google {
        bucket: "acme".into(),
        endpoint: None,
        key: Secret::new("not JSON"),
    };
    let template = TargetOptions {
        public_url: Some("https://rec.example/{{ file }}".into()),
        ..options(folder.clone())
    };
    for (options, key) in [
        (options(folder), "public_url"),
        (options(wrong), "key"),
        (options(json), "key"),
        (template, "public_url"),
    ] {
        let error = Target::open(&options).unwrap_err();
        assert_eq!(error.key, key, "{error}");
        assert!(!error.to_string().contains("not "), "{error}");
    }
}

#[tokio::test]
async fn a_file_larger_than_a_part_arrives_whole_and_a_calls_objects_are_found_and_deleted() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("rec.wav");
    let bytes: Vec<u8> = (0..2 * PART + 7).map(|at| (at % 251) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let options = TargetOptions {
        folder: Folder {
            here: place.path().into(),
            switch: "/rec".into(),
        },
        public_url: Some("https://rec.example/{{ key }}".into()),
        prefix: String::new(),
        ..options(TargetKind::Folder {
            path: place.path().join("public"),
        })
    };
    let target = Target::open(&options).unwrap();
    assert!(target.probe().await.is_err(), "the folder is not there");
    std::fs::create_dir(place.path().join("public")).unwrap();
    target.probe().await.unwrap();
    let seen = target.folder().look("rec.wav", None).await.unwrap();
    for (call, within) in [
        ("u1", "rec.wav"),
        ("u1", "2026/rec.wav"),
        ("u10", "rec.wav"),
    ] {
        let link = target.publish(call, within, &seen).await.unwrap();
        assert_eq!(link, format!("https://rec.example/{call}/{within}"));
        let there = place.path().join("public").join(call).join(within);
        assert!(std::fs::read(there).unwrap() == bytes);
    }
    let mut keys = target.of_call("u1").await.unwrap();
    keys.sort();
    assert_eq!(keys, ["u1/2026/rec.wav", "u1/rec.wav"]);
    target.delete(&keys).await.unwrap();
    target.delete(&keys).await.unwrap();
    assert!(target.of_call("u1").await.unwrap().is_empty());
    assert_eq!(target.of_call("u10").await.unwrap().len(), 1);
    // What has changed since it was seen is not vouched for.
    std::fs::write(&file, "other").unwrap();
    let late = target.publish("u2", "rec.wav", &seen).await;
    assert!(late.is_err(), "{late:?}");
}

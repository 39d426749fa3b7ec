//! Tests the recorder: calls of every kind are recorded and played again to the same end, and no
//! secret is in the files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use test_support::{peer, place, running};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use peer::{Channel, Peer};
use place::Place;
use running::Running;
use switchhook_service::config::Config;
use switchhook_service::recorder::RecordedEvent;
use switchhook_service::service::{self, Service};
use switchhook_sim::switch::{Call, Parked};
use switchhook_sim::{self as lab, LabOptions, Started};
use switchhook_store::{Role, Store};
use switchhook_tools::replay::{self, Recording};

struct RealService;

impl lab::Service for RealService {
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        async move {
            let config = Config::parse(&config, "lab").map_err(|faults| faults.to_string())?;
            let service = Service::start(&config)
                .await
                .map_err(|error| error.to_string())?;
            Ok(Started {
                esl: service.esl.to_string(),
                http: String::new(),
                stop: service.stop().boxed(),
            })
        }
        .boxed()
    }
}

/// Creates and opens the store of a configuration.
async fn store_at(config: &Path) -> Store {
    let config = Config::load(config).unwrap();
    Store::open(service::store_options(&config, Role::Serve))
        .await
        .unwrap()
}

/// Waits until a folder has `count` recordings, and returns them sorted.
async fn files(folder: &Path, count: usize) -> Vec<PathBuf> {
    loop {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths
            .filter(|path| path.to_string_lossy().ends_with(".call.jsonl"))
            .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
            .collect();
        if files.len() >= count {
            files.sort();
            return files;
        }
        tokio::task::yield_now().await;
    }
}

fn program(args: &[&str], file: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    let output = command.args(args).arg(file).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Records the lab's calls and plays them again. Returns how they ended. `only` selects the lab's
/// scenarios.
async fn endings(follow: bool, only: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let options = LabOptions {
        config: format!(
            "[recorder]\nshare = 1\nfolder = \"{0}/calls\"\n[store]\nurl = \"sqlite:{0}/store.db\"\n",
            folder.path().display()
        ),
        follow,
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        ..LabOptions::default()
    };
    let report = lab::run(options, RealService).await.unwrap();
    // Some calls of the lab never reach a service, more of them on a busy machine.
    let all = files(&folder.path().join("calls"), report.calls.len() / 2).await;
    let played = tokio::task::spawn_blocking(move || all.iter().map(|file| play(file)).collect());
    played.await.unwrap()
}

fn assert_has_all(kinds: &[&str], endings: &BTreeSet<String>) {
    for kind in kinds {
        assert!(endings.contains(*kind), "{kind} is not among {endings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_every_kind_are_played_again_to_the_same_end() {
    let kinds = [
        "line_0 SUCCESS",
        "line_1 TIMEOUT",
        "line_1 HTTP_STATUS",
        "line_1 AUTHENTICATION_FAILURE",
        "line_1 CONNECTION_FAILURE",
        "line_1 INVALID_RESPONSE",
        "line_1 INVALID_RESPONSE_MAP",
        "line_1 INVALID_FLOW_VAR",
        "hung_up",
    ];
    assert_has_all(&kinds, &endings(false, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_calls_are_played_again_to_the_same_end() {
    let kinds = [
        "line_0 SUCCESS",
        "line_0",
        "line_1 TIMEOUT",
        "line_1 HTTP_STATUS",
        "line_1 CONNECTION_FAILURE",
        "line_1 INVALID_RESPONSE",
        "line_1 INVALID_RESPONSE_MAP",
        "line_1 INVALID_FLOW_VAR",
        "line_1 INVALID_REQUEST",
        "line_1 CIRCUIT_OPEN",
        "hung_up",
    ];
    assert_has_all(&kinds, &endings(true, &["parked_"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_parked_call_is_in_its_recording() {
    let place = Place::set().await;
    let folder = place.folder.path().join("calls");
    let settings = format!(
        "[recorder]\nshare = 1.0\nfolder = \"{}\"\n[webhooks.lookup]\nurl = \"{{webhooks}}/ok/lookup\"\n\
         body.json = '{{\"pin\": {{{{ flow.key.secret | tojson }}}}}}'\n",
        folder.display()
    );
    let service = place.serve(&place.config(&settings)).await;
    let secret = "par\"ked-s3cret";
    let call = Call {
        parked: Some(Parked {
            service: "one".into(),
            untaken: Duration::from_secs(600),
        }),
        variables: vec![("flow.key.secret".into(), secret.into())],
        ..Call::default()
    };
    let call = place.play(&service, call).await;
    let asked = place::request(&place.webhooks, "/lookup", "ked-s3cret").await;
    assert_eq!(asked.body, br#"{"pin": "par\"ked-s3cret"}"#);
    service.stop().await;
    let file = files(&folder, 1).await.remove(0);
    assert!(file.to_string_lossy().contains(&call.uuid));
    assert!(
        !std::fs::read_to_string(&file)
            .unwrap()
            .contains("ked-s3cret")
    );
    let ended = tokio::task::spawn_blocking(move || play(&file))
        .await
        .unwrap();
    assert_eq!(ended, "line_0 SUCCESS");
}

/// Plays a file again and returns how the call ended.
fn play(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("lab-secret-81d2"), "{}", file.display());
    let recording = Recording::read(file).unwrap();
    let played = replay::play(&recording, None).unwrap();
    let differences = replay::compare(&recording, &played);
    assert_eq!(differences, [], "{}\n{text}", file.display());
    let RecordedEvent::End { ending, reason, .. } = played.end else {
        panic!("no end: {played:?}");
    };
    [Some(ending), reason]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Secrets: two that the configuration marks as such, and others that are recognised by their names.
const SECRETS: [&str; 6] = [
    "correct-horse",
    "battery+st&ple",
    "url-t0ken-9f8e",
    "header-k3y-77aa",
    "answer/t0ken\"$x",
    "channel-s3cret-1",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_recording_and_a_changed_webhook_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |path: &str| {
        format!(
            "[recorder]\nshare = 1.0\nfolder = \"{}\"\n\
             [webhooks.lookup]\nurl = \"{{receiver}}/callers?access_token={}\"\n\
             headers = {{ X-Api-Key = \"{}\", X-Pin = '{{{{ channel[\"flow.key.secret\"] }}}}' }}\n\
             auth.basic = {{ username = \"switch\", password = \"{}\" }}\n\
             response.map = {{ session_token = \"$.session.token\", name = \"{path}\" }}\n\
             [webhooks.other]\nurl = \"{{receiver}}/\"\nauth.bearer = {{ token = \"{}\" }}\n",
            folder.path().display(),
            SECRETS[2],
            SECRETS[3],
            SECRETS[0],
            SECRETS[1],
        )
    };
    let running = Running::start(&settings("$.name")).await;
    let channel = Channel::to("lookup").set("flow.key.secret", SECRETS[5]);
    let mut peer = Peer::call(running.esl(), channel).await;
    let body = serde_json::json!({
        "name": "Ann", "session": {"token": SECRETS[4]}, "hint": "not correct-horse, battery+st&ple",
    });
    let request = running.receiver.answer(200, &body.to_string()).await;
    assert!(request.head.contains(SECRETS[5]) && request.head.contains(SECRETS[3]));
    peer.until_exit().await;
    drop(peer);
    let file = files(folder.path(), 1).await.remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let encoded = |secret: &str| {
        use base64::Engine as _;
        let standard = base64::engine::general_purpose::STANDARD;
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let basic = standard.encode(format!("switch:{secret}"));
        let json = serde_json::to_string(secret).unwrap();
        let json = json.trim_matches('"').to_owned();
        let whole = standard.encode(body.to_string());
        let secret = secret.to_owned();
        [
            standard.encode(&secret),
            json.replace('\\', "\\\\"),
            json,
            secret,
            form,
            basic,
            whole,
        ]
    };
    for secret in SECRETS {
        for form in encoded(secret) {
            assert!(!text.contains(&form), "{form} is in {text}");
        }
    }
    assert!(text.contains("Ann") && text.contains("X-Api-Key"), "{text}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let (status, out, err) = program(&["replay"], &file);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.ends_with("line_0 SUCCESS: the same\n"), "{out}");
    // Plays the same answer with a changed webhook.
    let changed = folder.path().join("changed.toml");
    let settings = settings("$.names").replace("{receiver}", "https://crm.example");
    std::fs::write(&changed, format!("[listen]\n{settings}")).unwrap();
    let config = changed.to_str().unwrap();
    let (status, out, err) = program(&["replay", "--with-config", "--config", config], &file);
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(
        out.contains("line_1 INVALID_RESPONSE_MAP: different\n"),
        "{out}"
    );
    assert!(
        out.contains("  ending\n    - line_0\n    + line_1\n"),
        "{out}"
    );
    // Tests the changed configuration with all recordings, before it goes live.
    let store = format!(
        "[store]\nurl = \"sqlite:{}/new.db\"\n",
        folder.path().display()
    );
    let settings = std::fs::read_to_string(&changed).unwrap();
    std::fs::write(&changed, settings + &store).unwrap();
    drop(store_at(&changed).await);
    let (status, out, err) = program(
        &["--config", config, "backtest", "--recordings"],
        folder.path(),
    );
    assert_eq!(status, Some(1), "{out}{err}");
    for part in [
        "lookup: different\n  ending\n    - line_0\n    + line_1\n",
        "lookup: 1 recording tested, 1 different\n",
        "  never matched in 1 answer: name = $.names\n",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_bounded_and_may_be_failures_alone() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&format!(
        "[recorder]\nshare = 1.0\nfailures_only = true\nfiles = 2\nfolder = \"{}\"\n\
         [webhooks.lookup]\nurl = \"{{receiver}}/callers\"\n",
        folder.path().display()
    ))
    .await;
    let mut uuids = Vec::new();
    for (at, status) in [503, 200, 503, 503].into_iter().enumerate() {
        let channel = Channel::to("lookup");
        let uuid = channel.uuid.clone();
        let mut peer = Peer::call(running.esl(), channel).await;
        running.receiver.answer(status, "{}").await;
        peer.until_exit().await;
        drop(peer);
        if status != 200 {
            uuids.push(uuid);
            let newest = uuids.last().unwrap().clone();
            // Waits until each file exists before the next is written.
            while !files(folder.path(), uuids.len().min(2))
                .await
                .iter()
                .any(|file| file.to_string_lossy().contains(&newest))
            {
                tokio::task::yield_now().await;
            }
        }
        assert!(at < 4);
    }
    // The oldest file is deleted after the newest has its name.
    let mut left = files(folder.path(), 2).await;
    while left.len() > 2 {
        left = files(folder.path(), 2).await;
    }
    let has = |uuid: &String| {
        left.iter()
            .any(|file| file.to_string_lossy().contains(uuid))
    };
    assert_eq!(
        uuids.iter().map(has).collect::<Vec<_>>(),
        [false, true, true]
    );
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_a_reload_brought_is_in_no_recording_and_neither_is_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |token: &str| {
        format!(
            "[recorder]\nshare = 1.0\nfolder = \"{}\"\n\
             [webhooks.lookup]\nurl = \"{{receiver}}/\"\nauth.bearer = {{ token = \"{token}\" }}\n",
            folder.path().display()
        )
    };
    let tokens = ["f1rst-token", "sec0nd-token"];
    let running = Running::start(&settings(tokens[0])).await;
    running.reload(&settings(tokens[1]));
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    let echo = format!("{{\"hint\": \"not {}, but {}\"}}", tokens[0], tokens[1]);
    let request = running.receiver.answer(200, &echo).await;
    assert!(request.head.contains(tokens[1]));
    peer.until_exit().await;
    drop(peer);
    let file = files(folder.path(), 1).await.remove(0);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("not ***********, but ************"), "{text}");
    for token in tokens {
        assert!(!text.contains(token), "{text}");
    }
    running.service.stop().await;
}

#[test]
fn what_is_no_recording_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.call.jsonl");
    let newer = "{\"switchhook\":\"recording\",\"version\":99,\"program\":\"9.0.0\",\"began_ms\":0,\
                 \"uuid\":\"\",\"webhook\":\"\",\"music_after_us\":0,\"goodbye_us\":0,\"config\":\"\"}";
    for (text, words) in [
        ("", "is no recording"),
        ("{\"a\":1}\n", "is no recording"),
        (newer, "use switchhook 9.0.0, or a newer one"),
        (&newer.replace("99", "1"), "has no end"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (status, out, err) = program(&["replay"], &file);
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(err.contains(words), "{err}");
    }
}

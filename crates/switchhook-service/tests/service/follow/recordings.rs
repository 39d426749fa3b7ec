//! Recordings that the service serves: the link in the document, and what the link opens.

use std::fs;

use reqwest::header::RANGE;
use switchhook_service::config::Config;
use test_support::SOUND;

use crate::follow::made::Made;
use crate::follow::stage::Stage;

/// Returns the settings with signed links. The switch's path of the folder is `/rec`.
fn settings(stage: &Stage, secret: &str) -> String {
    let serve = format!(
        "serve = {{ FOLDER, url = \"https://rec.example/pbx\", secret = \"{secret}\", \
         listen = \"127.0.0.1:0\" }}"
    );
    published(stage, &serve)
}

/// Returns the settings with this `[recordings]` section, in which `FOLDER` stands for the folder.
pub fn published(stage: &Stage, keys: &str) -> String {
    let folder = stage.folder.path().join("rec");
    fs::create_dir_all(&folder).unwrap();
    let folder = format!(
        "folder = \"{}\", switch_folder = \"/rec\"",
        folder.display()
    );
    let template = "public_url = \"https://rec.example/{{ file_name }}\"";
    let text = stage.settings("");
    assert!(text.contains(template));
    text.replace(template, &keys.replace("FOLDER", &folder))
}

/// Plays a call that was recorded to this path. Returns its document's entry for the recording.
pub async fn recorded(stage: &Stage, uuid: &str, path: &str) -> serde_json::Value {
    let before = stage.inbox.posts().len();
    play(stage, uuid, &[path]);
    let posts = stage.inbox.wait(before + 1).await;
    posts[before].json()["recordingUrls"][0].clone()
}

/// Plays a call that was recorded to these paths.
pub fn play(stage: &Stage, uuid: &str, paths: &[&str]) {
    let leg = Made::inbound_call(uuid, &[("Event-Date-Timestamp", "1795435200000000")]);
    let mut events = vec![leg.create(), leg.answer()];
    for path in paths {
        let event = |name, sequence| leg.record(name, path).with("Event-Sequence", sequence);
        events.extend([event("RECORD_START", "5"), event("RECORD_STOP", "6")]);
    }
    events.push(leg.complete());
    let lines: Vec<String> = events.iter().map(|event| event.json()).collect();
    stage.switch.play(&lines);
}

#[tokio::test]
async fn a_documents_link_opens_its_recording_in_parts_too_and_nothing_else() {
    let stage = Stage::new().await;
    let folder = stage.folder.path().join("rec/2026");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a b#1.wav"), SOUND).unwrap();
    fs::write(folder.join("other.wav"), "another caller").unwrap();
    fs::write(stage.folder.path().join("outside.wav"), "not a recording").unwrap();
    let text = settings(&stage, "correct horse battery");
    let service = stage.serve(&text).await;
    let entry = recorded(&stage, "one", "/rec/2026/a b#1.wav").await;
    assert_eq!(entry["recordedFileName"], "a b#1.wav");
    let link = entry["recordedFilePublicPath"].as_str().unwrap();
    let local = format!("http://{}", service.recordings.unwrap());
    // The same link as a proxy forwards it.
    let here = link.replace("https://rec.example/pbx", &local);
    assert!(
        here.starts_with(&format!("{local}/recordings/2026/a%20b%231.wav?expires=")),
        "{here}"
    );
    let get = async |url: &str| {
        let answer = test_support::http::get(url).await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    assert_eq!(get(&here).await, (200, SOUND.into()));
    let part = test_support::http::client()
        .get(&here)
        .header(RANGE, "bytes=16-19");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 16-19/{}", SOUND.len())
    );
    assert_eq!(part.headers()["cache-control"], "private, no-store");
    assert_eq!(part.bytes().await.unwrap(), SOUND[16..20]);
    let query = here.split_once('?').unwrap().1;
    for (url, status) in [
        (format!("{local}/recordings/2026/other.wav?{query}"), 403),
        (format!("{local}/recordings/2026/a%20b%231.wav"), 403),
        (format!("{local}/recordings/2026/?{query}"), 403),
        (
            format!("{local}/recordings/%2e%2e%2foutside.wav?{query}"),
            403,
        ),
        (format!("{local}/?{query}"), 404),
        (format!("{local}/metrics"), 404),
    ] {
        assert_eq!(get(&url).await.0, status, "{url}");
    }
    assert_eq!(
        test_support::http::client()
            .post(&here)
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    // A deleted file is not found with a valid link either.
    fs::remove_file(folder.join("a b#1.wav")).unwrap();
    assert_eq!(get(&here).await.0, 404);
    // A file outside the folder gets no link, however its path is written.
    for (uuid, path) in [("two", "/tmp/x.wav"), ("three", "/rec/../outside.wav")] {
        let entry = recorded(&stage, uuid, path).await;
        assert!(entry["recordedFilePublicPath"].is_null(), "{entry}");
        assert!(entry["recordedFileName"].is_string(), "{entry}");
    }
    service.stop().await;
}

#[tokio::test]
async fn with_another_secret_older_links_open_nothing_and_newer_ones_do() {
    let stage = Stage::new().await;
    let folder = stage.folder.path().join("rec");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.wav"), SOUND).unwrap();
    let service = stage
        .serve(&settings(&stage, "correct horse battery"))
        .await;
    let local = format!("http://{}", service.recordings.unwrap());
    let here = |entry: &serde_json::Value| {
        let link = entry["recordedFilePublicPath"].as_str().unwrap();
        link.replace("https://rec.example/pbx", &local)
    };
    let old = here(&recorded(&stage, "one", "/rec/a.wav").await);
    let changed = Config::parse(&settings(&stage, "another secret, as long"), "test.toml").unwrap();
    service.reload(&changed).unwrap();
    let new = here(&recorded(&stage, "two", "/rec/a.wav").await);
    assert_eq!(test_support::http::get(&old).await.unwrap().status(), 403);
    assert_eq!(test_support::http::get(&new).await.unwrap().status(), 200);
    service.stop().await;
}

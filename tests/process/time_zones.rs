//! A service whose system gets new rules of a time zone while it runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use switchhook_core::zone::ZoneDatabase;
use test_support::anew::anew;
use test_support::events::bodies;
use test_support::inbox::Inbox;
use test_support::port8021::Port8021;
use test_support::settings;
use tokio::process::Command;
use tokio::time::timeout;

const CALL: &str = "outbound-customer-then-agent-recorded";
/// The zone of the test's settings.
const ZONE: &str = "Asia/Kolkata";
/// The service looks every ten seconds, and takes what it sees twice.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a release in which the zone has the rules of another.
fn release(folder: &Path, name: &str, rules_of: &str) {
    let data = (ZoneDatabase::built_in().read)(rules_of).unwrap();
    let file = folder.join(ZONE);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, data).unwrap();
    fs::write(folder.join("+VERSION"), name).unwrap();
}

/// Plays a call, and returns the offset of the times in its document.
async fn offset(switch: &Port8021, inbox: &Inbox) -> String {
    let before = inbox.posts().len();
    switch.play(&anew(&bodies(CALL)).0);
    let posts = inbox.wait(before + 1).await;
    let document = posts[before].json();
    let time = document["callDetails"][0]["startTime"].as_str().unwrap();
    time[time.len() - 6..].to_owned()
}

#[tokio::test]
async fn a_running_service_takes_new_rules_of_a_time_zone() {
    let (switch, inbox) = (Port8021::start().await, Inbox::start().await);
    let (folder, zones) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = folder.path().join("switchhook.toml");
    let text = settings::all_to(folder.path(), switch.address, inbox.address);
    fs::write(&config, text).unwrap();
    release(zones.path(), "2099a", "Asia/Tokyo");
    let program = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        program.env("TZDIR", zones.path());
        program
    };
    let mut service = program()
        .args(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    switch.followed(1).await;
    assert_eq!(offset(&switch, &inbox).await, "+09:00");
    let version = program().arg("--version").output().await.unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let place = zones.path().display();
    assert!(
        version.contains(&format!("time zones: 2099a ({place})")),
        "{version}"
    );
    // The other copy, which is built in, has another rule for the zone of the configuration.
    let mut doctor = program();
    doctor.args(["doctor", "--json", "--config"]).arg(&config);
    let doctor = doctor.output().await.unwrap();
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let about_zones = findings.filter(|finding| finding["subject"] == "time zones");
    let said: Vec<&str> = about_zones.filter_map(|it| it["what"].as_str()).collect();
    assert_eq!(said[0], format!("2099a ({place}) is in use"));
    assert!(
        said[1].starts_with(&format!("{ZONE} has another offset in ")),
        "{said:?}"
    );

    release(zones.path(), "2099b", "Asia/Kathmandu");
    let changed = async { while offset(&switch, &inbox).await != "+05:45" {} };
    timeout(PATIENCE, changed).await.unwrap();
    service.kill().await.unwrap();
}

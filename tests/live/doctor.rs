//! Runs `switchhook doctor` at the real switch: the shipped files have no fault but the intended one.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::call::Exchange;
use super::switch::{Switch, shipped};

/// Returns the shipped configuration of the service with the ports of this test.
async fn configuration(switch: &Switch, webhook: &TcpListener) -> String {
    let text = fs::read_to_string(shipped().join("switchhook.toml")).expect("the shipped file");
    let webhook = webhook.local_addr().expect("its number").port();
    let cdr = switch.folder.join("run/json_cdr");
    let mut moved = text.replace("switch/json_cdr", &cdr.display().to_string());
    for (shipped, here) in [
        (":8084", switch.service),
        (":8085", 0),
        (":8021", switch.event_socket),
        (":8086", webhook),
    ] {
        moved = moved.replace(shipped, &format!(":{here}"));
    }
    moved
}

fn run(folder: &TempDir, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .current_dir(folder)
        .arg("doctor")
        .args(args)
        .output()
        .expect("the program");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!out.contains("ClueCon"), "{out}");
    (output.status.code(), out)
}

fn of<'a>(json: &'a Value, check: &str) -> Vec<&'a Value> {
    let findings = json["findings"].as_array().expect("a list");
    let found = findings.iter().filter(|finding| finding["check"] == check);
    found.collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a FreeSWITCH"]
async fn the_shipped_configuration_has_the_one_fault_that_is_meant_and_its_hook_no_warning() {
    let switch = tokio::task::spawn_blocking(Switch::shared)
        .await
        .expect("a switch");
    let webhook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
    let text = configuration(switch, &webhook).await;
    fs::write(folder.path().join("switchhook.toml"), text).expect("a config");

    let (_, shown) = run(&folder, &[]);
    let (status, text) = run(&folder, &["--json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let findings = json["findings"].as_array().expect("a list");
    let faults = findings
        .iter()
        .filter(|finding| finding["level"] == "fault");
    let faults: Vec<_> = faults.map(|fault| &fault["subject"]).collect();
    // The shipped webhook that shows BLOCKED_ADDRESS.
    assert_eq!(faults, ["webhook fails_address"], "{shown}");
    assert_eq!((status, &json["ok"]), (Some(1), &Value::Bool(false)));
    for check in [
        "reachable",
        "version",
        "sessions",
        "clock",
        "modules",
        "event socket",
        "ACL",
        "way to us",
        "hook",
        "values",
        "hold music",
        "json_cdr",
    ] {
        let found = of(&json, check);
        assert!(!found.is_empty(), "{check} in {shown}");
        assert!(
            found.iter().all(|finding| finding["level"] == "ok"),
            "{found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a FreeSWITCH"]
async fn what_is_wrong_between_service_and_switch_is_found_with_its_cure() {
    let switch = tokio::task::spawn_blocking(Switch::shared)
        .await
        .expect("a switch");
    let webhook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
    let good = configuration(switch, &webhook).await;
    let cdr = switch.folder.join("run/json_cdr").display().to_string();
    let own = format!("127.0.0.1:{}", switch.service);
    let lookup = "[webhooks.lookup]\n";
    // The changed text, its replacement, and the check that must find it.
    let faults = [
        ("ClueCon", "wrong-password".into(), "password"),
        (cdr.as_str(), "/no/such/folder".into(), "json_cdr"),
        (own.as_str(), "127.0.0.1:1".into(), "hook"),
        (
            lookup,
            format!("{lookup}hold_music = \"/no/such/music.wav\"\n"),
            "hold music",
        ),
    ];
    for (shipped, wrong, check) in faults {
        let text = good.replacen(shipped, &wrong, 1);
        assert_ne!(text, good);
        fs::write(folder.path().join("switchhook.toml"), text).expect("a config");
        let (_, text) = run(&folder, &["--json"]);
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let found = of(&json, check);
        let bad = |level: &Value| level == "fault" || level == "warning";
        let fault = found.iter().find(|finding| bad(&finding["level"]));
        let fault = fault.unwrap_or_else(|| panic!("{check}: {json:#}"));
        let cure = fault["cure"].as_str().unwrap_or_default();
        assert!(!cure.is_empty(), "{fault:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a FreeSWITCH"]
async fn the_switchs_own_folder_of_recordings_is_not_another() {
    let switch = tokio::task::spawn_blocking(Switch::shared)
        .await
        .expect("a switch");
    let webhook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
    let recordings = switch.folder.join("run/recordings");
    fs::create_dir_all(&recordings).expect("a folder");
    fs::write(recordings.join("doctor.wav"), "a call").expect("a file");
    let other = TempDir::with_prefix("switchhook-live-").expect("a folder");
    fs::write(other.path().join("elsewhere.wav"), "a call").expect("a file");
    let settings = configuration(switch, &webhook).await;
    for (here, level) in [(recordings.as_path(), "ok"), (other.path(), "warning")] {
        let text = format!(
            "{settings}\n[recordings]\nserve = {{ folder = \"{}\", switch_folder = \"{}\", \
             url = \"https://rec.example\", secret = \"at least 16 characters\" }}\n",
            here.display(),
            recordings.display()
        );
        fs::write(folder.path().join("switchhook.toml"), text).expect("a config");
        let (_, text) = run(&folder, &["--json"]);
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let found = of(&json, "recordings");
        let levels: Vec<_> = found.iter().map(|one| &one["level"]).collect();
        assert_eq!(levels, [level], "{found:?}");
    }
}

/// What a dialplan or profile has, what it is changed to, and the check and words that must tell before the
/// first caller.
const FAULTS: [(&str, &str, &str, &str, &str); 6] = [
    (
        "../dialplan/flows.xml",
        r"^[\w-]+-line-1$",
        "^nobody$",
        "lines",
        "the caller is hung up there",
    ),
    (
        "../dialplan/phones.xml",
        r#"<action application="hangup"/>"#,
        r#"<action application="set" data="flow.name=no_such_flow"/><action application="hangup"/>"#,
        "flows",
        "no_such_flow",
    ),
    (
        "../dialplan/switchhook.xml",
        "${switchhook} async full",
        "${switchhook} full",
        "hook",
        "async",
    ),
    (
        "../dialplan/switchhook.xml",
        "${switchhook} async full",
        "${switchhook} async",
        "hook",
        "full",
    ),
    (
        "sofia.xml",
        "<settings>",
        r#"<settings><param name="inbound-proxy-media" value="true"/>"#,
        "hold music",
        "inbound-proxy-media",
    ),
    (
        "../dialplan/flows.xml",
        "<include>\n",
        "<include><X-PRE-PROCESS cmd=\"set\" data=\"lost=1\"/>\n",
        "configuration files",
        "drops this line",
    ),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a FreeSWITCH"]
async fn what_the_first_caller_would_find_is_found_before() {
    let exchange = Exchange::acquire().await;
    let (switch, control) = (exchange.switch, &exchange.control);
    let webhook = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = TempDir::with_prefix("switchhook-live-").expect("a folder");
    let text = configuration(switch, &webhook).await;
    fs::write(folder.path().join("switchhook.toml"), text).expect("a config");
    let told = |check: &str, words: &str| {
        let (_, text) = run(&folder, &["--json"]);
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let found = of(&json, check).into_iter().any(|finding| {
            let bad = finding["level"] == "fault" || finding["level"] == "warning";
            bad && finding["what"].to_string().contains(words)
        });
        (found, text)
    };
    for (file, shipped, wrong, check, words) in FAULTS {
        let before = switch.configure(file, shipped, wrong);
        control.api("reloadxml").await;
        let (found, text) = told(check, words);
        switch.restore(file, &before);
        control.api("reloadxml").await;
        assert!(found, "{wrong}: {text}");
        let (found, text) = told(check, words);
        assert!(!found, "{check} of the shipped files: {text}");
    }
}

//! The examples of a deployment: each is tried, or held against the program that it starts.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod proxies;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::commands::support::{RunningService, Workdir};

/// What the configurations of the examples take from the environment.
const SECRETS: [&str; 2] = ["FREESWITCH_PASSWORD", "SWITCHHOOK_HTTP_TOKEN"];
const LEAST_GRACE_S: u64 = 61;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn example(path: &str) -> String {
    let path = file("examples").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `switchhook check` on a configuration, with the secrets of the examples.
fn check(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("switchhook.toml");
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.current_dir(folder.path()).arg("check").arg(&config);
    for secret in SECRETS {
        assert!(text.contains(&format!("\"{secret}\"")), "{secret}");
        command.env(secret, "long enough for a token");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Returns what the first group of a pattern finds.
fn found<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures_iter(text);
    found.map(|one| one.get(1).unwrap().as_str()).collect()
}

/// Checks that the program accepts this command line.
fn is_command_line(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    let output = command.args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Returns the text of a block of YAML (`key: |`), without its indent.
fn block(key: &str, text: &str) -> String {
    let (before, after) = text.split_once(&format!("{key}: |\n")).unwrap();
    let indent = before.rsplit('\n').next().unwrap().len() + 2;
    let lines = after.lines();
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indent)));
    lines
        .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

#[test]
fn the_pod_of_the_kubernetes_example_runs_what_the_program_accepts() {
    let text = example("kubernetes/switchhook.yml");
    let config = block("switchhook.toml", &text);
    check(&config);
    // The image's own arguments, and those of the pod.
    let image = fs::read_to_string(file("packaging/Containerfile")).unwrap();
    let entry = found(
        r#"ENTRYPOINT \["/usr/bin/switchhook", "--config", "([^"]+)"\]"#,
        &image,
    );
    let [path] = entry[..] else {
        panic!("{entry:?}")
    };
    let mounted = found(r"name: config, mountPath: (\S+),", &text);
    assert_eq!(
        Path::new(path),
        Path::new(mounted[0]).join("switchhook.toml")
    );
    let arguments = found(r"args: \[([^\]]+)\]", &text)[0];
    is_command_line(&found(r#""([^"]+)""#, arguments));
    // Ports of the configuration, the container and the service.
    for (name, key) in [("esl", "esl"), ("http", "http")] {
        let listens = found(&format!(r#"{key} = "0.0.0.0:(\d+)""#), &config);
        let container = found(&format!(r"name: {name}, containerPort: (\d+)"), &text);
        let of_service = found(&format!(r"name: {name}, port: (\d+)"), &text);
        assert_eq!((&listens, &listens), (&container, &of_service));
        assert_eq!(listens.len(), 1);
    }
    let data = found(r"name: data, mountPath: (\S+) ", &text);
    assert!(image.contains(&format!("WORKDIR {}", data[0])));
    let grace: u64 = found(r"terminationGracePeriodSeconds: (\d+)", &text)[0]
        .parse()
        .unwrap();
    assert!(grace >= LEAST_GRACE_S);
    // The kubelet asks by the pod's address.
    let workdir = Workdir::new();
    let plain = "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    fs::write(workdir.folder.path().join("switchhook.toml"), plain).unwrap();
    let serving = RunningService::start(&workdir);
    let probes = found(r"httpGet: \{ path: (\S+), port: http", &text);
    assert_eq!(probes, ["/readyz", "/healthz"]);
    for path in probes {
        let answer = serving.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // YAML allows no tab.
    assert!(!text.contains('\t'));
}

#[test]
fn the_compose_example_has_a_good_configuration_and_its_health_check_works() {
    let text = example("compose/compose.yml");
    let config = example("compose/switchhook.toml");
    check(&config);
    for secret in SECRETS {
        assert!(
            text.contains(&format!("{secret}: ${{{secret}:?")),
            "{secret}"
        );
    }
    let grace: u64 = found(r"stop_grace_period: (\d+)s", &text)[0]
        .parse()
        .unwrap();
    assert!(grace >= LEAST_GRACE_S);
    let test = found(r#"test: \["CMD", "bash", "-c", (".+")\]"#, &text)[0];
    let test: String = serde_json::from_str(test).unwrap();
    let port = found(r#"http = "(127.0.0.1:\d+)""#, &config)[0];
    let as_file = port.replace(':', "/");
    assert!(test.contains(&as_file), "{test}");
    let ask = |address: &str| {
        let test = test.replace(&as_file, &address.replace(':', "/"));
        let ran = Command::new("bash").args(["-c", &test]).output().unwrap();
        ran.status.success()
    };
    let workdir = Workdir::new();
    let plain = "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    fs::write(workdir.folder.path().join("switchhook.toml"), plain).unwrap();
    let serving = RunningService::start(&workdir);
    let address = serving.http.clone();
    assert!(ask(&address));
    assert_eq!(serving.terminate(), Some(0));
    assert!(!ask(&address), "nobody listens there any more");
    assert!(!text.contains('\t'));
}

#[test]
fn the_line_for_cron_makes_a_backup_of_today_and_removes_old_ones() {
    let text = example("cron/switchhook-backup");
    let line = text.lines().find(|line| line.starts_with("15 3 ")).unwrap();
    let command = line.split_once(" root ").unwrap().1.replace("\\%", "%");
    assert!(!command.contains('%') || line.matches("\\%").count() == line.matches('%').count());
    let workdir = Workdir::new();
    let folder = workdir.folder.path();
    let backups = folder.join("backups");
    fs::create_dir(&backups).unwrap();
    fs::write(
        folder.join("switchhook.toml"),
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let serving = RunningService::start(&workdir);
    let old = backups.join("2001-01-01.db");
    let made = Command::new("touch")
        .args(["-d", "2001-01-01"])
        .arg(&old)
        .status();
    assert!(made.unwrap().success());
    let command = command
        .replace(
            "/etc/switchhook/switchhook.toml",
            &folder.join("switchhook.toml").display().to_string(),
        )
        .replace("/var/lib/switchhook", &folder.display().to_string())
        .replace("/var/backups/switchhook", &backups.display().to_string())
        .replace(
            "&& switchhook ",
            &format!("&& {} ", env!("CARGO_BIN_EXE_switchhook")),
        );
    // cron runs it with sh.
    let ran = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(ran.status.success(), "{command}: {ran:?}");
    let names: Vec<String> = fs::read_dir(&backups)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let [name] = &names[..] else {
        panic!("{names:?}")
    };
    assert!(Regex::new(r"^\d{4}-\d\d-\d\d\.db$").unwrap().is_match(name));
    assert_eq!(serving.terminate(), Some(0));
}

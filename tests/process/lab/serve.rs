//! Tests `lab --serve` as a newcomer uses it: start it, open the page, press Ctrl-C.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn its_page_shows_calls_and_takes_its_token_until_ctrl_c() {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["lab", "--serve", "success_json", "refused"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(lab.stdout.take().unwrap());
    let (mut page, mut token) = (String::new(), String::new());
    let greeting = async {
        let mut line = String::new();
        while said.read_line(&mut line).await.unwrap() > 0 && !line.starts_with("Ctrl-C") {
            let text = line.trim();
            if text.starts_with("http://") {
                page = text.to_owned();
            }
            if let Some((_, shown)) = text.split_once("document again: ") {
                token = shown.to_owned();
            }
            line.clear();
        }
    };
    timeout(PATIENCE, greeting).await.unwrap();
    let http = test_support::http::builder().no_proxy().build().unwrap();
    let shown = async {
        loop {
            let text = http.get(&page).send().await.unwrap().text().await.unwrap();
            if text.contains("line 0") && text.contains("CONNECTION_FAILURE") {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, shown).await.expect("both kinds of calls");
    let ask = |token: &str| {
        let request = http.post(format!("{page}webhooks/success_json/try"));
        request.bearer_auth(token).send()
    };
    assert_eq!(ask("another token of sixteen").await.unwrap().status(), 401);
    assert_ne!(ask(&token).await.unwrap().status(), 401);
    let pid = Pid::from_raw(i32::try_from(lab.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let mut rest = String::new();
    timeout(PATIENCE, said.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.contains("nothing is left behind"), "{rest}");
    assert!(lab.wait().await.unwrap().success());
}

#[tokio::test]
async fn every_scenario_is_listed_and_each_name_chooses_it() {
    let list = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
        let ran = command
            .args(["lab", "--list"])
            .args(arguments)
            .output()
            .await;
        let ran = ran.unwrap();
        (
            String::from_utf8(ran.stdout).unwrap(),
            String::from_utf8(ran.stderr).unwrap(),
        )
    };
    let (all, _) = list(&[]).await;
    assert!(all.lines().count() > 100, "{all}");
    for name in ["success_json", all.lines().last().unwrap()] {
        let (chosen, _) = list(&[name]).await;
        assert!(chosen.lines().any(|line| line == name), "{name}: {chosen}");
    }
    let (json, _) = list(&["--json"]).await;
    let names: Vec<String> = serde_json::from_str(&json).unwrap();
    assert_eq!(names, all.lines().collect::<Vec<_>>());
    let (nothing, told) = list(&["no such"]).await;
    assert!(nothing.is_empty() && told.contains("lab --list"), "{told}");
}

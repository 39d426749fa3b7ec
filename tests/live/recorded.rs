//! Tests the recorder on a real switch: calls recorded there are played again without it, to the same
//! end.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::call::{Call, Exchange};
use super::control::Event;
use super::receiver::Receiver;
use super::service::Service;

const ANNA: &str = r#"{"customer":{"name":"Anna ${x} Müller"},"queue":"gold","vip":true}"#;

/// Waits for the file of a call, and returns its path.
async fn file_of(folder: &Path, call: &Call<'_>) -> PathBuf {
    loop {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut paths = entries.map(|entry| entry.expect("a file").path());
        let is_whole = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(&call.uuid) && !name.starts_with('.')
        };
        if let Some(path) = paths.find(is_whole) {
            return path;
        }
        tokio::task::yield_now().await;
    }
}

/// Runs `switchhook replay`, and returns how the call ended.
async fn replayed(folder: &Path, call: &Call<'_>) -> String {
    let file = file_of(folder, call).await;
    let output = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .arg("replay")
        .arg(&file)
        .output()
        .expect("the program");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let recording = std::fs::read_to_string(&file).unwrap_or_default();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{out}{error}\n{recording}");
    out.trim_end()
        .rsplit("  ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn is_end(event: &Event) -> bool {
    event.name() == "CHANNEL_HANGUP_COMPLETE"
}

/// Places calls to these numbers, by socket or parked: found, with music, refused, hung up on hold.
async fn are_the_same(
    exchange: &Exchange,
    service: &Service,
    receiver: &Receiver,
    folder: &Path,
    numbers: [&str; 3],
) {
    let [found, slow, refused] = numbers;
    let call = exchange.dial(found, &service.address).await;
    assert_eq!(call.line_of("greet").await.number, "0");
    assert_eq!(replayed(folder, &call).await, "line_0 SUCCESS: the same");

    let call = exchange.dial(slow, &service.address).await;
    call.runs("playback").await;
    receiver.release("/hold/slow");
    assert_eq!(call.line_of("slow").await.number, "0");
    assert_eq!(replayed(folder, &call).await, "line_0 SUCCESS: the same");

    receiver.hold("/hold/slow");
    let call = exchange.dial(refused, &service.address).await;
    assert_eq!(call.line_of("failed").await.number, "1");
    assert_eq!(
        replayed(folder, &call).await,
        "line_1 HTTP_STATUS: the same"
    );

    let call = exchange.dial(slow, &service.address).await;
    call.runs("playback").await;
    call.hang_up().await;
    call.wait("the end", is_end).await;
    assert_eq!(replayed(folder, &call).await, "hung_up: the same");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn calls_recorded_on_a_real_switch_are_played_again_to_the_same_end() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    receiver.set_answer("/hold/slow", "{}");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = format!(
        "[recorder]\nshare = 1.0\nfolder = \"{}\"\n",
        folder.path().display()
    );
    let service = Service::parking(exchange.switch, &receiver, &settings).await;
    let on_a_socket = ["7001", "7002", "7012"];
    are_the_same(&exchange, &service, &receiver, folder.path(), on_a_socket).await;
    let parked = ["7006", "7007", "park-fails_status-then-failed"];
    are_the_same(&exchange, &service, &receiver, folder.path(), parked).await;
}

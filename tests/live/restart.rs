//! Crashes and restarts the switch while the service runs.

use std::fs;
use std::path::Path;

use super::call::{Exchange, is_run};
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn after_a_crash_of_the_switch_its_calls_get_documents_and_new_ones_are_served() {
    let exchange = Exchange::with_own_switch().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let service = Service::following(switch, &receiver, "").await;
    let agent = Phone::registered(switch, "1001").await;
    let talking = Phone::new(switch, "4930111").await;
    talking.dial("7004").await;
    let invite = agent.await_message("INVITE").await;
    agent.answer(&invite).await;
    talking.is_answered().await;
    let bridged = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridged).await;
    let held = Phone::new(switch, "4930222").await;
    held.dial("7002").await;
    receiver.requested("/hold/slow", 1).await;
    // The service has received this call's first event by now. Of a call whose events were never
    // sent, a crash leaves nothing.
    let on_hold = |event: &Event| {
        is_run(event, "playback") && event.variable("sip_call_id") == Some(&held.call_id())
    };
    exchange.events.wait("hold music", on_hold).await;
    let crash = || switch.crash_and_restart();
    tokio::task::spawn_blocking(crash)
        .await
        .expect("it starts again");
    service.await_following(switch).await;
    let phone = Phone::new(switch, "4930333").await;
    phone.dial("7001").await;
    let (_, dialog) = phone.is_answered().await;
    phone.hang_up(&dialog).await;
    let documents = receiver.documents(3).await;
    let of = |number: &str| {
        let ours = documents
            .iter()
            .find(|document| document["callDetails"][0]["calleeNumber"] == number);
        ours.unwrap_or_else(|| panic!("no document of {number}: {documents:#?}"))
    };
    let legs = |number: &str| of(number)["callDetails"].as_array().map(Vec::len);
    assert_eq!(
        (legs("4930111"), legs("4930222"), legs("4930333")),
        (Some(2), Some(1), Some(1))
    );
    for dropped in ["4930111", "4930222"] {
        let document = of(dropped);
        assert_eq!(document["incomplete"], true, "{document:#}");
        println!("{dropped}: {}", document["missing"]);
        assert!(
            document["missing"]
                .as_array()
                .is_some_and(|missing| !missing.is_empty())
        );
    }
    assert!(of("4930333")["incomplete"].is_null());
}

/// Writes the sizes that the switch writes when it closes a WAV file, as docs/recordings.md does.
fn repair(file: &Path) {
    let mut audio = fs::read(file).expect("a file");
    let found = audio.windows(4).position(|at| at == b"data");
    let data = found.expect("the audio's head") + 4;
    let len = audio.len();
    for (at, size) in [(4, len - 8), (data, len - data - 4)] {
        let size = u32::try_from(size).expect("a short file");
        audio[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }
    fs::write(file, audio).expect("the file");
}

/// What a crash left open is not taken for whole, and has its link once its header says so.
#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_recording_that_a_crash_left_open_is_linked_once_it_is_repaired() {
    let exchange = Exchange::with_own_switch().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    let recordings = switch.folder.join("run/recordings");
    fs::create_dir_all(&recordings).expect("a folder");
    let public = tempfile::tempdir().expect("a folder");
    let upload = format!(
        "upload = {{ folder = \"{}\", to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\" }}\n\n\
         [limits]\ndetails_deadline = \"2s\"",
        recordings.display(),
        public.path().display()
    );
    let service = Service::publishing(switch, &receiver, &upload).await;
    let file = recordings.join("left_open.wav");
    let command = format!(
        "bgapi originate {{origination_caller_id_number=4930444}}loopback/7002/phones &record({})",
        file.display()
    );
    exchange.control.send_command(&command).await;
    while fs::metadata(&file).map_or(0, |file| file.len()) < 16_000 {
        tokio::task::yield_now().await;
    }
    let crash = || switch.crash_and_restart();
    tokio::task::spawn_blocking(crash)
        .await
        .expect("it starts again");
    service
        .await_metric("switchhook_calls_awaiting_recordings 1\n")
        .await;
    assert_eq!(
        receiver.count_of("/calls"),
        0,
        "no document without its link"
    );
    repair(&file);
    let documents = receiver.documents(1).await;
    let document = &documents[0];
    let link = document["recordingUrls"][0]["recordedFilePublicPath"].as_str();
    let key = link.and_then(|link| link.strip_prefix("https://rec.example/"));
    let key = key.unwrap_or_else(|| panic!("no link: {document:#}"));
    let uploaded = fs::read(public.path().join(key)).expect("it is there");
    assert!(uploaded == fs::read(&file).expect("the switch's own"));
}

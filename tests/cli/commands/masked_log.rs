//! With `account.mask_numbers`, no line of the log has a caller's number, at any level and in either
//! format, also if a library writes it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::fs;
use std::net::SocketAddr;

use test_support::events;
use test_support::port8021::{PASSWORD, Port8021};

use crate::commands::peer::{Channel, Peer};
use crate::commands::secrets::webhook;
use crate::commands::support::{RunningService, Workdir};

/// The numbers of the calls. No other text has their digits.
const CALLER: &str = "+4930555123456";
const CALLED: &str = "4989777654321";
const OTHER: &str = "33144888246810";
const CAPTURE: &str = "inbound-caller-hangs-up";

/// Returns what no line may have: each number without its country.
fn digits() -> [&'static str; 3] {
    ["30555123456", "89777654321", "144888246810"]
}

fn config(workdir: &Workdir, mask: bool, webhook: SocketAddr, switch: SocketAddr) {
    let closed = "127.0.0.1:9";
    let text = format!(
        "[account]\nmask_numbers = {mask}\ndefault_webhook = \"document\"\n\
         [flows.default]\nwebhook = true\n[flows.inbound]\nwebhook = true\n\
         [listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nconfirm_calls = false\n\
         [[freeswitch]]\naddress = \"{switch}\"\npassword = \"{PASSWORD}\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.answers]\nurl = \"http://{webhook}/{{{{ call.caller_number }}}}\"\n\
         [webhooks.denied]\nurl = \"http://{webhook}/denied\"\n\
         query = {{ from = \"tel:{{{{ call.caller_number }}}}\", other = \"{{{{ flow.key.phone }}}}\" }}\n\
         [webhooks.gone]\nurl = \"http://{closed}/x/{{{{ call.caller_number }}}}/tel:{{{{ flow.key.phone }}}}\"\n\
         [webhooks.tried]\nurl = \"http://{closed}/x/{{{{ call.destination_number }}}}\"\n\
         fallback_urls = [\"http://{closed}/y?to={{{{ flow.key.phone }}}}\"]\n\
         [webhooks.later]\nurl = \"http://{closed}/{{{{ flow.key.phone }}}}\"\nwait_for_response = false\n\
         [webhooks.document]\nurl = \"http://{closed}/tel:{{{{ call.caller_number }}}}\"\n"
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
}

/// Plays calls on hold, one of them for a webhook whose name is a number.
async fn calls(esl: SocketAddr) {
    for webhook in ["answers", "denied", "gone", "tried", "later", CALLED, "x/y"] {
        let channel = Channel::to(webhook)
            .header("Caller-Caller-ID-Number", CALLER)
            .header("Caller-ANI", CALLER)
            .header("Caller-Destination-Number", CALLED)
            .header("Channel-Name", &format!("sofia/internal/{CALLER}@pbx"))
            .set("flow.key.phone", OTHER)
            .set("sip_from_uri", &format!("{CALLER}@pbx"));
        let mut peer = Peer::call(esl, channel).await;
        peer.until_exit().await;
    }
}

/// Returns the events of a call, in which every number is the caller's.
fn followed() -> Vec<String> {
    let number = |text: &str| text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let named = |name: &str| name.contains("Caller-ID-Number") || name.contains("Destination");
    let with_numbers = |body: String| {
        let mut event: serde_json::Value = serde_json::from_str(&body).unwrap();
        for (name, value) in event.as_object_mut().unwrap() {
            if named(name) && value.as_str().is_some_and(number) {
                *value = CALLER.into();
            }
        }
        event.to_string()
    };
    events::bodies(CAPTURE)
        .into_iter()
        .map(with_numbers)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_the_log_has_a_whole_number_when_numbers_are_masked() {
    for (json, mask) in [(false, true), (true, true), (false, false)] {
        let workdir = Workdir::new();
        let (address, _) = webhook().await;
        let switch = Port8021::start().await;
        config(&workdir, mask, address, switch.address);
        let mut command = workdir.command(&["serve"]);
        command.args(json.then_some("--json-logs"));
        command.env("RUST_LOG", "trace");
        let serving = RunningService::of(command);
        switch.followed(1).await;
        switch.play(&followed());
        calls(serving.esl).await;
        let failed = serving.wait_for_log("a delivery failed");
        for field in [
            "webhook_id",
            "endpoint",
            "call_uuid",
            "attempt",
            "reason",
            "next_attempt_s",
        ] {
            assert!(failed.contains(field), "{field} in {failed}");
        }
        assert!(failed.contains("WARN"), "{failed}");
        let log = serving.whole_log();
        assert_eq!(log.contains("•••456") && log.contains("•••321"), mask);
        for digits in digits() {
            let line = log.lines().find(|line| line.contains(digits));
            assert_eq!(line.is_none(), mask, "{digits} is in {line:?}");
        }
        for line in log.lines().filter(|line| line.starts_with('{')) {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

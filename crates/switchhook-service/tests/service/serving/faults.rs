//! A fault in an answer (`response.fault`) beside the webhook's circuit breaker.

use super::peer::{Channel, Peer};
use super::running::Running;

const SOAP: &str = "<e:Envelope xmlns:e=\"urn:e\"><e:Body><e:Fault><faultstring>no such lead\
                    </faultstring></e:Fault></e:Body></e:Envelope>";
const OPENS: &str = "breaker = { failures = 2, pause = \"1h\" }\nbefore_answer = \"silence\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_soap_fault_is_a_failure_of_the_call_and_no_sign_of_an_ill_server() {
    for (fault, status, detail, reason, opens) in [
        ("//faultstring", 500, "no such lead", "HTTP_STATUS", false),
        (
            "//faultstring",
            200,
            "no such lead",
            "INVALID_RESPONSE",
            false,
        ),
        // The same answer without the setting.
        ("//nothing", 500, "answered 500", "HTTP_STATUS", true),
    ] {
        let running = Running::start(&format!(
            "[webhooks.lookup]\nurl = \"{{receiver}}/x\"\n{OPENS}\
             response = {{ type = \"xml\", fault = \"{fault}\" }}\n"
        ))
        .await;
        for _ in 0..2 {
            let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
            tokio::join!(running.receiver.answer(status, SOAP), peer.until_exit());
            let said = peer.channel.get("flow.key.error_detail").unwrap();
            assert!(said.contains(detail), "{fault} {status}: {said}");
            assert_eq!(peer.channel.get("flow.key.error_reason"), Some(reason));
            assert_eq!(peer.channel.get("flow.line"), Some("1"));
        }
        let mut third = Peer::call(running.esl(), Channel::to("lookup")).await;
        if opens {
            third.until_exit().await;
            let reason = third.channel.get("flow.key.error_reason");
            assert_eq!(reason, Some("CIRCUIT_OPEN"));
        } else {
            tokio::join!(running.receiver.answer(200, "<ok/>"), third.until_exit());
            assert_eq!(third.channel.get("flow.line"), Some("0"));
        }
        running.service.stop().await;
    }
}

//! Two accounts on one switch, served by one agent: no document holds a leg, key, number or recording
//! of the other account.

use serde_json::Value;

use super::call::Exchange;
use super::phones::{Phones, hang_up};
use super::receiver::Receiver;
use super::service::Service;
use super::standing::bridge;

/// Two accounts besides the default one, each with a webhook of its own.
const ACCOUNTS: &str = r#"
[accounts.acme]
default_webhook = "acme_calls"

[accounts.zenith]
default_webhook = "zenith_calls"

[webhooks.acme_calls]
url = "http://RECEIVER/acme"

[webhooks.zenith_calls]
url = "http://RECEIVER/zenith"
"#;
/// Length of a WAV file without sound.
const WAV_HEADER: u64 = 44;
const NAMES: [&str; 2] = ["acme", "zenith"];

/// A desk with an agent who stays, who is of no account.
struct Desk<'x> {
    exchange: &'x Exchange,
    phones: Phones,
    agent: String,
}

impl Desk<'_> {
    /// Calls a customer of an account; its number and key say whose it is.
    async fn customer(&self, account: &str, number: usize) -> String {
        let name = format!("{account}{number}");
        let variables = format!(
            "flow.name=outbound,flow.account={account},flow.key.lead={name},\
             origination_caller_id_number={name}did"
        );
        self.phones
            .call(self.exchange, &name, &variables, "&park")
            .await
    }

    /// Begins or ends a recording of a leg: `what` is `start` or `stop`.
    async fn record(&self, what: &str, leg: &str, name: &str) {
        let folder = self.exchange.switch.folder.join("run/recordings");
        let file = folder.join(format!("{name}.wav"));
        let command = format!("uuid_record {leg} {what} {}", file.display());
        let answer = self.exchange.control.api(&command).await;
        assert!(answer.starts_with("+OK"), "{command}: {answer}");
        // The switch deletes a file in which nothing was written.
        while std::fs::metadata(&file).map_or(0, |file| file.len()) <= WAV_HEADER {
            self.exchange.control.api("msleep 20").await;
        }
    }

    /// One talk of the agent with a customer, recorded on the agent's leg.
    async fn serves(&self, customer: &str, recording: &str) {
        bridge(self.exchange, customer, &self.agent).await;
        self.record("start", &self.agent, recording).await;
        self.record("stop", &self.agent, recording).await;
    }
}

fn recordings(document: &Value) -> Vec<&str> {
    let listed = document["recordingUrls"].as_array().into_iter().flatten();
    listed
        .filter_map(|one| one["recordedFileName"].as_str())
        .collect()
}

/// Checks that nothing of `stranger` is in a document of another account, except that a leg of it took
/// part.
fn has_nothing_of(document: &Value, stranger: &str) {
    let mut rest = document.clone();
    for entry in rest["callDetails"].as_array_mut().expect("legs") {
        if entry["tookPart"] == true {
            entry["cdrId"].take();
        }
    }
    assert!(!rest.to_string().contains(stranger), "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn no_document_holds_anything_of_a_customer_of_another_account() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/acme", "");
    receiver.set_answer("/zenith", "");
    let phones = Phones::start(&exchange).await;
    let service = Service::following(exchange.switch, &receiver, ACCOUNTS).await;
    let stays = "flow.callee_type=AGENT,park_after_bridge=true";
    let agent = phones.call(&exchange, "agent", stays, "&park").await;
    let desk = Desk {
        exchange: &exchange,
        phones,
        agent,
    };
    // Both accounts in turn, each talk recorded on the agent's leg.
    for number in 1..=2 {
        for account in NAMES {
            let customer = desk.customer(account, number).await;
            desk.serves(&customer, &format!("{account}{number}")).await;
            hang_up(&exchange, &customer).await;
        }
    }
    // A customer waits while the agent serves one of the other account: the recording holds both.
    let waits = desk.customer("acme", 3).await;
    exchange
        .control
        .api(&format!("uuid_setvar {waits} park_after_bridge true"))
        .await;
    let other = desk.customer("zenith", 3).await;
    bridge(&exchange, &waits, &desk.agent).await;
    desk.record("start", &desk.agent, "acme3-and-zenith3").await;
    bridge(&exchange, &other, &desk.agent).await;
    desk.record("stop", &desk.agent, "acme3-and-zenith3").await;
    hang_up(&exchange, &other).await;
    hang_up(&exchange, &waits).await;
    // Customers of both talk with each other, each recorded on its own leg.
    let one = desk.customer("acme", 4).await;
    let other = desk.customer("zenith", 4).await;
    bridge(&exchange, &one, &other).await;
    for (leg, name) in [(&one, "acme4"), (&other, "zenith4")] {
        desk.record("start", leg, name).await;
        desk.record("stop", leg, name).await;
    }
    hang_up(&exchange, &one).await;
    exchange.control.api(&format!("uuid_kill {other}")).await;
    hang_up(&exchange, &desk.agent).await;

    for (account, stranger) in [(NAMES[0], NAMES[1]), (NAMES[1], NAMES[0])] {
        let documents = receiver.documents_at(&format!("/{account}"), 4).await;
        assert_eq!(documents.len(), 4, "{documents:#?}");
        for document in &documents {
            assert_eq!(document.get("incomplete"), None, "{document:#}");
            has_nothing_of(document, stranger);
            let lead = document["keys"][0]["value"].as_str().expect("a key");
            let own = format!("{lead}.wav");
            let mixed = lead.ends_with('3');
            let expected: Vec<&str> = if mixed { vec![] } else { vec![&own] };
            assert_eq!(recordings(document), expected, "{document:#}");
            let entries = document["callDetails"].as_array().expect("legs");
            let parts = entries.iter().filter(|entry| entry["tookPart"] == true);
            assert_eq!((entries.len(), parts.count()), (2, 1), "{document:#}");
            // The customer of the other account has neither a number nor a key here.
            if lead.ends_with('4') {
                assert_eq!(entries[1].get("calleeNumber"), None, "{document:#}");
                assert_eq!(entries[1].get("didNumber"), None, "{document:#}");
            }
        }
    }
    // The agent's own call is of the default account.
    let own = receiver.documents(1).await.remove(0);
    for name in NAMES {
        has_nothing_of(&own, name);
    }
    assert!(service.log().contains("acme3-and-zenith3.wav"));
}

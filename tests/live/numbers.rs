//! Numbers as a person would say them, on a real switch: what the webhook is told, what the document
//! lists.

use serde_json::{Value, json};

use super::call::Exchange;
use super::control::Event;
use super::extensions;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

const CUSTOMER: &str = "919822003887";
/// A webhook that is told the numbers, and a route to it.
const TOLD: &str = r#"
[webhooks.told]
url = "http://RECEIVER/told"
body.json = '{"number": {{ call.destination_number | tojson }}, "routing": {{ call.routing_number | default("") | tojson }}}'

[[routes]]
did = "+4930555000"
webhook = "told"

[[routes]]
did = "*21#"
webhook = "told"
"#;

/// Waits until a call of this phone runs an application at that number.
async fn reaches(exchange: &Exchange, phone: &Phone, number: &str) {
    let at = |event: &Event| {
        event.name() == "CHANNEL_EXECUTE"
            && event.variable("sip_call_id") == Some(&phone.call_id())
            && event.get("Caller-Destination-Number") == number
    };
    exchange.events.wait(number, at).await;
}

fn first_leg(document: &Value) -> &Value {
    assert_eq!(document.get("incomplete"), None, "{document:#}");
    &document["callDetails"][0]
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_number_that_was_dialled_comes_through_the_hook_without_its_parameters() {
    let exchange = Exchange::acquire().await;
    extensions::add(exchange.switch, &exchange.control).await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/told", "{}");
    let _service = Service::parking(exchange.switch, &receiver, TOLD).await;
    let numbers = [
        ("+4930555000", "+4930555000", ""),
        ("*21%23", "*21#", ""),
        ("+4930555000;npdi", "+4930555000", ""),
        ("+4930555000;npdi;rn=+49199", "+4930555000", "+49199"),
        ("+4930555000;rn=+49199", "+4930555000", "+49199"),
    ];
    let hooks = ["ask-told", "park-told", "ask-then-told", "park-then-told"];
    let mut calls = 0;
    for hook in hooks {
        for (uri, number, routing) in numbers {
            calls += 1;
            let phone = Phone::new(exchange.switch, CUSTOMER).await;
            let headers = format!("X-Hook: {hook}\r\n");
            let from = format!("<sip:{CUSTOMER}@127.0.0.1>");
            phone.dial_as(&from, uri, &headers).await;
            let told: Value = serde_json::from_str(&receiver.requested("/told", calls).await)
                .expect("JSON of a body");
            let expected = json!({"number": number, "routing": routing});
            assert_eq!(told, expected, "{hook} {uri}");
            reaches(&exchange, &phone, "told-line-0").await;
            let (_, dialog) = phone.is_answered().await;
            phone.hang_up(&dialog).await;
            let document = receiver.documents(calls).await.pop().expect("a document");
            let leg = first_leg(&document);
            assert_eq!(leg["didNumber"], number, "{hook} {uri}: {document:#}");
            assert_eq!(leg["calleeNumber"], CUSTOMER, "{document:#}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_agent_on_a_registered_phone_is_listed_by_the_account_that_was_dialled() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let agent = Phone::registered_as(exchange.switch, "1002", "x7Qk2fV9").await;
    let customer = Phone::new(exchange.switch, CUSTOMER).await;
    customer.dial("1002").await;
    let invite = agent.await_message("INVITE sip:x7Qk2fV9@").await;
    agent.answer(&invite).await;
    let (_, dialog) = customer.is_answered().await;
    agent.await_message("ACK").await;
    customer.hang_up(&dialog).await;
    agent.is_hung_up().await;
    let document = receiver.documents(1).await.remove(0);
    assert_eq!(first_leg(&document)["calleeNumber"], CUSTOMER);
    let agent = &document["callDetails"][1];
    assert_eq!(agent["calleeNumber"], "1002", "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_that_the_callee_forwards_lists_the_phone_that_answered() {
    let exchange = Exchange::acquire().await;
    extensions::add(exchange.switch, &exchange.control).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let first = Phone::new(exchange.switch, "agent1").await;
    // A 302 to the switch's own address is not followed but transferred in its dialplan.
    let second = Phone::on(exchange.switch, "agent9", "127.0.0.2").await;
    let customer = Phone::new(exchange.switch, CUSTOMER).await;
    customer.dial(&format!("to-agent1-{}", first.port)).await;
    let invite = first.await_message("INVITE").await;
    first.forward(&invite, &second).await;
    let invite = second.await_message("INVITE sip:agent9@").await;
    second.answer(&invite).await;
    let (_, dialog) = customer.is_answered().await;
    second.await_message("ACK").await;
    customer.hang_up(&dialog).await;
    second.is_hung_up().await;
    let document = receiver.documents(1).await.remove(0);
    first_leg(&document);
    let agent = &document["callDetails"][1];
    assert_eq!(agent["calleeNumber"], "agent9", "{document:#}");
    assert_eq!(agent["redirectedFrom"], "agent1", "{document:#}");
    assert_eq!(document["callDetails"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_number_of_a_caller_who_asks_for_privacy_is_shown_only_if_the_account_says_so() {
    let exchange = Exchange::acquire().await;
    let account = "[account]\n";
    let ignores = format!("{account}privacy = \"ignore\"\n");
    for (settings, shown) in [(account, false), (&ignores, true)] {
        let receiver = Receiver::start().await;
        receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
        let service = Service::changed(exchange.switch, &receiver, account, settings).await;
        let phone = Phone::new(exchange.switch, CUSTOMER).await;
        let from = format!("<sip:{CUSTOMER}@127.0.0.1>");
        let privacy = format!("Privacy: id\r\nP-Asserted-Identity: {from}\r\n");
        phone.dial_as(&from, "7001", &privacy).await;
        let (_, dialog) = phone.is_answered().await;
        phone.hang_up(&dialog).await;
        let document = receiver.documents(1).await.remove(0);
        let number = first_leg(&document).get("calleeNumber");
        assert_eq!(number, shown.then(|| json!(CUSTOMER)).as_ref());
        assert_eq!(
            document.to_string().contains(CUSTOMER),
            shown,
            "{document:#}"
        );
        let uuid = document["phonon-uuid"].as_str().expect("an id");
        let page = format!("/calls/{uuid}");
        service.await_page(&page, "Legs").await;
        let page = service.page(&page).await;
        assert_eq!(page.contains(CUSTOMER), shown, "{page}");
        let list = service.page("/calls").await;
        assert_eq!(list.contains(CUSTOMER), shown, "{list}");
        assert!(
            shown || !service.log().contains(CUSTOMER),
            "{}",
            service.log()
        );
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_whose_from_has_no_user_has_no_number_and_the_document_is_whole() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let phone = Phone::new(exchange.switch, "nobody").await;
    phone.dial_as("<sip:127.0.0.1>", "7001", "").await;
    let (_, dialog) = phone.is_answered().await;
    phone.hang_up(&dialog).await;
    let document = receiver.documents(1).await.remove(0);
    let leg = first_leg(&document);
    assert_eq!(leg.get("calleeNumber"), None, "{document:#}");
    assert_eq!(leg["didNumber"], "7001", "{document:#}");
}

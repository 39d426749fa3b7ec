//! Checks calls that end while the service is away. Their documents are compared with those of a
//! second service that was never away.

use std::cell::Cell;
use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::call::Exchange;
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::{Service, free_port};
use super::switch::Switch;

/// The setting by which documents say how their data was learnt.
const LEARNT: &str = "learnt_key = \"learnt\"\n";

/// Starts the second service, with its own store, which follows the switch all the time.
async fn observer(switch: &Switch, receiver: &Receiver) -> Service {
    receiver.set_answer("/witness", "");
    let address = format!("127.0.0.1:{}", switch.event_socket);
    let more = settings("/witness", &address, "");
    let service = Service::start_with(receiver, &more).await;
    service.await_following(switch).await;
    service
}

/// Returns settings that post documents of the calls of `switch` to `path`.
fn settings(path: &str, switch: &str, of_switch: &str) -> String {
    format!(
        r#"
[account]
default_webhook = "completed"
time_zone = "Asia/Kolkata"
[flows.default]
webhook = true
{LEARNT}
[flows.outbound]
webhook = true
{LEARNT}
[recordings]
public_url = "https://rec.example/{{{{ file_name }}}}"
[webhooks.completed]
url = "http://RECEIVER{path}"
[[freeswitch]]
address = "{switch}"
password = "ClueCon"
{of_switch}
"#
    )
}

fn folder_of(switch: &Switch) -> String {
    let folder = switch.folder.join("run/json_cdr");
    format!("json_cdr_dir = \"{}\"\n", folder.display())
}

/// Checks that the documents of both services are the same except for how they were learnt.
async fn assert_same_documents(receiver: &Receiver, documents: usize) {
    let of = |path: &'static str| async move {
        let mut all = receiver.documents_at(path, documents).await;
        all.sort_by_key(|document| document["phonon-uuid"].to_string());
        all
    };
    let (mut repaired, mut observed) = (of("/calls").await, of("/witness").await);
    for (repaired, observed) in repaired.iter_mut().zip(&mut observed) {
        let learnt = |document: &mut Value| document["learnt"].take();
        assert_eq!(learnt(observed), "full", "{observed:#}");
        assert_eq!(learnt(repaired), "reconciled", "{repaired:#}");
        sort_keys(repaired);
        sort_keys(observed);
        assert_eq!(repaired, observed, "{repaired:#}\n{observed:#}");
    }
}

/// Sorts the keys, because the switch and the CDR list a channel's variables in different order.
fn sort_keys(document: &mut Value) {
    let keys = document["keys"].as_array_mut().expect("keys");
    keys.sort_by_key(|key| key["name"].to_string());
}

/// Connects a customer with an agent, recorded. Returns the agent's dialog, to hang up.
async fn talk(exchange: &Exchange, customer: &Phone, agent: &Phone) -> super::sip::Dialog {
    customer.dial("7004").await;
    let invite = agent.await_message("INVITE").await;
    agent.ring(&invite).await;
    let talk = agent.answer(&invite).await;
    customer.is_answered().await;
    agent.await_message("ACK").await;
    let bridge = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridge).await;
    talk
}

/// Places a call of one leg and waits for its end.
async fn short_call(exchange: &Exchange) {
    let caller = Phone::new(exchange.switch, "4930444").await;
    caller.dial("0").await;
    let (_, dialog) = caller.is_answered().await;
    caller.hang_up(&dialog).await;
    let id = caller.call_id();
    let ended = |event: &Event| {
        event.name() == "CHANNEL_HANGUP_COMPLETE" && event.variable("sip_call_id") == Some(&id)
    };
    exchange.events.wait("end of the short call", ended).await;
}

/// Waits until `legs` legs have ended.
async fn all_are_down(exchange: &Exchange, legs: usize) {
    let ended = Cell::new(0);
    let last = |event: &Event| {
        let ends = event.name() == "CHANNEL_HANGUP_COMPLETE";
        ended.set(ended.get() + usize::from(ends));
        ended.get() >= legs
    };
    exchange.events.wait("the ends of all legs", last).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn calls_that_end_while_the_service_is_killed_have_the_documents_of_a_witness() {
    let exchange = Exchange::acquire().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let _witness = observer(switch, &receiver).await;
    let address = format!("127.0.0.1:{}", switch.event_socket);
    let more = settings("/calls", &address, &folder_of(switch));
    let mut service = Service::start_on_with(switch.service, &receiver, &more).await;
    service.await_following(switch).await;
    let agent = Phone::registered(switch, "1001").await;
    let customer = Phone::new(switch, "4930111").await;
    let talking = talk(&exchange, &customer, &agent).await;
    service.kill_9();
    // One call ends and another begins and ends while no service follows the switch.
    agent.hang_up(&talking).await;
    customer.is_hung_up().await;
    short_call(&exchange).await;
    all_are_down(&exchange, 3).await;
    receiver.documents_at("/witness", 2).await;
    service.start_again().await;
    assert_same_documents(&receiver, 2).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn calls_that_end_while_port_8021_is_cut_off_have_the_documents_of_a_witness() {
    let exchange = Exchange::acquire().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let _witness = observer(switch, &receiver).await;
    let cable = Cable::to(switch.event_socket).await;
    let more = settings("/calls", &cable.address, &folder_of(switch));
    let service = Service::start_on_with(switch.service, &receiver, &more).await;
    service.await_following_at(&cable.address).await;
    let agent = Phone::registered(switch, "1001").await;
    let customer = Phone::new(switch, "4930111").await;
    let talking = talk(&exchange, &customer, &agent).await;
    cable.cut();
    agent.hang_up(&talking).await;
    customer.is_hung_up().await;
    short_call(&exchange).await;
    all_are_down(&exchange, 3).await;
    receiver.documents_at("/witness", 2).await;
    cable.restore();
    assert_same_documents(&receiver, 2).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_call_that_begins_while_nobody_follows_is_dumped_and_followed_to_its_end() {
    let exchange = Exchange::acquire().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let _witness = observer(switch, &receiver).await;
    let helper = Service::start_on(switch.service, &receiver).await;
    let agent = Phone::registered(switch, "1001").await;
    let customer = Phone::new(switch, "4930111").await;
    let talking = talk(&exchange, &customer, &agent).await;
    drop(helper);
    let address = format!("127.0.0.1:{}", switch.event_socket);
    let more = settings("/calls", &address, &folder_of(switch));
    let service = Service::start_on_with(switch.service, &receiver, &more).await;
    service.await_following(switch).await;
    let dumped =
        format!("switchhook_legs_repaired_total{{switch=\"{address}\",by=\"uuid_dump\"}} 2\n");
    service.await_metric(&dumped).await;
    agent.hang_up(&talking).await;
    customer.is_hung_up().await;
    assert_same_documents(&receiver, 1).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn records_that_the_switch_posts_are_stored_and_used() {
    let exchange = Exchange::acquire().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    let _witness = observer(switch, &receiver).await;
    let cable = Cable::to(switch.event_socket).await;
    let posts = "name = \"fs1\"\njson_cdr_post = true\n\
                 json_cdr_auth = { username = \"fs1\", password = \"of the lab\" }";
    let more = settings("/calls", &cable.address, posts);
    let service = Service::start_on_with(free_port().await, &receiver, &more).await;
    service.await_following_at(&cable.address).await;
    let url = format!("http://127.0.0.1:{}/json_cdr/fs1", service.http);
    let params = format!(
        "<param name=\"url\" value=\"{url}\"/><param name=\"cred\" value=\"fs1:of the lab\"/>"
    );
    let before = switch.configure("json_cdr.xml", "<settings>", &format!("<settings>{params}"));
    exchange.control.api("reloadxml").await;
    exchange.control.api("reload mod_json_cdr").await;
    cable.cut();
    short_call(&exchange).await;
    assert_same_documents(&receiver, 1).await;
    switch.restore("json_cdr.xml", &before);
    exchange.control.api("reloadxml").await;
    exchange.control.api("reload mod_json_cdr").await;
}

/// Places many calls at once, handed over to `hosts`. Each calls its webhook and takes line 0.
async fn arrive(exchange: &Exchange, hosts: &str) -> usize {
    const CALLS: usize = 8;
    let calls = (0..CALLS).map(|_| async {
        let call = exchange.dial("7001", hosts).await;
        let line = call.line_of("greet").await;
        assert_eq!(line.number, "0", "{:?}", line.key("error_detail"));
    });
    join_all(calls).await;
    CALLS
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn no_call_and_no_document_is_lost_while_one_of_two_services_is_replaced() {
    let exchange = Exchange::acquire().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let stand_in = Service::start(&receiver).await;
    let address = format!("127.0.0.1:{}", switch.event_socket);
    let more = settings("/calls", &address, &folder_of(switch));
    let mut service = Service::start_on_with(switch.service, &receiver, &more).await;
    service.await_following(switch).await;
    let hosts = format!("127.0.0.1:{}|{}", switch.service, stand_in.address);
    let mut calls = arrive(&exchange, &hosts).await;
    service.signal("TERM");
    calls += arrive(&exchange, &hosts).await;
    service.await_end().await;
    calls += arrive(&exchange, &hosts).await;
    service.start_again().await;
    calls += arrive(&exchange, &hosts).await;
    let documents = receiver.documents(calls).await;
    let of = |name: &str| -> BTreeSet<String> {
        let texts = documents.iter().map(|document| document[name].to_string());
        texts.collect()
    };
    assert_eq!(of("phonon-uuid").len(), calls, "each call once");
    let learnt = of("learnt");
    assert!(!learnt.contains("\"partial\""), "{documents:#?}");
    println!("{calls} calls: {learnt:?}");
}

/// A connection path to the switch that can be cut.
struct Cable {
    address: String,
    whole: watch::Sender<bool>,
}

impl Cable {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let whole = watch::Sender::new(true);
        let watched = whole.clone();
        tokio::spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                // While the path is cut, each connection is closed at once.
                if *watched.borrow() {
                    ways.spawn(carry(near, port, watched.subscribe()));
                }
            }
        });
        Self { address, whole }
    }

    fn cut(&self) {
        self.whole.send_replace(false);
    }

    fn restore(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, port: u16, mut whole: watch::Receiver<bool>) {
    let far = TcpStream::connect(("127.0.0.1", port)).await;
    let mut far = far.expect("the switch");
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}

//! Values for applications that have a grammar of their own: only words and digits come through.

use std::path::PathBuf;

use serde_json::json;

use super::call::{Call, Exchange};
use super::receiver::Receiver;
use super::service::Service;

/// The webhook maps each value three times.
const WEBHOOK: &str = r#"
[webhooks.kinds]
url = "http://RECEIVER/kinds"
response.map = { word = { path = "$.value", as = "word", default = "main" }, digits = { path = "$.value", as = "digits", default = "0" }, text = "$.value" }
"#;
/// What a dialplan does with such a value.
const APPLICATIONS: [&str; 4] = [
    "transfer:${VALUE} XML flows",
    "bridge:${VALUE}",
    "playback:${VALUE}",
    "execute_extension:${VALUE} XML flows",
];

/// A file that a value would create if the switch ran it.
struct Canary(PathBuf);

impl Canary {
    fn sang(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }

    /// What needs no `$` to run.
    fn attempts(&self) -> Vec<String> {
        let touch = format!("system touch {}", self.0.display());
        let inline = format!("'system:touch {}' inline", self.0.display());
        let hook = format!("[api_hangup_hook='{touch}']loopback/0/phones");
        vec![
            inline.clone(),
            hook.clone(),
            format!("loopback/0/phones,{hook}"),
            format!("x,{hook}"),
            format!("{{api_hangup_hook='{touch}'}}loopback/0/phones"),
            format!("<api_hangup_hook='{touch}'>loopback/0/phones"),
            format!("main {inline}"),
            format!("system:touch {}", self.0.display()),
            format!("${{{touch}}}"),
            "../../etc/passwd".into(),
            "http://127.0.0.1:9/x.wav".into(),
            "a b".into(),
            "1;2".into(),
            String::new(),
            "x".repeat(65),
        ]
    }
}

/// Runs one application on the call with this value, as the inline dialplan.
async fn run(exchange: &Exchange, call: &Call<'_>, application: &str, variable: &str) {
    let action = application.replace("VALUE", &format!("flow.key.{variable}"));
    // Every way through the application ends: a transfer hangs up where it leads, the others come back.
    let plan = format!(
        "uuid_transfer {} 'm:^:set:continue_on_fail=true^set:hangup_after_bridge=false^{action}^hangup' inline",
        call.uuid
    );
    exchange.control.api(&plan).await;
    let over = |event: &super::control::Event| event.name() == "CHANNEL_HANGUP_COMPLETE";
    call.wait(action.as_str(), over).await;
}

async fn ask<'x>(exchange: &'x Exchange, service: &Service) -> Call<'x> {
    let call = exchange.dial("ask-kinds", &service.address).await;
    let line = call.line_of("kinds").await;
    assert_eq!(line.number, "0", "{:?}", line.key("error_detail"));
    call
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn only_words_and_digits_reach_transfer_bridge_and_playback() {
    let exchange = Exchange::enter().await;
    let canary = Canary(exchange.switch.folder.join("canary"));
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, WEBHOOK).await;
    let mut sang = Vec::new();
    for attempt in canary.attempts() {
        receiver.tell("/kinds", json!({ "value": attempt }).to_string());
        for application in APPLICATIONS {
            for (variable, instead) in [("word", "main"), ("digits", "0")] {
                let call = ask(&exchange, &service).await;
                let name = format!("flow.key.{variable}");
                assert_eq!(
                    call.variable(&name).await.as_deref(),
                    Some(instead),
                    "{attempt:?}"
                );
                run(&exchange, &call, application, variable).await;
                assert!(
                    !canary.sang(),
                    "{application} ran {attempt:?} as a {variable}"
                );
            }
        }
    }
    // The canary is worth listening to: as mere text, some of these do run.
    for attempt in canary.attempts().into_iter().take(4) {
        receiver.tell("/kinds", json!({ "value": attempt }).to_string());
        for application in APPLICATIONS {
            let call = ask(&exchange, &service).await;
            run(&exchange, &call, application, "text").await;
            if canary.sang() {
                sang.push((application, attempt.clone()));
            }
        }
    }
    println!("as mere text these ran: {sang:#?}");
    assert!(sang.len() >= 2, "the canary is deaf: {sang:?}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn words_and_digits_come_through_as_they_are() {
    let exchange = Exchange::enter().await;
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, WEBHOOK).await;
    let cases = [
        ("gold", "gold", "0"),
        ("1001", "1001", "1001"),
        ("+49*30#", "main", "+49*30#"),
        ("a.b-c_D", "a.b-c_D", "0"),
    ];
    for (value, word, digits) in cases {
        receiver.tell("/kinds", json!({ "value": value }).to_string());
        let call = ask(&exchange, &service).await;
        assert_eq!(call.variable("flow.key.word").await.as_deref(), Some(word));
        assert_eq!(
            call.variable("flow.key.digits").await.as_deref(),
            Some(digits)
        );
        call.hang_up().await;
    }
}

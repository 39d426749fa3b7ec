//! Checks values for applications that parse their argument: only words and digits come through.

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
/// The applications that get each value.
const APPLICATIONS: [&str; 4] = [
    "transfer:${VALUE} XML flows",
    "bridge:${VALUE}",
    "playback:${VALUE}",
    "execute_extension:${VALUE} XML flows",
];

/// A global variable of the switch that a value would set if an application acted on it.
const CANARY: &str = "switchhook_kinds_canary";

/// Tells whether an application acted on a value.
struct Canary<'e>(&'e Exchange);

impl Canary<'_> {
    /// Returns whether the variable was set since the last look, and clears it.
    async fn tripped(&self) -> bool {
        let control = &self.0.control;
        let value = control.api(&format!("global_getvar {CANARY}")).await;
        control.api(&format!("global_setvar {CANARY}=")).await;
        value.trim() == "set"
    }

    /// Returns values that an application could act on although they need no `$`. They set the variable.
    fn attempts(&self) -> Vec<String> {
        let set = format!("global_setvar {CANARY}=set");
        let inline = format!("'set_global:{CANARY}=set' inline");
        let hook = format!("[api_hangup_hook='{set}']loopback/0/phones");
        vec![
            inline.clone(),
            hook.clone(),
            format!("loopback/0/phones,{hook}"),
            format!("x,{hook}"),
            format!("{{api_hangup_hook='{set}'}}loopback/0/phones"),
            format!("<api_hangup_hook='{set}'>loopback/0/phones"),
            format!("main {inline}"),
            format!("set_global:{CANARY}=set"),
            format!("${{{set}}}"),
            "../../etc/hosts".into(),
            "http://127.0.0.1:9/x.wav".into(),
            "a b".into(),
            "1;2".into(),
            String::new(),
            "x".repeat(65),
        ]
    }
}

/// Runs one application with this value on the call, through the inline dialplan.
async fn run(exchange: &Exchange, call: &Call<'_>, application: &str, variable: &str) {
    let action = application.replace("VALUE", &format!("flow.key.{variable}"));
    // Each application ends: a transfer hangs up at its destination, the others return.
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
    let exchange = Exchange::acquire().await;
    let canary = Canary(&exchange);
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, WEBHOOK).await;
    let mut acted_on = Vec::new();
    for attempt in canary.attempts() {
        receiver.set_answer("/kinds", json!({ "value": attempt }).to_string());
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
                    !canary.tripped().await,
                    "{application} acted on {attempt:?} as a {variable}"
                );
            }
        }
    }
    // Shows that the canary works: as text, the switch acts on some of these values.
    for attempt in canary.attempts().into_iter().take(4) {
        receiver.set_answer("/kinds", json!({ "value": attempt }).to_string());
        for application in APPLICATIONS {
            let call = ask(&exchange, &service).await;
            run(&exchange, &call, application, "text").await;
            if canary.tripped().await {
                acted_on.push((application, attempt.clone()));
            }
        }
    }
    println!("as text the switch acted on: {acted_on:#?}");
    assert!(
        acted_on.len() >= 2,
        "the canary does not work: {acted_on:?}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn words_and_digits_come_through_as_they_are() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, WEBHOOK).await;
    let cases = [
        ("gold", "gold", "0"),
        ("1001", "1001", "1001"),
        ("+49*30#", "main", "+49*30#"),
        ("a.b-c_D", "a.b-c_D", "0"),
    ];
    for (value, word, digits) in cases {
        receiver.set_answer("/kinds", json!({ "value": value }).to_string());
        let call = ask(&exchange, &service).await;
        assert_eq!(call.variable("flow.key.word").await.as_deref(), Some(word));
        assert_eq!(
            call.variable("flow.key.digits").await.as_deref(),
            Some(digits)
        );
        call.hang_up().await;
    }
}

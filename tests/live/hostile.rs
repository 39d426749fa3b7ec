//! Answers that a switch would expand: stored, read back equal, and none of it is expanded.

use std::env;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use switchhook_core::sanitize::inert;

use super::call::{Call, Exchange};
use super::receiver::Receiver;
use super::service::Service;

/// How many values go the whole way; 20,000 take a few minutes.
const COUNT: &str = "SWITCHHOOK_HOSTILE_VALUES";
/// Values in one answer.
const A_CALL: usize = 100;

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn hostile_values_are_read_back_equal_and_none_runs_whatever_the_dialplan_does_with_them() {
    let count: usize = env::var(COUNT).map_or(2_000, |count| count.parse().expect("a number"));
    let exchange = Exchange::enter().await;
    let canary = Canary(&exchange);
    canary.sings().await;
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, &webhook(&receiver.address)).await;
    let mut values = Values::new();
    for round in 0..count.div_ceil(A_CALL) {
        let texts: Vec<String> = (0..A_CALL).map(|_| values.next()).collect();
        let answer = body(&texts);
        receiver.tell("/hostile", answer.as_str());
        let call = exchange.dial("ask-hostile", &service.address).await;
        let line = call.line_of("hostile").await;
        assert_eq!(
            line.number,
            "0",
            "round {round}: {:?}",
            line.key("error_detail")
        );
        call.park().await;
        check_equal(&call, "flow.key.response_raw", &answer).await;
        for (index, text) in texts.iter().enumerate() {
            check_equal(&call, &format!("flow.key.{}", name(index)), text).await;
        }
        use_in_a_dialplan(&exchange, &call).await;
        canary.must_be_silent(round).await;
        call.hang_up().await;
    }
}

/// A global variable of the switch that the values would set if the switch expanded them.
const CANARY: &str = "switchhook_canary";
/// What sets it, as a value names it: harmless, and seen from outside.
const SING: &str = "global_setvar(switchhook_canary=sang)";

/// Tells whether the switch expanded a value.
struct Canary<'e>(&'e Exchange);

impl Canary<'_> {
    async fn sang(&self) -> bool {
        let value = self.0.control.api(&format!("global_getvar {CANARY}")).await;
        value.trim() == "sang"
    }

    /// Shows that the canary works: the switch does expand such a value when it comes unchecked.
    async fn sings(&self) {
        let answer = self
            .0
            .control
            .api(&format!("expand echo ${{{SING}}}"))
            .await;
        assert!(
            self.sang().await,
            "the switch does not expand the value: {answer}"
        );
        self.0
            .control
            .api(&format!("global_setvar {CANARY}="))
            .await;
        assert!(!self.sang().await);
    }

    async fn must_be_silent(&self, round: usize) {
        assert!(
            !self.sang().await,
            "the switch expanded a value of round {round}"
        );
    }
}

/// Values made of the pieces that matter to the switch, the same in every run.
struct Values {
    pieces: Vec<String>,
    state: u64,
}

impl Values {
    fn new() -> Self {
        let fixed = [
            "$",
            "$$",
            "{",
            "}",
            "${",
            "$${",
            "\\",
            "\\\\",
            "'",
            "\"",
            " ",
            "\t",
            "\n",
            "\r\n",
            "\n\n",
            ";",
            ",",
            "|:",
            "ARRAY::",
            "^^:",
            "%",
            "%24%7B",
            "100%25",
            "$100",
            "é",
            "🕿",
            "\u{0}",
            "\u{7f}",
            "\u{2028}",
            "[",
            "]",
            "=",
            "<",
            ">",
            "&",
            "(",
            ")",
            "a",
            "unload mod_event_socket",
            "reload mod_event_socket",
            "Content-Length: 5\n\n",
            "exit\n\n",
            "::",
            "`",
        ];
        let live = [
            format!("${{{SING}}}"),
            format!("$${{{SING}}}"),
            format!("$\\{{{SING}}}"),
            format!("\\${{{SING}}}"),
            format!("{{{SING}}}"),
            format!("{{{SING}}}$"),
            format!("'{SING}' inline"),
            SING.to_owned(),
        ];
        let pieces = fixed.iter().map(ToString::to_string).chain(live).collect();
        Self {
            pieces,
            state: 0x9E37_79B9_7F4A_7C15,
        }
    }

    fn next(&mut self) -> String {
        let pieces = 1 + self.below(6);
        let text: String = (0..pieces).map(|_| self.piece()).collect();
        // Long values go to the switch in another way.
        if self.below(50) == 0 {
            text.repeat(100)
        } else {
            text
        }
    }

    fn piece(&mut self) -> String {
        let at = self.below(self.pieces.len());
        self.pieces[at].clone()
    }

    /// xorshift64
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).expect("31 bits") % limit
    }
}

fn name(index: usize) -> String {
    format!("v{index}")
}

fn webhook(address: &str) -> String {
    let map: Vec<_> = (0..A_CALL)
        .map(|index| format!("v{index} = \"$.v{index}\""))
        .collect();
    format!(
        "[webhooks.hostile]\nurl = \"http://{address}/hostile\"\nresponse.limit = \"1 MiB\"\nresponse.map = {{ {} }}\n",
        map.join(", ")
    )
}

fn body(texts: &[String]) -> String {
    let values = texts
        .iter()
        .enumerate()
        .map(|(index, text)| (name(index), json!(text)));
    Value::Object(values.collect()).to_string()
}

/// The variable is the text, or, where that could be expanded, its inert form with the text in `_b64`.
async fn check_equal(call: &Call<'_>, variable: &str, text: &str) {
    let stored = call.variable(variable).await;
    assert_eq!(
        stored.as_deref(),
        Some(inert(text).as_ref()),
        "{variable} of {text:?}"
    );
    let exact = call
        .variable(&format!("{variable}_b64"))
        .await
        .map(|exact| {
            let bytes = BASE64.decode(&exact).expect("standard base64");
            String::from_utf8(bytes).expect("UTF-8")
        });
    let needed = (inert(text) != text).then_some(text);
    assert_eq!(exact.as_deref(), needed, "{variable}_b64");
}

/// Log, set, export and eval of every value, each beside its neighbours.
async fn use_in_a_dialplan(exchange: &Exchange, call: &Call<'_>) {
    let applications = ["log:NOTICE ", "set:copy=", "export:copy=", "eval:"];
    for application in applications {
        let all: Vec<_> = (0..A_CALL / 10)
            .map(|ten| {
                let ten = ten * 10..ten * 10 + 10;
                let values = ten.map(|index| format!("${{flow.key.{}}}", name(index)));
                format!("{application}{}", values.collect::<String>())
            })
            .collect();
        let done = format!("{application}{}", "done");
        let plan = format!(
            "uuid_transfer {} '{},set:all_done={done},park' inline",
            call.uuid,
            all.join(",")
        );
        exchange.control.api(&plan).await;
        let is_done = |event: &super::control::Event| event.variable("all_done") == Some(&done);
        call.wait(&done, is_done).await;
    }
}

/// More values for one channel than its private queue has room for (FreeSWITCH: 256).
const MANY: usize = 300;

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_answer_with_more_long_values_than_a_queue_takes_is_line_1_and_the_next_call_is_well() {
    let exchange = Exchange::enter().await;
    let receiver = Receiver::start().await;
    let map: Vec<_> = (0..MANY).map(|n| format!("v{n} = \"$.v\"")).collect();
    let webhook = format!(
        "[webhooks.hostile]\nurl = \"http://{}/hostile\"\nresponse.raw = false\nresponse.map = {{ {} }}\n",
        receiver.address,
        map.join(", ")
    );
    let service = Service::start_with(&receiver, &webhook).await;
    for (value, line) in [("x".repeat(5_000), "1"), ("short".into(), "0")] {
        receiver.tell("/hostile", json!({ "v": value }).to_string().as_str());
        let call = exchange.dial("ask-hostile", &service.address).await;
        let taken = call.line_of("hostile").await;
        assert_eq!(taken.number, line, "{:?}", taken.key("error_detail"));
        call.hang_up().await;
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn keys_of_an_answer_that_are_names_which_the_switch_executes_name_nothing() {
    let exchange = Exchange::enter().await;
    let canary = Canary(&exchange);
    canary.sings().await;
    let receiver = Receiver::start().await;
    let webhook = format!(
        "[webhooks.hostile]\nurl = \"http://{}/hostile\"\nresponse.map = {{ a = \"$.a\", b = \"$.b\" }}\n",
        receiver.address
    );
    let service = Service::start_with(&receiver, &webhook).await;
    let answer = json!({
        "a": format!("x ${{{SING}}} $"),
        "b": format!("{{{SING}}}"),
        "api_hangup_hook": SING,
        "execute_on_answer": SING,
        "flow.key.api_hangup_hook": SING,
        format!("${{{SING}}}"): SING,
    });
    receiver.tell("/hostile", answer.to_string().as_str());
    let call = exchange.dial("ask-hostile", &service.address).await;
    assert_eq!(call.line_of("hostile").await.number, "0");
    call.park().await;
    for name in ["api_hangup_hook", "execute_on_answer"] {
        assert_eq!(call.variable(name).await, None, "{name}");
    }
    // Side by side, as a dialplan may write them, in what expands.
    let plan = format!(
        "uuid_transfer {} 'log:NOTICE ${{flow.key.a}}${{flow.key.b}},set:c=${{flow.key.a}}${{flow.key.b}},\
         eval:${{c}},set:all_done=yes,park' inline",
        call.uuid
    );
    exchange.control.api(&plan).await;
    let is_done = |event: &super::control::Event| event.variable("all_done") == Some("yes");
    call.wait("the plan", is_done).await;
    call.hang_up().await;
    canary.must_be_silent(0).await;
}

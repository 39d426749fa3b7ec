//! Checks each failure of a webhook: its number in the shipped dialplan, its line, its reason.

use super::call::{Exchange, Line};
use super::receiver::Receiver;
use super::service::Service;

/// One failure as the dialplan sees it.
pub struct Failure {
    number: &'static str,
    reason: &'static str,
    status: Option<&'static str>,
    class: Option<&'static str>,
    /// Whether a request left the service, so that there is a duration.
    sent: bool,
}

const fn failure(number: &'static str, reason: &'static str, sent: bool) -> Failure {
    Failure {
        number,
        reason,
        status: None,
        class: None,
        sent,
    }
}

const fn answered(
    number: &'static str,
    reason: &'static str,
    status: &'static str,
    class: &'static str,
) -> Failure {
    Failure {
        number,
        reason,
        status: Some(status),
        class: Some(class),
        sent: true,
    }
}

pub const FAILURES: [Failure; 9] = [
    answered("7011", "AUTHENTICATION_FAILURE", "401", "CLIENT_ERROR"),
    answered("7012", "HTTP_STATUS", "503", "SERVER_ERROR"),
    failure("7013", "TIMEOUT", true),
    failure("7014", "INVALID_FLOW_VAR", false),
    answered("7015", "INVALID_RESPONSE", "200", "SUCCESSFUL"),
    answered("7016", "INVALID_RESPONSE_MAP", "200", "SUCCESSFUL"),
    failure("7017", "CONNECTION_FAILURE", true),
    failure("7018", "BLOCKED_ADDRESS", false),
    failure("7019", "INVALID_REQUEST", false),
];

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn each_failure_of_a_webhook_takes_line_1_with_its_reason_and_a_sentence() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/rubbish", "<html>");
    receiver.set_answer("/partial", r#"{"customer":{}}"#);
    let service = Service::start(&receiver).await;
    for failure in FAILURES {
        let call = exchange.dial(failure.number, &service.address).await;
        let line = call.line_of("failed").await;
        failure.check(&line);
        call.hang_up().await;
    }
}

impl Failure {
    /// Returns the name of the failing webhook in the shipped dialplan.
    pub fn webhook(&self) -> &'static str {
        match self.reason {
            "AUTHENTICATION_FAILURE" => "fails_login",
            "HTTP_STATUS" => "fails_status",
            "TIMEOUT" => "fails_timeout",
            "INVALID_FLOW_VAR" => "fails_variable",
            "INVALID_RESPONSE" => "fails_response",
            "INVALID_RESPONSE_MAP" => "fails_map",
            "CONNECTION_FAILURE" => "fails_connection",
            "BLOCKED_ADDRESS" => "fails_address",
            _ => "no_such_webhook",
        }
    }

    /// Checks the line and its variables.
    pub fn check(&self, line: &Line) {
        let number = self.number;
        assert_eq!(
            (line.number.as_str(), line.variable("flow.line")),
            ("1", Some("1")),
            "{number}"
        );
        assert_eq!(line.key("error_reason"), Some(self.reason), "{number}");
        assert_eq!(line.key("response_status"), Some("FAILED"), "{number}");
        assert_eq!(line.key("response_error"), Some("true"), "{number}");
        assert_eq!(line.key("response_status_code"), self.status, "{number}");
        assert_eq!(line.key("response_status_type"), self.class, "{number}");
        assert_eq!(
            line.key("response_duration").is_some(),
            self.sent,
            "{number}"
        );
        let sentence = line.key("error_detail").unwrap_or_default();
        println!("{number} {}: {sentence}", self.reason);
        assert!(
            sentence.split(' ').count() > 3,
            "{number}: {sentence:?} is no sentence"
        );
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_unknown_webhook_is_named_in_the_sentence() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start(&receiver).await;
    let call = exchange
        .dial("ask-nobody_knows_this", &service.address)
        .await;
    let line = call.line_of("nobody_knows_this").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("INVALID_REQUEST"))
    );
    assert!(
        line.key("error_detail")
            .unwrap_or_default()
            .contains("nobody_knows_this")
    );
    assert_eq!(receiver.count(), 0);
}

/// A webhook whose circuit opens after two failures. The pause is long enough for the third caller.
const FRAIL: &str = r#"
[webhooks.frail]
url = "http://RECEIVER/hold/frail"
timeout = "500ms"
breaker = { failures = 2, pause = "4s" }
"#;

/// Checks a webhook that first does not answer, then does: two calls fail, the next takes line 1 at
/// once, and one after the pause succeeds. `hook` is `ask` or `park`.
async fn circuit_opens_and_closes(
    exchange: &Exchange,
    service: &Service,
    receiver: &Receiver,
    hook: &str,
) {
    let dial = async || {
        let call = exchange
            .dial(&format!("{hook}-frail"), &service.address)
            .await;
        let line = call.line_of("frail").await;
        call.hang_up().await;
        line
    };
    let reason = |line: &Line| line.key("error_reason").map(str::to_owned);
    for _ in 0..2 {
        assert_eq!(reason(&dial().await).as_deref(), Some("TIMEOUT"));
    }
    let open_metric = "switchhook_circuit_open{webhook=\"frail\",url=\"url\"}";
    service.await_metric(&format!("{open_metric} 1")).await;
    let line = dial().await;
    assert_eq!(reason(&line).as_deref(), Some("CIRCUIT_OPEN"));
    assert_eq!(
        (line.number.as_str(), line.variable("flow.line")),
        ("1", Some("1"))
    );
    assert_eq!(line.key("response_status"), Some("FAILED"));
    assert_eq!(line.key("response_duration"), None);
    let sentence = line.key("error_detail").unwrap_or_default();
    println!("{sentence}");
    assert!(
        sentence.starts_with("the circuit of frail is open since "),
        "{sentence}"
    );
    assert!(
        sentence.contains("2 failures in a row (the last: no answer from"),
        "{sentence}"
    );
    assert!(sentence.contains("; it is tried again at "), "{sentence}");
    assert_eq!(
        receiver.count_of("/hold/frail"),
        2,
        "the third call sent no request"
    );
    receiver.set_answer("/hold/frail", "{}");
    receiver.release("/hold/frail");
    let closed = loop {
        let line = dial().await;
        if line.number == "0" {
            break line;
        }
        assert_eq!(reason(&line).as_deref(), Some("CIRCUIT_OPEN"));
    };
    assert_eq!(closed.key("response_status"), Some("SUCCESS"));
    assert_eq!(closed.key("error_reason"), None);
    assert_eq!(
        receiver.count_of("/hold/frail"),
        3,
        "one call sent a request, and the webhook answered"
    );
    service.await_metric(&format!("{open_metric} 0")).await;
    assert_eq!(dial().await.number, "0");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_webhook_that_fails_in_a_row_is_paused_until_one_caller_succeeds() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start_with(&receiver, FRAIL).await;
    circuit_opens_and_closes(&exchange, &service, &receiver, "ask").await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_webhook_of_parked_calls_rests_and_heals_alike() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, FRAIL).await;
    circuit_opens_and_closes(&exchange, &service, &receiver, "park").await;
}

//! Each failure that a webhook can cause: its number in the shipped dialplan, its line, its reason.

use super::call::{Exchange, Line};
use super::receiver::Receiver;
use super::service::Service;

/// What the dialplan sees of one failure.
pub struct Failure {
    number: &'static str,
    reason: &'static str,
    status: Option<&'static str>,
    class: Option<&'static str>,
    /// Whether a request left the service at all, so that there is a duration.
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
    let exchange = Exchange::enter().await;
    let receiver = Receiver::start().await;
    receiver.tell("/rubbish", "<html>");
    receiver.tell("/partial", r#"{"customer":{}}"#);
    let service = Service::start(&receiver).await;
    for failure in FAILURES {
        let call = exchange.dial(failure.number, &service.address).await;
        let line = call.line_of("failed").await;
        failure.check(&line);
        call.hang_up().await;
    }
}

impl Failure {
    /// The webhook that fails so, as the shipped dialplan names it.
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

    /// Whether the line is as it must be.
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
    let exchange = Exchange::enter().await;
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

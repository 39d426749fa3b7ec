//! Trying a webhook: a form for what a call would have, and what came of it. Nothing is sent but
//! by the button; the guard before all pages lets that through with the token alone.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use maud::{Markup, html};
use tokio::sync::Semaphore;
use tracing::info;

use super::format;
use super::http::Ops;
use super::page::{View, missing};
use super::replay::NEEDS_TOKEN;
use super::test_form::{After, TestForm, command};

/// Bytes that the form may have.
pub(crate) const FORM_BYTES: usize = 64 * 1024;
/// Webhooks that are tried at once.
const AT_ONCE: usize = 4;
/// Characters of a value that are shown.
const SHOWN: usize = 16 * 1024;

/// Asks webhooks as a call would.
pub trait TestWebhook: Send + Sync {
    /// Whether there is a webhook of this name.
    fn knows(&self, webhook: &str) -> bool;

    /// Asks it for a channel with these variables; `None` when it is not there any more.
    fn attempt(
        &self,
        webhook: String,
        variables: Vec<(String, String)>,
    ) -> BoxFuture<'_, Option<TestResult>>;
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestResult {
    /// What was sent, without secrets; `None` when nothing was.
    pub request: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Names of the phases and when each was over, µs from the beginning.
    pub phases: Vec<(&'static str, u64)>,
    /// The body that came back.
    pub body: String,
    /// Reason and sentence of a failure.
    pub failure: Option<(String, String)>,
    /// What a channel is given.
    pub variables: Vec<(String, String)>,
    /// Where the call would go on.
    pub line: &'static str,
}

/// Who tries, and how many may at once.
#[derive(Clone)]
pub struct WebhookTester {
    trials: Arc<dyn TestWebhook>,
    places: Arc<Semaphore>,
}

impl WebhookTester {
    /// Over those webhooks.
    #[must_use]
    pub fn new(trials: Arc<dyn TestWebhook>) -> Self {
        Self {
            trials,
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// The form.
pub(crate) async fn ask(
    State(ops): State<Ops>,
    Path(webhook): Path<String>,
    Query(after): Query<After>,
) -> Response {
    if !ops.trials.trials.knows(&webhook) {
        return missing(&ops, "No webhook of the configuration has this name.");
    }
    let filled = TestForm::after(&ops, &after).await;
    let body = html! {
        h1 { "Try " (webhook) }
        p { "Asks the webhook as a call with these variables would, and shows what goes out, what comes back, and what the \
             dialplan would be told. The request is a real one, sent once, when the button is pressed." }
        (form(&ops, &webhook, &filled))
        p { a href="/webhooks" { "Back to the webhooks" } }
    };
    let view = View {
        title: "Try a webhook",
        here: "/webhooks",
        search: "",
        body,
    };
    view.respond(&ops, StatusCode::OK)
}

/// Sent by the page's script, which adds the token: no browser does by itself.
fn form(ops: &Ops, webhook: &str, filled: &TestForm) -> Markup {
    let command = command(webhook, filled);
    html! {
        form.try method="post" action={ "/webhooks/" (webhook) "/try" } data-token {
            label for="caller" { "Caller's number" }
            input #caller name="caller" inputmode="tel" autocomplete="off" value=(filled.caller);
            label for="called" { "Number that was dialled" }
            input #called name="called" inputmode="tel" autocomplete="off" value=(filled.called);
            label for="variables" { "Channel variables, one a line" }
            textarea #variables name="variables" rows="5" spellcheck="false"
                placeholder="flow.key.leadid=HFC123" { (filled.variables) }
            @if ops.may_change {
                label for="token" { "Token" }
                input #token type="password" autocomplete="off" required;
                button { "Send the request" }
                noscript { p { "This needs scripts." } }
            } @else {
                button disabled aria-describedby="why" { "Send the request" }
                p #why.quiet { (NEEDS_TOKEN) }
            }
            div.said role="status" {}
        }
        h2 { "On the command line" }
        pre tabindex="0" aria-label="The same on the command line" { (command) }
    }
}

/// Does it, and shows what came of it.
pub(crate) async fn act(
    State(ops): State<Ops>,
    Path(webhook): Path<String>,
    filled: Result<Form<TestForm>, FormRejection>,
) -> Response {
    if !ops.may_change {
        let said = "nothing can be sent over HTTP; set [listen] http_token_env to allow it";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    let filled = match filled {
        Ok(Form(filled)) => filled,
        Err(rejection) => return rejection.into_response(),
    };
    let variables = match filled.pairs() {
        Ok(variables) => variables,
        Err(said) => return (StatusCode::BAD_REQUEST, said).into_response(),
    };
    let desk = &ops.trials;
    let Ok(_place) = desk.places.try_acquire() else {
        let said = format!("{AT_ONCE} webhooks are being tried already; nothing was sent");
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    };
    match desk.trials.attempt(webhook.clone(), variables).await {
        None => {
            let said = "no webhook of the configuration has this name; nothing was sent";
            (StatusCode::NOT_FOUND, said).into_response()
        }
        Some(tried) => {
            info!(webhook, line = tried.line, "tried from the page");
            Html(shown(&ops, &tried).into_string()).into_response()
        }
    }
}

fn shown(ops: &Ops, tried: &TestResult) -> Markup {
    let text = |text: &str| {
        let cut = text
            .char_indices()
            .nth(SHOWN)
            .map_or(text.len(), |(at, _)| at);
        ops.mask.text(&text[..cut])
    };
    html! {
        p {
            @match &tried.failure {
                None => span.pill.good { "line " (tried.line) },
                Some((reason, _)) => span.pill.bad { "line " (tried.line) " · " (reason) },
            }
            @if let Some(status) = tried.status { " HTTP " (status) }
            @for (name, us) in &tried.phases { " · " (name) " " (format::took(*us)) }
        }
        @if let Some((reason, sentence)) = &tried.failure {
            p.why { (text(sentence)) }
            p.quiet { b { "What to do: " } (format::meaning(reason).cure) }
        }
        h2 { "Request" }
        @match &tried.request {
            None => p.empty { "Nothing was sent." },
            Some(request) => pre tabindex="0" aria-label="Request" { (text(request)) },
        }
        h2 { "Answer" }
        @if tried.body.is_empty() {
            p.empty { "No body." }
        } @else {
            pre tabindex="0" aria-label="Body of the answer" { (text(&tried.body)) }
        }
        h2 { "What the dialplan would be told" }
        div.scroll tabindex="0" role="region" aria-label="Variables" {
            table {
                thead { tr { th scope="col" { "Variable" } th scope="col" { "Value" } } }
                tbody {
                    @for (name, value) in &tried.variables {
                        tr { th scope="row" { (name) } td.id { (text(value)) } }
                    }
                }
            }
        }
    }
}

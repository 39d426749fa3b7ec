//! The page that tests a webhook: a form for the values of a call, and the result.
//!
//! Only the form's button sends a request. The gate before it admits operators alone.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{Markup, html};

use super::address::address;
use crate::audit;
use crate::format;
use crate::state::AdminState;
use crate::webhook_tester::{MAX_TESTS, TestResult};

use super::components;
use super::layout::{View, not_found};
use super::test_form::{PrefillParams, TestForm, command};

/// Bytes that the form may have.
pub(crate) const FORM_BYTES: usize = 64 * 1024;
/// Characters of a value that are shown.
const SHOWN: usize = 16 * 1024;

/// Responds with the form.
pub(crate) async fn form_page(
    state: AdminState,
    Path(webhook): Path<String>,
    Query(prefill): Query<PrefillParams>,
) -> Response {
    if !state.webhook_tester.webhooks.knows(&webhook) {
        return not_found(&state, "No webhook of the configuration has this name.");
    }
    let filled = TestForm::prefilled(&state, &prefill).await;
    let body = html! {
        h1 { "Try " (webhook) }
        p { "Sends one real request when you press the button, as a call with these variables would. Shows the request, the \
             answer, and the variables that the dialplan would get." }
        (form(&state, &webhook, &filled))
        p { a href="/webhooks" { "Back to the webhooks" } }
    };
    View::new("Try a webhook", "/webhooks", body).respond(&state, StatusCode::OK)
}

/// Makes the form. The page's script sends it with the token, or with what proves that it is ours.
fn form(state: &AdminState, webhook: &str, filled: &TestForm) -> Markup {
    let command = command(webhook, filled);
    html! {
        form.try method="post" action=(address(&["webhooks", webhook, "try"], &[])) data-token=(state.access.csrf().unwrap_or_default()) {
            label for="caller" { "Caller's number" }
            input #caller type="text" name="caller" inputmode="tel" autocomplete="off" value=(filled.caller);
            label for="called" { "Number that was dialled" }
            input #called type="text" name="called" inputmode="tel" autocomplete="off" value=(filled.called);
            label for="variables" { "Channel variables, one a line" }
            textarea #variables name="variables" rows="5" spellcheck="false"
                placeholder="flow.key.leadid=HFC123" { (filled.variables) }
            @if state.changes_allowed() {
                (components::credentials(state))
                button type="submit" { "Send the request" }
                noscript { p { "This needs scripts." } }
            } @else {
                button type="submit" disabled aria-describedby="why" { "Send the request" }
                p #why.quiet { (components::why_off(state)) }
            }
            div.result role="status" {}
        }
        h2 { "On the command line" }
        pre tabindex="0" aria-label="Command line of this test" { (command) }
    }
}

/// Sends the request and responds with the result.
pub(crate) async fn send(
    state: AdminState,
    Path(webhook): Path<String>,
    form: Result<Form<TestForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return rejection.into_response(),
    };
    let variables = match form.pairs() {
        Ok(variables) => variables,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let tester = &state.webhook_tester;
    let Ok(_permit) = tester.permits.try_acquire() else {
        let message =
            format!("{MAX_TESTS} webhooks are being tested already; nothing was sent; try again");
        return (StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    match tester.webhooks.attempt(webhook.clone(), variables).await {
        None => {
            let message = "no webhook of the configuration has this name; nothing was sent";
            (StatusCode::NOT_FOUND, message).into_response()
        }
        Some(result) => {
            let line = format!("line {}", result.line);
            audit::done(&state, "test", &webhook, &line).await;
            Html(result_markup(&state, &result).into_string()).into_response()
        }
    }
}

fn result_markup(state: &AdminState, result: &TestResult) -> Markup {
    let text = |text: &str| {
        let cut = text
            .char_indices()
            .nth(SHOWN)
            .map_or(text.len(), |(at, _)| at);
        state.mask.text(&text[..cut])
    };
    html! {
        p {
            @match &result.failure {
                None => span.pill.good { "line " (result.line) },
                Some((reason, _)) => span.pill.bad { "line " (result.line) " · " (reason) },
            }
            @if let Some(status) = result.status { " HTTP " (status) }
            @for (name, us) in &result.phases { " · " (name) " " (format::duration(*us)) }
        }
        @if !result.tries.is_empty() {
            ol aria-label="Tries" { @for one in &result.tries { li.id { (text(one)) } } }
        }
        @if let Some((reason, sentence)) = &result.failure {
            p.why { (text(sentence)) }
            p.quiet { b { "What to do: " } (format::reason_text(reason).cure) }
        }
        h2 { "Request" }
        @match &result.request {
            None => p.empty { "Nothing was sent." },
            Some(request) => pre tabindex="0" aria-label="Request" { (text(request)) },
        }
        h2 { "Answer" }
        @if result.body.is_empty() {
            p.empty { "No body." }
        } @else {
            pre tabindex="0" aria-label="Body of the answer" { (text(&result.body)) }
        }
        h2 { "Variables that the dialplan would get" }
        section.scroll tabindex="0" aria-label="Variables" {
            table {
                thead { tr { th scope="col" { "Variable" } th scope="col" { "Value" } } }
                tbody {
                    @for (name, value) in &result.variables {
                        tr { th scope="row" { (name) } td.id { (text(value)) } }
                    }
                }
            }
        }
    }
}

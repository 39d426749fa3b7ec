//! A form that changes something, and the responses of what it posts to.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use crate::state::AdminState;
use switchhook_store::StoreError;

use super::components;

/// One button with what it posts. The page's script sends it and adds the token, which no browser
/// does by itself.
pub(crate) struct ChangeForm<'f> {
    pub(crate) action: &'f str,
    /// Hidden fields.
    pub(crate) fields: Markup,
    pub(crate) button: &'f str,
    /// What does the same on the command line, if something does.
    pub(crate) command: Option<String>,
}

impl ChangeForm<'_> {
    /// Makes the form for the main part of a page, which has one.
    pub(crate) fn make(&self, state: &AdminState) -> Markup {
        if !state.changes_allowed() {
            return html! {
                p.replay {
                    button type="submit" disabled aria-describedby="why" { (self.button) }
                    span #why.quiet { (components::why_off(state)) (self.command_line()) }
                }
            };
        }
        html! {
            form.replay method="post" action=(self.action) data-token=(state.access.csrf().unwrap_or_default()) {
                (self.fields)
                (components::credentials(state))
                button type="submit" { (self.button) }
                noscript { p { "This needs scripts." (self.command_line()) } }
                p.result role="status" {}
            }
        }
    }

    /// Makes the form for a row; a page may have many. The token is asked for once.
    pub(crate) fn small(&self, state: &AdminState) -> Markup {
        if !state.changes_allowed() {
            return html! { span.quiet { button type="submit" disabled title=(components::why_off(state)) { (self.button) } (self.command_line()) } };
        }
        html! {
            form.small method="post" action=(self.action) data-token=(state.access.csrf().unwrap_or_default()) {
                (self.fields)
                @if state.access.csrf().is_none() { label.ask { "Token " input.token type="password" autocomplete="off" required size="12"; } }
                button type="submit" { (self.button) }
                noscript { span { "This needs scripts." (self.command_line()) } }
                span.result role="status" {}
            }
        }
    }

    fn command_line(&self) -> Markup {
        html! { @if let Some(command) = &self.command { " On the command line: " code { (command) } } }
    }
}

/// Responds with an error of the store.
pub(crate) fn failed(error: &StoreError) -> Response {
    let status = if matches!(error, StoreError::NoSuchDocument { .. }) {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, error.to_string()).into_response()
}

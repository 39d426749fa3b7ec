//! Signing in and out, and what somebody sees who may not see a page.

use std::sync::Arc;

use axum::extract::{Extension, Form, Query};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use serde::Deserialize;

use super::layout::View;
use crate::access::Access;
use crate::audit;
use crate::guard::Rejection;
use crate::login::Login;
use crate::state::AdminState;

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoginForm {
    /// The user's name; empty with a token.
    name: String,
    /// The password or the token.
    secret: String,
    #[serde(flatten)]
    then: NextPage,
}

/// The page to go to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NextPage {
    next: String,
}

impl NextPage {
    /// Returns a page of ours, and the first one in place of anything else.
    fn address(&self) -> &str {
        let is_text = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let is_ours = self.next.starts_with('/')
            && !self.next.starts_with("//")
            && self.next.bytes().all(is_text);
        if is_ours { &self.next } else { "/" }
    }
}

/// Responds with the form.
pub(crate) async fn form_page(state: AdminState, Query(then): Query<NextPage>) -> Response {
    let page = page(&state, then.address(), None);
    page.respond(&state, StatusCode::OK)
}

/// Responds to a request that may not see a page: with the form if signing in would help.
pub(crate) fn refusal(state: &AdminState, rejection: Rejection, uri: &Uri) -> Response {
    if rejection == Rejection::Token {
        let address = uri.path_and_query().map_or("/", |address| address.as_str());
        return page(state, address, None).respond(state, StatusCode::UNAUTHORIZED);
    }
    let body = html! {
        h1 { "Not for you to see" }
        p { (rejection) "." }
        @if rejection == Rejection::NoUsers {
            p { "A user is a section of the configuration:" }
            pre tabindex="0" aria-label="A user of the page" {
                "[users.ann]\nrole = \"operator\"\npassword_hash = \"…\"   # printed by: switchhook password"
            }
        }
    };
    View::new("Refused", "", body).respond(state, StatusCode::FORBIDDEN)
}

fn page<'a>(state: &AdminState, next: &str, failure: Option<&str>) -> View<'a> {
    let signs_in = state.guard.load().allows_changes() || !state.guard.load().users.is_empty();
    let body = html! {
        h1 { "Sign in" }
        @if let Some(failure) = failure { p.notice role="alert" { (failure) } }
        @if signs_in {
            form.try method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                label for="name" { "Name" }
                input #name type="text" name="name" autocomplete="username" autocapitalize="none" aria-describedby="without";
                p #without.quiet { "With a token, leave the name empty." }
                label for="secret" { "Password or token" }
                input #secret name="secret" type="password" autocomplete="current-password" required;
                button type="submit" { "Sign in" }
            }
        } @else {
            p { "Nobody can sign in: the configuration has no users and no token." }
        }
    };
    View::new("Sign in", "", body)
}

/// Signs somebody in.
pub(crate) async fn sign_in(
    state: AdminState,
    Extension(login): Extension<Arc<Login>>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    let origin = state.access.origin();
    if let Err(too_many) = login.attempts.admit(origin).await {
        return too_many.respond();
    }
    let user = match login.check(&form.name, &form.secret).await {
        Ok(user) => user,
        Err(busy) => return (StatusCode::SERVICE_UNAVAILABLE, busy).into_response(),
    };
    let Some(user) = user else {
        if login.attempts.failed(origin, "login") {
            let name = form.name.chars().take(64).collect::<String>();
            audit::refused(
                &state,
                &state.access,
                "sign in",
                &format!("a wrong name, password or token: {name:?}"),
            );
        }
        let failure = "The name, the password or the token is wrong.";
        let page = page(&state, form.then.address(), Some(failure));
        return page.respond(&state, StatusCode::UNAUTHORIZED);
    };
    let cookie = match login.begin(&user, state.root(), &headers) {
        Ok(cookie) => cookie,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error).into_response(),
    };
    let state = state.with_access(Access::user(&user, origin));
    audit::done(&state, "sign in", "", "signed in").await;
    see_other(&state, form.then.address(), &cookie)
}

/// Ends the session.
pub(crate) async fn sign_out(
    state: AdminState,
    Extension(login): Extension<Arc<Login>>,
    headers: HeaderMap,
) -> Response {
    see_other(&state, "/login", &login.end(state.root(), &headers))
}

fn see_other(state: &AdminState, address: &str, cookie: &str) -> Response {
    let address = format!("{}{address}", state.base);
    let headers = [(LOCATION, address.as_str()), (SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_only_pages_of_ours_follow() {
        for (next, wanted) in [
            ("/calls?q=1", "/calls?q=1"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example/", "/"),
            ("https://evil.example/", "/"),
            ("/a\r\nb", "/"),
        ] {
            let then = NextPage { next: next.into() };
            assert_eq!(then.address(), wanted, "{next:?}");
        }
    }
}

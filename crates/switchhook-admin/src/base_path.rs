//! The path under which a proxy shows the page, such as `/switchhook`.
//!
//! Routes and templates know nothing of it: it is taken from a request's address before the routes,
//! and put before every address of a page that is sent. A proxy may pass it on or take it away.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::response::{IntoResponse as _, Response};
use tower_service::Service as _;

/// What is before an address of ours in a page. No text of a call is taken for it: a quotation mark in
/// a text is written as `&quot;`.
const BEFORE: [&str; 3] = [" href=\"/", " action=\"/", " src=\"/"];

/// Returns a page with the base before each of its addresses.
pub(crate) fn put_before(base: &str, page: String) -> String {
    if base.is_empty() {
        return page;
    }
    BEFORE.iter().fold(page, |page, before| {
        let with_base = before.replace('/', &format!("{base}/"));
        page.replace(before, &with_base)
    })
}

/// Returns the routes, also under the base.
pub(crate) fn nest(base: &str, routes: Router) -> Router {
    if base.is_empty() {
        return routes;
    }
    let base = base.to_owned();
    Router::new().fallback(move |mut request: Request| {
        let mut routes = routes.clone();
        if let Some(within) = take_away(&base, request.uri()) {
            *request.uri_mut() = within;
        }
        async move { answer(routes.call(request).await) }
    })
}

/// The routes always answer.
fn answer(answered: Result<Response, std::convert::Infallible>) -> Response {
    answered
        .unwrap_or_else(|never| match never {})
        .into_response()
}

/// Returns the address without the base; `None` if it is not under it.
fn take_away(base: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix(base)?;
    let path = match rest.chars().next() {
        None => "/",
        Some('/') => rest,
        Some(_) => return None,
    };
    let query = uri.query().map(|query| format!("?{query}"));
    let within = format!("{path}{}", query.unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(within.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_taken_from_an_address_and_from_nothing_like_it() {
        for (asked, wanted) in [
            (
                "/switchhook/calls?q=/switchhook",
                Some("/calls?q=/switchhook"),
            ),
            ("/switchhook/", Some("/")),
            ("/switchhook", Some("/")),
            ("/switchhook?q=1", Some("/?q=1")),
            ("/switchhook/switchhook/", Some("/switchhook/")),
            ("/switchhooks/calls", None),
            ("/calls", None),
            ("/", None),
        ] {
            let within = take_away("/switchhook", &asked.parse().unwrap());
            assert_eq!(
                within.map(|uri| uri.to_string()).as_deref(),
                wanted,
                "{asked}"
            );
        }
    }

    #[test]
    fn every_address_of_a_page_gets_the_base_and_no_text_does() {
        use maud::html;
        let text = "say \" href=\"/evil";
        let page = html! {
            a href="/calls?next=/x" title=(text) { (text) }
            form action="/login" { input value="/outbox"; }
            script src="/files/page.js" {}
            a href="#main" {}
            a href="https://traces.example/" {}
        };
        let page = page.into_string();
        assert_eq!(put_before("", page.clone()), page);
        let based = put_before("/hook", page);
        for part in [
            " href=\"/hook/calls?next=/x\"",
            " action=\"/hook/login\"",
            " src=\"/hook/files/page.js\"",
            " value=\"/outbox\"",
            " href=\"#main\"",
            " href=\"https://traces.example/\"",
        ] {
            assert!(based.contains(part), "{part}: {based}");
        }
        assert_eq!(based.matches("/hook").count(), 3, "{based}");
    }
}

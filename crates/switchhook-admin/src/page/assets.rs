//! The page's own files, compiled into the program.
//!
//! A file's address changes with its content, so a browser may keep it for ever.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, PreEscaped};
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &str, &str); 3] = [
    (
        "page.css",
        "text/css; charset=utf-8",
        include_str!("../files/page.css"),
    ),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("../files/page.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../files/icon.svg"),
    ),
];

/// Returns the address of a file.
pub(crate) fn url(name: &str) -> String {
    let file = FILES.iter().find(|(known, _, _)| *known == name);
    let hash = file.map(|(_, _, text)| Sha256::digest(text));
    let short: String = hash
        .iter()
        .flat_map(|hash| hash.iter().take(4))
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/files/{name}?{short}")
}

/// Returns the logo, to stand in the page.
pub(crate) fn mark() -> Markup {
    PreEscaped(include_str!("../files/icon.svg").to_owned())
}

/// Responds with a file.
pub(crate) async fn respond(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, _, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, "max-age=31536000, immutable"),
    ];
    (headers, *text).into_response()
}

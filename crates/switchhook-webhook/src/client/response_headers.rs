//! What is read from the head of a response.

use http::header;
use reqwest::Response;
use url::Url;

/// Characters of a redirect's target that are kept.
const MAX_TARGET_CHARS: usize = 200;

/// Returns where a redirect leads, without what may be secret: user, query and fragment.
pub(super) fn redirect_target(response: &Response, url: &Url) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    let mut target = url.join(location.to_str().ok()?).ok()?;
    target.set_query(None);
    target.set_fragment(None);
    // Fails only for URLs that have no user.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Some(target.as_str().chars().take(MAX_TARGET_CHARS).collect())
}

pub(super) fn content_type(response: &Response) -> Option<&str> {
    response.headers().get(header::CONTENT_TYPE)?.to_str().ok()
}

pub(super) fn retry_after(response: &Response) -> Option<String> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok().map(str::to_owned)
}

//! Builds a URL from a rendered template. Values may fill a segment; they never change the
//! structure around them.

use url::Url;

use super::value_marks::{CLOSE, OPEN, is_mark};

/// Longer URLs are refused; few servers accept more than 8 KiB.
const MAX_URL_BYTES: usize = 32 * 1024;

/// Why a rendered URL is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UrlError {
    /// A value is not allowed in its place.
    Value(&'static str),
    /// The URL as a whole is not valid.
    Url(String),
}

/// Checks the text of a URL template before any value is known.
///
/// # Errors
/// What is wrong, and the cure.
pub(super) fn check_template(source: &str) -> Result<(), (&'static str, &'static str)> {
    let lower = source.get(..8).unwrap_or(source).to_ascii_lowercase();
    if !lower.starts_with("https://") && !lower.starts_with("http://") {
        return Err((
            "the URL does not begin with https:// or http://",
            "write the scheme out; host and path may be templates",
        ));
    }
    let literal = without_expressions(source);
    if literal.contains('\\') {
        return Err(("the URL contains a backslash", "write / in its place"));
    }
    let rest = literal.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err((
            "the URL contains a user name or password",
            "use auth.basic or auth.bearer, whose secrets are never shown",
        ));
    }
    Ok(())
}

/// Returns the template's own text, without each `{{ … }}` and `{% … %}`.
fn without_expressions(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find(['{']) {
        out.push_str(&rest[..at]);
        let close = match rest.as_bytes().get(at + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                out.push('{');
                rest = &rest[at + 1..];
                continue;
            }
        };
        rest = rest[at..].split_once(close).map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Parses and checks a rendered URL.
pub(super) fn finish(rendered: &str) -> Result<Url, UrlError> {
    let rendered = rendered.trim();
    let (scheme, rest) = rendered
        .split_once("://")
        .ok_or_else(|| UrlError::Url("it has no scheme".into()))?;
    if scheme.contains(OPEN) {
        return Err(UrlError::Value("a value cannot be the URL's scheme"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    check_authority(&rest[..end])?;
    check_segments(&rest[end..])?;
    let plain: String = rendered.chars().filter(|c| !is_mark(*c)).collect();
    if plain.len() > MAX_URL_BYTES {
        return Err(UrlError::Url(format!(
            "it is longer than {MAX_URL_BYTES} bytes"
        )));
    }
    let url = Url::parse(&plain).map_err(|error| UrlError::Url(error.to_string()))?;
    check_url(&url)?;
    Ok(url)
}

fn check_url(url: &Url) -> Result<(), UrlError> {
    if !matches!(url.scheme(), "https" | "http") {
        return Err(UrlError::Url("it is neither https nor http".into()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Url("it contains a user name or password".into()));
    }
    if url.host().is_none() {
        return Err(UrlError::Url("it names no host".into()));
    }
    Ok(())
}

/// A value in the authority has only host characters. It does not end the host's name, where it
/// would name another host.
fn check_authority(authority: &str) -> Result<(), UrlError> {
    for (at, _) in authority.match_indices(OPEN) {
        let value = &authority[at + 1..];
        let (value, after) = value.split_once(CLOSE).unwrap_or((value, ""));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !value.chars().all(fits) {
            return Err(UrlError::Value(
                "a value in the URL's host contains a character that no host name has",
            ));
        }
        let before = &authority[..at];
        let ends_name = after.is_empty() || after.starts_with(':');
        let is_port = before.ends_with(':') && value.bytes().all(|b| b.is_ascii_digit());
        if ends_name && !before.is_empty() && !is_port {
            return Err(UrlError::Value(
                "a value that ends the host's name would name another host; put a / before it",
            ));
        }
    }
    Ok(())
}

/// A value must not be a dot segment (WHATWG URL, "double-dot path segment", encoded or not),
/// which would move the path elsewhere.
fn check_segments(tail: &str) -> Result<(), UrlError> {
    let path = tail.split(['?', '#']).next().unwrap_or(tail);
    for segment in path.split('/').filter(|segment| segment.contains(OPEN)) {
        let plain: String = segment.chars().filter(|c| !is_mark(*c)).collect();
        let plain = plain.to_ascii_lowercase().replace("%2e", ".");
        if plain == "." || plain == ".." {
            return Err(UrlError::Value(
                "a value would make the URL's path walk to another place (. or ..)",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, UrlError> {
        let marked = text.replace('<', "\u{1}").replace('>', "\u{2}");
        finish(&marked).map(String::from)
    }

    #[test]
    fn values_fill_segments_and_hosts() {
        assert_eq!(
            url("https://a.example/x/<b%2Fc>?q=<d>").unwrap(),
            "https://a.example/x/b%2Fc?q=d"
        );
        assert_eq!(
            url("https://<crm.example>:<8443>/").unwrap(),
            "https://crm.example:8443/"
        );
        assert_eq!(
            url("https://<eu>.crm.example/").unwrap(),
            "https://eu.crm.example/"
        );
    }

    #[test]
    fn values_do_not_move_the_structure() {
        for bad in [
            "https://a.example/x/<..>/y",
            "https://a.example/<.>",
            "https://a.example/.<.>/y",
            "https://a.example<.evil.example>/",
            "https://a.<evil.example>/",
            "https://<a%40evil>/",
            "https://a.example:<80a>/",
            "<https>://a.example/",
        ] {
            assert!(matches!(url(bad), Err(UrlError::Value(_))), "{bad}");
        }
    }

    #[test]
    fn a_template_without_a_literal_scheme_or_with_a_password_is_refused() {
        assert!(check_template("{{ flow.key.url }}").is_err());
        assert!(check_template("ftp://a.example/").is_err());
        assert!(check_template("https://me:pw@a.example/").is_err());
        assert!(check_template("https://a.example\\@b.example/").is_err());
        assert!(check_template("https://a.example/{{ flow.key['@'] }}").is_ok());
        assert!(check_template("https://a.example/me@home").is_ok());
    }
}

//! Redacts secrets from requests before people see them. A value counts as a secret if its name
//! sounds like one.

use std::borrow::Cow;

use switchhook_core::secret::REDACTED;
use url::Url;

/// Returns the URL; query values with secret names are redacted.
#[must_use]
pub fn url(url: &Url) -> Cow<'_, str> {
    if !url.query_pairs().any(|(name, _)| is_secret_name(&name)) {
        return Cow::Borrowed(url.as_str());
    }
    let pairs = url.query_pairs().map(|(name, value)| {
        if is_secret_name(&name) {
            (name, REDACTED.into())
        } else {
            (name, value)
        }
    });
    let mut shown = url.clone();
    shown.query_pairs_mut().clear().extend_pairs(pairs);
    // The query encoded the brackets of the placeholder.
    let text = shown.as_str().replace("%5Bsecret%5D", REDACTED);
    Cow::Owned(text)
}

/// Returns a URL template; query values with secret names are redacted.
#[must_use]
pub fn template(source: &str) -> String {
    let Some((before, query)) = source.split_once('?') else {
        return source.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={REDACTED}"),
        Some(_) | None => pair.to_owned(),
    });
    format!("{before}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Returns a header's value, or the placeholder if the header's name is secret.
#[must_use]
pub fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret_name(name) {
        REDACTED
    } else {
        value
    }
}

/// Returns whether people use names like this for secrets.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let words = [
        "auth",
        "cookie",
        "key",
        "passw",
        "secret",
        "signature",
        "token",
    ];
    words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_everything_but_its_secrets() {
        let shown = |text: &str| url(&Url::parse(text).unwrap()).into_owned();
        let plain = "https://crm.example/calls?q=a+b&x=%C3%A9";
        assert_eq!(shown(plain), plain);
        assert_eq!(
            shown("https://crm.example/calls?api_key=abc&q=a+b"),
            "https://crm.example/calls?api_key=[secret]&q=a+b"
        );
    }

    #[test]
    fn a_template_shows_everything_but_its_secrets() {
        let source = "https://crm.example/{{ flow.key.id }}?api_key=abc&q={{ call.caller }}&x";
        let shown = "https://crm.example/{{ flow.key.id }}?api_key=[secret]&q={{ call.caller }}&x";
        assert_eq!(template(source), shown);
        assert_eq!(template("https://crm.example/"), "https://crm.example/");
    }
}

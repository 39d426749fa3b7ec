//! A request as a person may see it: what sounds like a secret is hidden.

use std::borrow::Cow;

use url::Url;

/// Stands where a secret was.
pub const SECRET: &str = "[secret]";

/// The URL; values of its query are hidden by their names.
#[must_use]
pub fn url(url: &Url) -> Cow<'_, str> {
    if !url.query_pairs().any(|(name, _)| sounds_secret(&name)) {
        return Cow::Borrowed(url.as_str());
    }
    let pairs = url
        .query_pairs()
        .map(|(name, value)| match sounds_secret(&name) {
            true => (name, SECRET.into()),
            false => (name, value),
        });
    let mut shown = url.clone();
    shown.query_pairs_mut().clear().extend_pairs(pairs);
    // What the query had to escape of ours.
    let text = shown.as_str().replace("%5Bsecret%5D", SECRET);
    Cow::Owned(text)
}

/// The template of a URL; what its query gives under the name of a secret is hidden.
#[must_use]
pub fn template(source: &str) -> String {
    let Some((before, query)) = source.split_once('?') else {
        return source.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if sounds_secret(name) => format!("{name}={SECRET}"),
        Some(_) | None => pair.to_owned(),
    });
    format!("{before}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// A header's value, hidden by its name.
#[must_use]
pub fn header<'a>(name: &str, value: &'a str) -> &'a str {
    match sounds_secret(name) {
        true => SECRET,
        false => value,
    }
}

/// Names under which people send secrets.
#[must_use]
pub fn sounds_secret(name: &str) -> bool {
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

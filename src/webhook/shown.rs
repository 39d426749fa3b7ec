//! A request as a person may see it: what sounds like a secret is hidden.

use url::Url;

/// Stands where a secret was.
pub const SECRET: &str = "[secret]";

/// The URL; values of its query are hidden by their names.
#[must_use]
pub fn url(url: &Url) -> String {
    let mut shown = url.clone();
    if url.query().is_some() {
        let pairs = url
            .query_pairs()
            .map(|(name, value)| match sounds_secret(&name) {
                true => (name, SECRET.into()),
                false => (name, value),
            });
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    shown.into()
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

//! Redacts secrets from requests before people see them. A value counts as a secret if its name
//! sounds like one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use arc_swap::ArcSwap;
use switchhook_core::secret::REDACTED;
use url::Url;

/// Returns the URL; query values with secret names are redacted.
#[must_use]
pub fn url(url: &Url) -> Cow<'_, str> {
    if !url.query_pairs().any(|(name, _)| is_secret_param(&name)) {
        return Cow::Borrowed(url.as_str());
    }
    let pairs = url.query_pairs().map(|(name, value)| {
        if is_secret_param(&name) {
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
        Some((name, _)) if is_secret_param(name) => format!("{name}={REDACTED}"),
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
    let parts = [
        "auth",
        "cookie",
        "credential",
        "jwt",
        "key",
        "passw",
        "pwd",
        "secret",
        "signature",
        "token",
    ];
    // Short ones are parts of other words: "design", "compass".
    let words = ["pass", "sas", "sig"];
    let is_word = |part: &str| words.contains(&part);
    parts.iter().any(|part| lower.contains(part))
        || lower
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_word)
        || FURTHER.load().contains(&lower)
}

/// Returns whether people use query parameters of this name for secrets. `code` is Azure's key of a
/// function; in a body it is a plain word.
#[must_use]
pub fn is_secret_param(name: &str) -> bool {
    name.eq_ignore_ascii_case("code") || is_secret_name(name)
}

/// Further names of secrets, in lower case: the operator's.
static FURTHER: LazyLock<ArcSwap<BTreeSet<String>>> = LazyLock::new(ArcSwap::default);

/// Takes these names, whatever their case, for names of secrets from now on, in this process.
pub fn add_secret_names<'a>(names: impl Iterator<Item = &'a String>) {
    let names: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
    FURTHER.rcu(|known| {
        let all = known.iter().chain(&names).cloned();
        all.collect::<BTreeSet<String>>()
    });
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
    fn names_of_secrets_are_known_and_others_can_be_added() {
        for secret in [
            "sig",
            "x-sig",
            "pwd",
            "db_pwd",
            "pass",
            "user.pass",
            "sas",
            "jwt",
            "id_jwt",
            "credential",
            "credentials",
            "api_key",
            "X-Auth",
            "sv_sig",
        ] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for plain in [
            "design",
            "country_code",
            "postcode",
            "compass",
            "passenger",
            "sasha",
            "caller",
            "lead",
        ] {
            assert!(!is_secret_name(plain), "{plain}");
        }
        // A webhook's answer may say so.
        assert!(is_secret_param("Code") && !is_secret_name("code"));
        assert!(is_secret_param("sig") && !is_secret_param("country_code"));
        assert!(!is_secret_name("Ticket-No"));
        add_secret_names([&"ticket-no".to_owned()].into_iter());
        assert!(is_secret_name("Ticket-No"));
        let signed = "https://x.logic.azure.com/workflows?sp=run&sig=abcdef&code=abc";
        let shown = url(&Url::parse(signed).unwrap()).into_owned();
        assert_eq!(
            shown,
            "https://x.logic.azure.com/workflows?sp=run&sig=[secret]&code=[secret]"
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

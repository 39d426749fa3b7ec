//! `[store]`: the database and its password.

use toml_edit::Value;
use url::Url;

use super::secrets::{PASSWORD, secret_from};
use super::section::Section;
use super::settings::Store;
use super::value::{Parsed, Problem, one_line};
use switchhook_core::secret::Secret;
use switchhook_store::check_url;

pub(super) fn store(mut section: Section<'_>) -> Store {
    let password = secret_from(&mut section, &PASSWORD, |environment| {
        environment.for_store()
    });
    let default = StoreUrl {
        url: Store::default().url,
        password: None,
    };
    let store_url = section.get_or("url", default, store_url);
    if store_url.password.is_some() && password.is_some() {
        let what = "has a password, and another key gives one too";
        section.fault("url", Problem::new(what, "remove it from the URL"));
    }
    let password = password.or(store_url.password);
    if password.is_some() && store_url.url.starts_with("sqlite:") {
        let what = "has no effect: a SQLite file has no password";
        let help = "remove it, or write a postgres:// URL";
        let path = section.path_of("url");
        section
            .context
            .warn(&path, Problem::new(format!("the password {what}"), help));
    }
    Store {
        url: store_url.url,
        password,
    }
}

/// A database URL without its password, and the password.
struct StoreUrl {
    url: String,
    password: Option<Secret>,
}

/// Parses the URL of a database. No message shows the URL: it may hold a password.
fn store_url(value: &Value) -> Parsed<StoreUrl> {
    let url = one_line(value)?;
    let help = "write \"sqlite:FILE\" or \"postgres://USER@HOST/DATABASE\"";
    let is_postgres = url.starts_with("postgres:") || url.starts_with("postgresql:");
    if !is_postgres && !url.starts_with("sqlite:") {
        return Err(Problem::new("is not the address of a database", help));
    }
    let store_url = if is_postgres {
        without_password(&url).ok_or_else(|| Problem::new("is not a URL", help))?
    } else {
        StoreUrl {
            url,
            password: None,
        }
    };
    if store_url.url.contains("password=") {
        let what = "has a password among its parameters, where it would be shown";
        let help = "write it as password_env, password_file or password";
        return Err(Problem::new(what, help));
    }
    check_url(&store_url.url)
        .map_err(|why| Problem::new(format!("cannot be used: {why}"), help))?;
    Ok(store_url)
}

fn without_password(url: &str) -> Option<StoreUrl> {
    let mut url: Url = url.parse().ok()?;
    let encoded = url.password().filter(|password| !password.is_empty());
    let password =
        encoded.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
    let password = password.map(Secret::new);
    // A URL without a host has no password to remove.
    let _ = url.set_password(None);
    Some(StoreUrl {
        url: url.into(),
        password,
    })
}

//! `[store]`: which database, and its password.

use toml_edit::Value;
use url::Url;

use super::secrets::{PASSWORD, apart};
use super::section::Section;
use super::settings::Store;
use super::value::{Read, Wrong, one_line};
use switchhook_core::secret::Secret;
use switchhook_store::check_url;

pub(super) fn store(mut section: Section<'_>) -> Store {
    let password = apart(&mut section, &PASSWORD, |around| around.of_the_store());
    let default = Place {
        url: Store::default().url,
        password: None,
    };
    let place = section.get_or("url", default, place);
    if place.password.is_some() && password.is_some() {
        let what = "has a password, and another key gives one too";
        section.fault("url", Wrong::new(what, "take it out of the URL"));
    }
    let password = password.or(place.password);
    if password.is_some() && place.url.starts_with("sqlite:") {
        let what = "is of no use: a SQLite file has no password";
        let help = "take it away, or write a postgres:// url";
        let path = section.path_of("url");
        section
            .reader
            .warn(&path, Wrong::new(format!("the password {what}"), help));
    }
    Store {
        url: place.url,
        password,
    }
}

/// A URL without its password, and the password.
struct Place {
    url: String,
    password: Option<Secret>,
}

/// Nothing of a URL that may hold a password is shown, not even where it is wrong.
fn place(value: &Value) -> Read<Place> {
    let url = one_line(value)?;
    let help = "write \"sqlite:FILE\" or \"postgres://USER@HOST/DATABASE\"";
    let is_postgres = url.starts_with("postgres:") || url.starts_with("postgresql:");
    if !is_postgres && !url.starts_with("sqlite:") {
        return Err(Wrong::new("is not the address of a database", help));
    }
    let place = match is_postgres {
        true => without_password(&url).ok_or_else(|| Wrong::new("is no URL", help))?,
        false => Place {
            url,
            password: None,
        },
    };
    if place.url.contains("password=") {
        let what = "has a password among its parameters, where it would be shown";
        let help = "write it as password_env, password_file or password";
        return Err(Wrong::new(what, help));
    }
    check_url(&place.url).map_err(|why| Wrong::new(format!("cannot be used: {why}"), help))?;
    Ok(place)
}

fn without_password(url: &str) -> Option<Place> {
    let mut url: Url = url.parse().ok()?;
    let encoded = url.password().filter(|password| !password.is_empty());
    let password =
        encoded.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
    let password = password.map(Secret::new);
    // A URL without a host has no password to take away.
    let _ = url.set_password(None);
    Some(Place {
        url: url.into(),
        password,
    })
}

//! Where a configuration has its secrets from: the files it names, or the file itself.

use std::path::PathBuf;

use toml_edit::{Document, Item, TableLike, Value};

/// Keys that hold a secret in place.
const IN_PLACE: [&str; 8] = [
    "client_secret",
    "http_token",
    "key",
    "password",
    "password_hash",
    "secret",
    "secrets",
    "token",
];
/// Files that hold no secret.
const PUBLIC: [&str; 2] = ["ca_file", "client_cert_file"];

/// The sources of the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SecretSources {
    /// The key and the file of each secret that is in a file of its own.
    pub(super) files: Vec<(String, PathBuf)>,
    /// The first key that holds a secret in place.
    pub(super) in_place: Option<String>,
}

impl SecretSources {
    pub(super) fn of(document: &Document<&str>) -> Self {
        let mut sources = Self::default();
        sources.table("", document.as_table());
        sources
    }

    fn table(&mut self, path: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let key = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            self.item(&key, name, item);
        }
    }

    fn item(&mut self, key: &str, name: &str, item: &Item) {
        if let Some(tables) = item.as_array_of_tables() {
            tables.iter().for_each(|table| self.table(key, table));
        } else if let Some(table) = item.as_table_like() {
            self.table(key, table);
        } else if let Some(value) = item.as_value() {
            self.value(key, name, value);
        }
    }

    fn value(&mut self, key: &str, name: &str, value: &Value) {
        let one = value.as_str().into_iter();
        let list = value.as_array().into_iter().flatten();
        let texts = one.chain(list.filter_map(Value::as_str));
        let texts = texts.filter(|text| !text.is_empty());
        if name.ends_with("_file") && !PUBLIC.contains(&name) {
            let files = texts.map(|file| (key.to_owned(), PathBuf::from(file)));
            self.files.extend(files);
        } else if IN_PLACE.contains(&name) && self.in_place.is_none() {
            self.in_place = texts.map(|_| key.to_owned()).next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        let text = "[listen]\nhttp_token_file = \"/run/a\"\n\
                    [[freeswitch]]\npassword_file = \"/run/b\"\n\
                    [webhooks.x]\nsigning.secrets_file = [\"/run/c\", \"/run/d\"]\n\
                    tls = { ca_file = \"/etc/ca\", client_key_file = \"/run/e\" }\n\
                    auth.bearer = { token = \"t\" }\n";
        let sources = SecretSources::of(&Document::parse(text).unwrap());
        let files: Vec<_> = sources
            .files
            .iter()
            .map(|(_, file)| file.to_str().unwrap())
            .collect();
        assert_eq!(files, ["/run/a", "/run/b", "/run/c", "/run/d", "/run/e"]);
        assert_eq!(
            sources.in_place.as_deref(),
            Some("webhooks.x.auth.bearer.token")
        );
    }
}

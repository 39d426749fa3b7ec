//! A configuration's text: it is taken or refused with lines and cures, and never shown to
//! hold a secret.

use std::io;
use std::path::Path;

use switchhook_service::config::{Config, Environment};

const SECRET: &str = "whsec_Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==";

struct Around;

impl Environment for Around {
    fn variable(&self, name: &str) -> Option<String> {
        (!name.is_empty()).then(|| SECRET.to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Ok(SECRET.to_owned())
    }
}

/// The file as it is.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let told = match Config::parse_in(&text, "switchhook.toml", &Around) {
        Ok(config) => format!("{config:?}"),
        Err(faults) => {
            let told = faults.to_string();
            assert!(!told.is_empty(), "refused without a word");
            told
        }
    };
    assert!(text.contains(SECRET) || !told.contains(SECRET));
}

//! Recordings that are served: what must be said, and what cannot be.

use std::time::Duration;

use super::{read, said};

fn serve(keys: &str) -> String {
    format!("[recordings]\nserve = {{ {keys} }}\n")
}

const WHOLE: &str =
    "folder = \"/rec\", url = \"https://rec.example\", secret = \"at least 16 characters\"";

#[test]
fn a_folder_an_address_and_a_secret_are_enough() {
    let config = read(&serve(WHOLE)).unwrap();
    let serve = config.recordings.serve.unwrap();
    assert_eq!(serve.folder.local, serve.folder.on_switch);
    assert_eq!(config.recordings.wait, Duration::from_secs(600));
    assert_eq!(serve.listen.to_string(), "127.0.0.1:8087");
    assert_eq!(serve.expires, Duration::from_secs(30 * 86_400));
}

#[test]
fn each_thing_that_cannot_be_is_said_with_its_cure() {
    for (keys, what) in [
        (
            "folder = \"/rec\", url = \"https://rec.example\"",
            "serve.secret: is missing; add secret_env",
        ),
        (
            "url = \"https://rec.example\", secret = \"at least 16 characters\"",
            "serve.folder: is missing",
        ),
        (
            &WHOLE.replace("/rec\"", "rec\""),
            "serve.folder: \"rec\" is not the whole path",
        ),
        (
            &WHOLE.replace("/rec\"", "/\""),
            "serve.folder: \"/\" is not the whole path",
        ),
        (
            &WHOLE.replace("https://rec.example", "rec.example"),
            "serve.url: \"rec.example\" is not an address",
        ),
        (
            &WHOLE.replace("rec.example", "rec.example/?x=1"),
            "is not an address that links can begin with",
        ),
        (
            &WHOLE.replace("at least 16 characters", "short"),
            "serve.secret: has 5 characters, and 16 are the least",
        ),
        (
            &format!("{WHOLE}, listen = \"127.0.0.1:8085\""),
            "is also an address of [listen]",
        ),
        (&format!("{WHOLE}, expires = \"1s\""), "is below the least"),
    ] {
        let said = said(read(&serve(keys)));
        assert!(said.contains(what), "{keys}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let both = format!(
        "{}public_url = \"https://rec.example/{{{{ file_name }}}}\"\n",
        serve(WHOLE)
    );
    assert!(said(read(&both)).contains("only one of them can hold"));
}

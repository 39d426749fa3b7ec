//! Recordings that are served: required and invalid settings.

use std::time::Duration;

use super::{messages, read};

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
            "serve.folder: \"rec\" is not an absolute path",
        ),
        (
            &WHOLE.replace("/rec\"", "/\""),
            "serve.folder: \"/\" is not an absolute path below /",
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
            "serve.secret: has 5 characters, fewer than the minimum of 16",
        ),
        (
            &format!("{WHOLE}, listen = \"127.0.0.1:8085\""),
            "is also an address of [listen]",
        ),
        (
            &format!("{WHOLE}, expires = \"1s\""),
            "is below the minimum",
        ),
    ] {
        let messages = messages(read(&serve(keys)));
        assert!(messages.contains(what), "{keys}: {messages}");
        assert_eq!(messages.lines().count(), 1, "{messages}");
    }
    let both = format!(
        "{}public_url = \"https://rec.example/{{{{ file_name }}}}\"\n",
        serve(WHOLE)
    );
    assert!(messages(read(&both)).contains("only one of them is allowed"));
}

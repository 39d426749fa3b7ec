//! Secrets from the file, the environment or a file of their own; none is ever shown.

use switchhook_core::secret::Secret;
use switchhook_webhook::options::Auth;

use super::{lookup, messages, read_in, webhook};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn with(keys: &str) -> String {
    format!("[listen]\n[webhooks.lookup]\nurl = \"https://crm.example/\"\n{keys}")
}

#[test]
fn a_secret_comes_from_the_environment_a_file_or_its_place() {
    for (key, environment) in [
        ("token = \"s3cret\"", ("X", "")),
        ("token_env = \"TOKEN\"", ("TOKEN", "s3cret")),
        ("token_file = \"/run/token\"", ("/run/token", "s3cret\r\n")),
    ] {
        let config = read_in(&with(&format!("auth.bearer = {{ {key} }}")), &[environment]).unwrap();
        let auth = &config.webhooks["lookup"].request.auth;
        assert_eq!(auth, &Auth::Bearer(Secret::new("s3cret")), "{key}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_with_its_line() {
    assert_eq!(
        messages(webhook("auth.bearer = { token_env = \"CRM_TOKEN\" }")),
        "switchhook.toml:4: webhooks.lookup.auth.bearer.token_env: the environment variable \
         CRM_TOKEN is not set; set CRM_TOKEN where switchhook is started"
    );
    let file = messages(webhook("auth.bearer = { token_file = \"/run/token\" }"));
    assert!(
        file.contains("the secret's file /run/token cannot be used"),
        "{file}"
    );
    let none = messages(webhook("auth.bearer = {}"));
    assert!(
        none.contains("token: is missing; add token_env, token_file or token"),
        "{none}"
    );
    let two = messages(webhook(
        "auth.bearer = { token = \"x\", token_file = \"y\" }",
    ));
    assert!(two.contains("token_file: conflicts with token"), "{two}");
}

#[test]
fn signing_keys_keep_their_order_so_that_the_first_signs_first() {
    let text = with("signing.secrets_env = [\"NEW\", \"OLD\"]");
    let config = read_in(&text, &[("NEW", NEW), ("OLD", OLD)]).unwrap();
    let keys = &config.webhooks["lookup"].signing;
    assert_eq!(keys, &[Secret::new(NEW), Secret::new(OLD)]);
    let in_place = lookup(&format!("signing.secrets = [\"{OLD}\"]"));
    assert_eq!(in_place.signing, [Secret::new(OLD)]);
}

#[test]
fn a_signing_key_that_is_none_is_refused_without_showing_it() {
    for key in ["hunter2hunter2", "whsec_c2hvcnQ=", "whsec_!!!!"] {
        let messages = messages(webhook(&format!(
            "signing.secrets = [\"{OLD}\", \"{key}\"]"
        )));
        assert!(
            messages.contains("element 2: is not a Standard Webhooks secret"),
            "{messages}"
        );
        assert!(!messages.contains(key), "{messages}");
    }
}

#[test]
fn no_secret_is_shown_by_a_configuration_or_by_its_faults() {
    let keys = "auth.basic = { username = \"u\", password = \"hunter2\" }";
    let config = webhook(keys).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    for keys in [
        "auth.basic = { username = \"u\", pasword = \"hunter2\" }",
        "auth.basic = { username = \"u\", password = [\"hunter2\"] }",
        "auth.basic = \"hunter2\"",
        "auth.bearer = { token = \"hunter2 }",
        "auth.bearer = { token = 'hunter2' 'x' }",
        "signing.secrets = \"hunter2\"",
    ] {
        let messages = messages(webhook(keys));
        assert!(!messages.contains("hunter2"), "{messages}");
    }
}

#[test]
fn oauth2_and_tls_are_read_with_their_files() {
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n";
    let oauth2 = "auth.oauth2 = { token_url = \"https://login.example/\", client_id = \"me\", \
                  client_secret_file = \"/run/client\", scope = \"calls\" }";
    let config = read_in(&with(oauth2), &[("/run/client", "s3cret\n")]).unwrap();
    let Auth::OAuth2(read) = &config.webhooks["lookup"].request.auth else {
        panic!("{config:?}");
    };
    assert_eq!(read.client_secret, Secret::new("s3cret"));
    assert_eq!(read.scope.as_deref(), Some("calls"));
    assert!(!format!("{config:?}").contains("s3cret"));
    for (keys, words) in [
        (
            "auth.oauth2 = { client_id = \"me\", client_secret = \"x\" }",
            "token_url: is missing",
        ),
        (
            "auth.oauth2 = { token_url = \"ftp://x/\", client_id = \"a\", client_secret = \"b\" }",
            "auth.oauth2.token_url: the URL does not begin",
        ),
        (
            "auth.oauth2 = { token_url = \"https://a:b@x/\", client_id = \"a\", client_secret = \"b\" }",
            "user name or password",
        ),
        (
            "tls.ca_file = \"/run/none\"",
            "tls.ca_file: the file /run/none cannot be used",
        ),
        (
            "tls.ca_file = \"/run/ca\"",
            "tls.ca_file: holds no certificate that can be read",
        ),
        (
            "tls.client_cert_file = \"/run/ca\"",
            "has no effect without client_key_file",
        ),
        ("tls.min_version = \"1.1\"", "write \"1.2\" or \"1.3\""),
    ] {
        let environment = [("/run/ca", "no pem"), ("/run/pem", PEM)];
        let found = messages(read_in(&with(keys), &environment));
        assert!(found.contains(words), "{keys}: {found}");
    }
}

#[test]
fn who_may_connect_and_what_http_is_called_are_read() {
    let text = "[listen]\nallow = [\"10.0.0.5\", \"10.1.0.0/16\"]\nconfirm_calls = false\n\
                http_hosts = [\"Hook.Example\"]\nhttp_token_env = \"TOKEN\"\n";
    let listen = read_in(text, &[("TOKEN", "s3cret, long enough")])
        .unwrap()
        .listen;
    assert_eq!(listen.allow.len(), 2);
    assert!(!listen.confirm_calls && !format!("{listen:?}").contains("s3cret"));
    assert_eq!(listen.http_hosts, ["hook.example"]);
    assert_eq!(listen.http_token, Some(Secret::new("s3cret, long enough")));
    let wrong = messages(read_in("[listen]\nhttp_hosts = [\"a:80\"]", &[]));
    assert!(wrong.contains("write it without port"), "{wrong}");
    let based = |base: &str| read_in(&format!("[listen]\nhttp_base = \"{base}\""), &[]);
    for base in ["", "/switchhook", "/tools/hook-1.x"] {
        assert_eq!(based(base).unwrap().listen.http_base, base);
    }
    for wrong in [
        "/",
        "hook",
        "/hook/",
        "//hook",
        "/a b",
        "/../x",
        "/a?b",
        "https://x/hook",
    ] {
        let found = messages(based(wrong));
        assert!(
            found.contains("such as \"/switchhook\""),
            "{wrong}: {found}"
        );
    }
    let short = messages(read_in("[listen]\nhttp_token = \"15 characters..\"", &[]));
    assert!(
        short.contains("has 15 characters, fewer than the minimum of 16"),
        "{short}"
    );
}

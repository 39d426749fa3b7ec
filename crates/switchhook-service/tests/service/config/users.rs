//! `[users.NAME]` and `[trusted_proxy]`.

use switchhook_admin::access::hashes::{TokenHash, hash_password};
use switchhook_admin::access::{Role, TrustedProxy};

use super::{messages, read_in};

#[test]
fn users_and_the_proxy_that_names_them_are_read() {
    let token = TokenHash::of("a token that is long enough");
    let password = hash_password("correct horse battery").unwrap();
    let text = format!(
        "[listen]\n[accounts.acme]\n\
         [users.ann]\nrole = \"operator\"\npassword_hash = \"{password}\"\n\
         [users.\"ben@acme.example\"]\naccounts = [\"acme\", \"\"]\ntoken_hash = \"{token}\"\n\
         [trusted_proxy]\nfrom = [\"127.0.0.1\"]\nothers = \"viewer\"\n"
    );
    let config = read_in(&text, &[]).unwrap();
    let [ann, ben] = config.users.try_into().unwrap();
    assert_eq!(
        (ann.name.as_str(), ann.role, ann.accounts),
        ("ann", Role::Operator, None)
    );
    assert_eq!(ann.password.as_ref().unwrap().reveal(), password);
    assert!(
        !format!("{:?}", ann.password).contains("argon2"),
        "nothing to try passwords on"
    );
    assert_eq!(
        (ben.name.as_str(), ben.role),
        ("ben@acme.example", Role::Viewer)
    );
    assert_eq!(ben.accounts, Some(vec!["acme".into(), String::new()]));
    assert_eq!(ben.token, Some(token));
    let proxy = TrustedProxy {
        header: "x-forwarded-user".into(),
        from: vec!["127.0.0.1/32".parse().unwrap()],
        others: Some(Role::Viewer),
    };
    assert_eq!(config.trusted_proxy, Some(proxy));
}

#[test]
fn users_who_cannot_sign_in_or_whose_account_is_unknown_are_named_with_the_cure() {
    let token = format!(
        "token_hash = \"{}\"",
        TokenHash::of("a token that is long enough")
    );
    let costly = hash_password("correct horse battery")
        .unwrap()
        .replace("m=19456", "m=4000000");
    for (users, wanted) in [
        ("[users.ann]".to_owned(), "cannot sign in"),
        (
            format!("[users.ann]\n{token}\naccounts = [\"acem\"]"),
            "did you mean \"acme\"?",
        ),
        (
            format!("[users.ann]\n{token}\n[users.ben]\n{token}"),
            "is also the token of ann",
        ),
        (
            format!("[users.ann]\n{token}\nrole = \"admin\""),
            "write \"viewer\" or \"operator\"",
        ),
        (
            "[users.ann]\ntoken_hash = \"the token itself\"".into(),
            "run `switchhook token`",
        ),
        (
            "[users.ann]\npassword_hash = \"horse\"".into(),
            "run `switchhook password`",
        ),
        (
            format!("[users.ann]\npassword_hash = \"{costly}\""),
            "takes too much memory",
        ),
        (
            format!("[users.\"a b\"]\n{token}"),
            "is not a name for a user",
        ),
        (
            format!("[users.http_token]\n{token}"),
            "is not a name for a user",
        ),
        ("[trusted_proxy]\n".into(), "add from"),
        (
            "[trusted_proxy]\nfrom = [\"127.0.0.1\"]\nheader = \"a b\"".into(),
            "is not the name of a header",
        ),
    ] {
        let text = format!("[listen]\n[accounts.acme]\n{users}\n");
        let found = messages(read_in(&text, &[]));
        assert!(found.contains(wanted), "{users}: {found}");
        assert!(!found.contains("argon2id$v"), "{found}");
    }
}

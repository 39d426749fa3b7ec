//! Files with faults: each fault is reported with its line, what is wrong, and the cure.

use proptest::prelude::*;
use switchhook_service::config::Config;

use super::{messages, read, read_in, webhook};

#[test]
fn a_fault_names_file_line_key_what_is_wrong_and_the_cure() {
    assert_eq!(
        messages(webhook("timeout = \"90s\"")),
        "switchhook.toml:4: webhooks.lookup.timeout: \"90s\" is above the limit of 60s; \
         choose at most \"60s\""
    );
}

#[test]
fn five_faults_are_reported_at_once_in_the_order_of_the_file() {
    let text = "[listen]\nesl = \"nowhere\"\n[limits]\ncalls_on_hold = 0\n[flows.outbound]\n\
                webhook = true\nlegs = \"some\"\n[webhooks.lookup]\nurl = \"https://crm.example/\"\n\
                tiemout = \"10s\"\n";
    let faults = read_in(text, &[]).unwrap_err();
    let found: Vec<_> = faults
        .iter()
        .map(|fault| (fault.line, fault.key.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Some(2), "listen.esl"),
            (Some(4), "limits.calls_on_hold"),
            (Some(6), "flows.outbound.webhook"),
            (Some(7), "flows.outbound.legs"),
            (Some(10), "webhooks.lookup.tiemout"),
        ]
    );
    assert_eq!(faults.to_string().lines().count(), 5);
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_probably_meant() {
    assert_eq!(
        messages(webhook("response.tpye = \"json\"")),
        "switchhook.toml:4: webhooks.lookup.response.tpye: is not a key of \
         webhooks.lookup.response; did you mean type?"
    );
    assert!(
        messages(read("[webhook.lookup]"))
            .contains("webhook: is not a section of this file; did you mean webhooks?")
    );
    let unknown = messages(read(
        "[egress]
firewall = true",
    ));
    let known = "allow_plain_http, proxy, proxy_auth, allow_addresses, secret_params, hosts";
    assert!(
        unknown.contains(&format!("remove it; known here: {known}")),
        "{unknown}"
    );
}

#[test]
fn a_name_without_an_address_is_refused() {
    for (hosts, what) in [
        ("[]", "egress.hosts.crm: is empty; write its addresses"),
        ("[\"crm\"]", "element 1: \"crm\" is not an address"),
        ("{}", "egress.hosts.crm.addresses: is missing"),
    ] {
        let found = messages(read(&format!("[egress]\nhosts = {{ crm = {hosts} }}")));
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn a_required_key_that_is_misspelt_is_one_fault() {
    let faults =
        read("[[freeswitch]]\nadress = \"127.0.0.1:8021\"\npasswrod_env = \"P\"").unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| fault.help.as_str()).collect();
    assert_eq!(
        found,
        ["did you mean address?", "did you mean password_env?"]
    );
}

#[test]
#[rustfmt::skip] // a row a line
fn a_key_that_is_there_twice_is_named_with_both_lines() {
    for (text, wanted) in [
        ("[listen]\n[limits]\n[listen]\n", ":3: listen is here and on line 1; "),
        ("[store]\n# url\nurl = \"a\"\n\nurl = \"b\"\n", ":5: url is here and on line 3; "),
        ("[webhooks.x]\nurl = \"a\"\n[webhooks.y]\nurl = \"a\"\n\"url\" = \"b\"\n", ":5: \"url\" is here and on line 4; "),
        ("[webhooks.x]\n[webhooks.\"x\"]\n", ":2: \"x\" is here and on line 1; "),
        ("[webhooks.x]\nbody.text = \"a\"\nbody.text = \"b\"\n", ":3: text is here and on line 2; "),
        ("[store]\nx = { url = \"a\", url = \"b\" }\n", ":2: url is here for the second time; "),
    ] {
        let found = messages(read_in(text, &[]));
        assert!(found.contains(wanted), "{text}: {found}");
        assert!(found.contains("keep one of the two"), "{found}");
    }
}

#[test]
#[rustfmt::skip] // a row a line
fn a_file_that_cannot_be_read_has_the_cure_of_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), b"a = \"\xff\"").unwrap();
    for (name, wanted) in [
        ("none.toml", "there is no such file; name another file with --config; `switchhook init` writes one"),
        ("", "it is a folder; name a file in it"),
        ("file", "it is not UTF-8; save it as UTF-8"),
        ("file/x.toml", "a part of its path is a file, not a folder; correct the path"),
        ("none/x.toml", "its folder does not exist; correct the path"),
    ] {
        let found = Config::load(&path(name)).unwrap_err().to_string();
        assert!(found.contains(": cannot be read: ") && found.ends_with(wanted), "{found}");
        let text = format!("[webhooks.x]\nurl = \"https://crm.example/\"\ntls.ca_file = \"{}\"\n", path(name).display());
        let found = Config::parse(&text, "x.toml").unwrap_err().to_string();
        let wanted = if name == "none.toml" { "there is no such file; correct the path, or write the certificates or the key into it as PEM" } else { wanted };
        assert!(found.contains("x.toml:3: webhooks.x.tls.ca_file: ") && found.ends_with(wanted), "{found}");
    }
}

#[test]
fn only_a_webhook_that_calls_wait_for_is_warned_of_a_long_timeout() {
    let with = |rest: &str, url: &str| {
        let text = format!(
            "[listen]\n{rest}\n[webhooks.done]\nurl = \"https://crm.example/\"\ntimeout = \"30s\"\n{url}"
        );
        let config = read_in(&text, &[]).unwrap();
        let mut warnings = config.warnings.iter();
        warnings.any(|warning| warning.help.contains("-within-35"))
    };
    let map = "response.map = { a = { path = \"$.a\", as = \"word\" } }\n";
    let route = "[[routes]]\ndid = \"1\"\nwebhook = \"done\"\n";
    let account = "[account]\ndefault_webhook = \"done\"\n";
    for (rest, url, warned) in [
        (String::new(), "", true),
        (account.to_owned(), "", false),
        ("[flows.x]\nafter = [\"done\"]\n".into(), "", false),
        (account.to_owned(), map, true),
        (format!("{account}{route}"), "", true),
    ] {
        assert_eq!(with(&rest, url), warned, "{rest}{url}");
    }
}

#[test]
fn text_that_is_not_toml_is_one_fault_with_its_line() {
    let messages = messages(read_in(
        "[listen]\nesl = \"127.0.0.1:8084\"\nhttp = \n[limits]\n",
        &[],
    ));
    assert!(
        messages.starts_with("switchhook.toml:3: this is not TOML: "),
        "{messages}"
    );
    assert_eq!(messages.lines().count(), 1);
    let twice = read_in("[listen]\n[limits]\n[listen]\n", &[]).unwrap_err();
    assert_eq!(twice.iter().next().unwrap().line, Some(3));
}

#[test]
fn a_file_without_listen_says_so() {
    let messages = messages(read_in("", &[]));
    assert!(messages.contains("listen: is missing"), "{messages}");
    assert!(messages.contains("add a line [listen]"), "{messages}");
}

#[test]
fn a_flows_webhook_without_one_for_the_account_is_not_configured() {
    let messages = messages(read("[flows.outbound]\nwebhook = true"));
    assert_eq!(
        messages,
        "switchhook.toml:3: flows.outbound.webhook: is enabled, but \"Webhook for Account\" is \
         Not Configured; name one: [account] default_webhook = \"…\", described in [webhooks.…]"
    );
}

#[test]
fn a_webhook_that_is_not_there_is_named_wherever_it_is_meant() {
    let text = "[account]\ndefault_webhook = \"lokup\"\n[flows.x]\nafter = [\"other\"]\n\
                [webhooks.lookup]\nurl = \"https://crm.example\"";
    let messages = messages(read(text));
    assert!(
        messages.contains(
            ":3: account.default_webhook: there is no webhook \"lokup\"; did you mean \"lookup\"?"
        ),
        "{messages}"
    );
    assert!(
        messages.contains(":5: flows.x.after: there is no webhook \"other\"; add [webhooks.other]"),
        "{messages}"
    );
}

#[test]
fn a_time_needs_a_unit() {
    assert!(
        messages(webhook("timeout = 10"))
            .ends_with("is a whole number; write a text with its unit, such as \"10s\"")
    );
    assert!(messages(webhook("timeout = \"soon\"")).contains("\"soon\" is not a time"));
    assert!(messages(webhook("timeout = \"1ms\"")).contains("below the minimum of 100ms"));
}

#[test]
fn what_excludes_one_another_is_refused_together() {
    let body = messages(webhook("body.json = \"{}\"\nbody.text = \"x\""));
    assert!(
        body.contains(":5: webhooks.lookup.body.text: conflicts with json"),
        "{body}"
    );
    let auth = messages(webhook(
        "auth.basic = { username = \"u\", password = \"p\" }\nauth.bearer = { token = \"t\" }",
    ));
    assert!(
        auth.contains("webhooks.lookup.auth.bearer: conflicts with basic"),
        "{auth}"
    );
    let required = messages(webhook(
        "response.map = { q = { path = \"$.q\", required = true, default = \"x\" } }",
    ));
    assert!(
        required.contains("conflicts with the default"),
        "{required}"
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (keys, what) in [
        ("url = 1", "url is here and on line 3"),
        ("method = \"TRACE\"", "write \"POST\" or \"GET\""),
        ("method = \"post\"", "\"post\" is not a choice"),
        ("hold_music = 1", "write true, false, or a file or stream"),
        ("hold_music = \"a\\nb\"", "on one line"),
        ("wait_for_response = \"on\"", "write true or false"),
        ("headers = \"x\"", "write a table"),
        ("query = [\"x\"]", "is not a list of tables"),
        ("response.limit = \"1 GB\"", "is not a size"),
        ("response.limit = \"1024 MiB\"", "is outside 1 to"),
        (
            "response.map.q = { path = \"$.q\", as = \"digits\", default = \"x\" }",
            "is not at most 32 of the digits",
        ),
        (
            "response.map.q = { path = \"$.q\", default = [] }",
            "is a list",
        ),
        ("delivery.rate = 0", "0 is outside 1 to"),
        (
            "delivery.taken = [\"100\"]",
            "is not a status of a final answer",
        ),
        ("delivery.taken = [409]", "element 1: is a whole number"),
        (
            "auth.oauth2 = { token_url = \"https://a.example\", client_id = \"a\", client_secret = \"b\", params = { scope = \"c\" } }",
            "is not a further parameter; use scope",
        ),
    ] {
        let messages = messages(webhook(keys));
        assert!(messages.contains(what), "{keys}: {messages}");
    }
}

#[test]
fn sections_refuse_what_they_cannot_use() {
    for (text, what) in [
        (
            "[store]\nurl = \"postgres://u:pw@db/x?sslmode=perhaps\"",
            "cannot be used: ",
        ),
        (
            "[store]\nurl = \"redis:x\"",
            "is not the address of a database",
        ),
        (
            "[account]\ntime_zone = \"Asia/Calcuta\"",
            "did you mean \"Asia/Calcutta\"?",
        ),
        (
            "[egress]\nproxy = \"http://u:pw@proxy:1\"",
            "has a user or password",
        ),
        (
            "[traces]\nurl = \"127.0.0.1:4318\"",
            "is not the address of a collector; write it as \"http://127.0.0.1:4318/v1/traces\"",
        ),
        (
            "[traces]\nurl = \"http://127.0.0.1:4318\"",
            "has no path; write it as",
        ),
        (
            "[traces]\nurl = \"http://u:pw@collector/v1/traces\"",
            "has a user or password",
        ),
        (
            "[traces]\nauth.bearer = { token = \"a\" }\nauth.basic = { username = \"u\", password = \"p\" }",
            "traces.auth",
        ),
        (
            "[egress]\nallow_addresses = [\"10.0.0.0/8\", \"intranet\"]",
            "element 2: \"intranet\"",
        ),
        (
            "[webhooks.\"a b\"]\nurl = \"https://crm.example\"",
            "is not a name for a webhook",
        ),
        (
            "[webhooks]\nlookup = 1",
            "webhooks.lookup: is a plain value",
        ),
        ("[webhooks.lookup]", "url: is missing"),
        (
            "[flows.x]\nuuid_key = \"keys\"",
            "already a key of the document",
        ),
        (
            "[limits]\nconnections = 10000",
            "10000 is not above limits.calls_on_hold (10000)",
        ),
        ("[freeswitch]\naddress = \"x:1\"", "write [[freeswitch]]"),
        (
            "[[freeswitch]]\naddress = \"a:1\"\npassword = \"x\"\npark_service = \"a b\"",
            "a letter or digit first",
        ),
        (
            "[[freeswitch]]\naddress = \"localhost\"\npassword = \"x\"",
            "with its port",
        ),
    ] {
        let messages = messages(read(text));
        assert!(messages.contains(what), "{text}: {messages}");
        assert!(!messages.contains("pw@"), "{messages}");
    }
    let twice = "[[freeswitch]]\naddress = \"a:1\"\npassword = \"x\"\n".repeat(2);
    assert!(messages(read(&twice)).contains("freeswitch[1].address: a:1 occurs twice"));
}

#[test]
fn templates_and_paths_are_reported_with_all_other_faults() {
    let text = webhook(
        "timeout = \"90s\"\nheaders = { X-Lead = \"{{ nosuch }}\" }\n\
         response.map = {\n  queue = \"$.[\" }",
    )
    .unwrap_err()
    .to_string();
    let wanted = [
        ":4: webhooks.lookup.timeout: ",
        ":5: webhooks.lookup.headers.X-Lead: ",
        ":7: webhooks.lookup.response.map.queue: ",
    ];
    let found: Vec<&str> = text.lines().collect();
    assert_eq!(found.len(), wanted.len(), "{text}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found} lacks {wanted}");
    }
}

#[test]
fn other_parts_add_faults_with_the_line_of_their_key() {
    let config = webhook(
        "response.type = \"json\"\nresponse.map = {\n  queue = \"$.queue\" }\n\
                          query = [\n  { name = \"lead\", value = \"x\" } ]",
    )
    .unwrap();
    assert_eq!(config.locate("webhooks.lookup.response.map.queue"), Some(6));
    assert_eq!(config.locate("webhooks.lookup.query.lead"), Some(8));
    assert_eq!(config.locate("webhooks.lookup.query[0].value"), Some(8));
    // A key that is not in the file has the line of its nearest parent.
    assert_eq!(
        config.locate("webhooks.lookup.response.map.other.path"),
        Some(5)
    );
    assert_eq!(config.locate("webhooks.lookup.timeout"), Some(2));
    assert_eq!(config.locate("egress"), None);
    let fault = config.fault(
        "webhooks.lookup.response.map.queue",
        "is no JSONPath",
        "correct it",
    );
    let faults = config.accept(vec![fault]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "switchhook.toml:6: webhooks.lookup.response.map.queue: is no JSONPath; correct it"
    );
    assert_eq!(config.accept(Vec::new()), Ok(()));
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("switchhook.toml");
    let messages = |path| Config::load(path).unwrap_err().to_string();
    assert!(messages(&path).contains("cannot be read: "));
    assert!(messages(&path).ends_with("`switchhook init` writes one"));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(messages(&path).contains("UTF-8"));
}

proptest! {
    /// A shipped file with any part replaced by any text is read, or refused with faults whose
    /// lines are in it.
    #[test]
    fn no_text_is_read_without_an_answer(
        at in 0usize..2_000,
        length in 0usize..40,
        put in "[ -~\n\"\\[\\]{}=.#é]{0,12}",
    ) {
        let good = include_str!("complete.toml");
        let floor = |at: usize| (0..=at.min(good.len())).rev().find(|at| good.is_char_boundary(*at));
        let (start, end) = (floor(at).unwrap(), floor(at + length).unwrap());
        let text = format!("{}{put}{}", &good[..start], &good[end..]);
        if let Err(faults) = read_in(&text, &[]) {
            let lines = text.lines().count() + 1;
            prop_assert!(faults.iter().count() > 0);
            for fault in faults.iter() {
                prop_assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)));
                prop_assert!(!fault.what.is_empty() && !fault.help.is_empty());
            }
        }
    }
}

#[test]
fn a_breaker_is_counted_in_failures_and_rests_for_a_while() {
    let fault = |settings| messages(webhook(settings));
    assert!(
        fault("breaker = { pause = \"5s\" }")
            .contains("webhooks.lookup.breaker.pause: has no effect without breaker.failures; add")
    );
    assert!(
        fault("breaker.failures = 2000").contains("breaker.failures: 2000 is outside 0 to 1000")
    );
    assert!(
        fault("breaker = { failures = 5, pause = \"10ms\" }").contains("breaker.pause: \"10ms\"")
    );
    assert!(fault("breaker = 5").contains("webhooks.lookup.breaker"));
    assert!(fault("breaker = { failure = 5 }").contains("did you mean failures?"));
}

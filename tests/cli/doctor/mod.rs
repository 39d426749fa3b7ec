//! Runs `switchhook doctor` as an operator does: the real program, a scripted Event Socket and small
//! webhooks on loopback.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod scripted_switch;
mod webhook;
mod workspace;

use std::net::SocketAddr;

use scripted_switch::{Behaviour, ScriptedSwitch};
use test_support::Silent;
use webhook::Webhook;
use workspace::Workspace;

#[test]
fn a_switch_and_a_webhook_that_are_as_they_should_be_have_no_fault() {
    let (switch, webhook) = (
        ScriptedSwitch::start(Behaviour::Good),
        Webhook::tls("200 OK"),
    );
    let workspace = Workspace::new(&switch.address(), &webhook.url("https", "localhost"));
    let ran = workspace.trusting(&["doctor"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for words in [
        "switch 127.0.0.1:",
        "✓ reachable",
        "✓ version",
        "✓ clock",
        "✓ hook          context switchhook, extension ask hands calls over to 127.0.0.1:8084",
        "✓ hold music    tone_stream://",
        "✓ values",
        "✓ ACL",
        "webhook lookup",
        "✓ TLS           TLS 1.3",
        "store",
        "0 faults, ",
    ] {
        assert!(ran.out.contains(words), "{words} in {}", ran.out);
    }
    let json = workspace.json(&workspace.trusting(&["doctor", "--json"]));
    assert_eq!(json["ok"], true);
    let first = &json["findings"][0];
    assert_eq!(first["check"], "reachable");
    assert_eq!(first["level"], "ok");
    assert_eq!(first["cure"], serde_json::Value::Null);
    let quiet = workspace.trusting(&["doctor", "--quiet"]).out;
    assert!(
        !quiet.contains('✓') && quiet.contains("0 faults, "),
        "{quiet}"
    );
}

#[test]
fn the_switch_is_only_asked_what_changes_nothing() {
    let switch = ScriptedSwitch::start(Behaviour::Good);
    Workspace::new(&switch.address(), "http://127.0.0.1:9/").run(&["doctor"]);
    let commands = switch.commands();
    assert!(commands.len() > 15, "{commands:?}");
    for query in &commands {
        let reads = [
            "version",
            "strmicroepoch",
            "status",
            "module_exists",
            "xml_locate",
            "global_getvar",
            "file_exists",
            "local_stream show",
            "acl 203.0.113.77 ",
        ];
        assert!(reads.iter().any(|read| query.starts_with(read)), "{query}");
    }
    let mut once = commands.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), commands.len(), "nothing is asked twice");
}

#[test]
fn each_way_of_not_getting_in_is_a_fault_of_its_own() {
    let check = |address: &str| {
        let workspace = Workspace::new(address, "http://127.0.0.1:9/");
        let ran = workspace.run(&["doctor", "--json", "--timeout", "300ms"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        let json = workspace.json(&ran);
        let first = json["findings"][0].clone();
        assert_eq!(first["level"], "fault", "{first}");
        assert!(!first["cure"].as_str().unwrap().is_empty(), "{first}");
        (
            first["check"].as_str().unwrap().to_owned(),
            first["what"].as_str().unwrap().to_owned(),
        )
    };
    for (behaviour, name, words) in [
        (Behaviour::Denies, "ACL", "does not admit this machine"),
        (Behaviour::WantsAnother, "password", "rejects the password"),
        (Behaviour::Silent, "reachable", "sends nothing within 300ms"),
        (Behaviour::Closes, "reachable", "closes it"),
        (Behaviour::Http, "reachable", "does not speak Event Socket"),
    ] {
        let switch = ScriptedSwitch::start(behaviour);
        let (check, what) = check(&switch.address());
        assert_eq!(check, name, "{what}");
        assert!(what.contains(words), "{what}");
    }
    let (_, what) = check(&workspace::unused_address());
    assert!(what.contains("connection refused"), "{what}");
    let (_, what) = check("no-such-host.invalid:8021");
    assert!(what.contains("no address found"), "{what}");
}

#[test]
fn a_switch_that_goes_away_in_the_middle_is_judged_by_what_it_said() {
    let switch = ScriptedSwitch::start(Behaviour::GoodFor(9));
    let workspace = Workspace::new(&switch.address(), "http://127.0.0.1:9/");
    let json = workspace.json(&workspace.run(&["doctor", "--json"]));
    let of = |check: &str| {
        let found = json["findings"].as_array().unwrap().iter();
        found
            .filter(|finding| finding["check"] == check)
            .map(|finding| finding["level"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("answers"), ["warning"]);
    assert_eq!(of("version"), ["ok"]);
    assert_eq!(of("event socket"), ["note"]);
}

#[test]
fn what_is_dangerous_in_the_dialplan_is_reported() {
    let switch = ScriptedSwitch::start(Behaviour::Careless);
    let workspace = Workspace::new(&switch.address(), "http://127.0.0.1:9/");
    let out = workspace.run(&["doctor"]).out;
    for words in [
        "✗ hook          context public, extension ask: socket_resume is not set",
        "! values        transfer is given ${flow.key.customer_name}",
        "! webhooks      the dialplan calls webhooks that the configuration does not have: lokup",
        "✗ password      its password is FreeSWITCH's default",
        "✗ ACL           apply-inbound-acl lets every address in",
        "✗ hold music    the switch has no file /sounds/none.wav",
    ] {
        assert!(out.contains(words), "{words} in {out}");
    }
    assert!(
        !out.contains("${flow.key.queue}"),
        "a word may stand there: {out}"
    );
}

#[test]
fn a_webhook_gets_no_request_unless_it_is_asked() {
    let webhook = Webhook::plain("401 Unauthorized");
    let workspace = Workspace::new("", &webhook.url("http", "127.0.0.1"));
    let ran = workspace.run(&["doctor"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.out.contains("✓ connect"));
    assert_eq!(webhook.next(), "", "connected to, and nothing was said");

    let ran = workspace.run(&["doctor", "--ask"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.out.contains("answered HEAD with 401"), "{}", ran.out);
    // The first of the two connections only shows that the address is reachable.
    assert_eq!(webhook.next(), "");
    let request = webhook.next();
    assert!(
        request.starts_with("HEAD /callers/1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("authorization: bearer"),
        "{request}"
    );
}

/// The name's addresses are given, so the test needs no name server.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_address_is_named_and_the_next_one_asked_as_a_call_would() {
    let webhook = Webhook::plain("200 OK");
    let silent = SocketAddr::from(([127, 0, 0, 2], webhook.port()));
    let _silent = Silent::at(silent).await.unwrap();
    let workspace = Workspace::new("", &webhook.url("http", "crm.example"));
    workspace.add("[egress.hosts]\n\"crm.example\" = [\"127.0.0.2\", \"127.0.0.1\"]\n");
    let ran = workspace.run(&["doctor", "--ask"]);
    assert_eq!(ran.status, Some(0), "a warning: {ran:?}");
    for words in [
        "is at 127.0.0.2, 127.0.0.1 (given in [egress] hosts)",
        "! connect       127.0.0.2, one of several addresses of crm.example",
        "no answer within",
        "✓ connect       crm.example",
        "answered HEAD with 200",
    ] {
        assert!(ran.out.contains(words), "{words} in {}", ran.out);
    }
    assert_eq!(webhook.next(), "", "the connection that says nothing");
    assert!(webhook.next().starts_with("HEAD /callers/1 "));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_a_fault() {
    let webhook = Webhook::tls("200 OK");
    let workspace = Workspace::new("", &webhook.url("https", "127.0.0.1"));
    let ran = workspace.run(&["doctor"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.out.contains("✗ TLS"), "{}", ran.out);
    for words in ["not trusted (UnknownIssuer)", "tls.ca_file"] {
        assert!(ran.out.contains(words), "{}", ran.out);
    }
    let plain = Webhook::plain("200 OK");
    let workspace = Workspace::new("", &plain.url("https", "127.0.0.1"));
    let ran = workspace.run(&["doctor", "--timeout", "300ms"]);
    assert!(ran.out.contains("no handshake within 300ms"), "{}", ran.out);
}

#[test]
fn a_server_that_asks_for_a_client_certificate_is_told() {
    for (is_required, status, words) in [
        (true, 1, "✗ TLS           no TLS with localhost"),
        (false, 0, "! TLS           localhost"),
    ] {
        let webhook = Webhook::asking_for_certificate(is_required);
        let workspace = Workspace::new("", &webhook.url("https", "localhost"));
        let ran = workspace.trusting(&["doctor"]);
        assert_eq!(ran.status, Some(status), "{ran:?}");
        for words in [words, "a client certificate", "set tls.client_cert_file"] {
            assert!(ran.out.contains(words), "{words}: {}", ran.out);
        }
    }
}

#[test]
fn wrong_usage_is_2_and_a_faulty_configuration_1() {
    let workspace = Workspace::new("", "http://127.0.0.1:9/");
    assert_eq!(
        workspace.run(&["doctor", "--timeout", "soon"]).status,
        Some(2)
    );
    assert_eq!(
        workspace.run(&["doctor", "--quiet", "--json"]).status,
        Some(2)
    );
    let ran = workspace.run(&["--config", "none.toml", "doctor"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("none.toml: cannot be read"), "{ran:?}");
}

#[test]
fn a_webhook_that_takes_few_requests_on_a_connection_is_reported_with_its_number() {
    let webhook = Webhook::http2(20);
    let workspace = Workspace::new("", &webhook.url("https", "localhost"));
    let ran = workspace.trusting(&["doctor"]);
    assert_eq!(ran.status, Some(0), "a warning: {ran:?}");
    assert!(ran.out.contains("takes 20 requests at once"), "{ran:?}");
    assert!(ran.out.contains("set http2_streams = 20"), "{ran:?}");
    assert_eq!(webhook.next(), "PRI * HTTP/2.0\r\n\r\n", "and no request");
}

#[test]
fn the_folder_of_recordings_and_the_target_are_tried() {
    let workspace = Workspace::new("", "http://127.0.0.1:9/");
    let (folder, target) = (workspace.path("rec"), workspace.path("public"));
    workspace.add(&format!(
        "[recordings]\nupload = {{ folder = \"{}\", to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\" }}\n",
        folder.display(),
        target.display()
    ));
    let found = |level: &str| {
        let json = workspace.json(&workspace.run(&["doctor", "--json"]));
        let findings = json["findings"].as_array().unwrap().clone();
        let of = findings.iter().filter(|one| one["subject"] == "recordings");
        let of = of.filter(|one| one["level"] == level);
        of.map(|one| one["check"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("fault"), ["folder", "upload"]);
    for folder in [&folder, &target] {
        std::fs::create_dir(folder).unwrap();
    }
    assert_eq!(found("ok"), ["folder", "upload"]);
    assert_eq!(std::fs::read_dir(target).unwrap().count(), 0);
}

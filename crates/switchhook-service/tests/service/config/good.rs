//! Files without a fault.

use std::time::Duration;

use switchhook_service::call_control::{BeforeAnswer, HoldMusic};
use switchhook_service::config::{Config, DurationUnit, LegChoice, Limits, Listen, Store};
use switchhook_webhook::options::{Auth, Body, Mapping, NamedTemplate, ResponseType, ValueKind};

use super::{lookup, read, read_in, webhook};

const COMPLETE: &str = include_str!("complete.toml");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn complete() -> Config {
    let environment = [
        ("FREESWITCH_PASSWORD", "ClueCon"),
        ("CRM_PASSWORD", "secret"),
        ("COMPLETED_SECRET", SECRET),
        ("COMPLETED_SECRET_OLD", SECRET),
    ];
    read_in(COMPLETE, &environment).expect("without a fault")
}

fn entry(name: &str, value: &str, mandatory: bool) -> NamedTemplate {
    NamedTemplate {
        name: name.into(),
        value: value.into(),
        mandatory,
    }
}

#[test]
fn only_listen_must_be_there_and_all_else_has_its_default() {
    let config = read("").unwrap();
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.listen.esl.to_string(), "127.0.0.1:8084");
    assert_eq!(config.listen.http.to_string(), "127.0.0.1:8085");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.store, Store::default());
    assert!(config.webhooks.is_empty() && config.freeswitch.is_empty());
    assert!(config.warnings.is_empty());
}

#[test]
fn the_sections_beside_webhooks_are_read() {
    let config = complete();
    let switch = &config.freeswitch[0];
    assert_eq!(switch.address, "127.0.0.1:8021");
    assert_eq!(switch.password.reveal(), "ClueCon");
    assert_eq!(switch.park_service.as_deref(), Some("switchhook"));
    assert_eq!(
        switch.json_cdr_dir.as_deref(),
        Some("/var/log/freeswitch/json_cdr".as_ref())
    );
    assert_eq!(config.account.default_webhook.as_deref(), Some("completed"));
    assert_eq!(config.account.time_zone.name(), "Asia/Kolkata");
    assert!(!config.flows["default"].webhook);
    let flow = &config.flows["outbound"];
    assert!(flow.webhook);
    assert_eq!(flow.after, ["crm_extra"]);
    assert_eq!(flow.legs, LegChoice::All);
    assert_eq!(flow.duration_unit, DurationUnit::Milliseconds);
    let url = config.recordings.public_url.as_deref();
    assert_eq!(url, Some("https://rec.example/{{ file_name }}"));
    assert_eq!(config.egress.proxy, None);
}

#[test]
fn a_webhook_is_read_with_its_request_and_its_map() {
    let config = complete();
    let lookup = &config.webhooks["lookup"];
    let request = &lookup.request;
    assert_eq!(
        request.url,
        "https://crm.example/callers/{{ flow.key.customernum }}"
    );
    assert_eq!(
        request.headers,
        [entry("X-Lead", "{{ flow.key.leadid }}", false)]
    );
    assert_eq!(
        request.query,
        [entry("lead", "{{ flow.key.leadid }}", true)]
    );
    assert_eq!(request.timeout, Duration::from_secs(10));
    assert!(matches!(&request.auth, Auth::Basic { username, password }
        if username == "switch" && password.reveal() == "secret"));
    let queue = Mapping {
        name: "queue".into(),
        path: "$.queue".into(),
        kind: ValueKind::Word,
        default: Some("main".into()),
    };
    assert_eq!(request.response.map[0].name, "customer_name");
    assert_eq!(request.response.map[0].default, None);
    assert_eq!(request.response.map[1], queue);
    assert!(lookup.task.persist_response);
    assert_eq!(config.webhooks["completed"].signing.len(), 2);
    assert!(matches!(
        &config.webhooks["crm_extra"].request.body,
        Body::Json(_)
    ));
}

#[test]
fn a_webhook_with_nothing_but_its_url_has_the_defaults_of_the_contract() {
    let webhook = lookup("");
    assert_eq!(webhook.request.method, "POST");
    assert_eq!(webhook.request.body, Body::Predefined);
    assert_eq!(webhook.request.timeout, Duration::from_secs(10));
    assert_eq!(webhook.request.response.kind, ResponseType::Json);
    assert_eq!(webhook.request.response.limit, 64 * 1024);
    assert!(webhook.task.wait_for_response);
    assert!(!webhook.task.persist_response);
    assert!(webhook.task.response_raw);
    assert_eq!(webhook.task.hold_music, HoldMusic::OfSwitch);
    assert_eq!(webhook.task.before_answer, BeforeAnswer::EarlyMedia);
    assert!(webhook.signing.is_empty());
    let names = webhook.task.variables;
    assert_eq!(names.response_status, "flow.key.response_status");
    assert_eq!(names.line, "flow.line");
}

#[test]
fn hold_music_is_off_the_switchs_own_or_a_stream() {
    let music = |text: &str| lookup(&format!("hold_music = {text}")).task.hold_music;
    assert_eq!(music("false"), HoldMusic::Silence);
    assert_eq!(music("true"), HoldMusic::OfSwitch);
    assert_eq!(
        music("\"local_stream://moh\""),
        HoldMusic::Stream("local_stream://moh".into())
    );
}

#[test]
fn entries_are_a_table_or_a_list_and_keep_their_order() {
    let table = lookup("headers = { b = \"1\", a = { value = \"2\", mandatory = true } }");
    let list = lookup(
        "[[webhooks.lookup.headers]]\nname = \"b\"\nvalue = \"1\"\n\
         [[webhooks.lookup.headers]]\nname = \"a\"\nvalue = \"2\"\nmandatory = true",
    );
    let expected = [entry("b", "1", false), entry("a", "2", true)];
    assert_eq!(table.request.headers, expected);
    assert_eq!(list.request.headers, expected);
}

#[test]
fn a_map_has_the_same_meaning_inline_dotted_and_as_a_section() {
    let inline = lookup("response.map = { queue = { path = \"$.q\", as = \"word\" } }");
    let dotted = lookup("response.map.queue.path = \"$.q\"\nresponse.map.queue.as = \"word\"");
    let section = lookup("[webhooks.lookup.response.map.queue]\npath = \"$.q\"\nas = \"word\"");
    assert_eq!(inline.request.response.map.len(), 1);
    assert_eq!(inline, dotted);
    assert_eq!(inline, section);
}

#[test]
fn a_path_that_is_not_required_and_has_no_default_leaves_its_variable_unset() {
    let webhook = lookup("response.map = { vip = { path = \"$.vip\", required = false } }");
    assert_eq!(webhook.request.response.map[0].default.as_deref(), Some(""));
}

#[test]
fn sizes_are_bytes_or_have_a_unit() {
    let limit = |text: &str| {
        lookup(&format!("response.limit = {text}"))
            .request
            .response
            .limit
    };
    assert_eq!(limit("1000"), 1000);
    assert_eq!(limit("\"1000\""), 1000);
    assert_eq!(limit("\"2 KiB\""), 2048);
    assert_eq!(limit("\"1MiB\""), 1024 * 1024);
}

#[test]
fn one_address_stands_for_its_range() {
    let config =
        read("[egress]\nallow_addresses = [\"10.0.0.0/8\", \"127.0.0.1\", \"::1\"]").unwrap();
    let ranges: Vec<_> = config
        .egress
        .allow_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ranges, ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]);
}

#[test]
fn values_mapped_as_text_are_warned_of_and_others_are_not() {
    let config =
        webhook("response.map = { who = \"$.who\", q = { path = \"$.q\", as = \"word\" } }")
            .unwrap();
    assert_eq!(config.warnings.len(), 1);
    let warning = config.warnings[0].in_file("switchhook.toml", "warning: ");
    assert!(warning.starts_with(
        "switchhook.toml:4: warning: webhooks.lookup.response.map.who: accepts any text: "
    ));
    assert!(warning.contains("never in transfer, bridge, playback"));
}

#[test]
fn answers_too_large_for_a_message_and_timeouts_beyond_the_schedule_are_warned_of() {
    let warned = |text: &str| {
        let config = webhook(text).expect("without a fault");
        let keys = config.warnings.iter().map(|warning| warning.key.clone());
        keys.collect::<Vec<_>>()
    };
    let (limit, timeout) = ("webhooks.lookup.response.limit", "webhooks.lookup.timeout");
    assert_eq!(warned("response.limit = \"300 KiB\""), [limit]);
    assert_eq!(warned("response.limit = \"200 KiB\"").len(), 0);
    assert_eq!(
        warned("response.limit = \"300 KiB\"\nresponse.raw = false").len(),
        0
    );
    assert_eq!(warned("timeout = \"20s\""), [timeout]);
    assert_eq!(warned("timeout = \"10s\"").len(), 0);
    let config = webhook("timeout = \"10500ms\"").expect("without a fault");
    assert!(
        config.warnings[0]
            .in_file("f", "")
            .contains("ask-lookup-within-16")
    );
}

#[test]
fn a_map_that_nobody_reads_and_credentials_without_a_proxy_are_warned_of() {
    let unread = webhook(
        "wait_for_response = false\nresponse.map = { q = { path = \"$.q\", as = \"word\" } }",
    )
    .unwrap();
    assert_eq!(unread.warnings[0].key, "webhooks.lookup.response.map");
    let alone = read("[egress]\nproxy_auth = { username = \"a\", password = \"b\" }").unwrap();
    assert_eq!(alone.warnings[0].key, "egress.proxy_auth");
}

#[test]
fn names_have_the_addresses_that_are_given() {
    let config =
        read("[egress]\nhosts = { \"CRM.internal\" = [\"10.0.0.5\", \"fd00::5\"] }").unwrap();
    let expected: [std::net::IpAddr; 2] = ["10.0.0.5", "fd00::5"].map(|text| text.parse().unwrap());
    assert_eq!(config.egress.hosts["crm.internal"], expected);
}

#[test]
fn the_shipped_configuration_is_without_a_fault() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../freeswitch-conf/switchhook.toml"
    );
    let config = Config::load(path.as_ref()).unwrap();
    assert!(config.flows["default"].webhook);
    assert_eq!(config.freeswitch.len(), 1);
}

#[test]
fn a_webhook_has_a_breaker_only_when_failures_are_given() {
    let breaker = |keys| lookup(keys).breaker;
    assert_eq!(breaker(""), None);
    assert_eq!(breaker("breaker = { failures = 0, pause = \"5s\" }"), None);
    let pause_s = |keys| breaker(keys).map(|it| (it.failures, it.pause.as_secs()));
    assert_eq!(pause_s("breaker.failures = 5"), Some((5, 10)));
    let both = "breaker = { failures = 1, pause = \"1h\" }";
    assert_eq!(pause_s(both), Some((1, 3_600)));
}

#[test]
fn letters_in_headers_and_signatures_of_what_is_not_json_are_warned_about() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let signed = format!("signing.secrets = [\"{key}\"]");
    for (keys, warned) in [
        (
            "headers = { X-Name = \"José\" }".to_owned(),
            "headers.X-Name",
        ),
        (
            "headers = { X-Name = \"{{ call.caller_name }}\" }".to_owned(),
            "headers.X-Name",
        ),
        (
            "headers = { X-Lead = \"{{ flow.key.leadid }}\" }".to_owned(),
            "",
        ),
        (format!("{signed}\nbody.xml = \"<a/>\""), "signing"),
        (format!("{signed}\nbody.json = \"{{}}\""), ""),
        (signed.clone(), ""),
        ("body.xml = \"<a/>\"".to_owned(), ""),
    ] {
        let text = format!("[webhooks.crm]\nurl = \"https://crm.example/\"\n{keys}\n");
        let found = read(&text).unwrap().warnings;
        let found: Vec<&str> = found.iter().map(|warning| warning.key.as_str()).collect();
        let expected = format!("webhooks.crm.{warned}");
        let expected: &[&str] = if warned.is_empty() { &[] } else { &[&expected] };
        assert_eq!(found, expected, "{keys}");
    }
}

//! Several accounts on one switch: each call's document goes only to its own account.

use switchhook_service::config::Config;

use crate::follow::inbox::Post;
use crate::follow::made::Made;
use crate::follow::stage::Stage;

const ACCOUNTS: &str = r#"
[account]
default_webhook = "own"
time_zone = "Asia/Kolkata"
[accounts.acme]
default_webhook = "acme"
time_zone = "America/New_York"
[accounts.quiet]
[[routes]]
context = "from-acme*"
account = "acme"
[[routes]]
did = "49301234567"
account = "acme"
flow = "support"
[[routes]]
did = "4930123*"
flow = "off"
[flows.default]
webhook = true
[flows.support]
webhook = true
after = ["desk"]
[flows.off]
[webhooks.own]
url = "INBOX/own"
[webhooks.acme]
url = "INBOX/acme"
[webhooks.desk]
url = "INBOX/desk"
body.text = "{{ call.account }} {{ call.flow }} {{ flow.account }} {{ call.did_number }}"
"#;

/// Plays a call of one leg with this Unique-ID, number, context, and dialplan variable.
type Call = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
);

const NONE: (&str, &str) = ("variable_other", "x");

fn play(stage: &Stage, (uuid, number, context, variable): Call) {
    let headers = [
        ("Event-Date-Timestamp", "1795435200000000"),
        ("Caller-Context", context),
        variable,
    ];
    let leg = Made {
        destination: number,
        ..Made::inbound_call(uuid, &headers)
    };
    // A transfer has another number and context, which the document must not use.
    let moved = leg
        .answer()
        .with("Caller-Destination-Number", "talk")
        .with("Caller-Context", "flows")
        .with("Caller-Profile-Index", "2");
    stage
        .switch
        .play(&[leg.create(), moved, leg.complete()].map(|event| event.json()));
}

/// Returns where a call's documents were posted, and its start time by them.
fn of<'a>(posts: &'a [Post], uuid: &str) -> Vec<(&'a str, Option<String>)> {
    let documents = posts.iter().filter(|post| post.path != "/desk");
    let theirs = documents.filter_map(|post| {
        let document = post.json();
        let start = document["callDetails"][0]["startTime"].as_str();
        let is_its = document["phonon-uuid"] == *uuid;
        is_its.then(|| (post.path.as_str(), start.map(str::to_owned)))
    });
    theirs.collect()
}

fn at(path: &'static str, time: &str) -> Vec<(&'static str, Option<String>)> {
    vec![(path, Some(time.to_owned()))]
}

const KOLKATA: &str = "2026-11-23T17:30:00.000+05:30";
const NEW_YORK: &str = "2026-11-23T07:00:00.000-05:00";

#[tokio::test]
async fn a_call_is_its_accounts_by_number_context_or_the_dialplans_word() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.own_settings(ACCOUNTS)).await;
    let calls: [Call; 9] = [
        ("nobodys", "1000", "public", NONE),
        ("context", "1000", "from-acme-trunk", NONE),
        ("number", "+49301234567", "public", NONE),
        ("number and context", "49301234567", "from-acme", NONE),
        // The number's route wins over the context's: the default account, and a flow that is off.
        ("prefix", "49301230000", "from-acme", NONE),
        (
            "own word",
            "1000",
            "public",
            ("variable_flow.account", "acme"),
        ),
        (
            "own flow",
            "49301230000",
            "public",
            ("variable_flow.name", "default"),
        ),
        (
            "unknown",
            "49301234567",
            "public",
            ("variable_flow.account", "acne"),
        ),
        (
            "quiet",
            "1000",
            "public",
            ("variable_flow.account", "quiet"),
        ),
    ];
    for call in calls {
        play(&stage, call);
    }
    let posts = stage.inbox.wait(8).await;
    // Everything that is due is posted before the service ends.
    service.stop().await;
    assert_eq!(stage.inbox.posts().len(), posts.len());
    assert_eq!(of(&posts, "nobodys"), at("/own", KOLKATA));
    assert_eq!(of(&posts, "context"), at("/acme", NEW_YORK));
    assert_eq!(of(&posts, "number"), at("/acme", NEW_YORK));
    assert_eq!(of(&posts, "number and context"), at("/acme", NEW_YORK));
    assert_eq!(of(&posts, "own word"), at("/acme", NEW_YORK));
    assert_eq!(of(&posts, "own flow"), at("/own", KOLKATA));
    for silent in ["prefix", "unknown", "quiet"] {
        assert_eq!(of(&posts, silent), []);
    }
    let desk = posts.iter().filter(|post| post.path == "/desk");
    let mut desk: Vec<_> = desk
        .map(|post| String::from_utf8_lossy(&post.body))
        .collect();
    desk.sort();
    assert_eq!(
        desk,
        [
            "acme support acme +49301234567",
            "acme support acme 49301234567"
        ]
    );
}

#[tokio::test]
async fn an_edit_of_the_routes_holds_for_calls_that_end_from_then_on() {
    let stage = Stage::new().await;
    let settings = stage.own_settings(ACCOUNTS);
    let service = stage.serve(&settings).await;
    play(&stage, ("before", "1000", "public", NONE));
    stage.inbox.wait(1).await;
    let edited = settings.replace("from-acme*", "public");
    let edited = Config::parse(&edited, "test.toml").unwrap();
    service.reload(&edited).unwrap();
    play(&stage, ("after", "1000", "public", NONE));
    let posts = stage.inbox.wait(2).await;
    assert_eq!(of(&posts, "before"), at("/own", KOLKATA));
    assert_eq!(of(&posts, "after"), at("/acme", NEW_YORK));
    let page = test_support::http::get(format!("http://{}/calls/after", service.http))
        .await
        .unwrap();
    let page = String::from_utf8_lossy(&page.bytes().await.unwrap()).into_owned();
    assert!(page.contains("<dt>Account</dt><dd>acme</dd>"), "{page}");
    service.stop().await;
}

//! Accounts and routes, and the messages about invalid ones.

use switchhook_core::tenants::{Pattern, Route};

use super::{messages, read};

const BASE: &str = "[accounts.acme]\ndefault_webhook = \"completed\"\ntime_zone = \"Asia/Kolkata\"\n\
                    [flows.support]\n[webhooks.completed]\nurl = \"https://crm.example/\"\n";

/// Returns the faults of these routes, which begin at line 8.
fn faults(routes: &str) -> String {
    messages(read(&format!("{BASE}{routes}")))
}

#[test]
fn accounts_and_routes_are_read_in_their_order() {
    let routes = "[[routes]]\ndid = \"+9122*\"\ncontext = \"from-acme\"\naccount = \"acme\"\n\
                  [[routes]]\ncontext = \"from*\"\nflow = \"support\"\nwebhook = \"completed\"\n";
    let config = read(&format!("{BASE}{routes}")).unwrap();
    let acme = &config.accounts["acme"];
    assert_eq!(acme.default_webhook.as_deref(), Some("completed"));
    assert_eq!(acme.time_zone.map(|zone| zone.name()), Some("Asia/Kolkata"));
    let expected = [
        Route {
            did: Some(Pattern::Prefix("9122".into())),
            context: Some(Pattern::Exact("from-acme".into())),
            account: Some("acme".into()),
            ..Route::default()
        },
        Route {
            context: Some(Pattern::Prefix("from".into())),
            flow: Some("support".into()),
            webhook: Some("completed".into()),
            ..Route::default()
        },
    ];
    assert_eq!(config.routes, expected);
}

#[test]
fn a_star_is_a_digit_of_a_number_that_begins_with_one() {
    for (did, pattern) in [
        ("*21#", Pattern::Exact("*21#".into())),
        ("#31#", Pattern::Exact("#31#".into())),
        ("*21*", Pattern::Prefix("*21".into())),
        ("*21*49*", Pattern::Prefix("*21*49".into())),
    ] {
        let route = format!("[[routes]]\ndid = \"{did}\"\naccount = \"acme\"\n");
        let config = read(&format!("{BASE}{route}")).unwrap();
        assert_eq!(config.routes[0].did.as_ref(), Some(&pattern), "{did}");
    }
}

#[test]
fn two_routes_for_the_same_calls_are_a_fault_with_both_lines() {
    let twice = "[[routes]]\ndid = \"4930*\"\naccount = \"acme\"\n\
                 [[routes]]\ndid = \"+4930*\"\nflow = \"support\"\n";
    assert_eq!(
        faults(twice),
        "switchhook.toml:11: routes[1]: matches the same calls as the route at line 8; \
         make one of them more exact, or merge them"
    );
    // A longer prefix, the whole number and a further context are each more exact.
    for other in [
        "did = \"49301*\"",
        "did = \"4930\"",
        "did = \"4930*\"\ncontext = \"x\"",
    ] {
        let routes = twice.replace("did = \"+4930*\"", other);
        assert!(read(&format!("{BASE}{routes}")).is_ok(), "{other}");
    }
}

#[test]
fn a_route_fits_something_and_says_something_that_is_there() {
    for (route, what) in [
        (
            "account = \"acme\"",
            ":8: routes[0]: matches every call; add did, context or both",
        ),
        (
            "did = \"1\"",
            ":8: routes[0]: has no effect; add account, flow or webhook",
        ),
        (
            "did = \"*\"\naccount = \"acme\"",
            ":9: routes[0].did: \"*\" matches everything",
        ),
        (
            "did = \"+\"\naccount = \"acme\"",
            ":9: routes[0].did: \"+\" matches everything",
        ),
        (
            "did = \"1*2\"\naccount = \"acme\"",
            ":9: routes[0].did: \"1*2\" is neither a number or name",
        ),
        (
            "did = \"**\"\naccount = \"acme\"",
            ":9: routes[0].did: \"**\" is neither a number or name",
        ),
        (
            "context = \"*x#\"\naccount = \"acme\"",
            ":9: routes[0].context: \"*x#\" is neither a number or name",
        ),
        (
            "did = \"1\"\naccount = \"acne\"",
            "there is no account \"acne\"; did you mean \"acme\"?",
        ),
        (
            "did = \"1\"\nflow = \"sales\"",
            "there is no flow \"sales\"; add [flows.sales]",
        ),
        (
            "did = \"1\"\nwebhook = \"nosuch\"",
            "there is no webhook \"nosuch\"; add [webhooks.nosuch]",
        ),
        (
            "did = \"1\"\nacount = \"acme\"\nflow = \"support\"",
            "did you mean account?",
        ),
    ] {
        let messages = faults(&format!("[[routes]]\n{route}\n"));
        assert!(messages.contains(what), "{route}: {messages}");
        assert_eq!(messages.lines().count(), 1, "{messages}");
    }
}

#[test]
fn a_document_is_never_left_without_a_receiver_silently() {
    let unset = "[accounts.acme]\n[flows.support]\nwebhook = true\n[[routes]]\ndid = \"1\"\n\
                 account = \"acme\"\nflow = \"support\"\n[account]\ndefault_webhook = \"completed\"\n\
                 [webhooks.completed]\nurl = \"https://crm.example/\"\n";
    let text = messages(read(unset));
    assert!(
        text.contains(":8: routes[0].flow: posts documents"),
        "{text}"
    );
    assert!(text.contains("Not Configured for acme"), "{text}");
    let warned = read(&unset.replace("account = \"acme\"\n", ""))
        .unwrap()
        .warnings;
    assert_eq!(warned[0].key, "accounts.acme");
    // Some account has a webhook, so the flow may post.
    let named = BASE.replace("[flows.support]", "[flows.support]\nwebhook = true");
    let warned = read(&named).unwrap().warnings;
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0].key, "account");
}

#[test]
fn an_accounts_name_can_stand_in_a_variable_and_its_webhook_is_there() {
    let name = messages(read("[accounts.\"a b\"]\n"));
    assert!(name.contains("is not a name for an account"), "{name}");
    let webhook = messages(read("[accounts.a]\ndefault_webhook = \"nosuch\"\n"));
    assert!(
        webhook.contains("accounts.a.default_webhook: there is no webhook \"nosuch\""),
        "{webhook}"
    );
    let zone = messages(read("[accounts.a]\ntime_zone = \"Asia/Kolkatta\"\n"));
    assert!(zone.contains("did you mean \"Asia/Kolkata\"?"), "{zone}");
}

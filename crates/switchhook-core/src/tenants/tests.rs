use super::*;
use crate::headers::Headers as _;

fn exact(text: &str) -> Option<Pattern> {
    Some(Pattern::Exact(text.into()))
}

fn prefix(text: &str) -> Option<Pattern> {
    Some(Pattern::Prefix(text.into()))
}

fn route(did: Option<Pattern>, context: Option<Pattern>, account: &str) -> Route {
    Route {
        did,
        context,
        account: Some(account.into()),
        ..Route::default()
    }
}

fn tenants(routes: Vec<Route>) -> Tenants {
    let kolkata = Account {
        time_zone: Zone::named("Asia/Kolkata").unwrap(),
        ..Account::default()
    };
    Tenants {
        accounts: BTreeMap::from([("acme".into(), kolkata)]),
        routes: Routes::new(routes),
        ..Tenants::default()
    }
}

#[test]
fn the_most_exact_route_has_the_call_in_whatever_order_they_are_written() {
    let routes = [
        route(None, exact("acme"), "context"),
        route(None, prefix("ac"), "contexts"),
        route(prefix("9122"), None, "range"),
        route(prefix("912"), None, "ranges"),
        route(exact("912243690284"), None, "number"),
        route(exact("912243690284"), exact("acme"), "both"),
        route(prefix("9122"), exact("acme"), "range and context"),
    ];
    for turn in 0..routes.len() {
        let mut turned = routes.to_vec();
        turned.rotate_left(turn);
        let tenants = tenants(turned);
        for (did, context, account) in [
            ("912243690284", "acme", Some("both")),
            ("912243690284", "public", Some("number")),
            ("+912243690284", "public", Some("number")),
            ("912243690285", "acme", Some("range and context")),
            ("912243690285", "public", Some("range")),
            ("9129", "public", Some("ranges")),
            ("9129", "acme", Some("ranges")),
            ("1", "acme", Some("context")),
            ("1", "acne", Some("contexts")),
            ("1", "public", None),
            ("", "", None),
        ] {
            let known = TenantVariables {
                did: Some(did),
                context: Some(context),
                ..TenantVariables::default()
            };
            assert_eq!(tenants.of(known).account, account, "{did} {context}");
        }
    }
}

#[test]
fn what_the_channel_says_is_above_every_route() {
    let routes = vec![Route {
        flow: Some("routed".into()),
        webhook: Some("lookup".into()),
        ..route(exact("7000"), None, "acme")
    }];
    let tenants = tenants(routes);
    let did = Some("7000");
    let routed = tenants.of(TenantVariables {
        did,
        ..TenantVariables::default()
    });
    assert_eq!(
        routed.settings.unwrap().time_zone,
        Zone::named("Asia/Kolkata").unwrap()
    );
    assert_eq!(
        (routed.account, routed.flow, routed.webhook),
        (Some("acme"), Some("routed"), Some("lookup"))
    );
    let own = tenants.of(TenantVariables {
        account: Some("nobody"),
        flow: Some("own"),
        did,
        context: None,
    });
    assert_eq!((own.account, own.flow), (Some("nobody"), Some("own")));
    assert!(
        own.settings.is_none(),
        "an account that is not there is not the default one"
    );
    // FreeSWITCH unsets a variable that is set to nothing.
    let empty = tenants.of(TenantVariables {
        account: Some(""),
        flow: Some(""),
        ..TenantVariables::default()
    });
    assert_eq!((empty.account, empty.flow), (None, None));
    assert_eq!(empty.settings, Some(&tenants.default));
}

#[test]
fn a_channel_is_given_what_only_its_route_says() {
    let headers: BTreeMap<String, String> = [
        ("Call-Direction", "inbound"),
        ("Caller-Destination-Number", "7000"),
        ("Caller-Context", "public"),
        ("Caller-Profile-Index", "1"),
        ("variable_flow.name", "own"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let routes = vec![Route {
        flow: Some("routed".into()),
        ..route(exact("7000"), exact("public"), "acme")
    }];
    let variables = match_channel(&tenants(routes), &headers, |matched| {
        route_variables(&matched, &headers)
    });
    assert_eq!(variables, [(ACCOUNT, "acme".to_owned())]);
    let with = WithVariables {
        headers: &headers,
        variables: &variables,
    };
    assert_eq!(with.variable(ACCOUNT).as_deref(), Some("acme"));
    assert_eq!(with.variable(FLOW).as_deref(), Some("own"));
    let mut seen = Vec::new();
    with.visit(&mut |name, _| seen.push(name.to_owned()));
    assert!(
        seen.contains(&"variable_flow.account".to_owned()),
        "{seen:?}"
    );
}

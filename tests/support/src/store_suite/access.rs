//! What belongs to an account, and the audit.

use std::time::Duration;

use switchhook_store::{
    AuditFilter, CallSearch, Clock, DocumentFilter, FinishedCallRecord, NewAuditEntry, NewDocument,
    Retention, Role, Store,
};

use super::{Factory, finished, summary};

/// Stores a finished call of an account, with one document.
async fn put(store: &Store, call: &str, account: &str) {
    let mut document = NewDocument::document("completed", "inbound", call, "{}");
    document.account = account.to_owned();
    let mut row = summary("inbound", 1_000);
    row.account = account.to_owned();
    let call = FinishedCallRecord {
        documents: vec![document],
        summary: Some(row),
        ..finished(call, &[], &[])
    };
    store.finish_call(call).await.expect("finished");
}

pub async fn an_account_finds_its_own_calls_and_documents_alone(factory: &impl Factory) {
    let store = factory.open(Role::Serve, Clock::Database).await;
    for (call, account) in [("a", "acme"), ("b", "other"), ("c", "")] {
        put(&store, call, account).await;
    }
    for (accounts, wanted) in [
        (None, &["a", "b", "c"][..]),
        (Some(vec!["acme"]), &["a"]),
        (Some(vec![""]), &["c"]),
        (Some(vec!["acme", ""]), &["a", "c"]),
        (Some(vec!["nobody"]), &[]),
        (Some(vec![]), &[]),
    ] {
        let accounts: Option<Vec<String>> =
            accounts.map(|names| names.into_iter().map(str::to_owned).collect());
        let search = CallSearch {
            accounts: accounts.clone(),
            limit: 10,
            ..CallSearch::default()
        };
        let calls = store.calls(&search).await.expect("calls");
        let mut calls: Vec<String> = calls.into_iter().map(|call| call.call_uuid).collect();
        calls.sort();
        assert_eq!(calls, wanted, "{accounts:?}");
        let filter = DocumentFilter {
            accounts: accounts.clone(),
            ..DocumentFilter::default()
        };
        let documents = store.documents(&filter, 10).await.expect("documents");
        let of: Vec<&str> = documents.iter().map(|row| row.call_uuid.as_str()).collect();
        assert_eq!(of, wanted);
        let of_calls = store.documents_of_accounts(&["a", "b", "c"], accounts.as_ref());
        assert_eq!(of_calls.await.expect("documents").len(), wanted.len());
        let replayable = store.count_replayable(&filter).await.expect("count");
        assert_eq!(replayable, wanted.len() as u64);
        if let Some(accounts) = accounts {
            let backlogs = store.backlogs_of(&accounts).await.expect("backlogs");
            let waiting: u64 = backlogs.iter().map(|backlog| backlog.waiting).sum();
            assert_eq!(waiting, wanted.len() as u64);
        }
    }
}

fn entry(action: &str, target: &str, refused: bool) -> NewAuditEntry {
    NewAuditEntry {
        who: "ann".into(),
        origin: "192.0.2.7".into(),
        action: action.into(),
        target: target.into(),
        result: "x".repeat(1_000),
        refused,
    }
}

pub async fn the_audit_is_read_newest_first_and_by_its_target(factory: &impl Factory) {
    let store = factory.open(Role::Serve, Clock::Database).await;
    for (action, target, refused) in [
        ("resend", "msg_1", false),
        ("sign in", "", true),
        ("resend", "msg_2", false),
    ] {
        store
            .put_audit(entry(action, target, refused))
            .await
            .expect("stored");
    }
    let page = AuditFilter {
        limit: 2,
        ..AuditFilter::default()
    };
    let found = store.audit(&page).await.expect("audit");
    let targets: Vec<&str> = found.iter().map(|one| one.entry.target.as_str()).collect();
    assert_eq!(targets, ["msg_2", ""]);
    assert!(found[1].entry.refused && !found[0].entry.refused);
    assert_eq!(found[0].entry.result.len(), 200, "long texts are cut");
    let older = AuditFilter {
        before: Some(found[1].id),
        ..page.clone()
    };
    assert_eq!(
        store.audit(&older).await.expect("audit")[0].entry.target,
        "msg_1"
    );
    let of = AuditFilter {
        target: Some("msg_1".into()),
        ..page
    };
    assert_eq!(store.audit(&of).await.expect("audit").len(), 1);
}

pub async fn old_entries_of_the_audit_are_removed(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    let keep = Retention {
        audit: Some(Duration::from_secs(60)),
        ..Retention::FOR_EVER
    };
    store
        .put_audit(entry("resend", "old", false))
        .await
        .expect("stored");
    assert_eq!(store.prune(keep).await.expect("pruned"), 0);
    tokio::time::advance(Duration::from_secs(61)).await;
    store
        .put_audit(entry("resend", "new", false))
        .await
        .expect("stored");
    assert_eq!(store.prune(Retention::FOR_EVER).await.expect("pruned"), 0);
    assert_eq!(store.prune(keep).await.expect("pruned"), 1);
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let left = store.audit(&all).await.expect("audit");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].entry.target, "new");
}

/// Entries beyond the limit of each kind go, whatever their age; a flood of refusals removes no action.
pub async fn a_flood_of_refusals_pushes_no_action_out(factory: &impl Factory) {
    let store = factory.open(Role::Serve, Clock::Database).await;
    store
        .put_audit(entry("resend", "action", false))
        .await
        .expect("stored");
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..10_050 {
        let store = store.clone();
        puts.spawn(async move {
            store
                .put_audit(entry("sign in", &number.to_string(), true))
                .await
        });
    }
    for put in puts.join_all().await {
        put.expect("stored");
    }
    let all = AuditFilter {
        limit: 100_000,
        ..AuditFilter::default()
    };
    let left = store.audit(&all).await.expect("audit");
    assert_eq!(left.len(), 10_001);
    assert_eq!(
        left.last().map(|one| one.entry.target.as_str()),
        Some("action")
    );
}

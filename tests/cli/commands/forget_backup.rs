//! `forget`, `backup` and `restore`.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::commands::support::{
    RunningService, SECRET, TestReceiver, Workdir, document, kept, let_one_die,
};

/// Stores a dead document, a waiting one, and a kept answer.
async fn workdir(receiver: &TestReceiver) -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let call = document("call-1", receiver.address);
    store.finish_call(call).await.unwrap();
    let_one_die(&store).await;
    let call = document("call-2", receiver.address);
    store.finish_call(call).await.unwrap();
    let answer = kept("call-2", json!({"flow.key.name": "Ann of +4930123"}));
    store.persist_response(answer).await.unwrap();
    store.close().await;
    workdir.configure(&format!("auth.bearer = {{ token = \"{SECRET}\" }}"));
    workdir
}

#[tokio::test]
async fn a_copy_made_beside_a_service_delivers_elsewhere_what_waited() {
    let (slow, receiver) = (TestReceiver::slow(), TestReceiver::start());
    let workdir = workdir(&slow).await;
    let serving = RunningService::start(&workdir);
    let tried = slow.next();
    let output = workdir.run(&["backup", "copy.db"]).done();
    assert!(output.ends_with("was copied to copy.db\n"), "{output}");
    let copy = workdir.folder.path().join("copy.db");
    let mode = copy.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner's alone");
    workdir
        .run(&["backup", "copy.db"])
        .refused(1, "name another");
    for (file, words) in [
        ("none/copy.db", "there is no folder none; create it"),
        ("copy.db/copy.db", "there is no folder copy.db; create it"),
        ("/proc/copy.db", "/proc cannot be written ("),
    ] {
        workdir.run(&["backup", file]).refused(1, words);
    }
    workdir
        .run(&["restore", "copy.db"])
        .refused(1, "in use by another");
    drop(serving);
    workdir
        .run(&["restore", "copy.db"])
        .refused(1, "is not empty");

    // The disk is lost.
    for name in ["switchhook.db", "switchhook.db-wal", "switchhook.db-shm"] {
        drop(std::fs::remove_file(workdir.folder.path().join(name)));
    }
    let output = workdir.run(&["restore", "copy.db"]).done();
    assert!(
        output.ends_with("1 document waits and 1 is dead\n"),
        "{output}"
    );
    // The document's URL is frozen, so the same receiver gets it; its first attempt got no answer.
    let _serving = RunningService::start(&workdir);
    slow.answer();
    let again = slow.next();
    slow.answer();
    let of = |request: &str| {
        let id = request
            .lines()
            .find(|line| line.starts_with("webhook-id"))
            .unwrap();
        (
            id.to_owned(),
            request.split_once("\r\n\r\n").unwrap().1.to_owned(),
        )
    };
    assert_eq!(of(&again), of(&tried), "the same id, the same bytes");
    receiver.is_idle();
    let delivered = ["outbox", "list", "--state", "delivered", "--json"];
    workdir.wait_for(&delivered, |rows| rows.as_array().unwrap().len() == 1);
}

#[tokio::test]
async fn a_caller_is_forgotten_after_a_look_and_leaves_no_trace_in_the_file() {
    let receiver = TestReceiver::start();
    let workdir = workdir(&receiver).await;
    let list = ["outbox", "list", "--json"];
    for look in [
        &["forget", "+4930123"][..],
        &["forget", "004930123", "--dry-run"],
    ] {
        let output = workdir.run(look).done();
        assert!(
            output.contains("2023-11-15T03:43:20.000+05:30  +4930123 -> 7000  call-1"),
            "{output}"
        );
        let counts = "2 calls, 1 kept answer, 1 document (waiting), 1 document (dead)";
        assert!(output.contains(counts), "{output}");
        assert!(
            output.ends_with("nothing was changed; --yes erases it\n"),
            "{output}"
        );
    }
    assert_eq!(workdir.json(&list).as_array().unwrap().len(), 2);
    let output = workdir.run(&["forget", "+4930123", "--yes"]).done();
    assert!(
        output.ends_with("it is erased, and the file written anew\n"),
        "{output}"
    );
    assert_eq!(workdir.json(&list), json!([]));
    for file in std::fs::read_dir(workdir.folder.path()).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let found = String::from_utf8_lossy(&bytes).contains("4930123");
        assert!(!found, "{} has the number", file.display());
    }
    let output = workdir.run(&["forget", "+4930123"]).done();
    assert!(output.starts_with("0 calls, 0 kept answers\n"), "{output}");
    workdir
        .run(&["forget", " "])
        .refused(1, "the number is empty");
    workdir
        .run(&["forget", "1", "--yes", "--dry-run"])
        .refused(2, "cannot be used with");
}

#[tokio::test]
async fn a_caller_is_forgotten_beside_a_service_that_goes_on() {
    let slow = TestReceiver::slow();
    let workdir = workdir(&slow).await;
    let serving = RunningService::start(&workdir);
    slow.next();
    let output = workdir.run(&["forget", "+4930123", "--yes"]).done();
    assert!(output.contains("1 document (being sent)"), "{output}");
    assert!(output.contains("while serve is stopped"), "{output}");
    slow.answer();
    assert_eq!(workdir.json(&["outbox", "list", "--json"]), json!([]));
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(serving.terminate(), Some(0));
}

/// Configures uploads to a folder, and puts recordings of these calls there.
fn uploads(workdir: &Workdir, calls: &[&str]) {
    let folder = workdir.folder.path();
    for call in calls {
        std::fs::create_dir_all(folder.join("public").join(call)).unwrap();
        std::fs::write(folder.join("public").join(call).join("a.wav"), "a call").unwrap();
    }
    let file = folder.join("switchhook.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let upload = format!(
        "[recordings]\nupload = {{ folder = \"/rec\", to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\" }}\n",
        folder.join("public").display()
    );
    std::fs::write(file, text + &upload).unwrap();
}

#[tokio::test]
async fn what_was_uploaded_of_a_caller_is_listed_and_erased_with_the_rest() {
    let receiver = TestReceiver::start();
    let workdir = workdir(&receiver).await;
    uploads(&workdir, &["call-1", "call-2", "call-3"]);
    let there = |call: &str| {
        workdir
            .folder
            .path()
            .join("public")
            .join(call)
            .join("a.wav")
            .exists()
    };
    let output = workdir.run(&["forget", "+4930123"]).done();
    let listed = format!(
        "2 recordings in file://{}\n  call-1/a.wav\n  call-2/a.wav\n",
        workdir.folder.path().join("public").display()
    );
    assert!(output.contains(&listed), "{output}");
    assert!(there("call-1") && there("call-2"));
    workdir.run(&["forget", "+4930123", "--yes"]).done();
    assert!(!there("call-1") && !there("call-2"));
    assert!(there("call-3"), "another's");
}

#[test]
fn nobody_is_forgotten_halfway_when_the_targets_key_is_not_there() {
    let workdir = Workdir::new();
    let file = workdir.folder.path().join("switchhook.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let upload = "[recordings]\nupload = { folder = \"/rec\", to = \"s3://acme\", key_id = \"x\", key_env = \"NOT_SET\" }\n";
    std::fs::write(file, text + upload).unwrap();
    // Other commands do not need the key.
    workdir.run(&["outbox", "list"]).refused(1, "switchhook.db");
    workdir
        .run(&["forget", "+4930123", "--yes"])
        .refused(1, "the environment variable NOT_SET is not set");
}

//! Strangers who hold connections to the HTTP ports, while the process may open few files.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, TestReceiver, Workdir};

/// What a stranger sends and then leaves.
const TEXTS: [&str; 4] = [
    "",
    "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-half:",
    "POST /json_cdr/fs1 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9000\r\n\r\n{",
    "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
];

/// Starts `serve` with 256 open files and the umask of most systems.
fn serve(workdir: &Workdir, receiver: &TestReceiver, recordings: &str) -> RunningService {
    let folder = workdir.folder.path().display();
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [recordings]\nserve = {{ folder = \"{folder}\", url = \"https://rec.example\", \
         secret = \"at least 16 characters\", listen = \"{recordings}\" }}\n\
         [webhooks.lookup]\nurl = \"http://{}/\"\n",
        receiver.address
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
    let mut command = Command::new("/bin/sh");
    let limited = "ulimit -n 256; umask 022; exec \"$0\" serve --json-logs";
    command
        .args(["-c", limited, env!("CARGO_BIN_EXE_switchhook")])
        .env_clear()
        .current_dir(workdir.folder.path());
    RunningService::of(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_on_the_http_ports_leave_calls_their_files_and_the_log_its_room() {
    let (workdir, receiver) = (Workdir::new(), TestReceiver::start());
    let (socket, recordings) = test_support::ports::bound();
    drop(socket);
    let serving = serve(&workdir, &receiver, &recordings.to_string());
    let mut strangers = Vec::new();
    for number in 0..400 {
        let page = number % 2 == 0;
        let to = if page {
            &serving.http
        } else {
            &recordings.to_string()
        };
        let mut stranger = TcpStream::connect(to).await.unwrap();
        let said = stranger.write_all(TEXTS[number / 2 % TEXTS.len()].as_bytes());
        said.await.unwrap();
        strangers.push(stranger);
    }
    for _ in 0..20 {
        let mut peer = Peer::call(serving.esl, Channel::to("lookup")).await;
        peer.until_exit().await;
        assert_eq!(peer.channel.get("flow.line"), Some("0"));
        receiver.next();
    }
    // A page is served in time, although the strangers are still there.
    let page = tokio::task::block_in_place(|| serving.get("/healthz"));
    assert!(page.ends_with("ok\n"), "{page}");
    // Each stranger is closed without having said another word.
    for mut stranger in strangers {
        let mut heard = Vec::new();
        drop(stranger.read_to_end(&mut heard).await);
    }
    for name in ["switchhook.db", "switchhook.db-wal", "switchhook.db.lock"] {
        let file = workdir.folder.path().join(name);
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let log = serving.whole_log();
    for once in ["every connection of this port is taken", "cannot accept"] {
        assert!(log.matches(once).count() <= 2, "{once}: {log}");
    }
}

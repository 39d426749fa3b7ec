//! No secret is in anything that the program prints, writes or stores. A secret that changes while
//! it runs is used from the next call on.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, Workdir};

/// No secret shares a part with another.
const PASSWORD: &str = "s3cretbasicpassword";
const TOKEN: &str = "s3crettokenofbearer";
const CLIENT: &str = "s3cretoauthclientkey";
const GIVEN: &str = "s3cretaccesstoken";
const SWITCH: &str = "s3creteventsocketpw";
const HTTP: &str = "s3crethttptoken1";
const ROTATED: &str = "s3cretafterrotation";
const SIGNING: &str = "whsec_czNjcmV0c2lnbmluZ2tleXdpdGgyNGJ5dGVz";

/// Returns the secrets in plain text and in base64.
fn secrets() -> Vec<String> {
    let plain = [
        PASSWORD, TOKEN, CLIENT, GIVEN, SWITCH, HTTP, ROTATED, SIGNING,
    ];
    let pairs = [
        format!("switch:{PASSWORD}"),
        format!("client:{CLIENT}"),
        format!("switch:{ROTATED}"),
    ];
    let encoded = pairs.iter().map(|pair| STANDARD.encode(pair));
    plain
        .into_iter()
        .map(str::to_owned)
        .chain(encoded)
        .collect()
}

/// Starts a webhook that issues tokens, answers `/denied` with 401, and records its requests.
pub async fn webhook() -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let mut length = stream.read(&mut request).await.unwrap_or(0);
            while !is_whole(&request[..length]) {
                let read = stream.read(&mut request[length..]).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                length += read;
            }
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let (status, body) = match request.split(' ').nth(1) {
                Some("/token") => ("200 OK", format!("{{\"access_token\":\"{GIVEN}\"}}")),
                Some("/denied") => ("401 Unauthorized", "{\"error\":\"who?\"}".into()),
                Some(_) | None => ("200 OK", "{\"name\":\"Ann\"}".into()),
            };
            all.lock().unwrap().push_str(&request);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, seen)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn config(workdir: &Workdir, webhook: SocketAddr) {
    let no_receiver = "127.0.0.1:9";
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nhttp_token = \"{HTTP}\"\n\
         [[freeswitch]]\naddress = \"{no_receiver}\"\npassword = \"{SWITCH}\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.basic]\nurl = \"http://{webhook}/basic\"\npersist_response = true\n\
         response.map = {{ name = \"$.name\" }}\n\
         auth.basic = {{ username = \"switch\", password_file = \"password\" }}\n\
         [webhooks.bearer]\nurl = \"http://{webhook}/denied\"\n\
         auth.bearer = {{ token = \"{TOKEN}\" }}\nsigning.secrets = [\"{SIGNING}\"]\n\
         [webhooks.oauth]\nurl = \"http://{webhook}/oauth\"\n\
         auth.oauth2 = {{ token_url = \"http://{webhook}/token\", client_id = \"client\", \
         client_secret_env = \"CLIENT\" }}\n\
         [webhooks.gone]\nurl = \"http://{no_receiver}/\"\nauth.bearer = {{ token = \"{TOKEN}\" }}\n\
         [webhooks.later]\nurl = \"http://{webhook}/later\"\nwait_for_response = false\n\
         auth.bearer = {{ token = \"{TOKEN}\" }}\n"
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
}

async fn calls(esl: SocketAddr) -> String {
    let mut variables = String::new();
    for webhook in ["basic", "bearer", "oauth", "gone", "later", "unknown"] {
        let mut peer = Peer::call(esl, Channel::to(webhook)).await;
        peer.until_exit().await;
        let of_flow = peer.channel.variables.iter();
        of_flow.for_each(|(name, value)| variables += &format!("{webhook}: {name}={value}\n"));
    }
    variables
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_anything_that_the_program_emits() {
    let workdir = Workdir::new();
    let (address, seen) = webhook().await;
    fs::write(workdir.folder.path().join("password"), PASSWORD).unwrap();
    config(&workdir, address);
    let mut command = workdir.command(&["serve"]);
    command.args(["--json-logs"]).env("CLIENT", CLIENT);
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    let serving = RunningService::of(command);
    let esl = serving.esl;
    let mut emitted = calls(esl).await;
    // Another password, while it runs.
    fs::write(
        workdir.folder.path().join("password"),
        format!("{ROTATED}\n"),
    )
    .unwrap();
    serving.reload();
    serving.wait_for_log("reloaded the configuration");
    emitted += &calls(esl).await;
    for page in ["/", "/readyz", "/healthz", "/metrics"] {
        emitted += &serving.get(page);
    }
    for args in [
        &["check"][..],
        &["call", "basic"],
        &["call", "bearer"],
        &["call", "oauth"],
        &["call", "gone", "--json"],
        &["outbox", "list", "--json"],
        &["report"],
        &["doctor", "--json"],
    ] {
        let output = workdir
            .command(args)
            .env("CLIENT", CLIENT)
            .output()
            .unwrap();
        emitted += &String::from_utf8_lossy(&output.stdout);
        emitted += &String::from_utf8_lossy(&output.stderr);
    }
    emitted += &serving.whole_log();
    for entry in fs::read_dir(workdir.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != "switchhook.toml" && name != "password" {
            emitted += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    // The secrets were used, and the output is there.
    let seen = seen.lock().unwrap().clone();
    for sent in [
        STANDARD.encode(format!("switch:{PASSWORD}")),
        STANDARD.encode(format!("switch:{ROTATED}")),
        STANDARD.encode(format!("client:{CLIENT}")),
        format!("Bearer {TOKEN}"),
        format!("Bearer {GIVEN}"),
    ] {
        assert!(seen.contains(&sent), "{sent} was never sent");
    }
    for words in [
        "AUTHENTICATION_FAILURE",
        "CONNECTION_FAILURE",
        "switchhook_calls_total",
        "Ann",
    ] {
        assert!(emitted.contains(words), "{words} is missing");
    }
    for secret in secrets() {
        let at = emitted.find(&secret);
        let around = at.map(|at| emitted[at.saturating_sub(200)..].chars().take(400));
        assert!(
            at.is_none(),
            "{secret}: {}",
            around.into_iter().flatten().collect::<String>()
        );
    }
}

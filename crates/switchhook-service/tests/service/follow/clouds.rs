//! The link of every file name that a switch can write opens, wherever recordings are published: on
//! servers that check signatures, not only on ours.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::percent_decode_str;
use reqwest::header::RANGE;
use serde_json::json;
use sha2::Sha256;
use test_support::SOUND;
use test_support::prerequisites::{AZURITE, MOTO, azurite, moto};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::follow::recordings::{play, published};
use crate::follow::s3::S3;
use crate::follow::stage::Stage;

/// Names of files, one a line.
const NAMES: &[&str] = &[
    "plain.wav",
    "a blank.wav",
    " blanks .wav",
    "a#b.wav",
    "a%b.wav",
    "a%20b.wav",
    "a?b=c.wav",
    "a+b.wav",
    "a~b.wav",
    "a*b.wav",
    "a{b}.wav",
    "[a]^`|<b>.wav",
    "a\"b'c.wav",
    "a\\b.wav",
    "a:b&c=d,e@f;g!h$(i).wav",
    "müller.wav",
    "mu\u{308}ller.wav",
    "شكرا.wav",
    "☎ 3.wav",
    "no ending",
    "..wav",
    "a dot at the end.",
];
/// The folder of those files, below the folder of recordings.
const SUBFOLDER: &str = "queue #3 ü";
/// A key in base64, which Azure requires.
const KEY: &str = "c2VjcmV0IGtleSBvZiB0aGUgdGVzdHM=";
const KEY_ID: &str = "AKIA0EXAMPLE";
/// A prefix that needs encoding, and one that does not.
const PREFIXES: [&str; 2] = ["calls", "our ünsafe calls/pbx+1"];

/// Plays one call that was recorded to a file of each name; returns the document's links by name.
async fn links(stage: &Stage, settings: &str, uuid: &str) -> Vec<(String, String)> {
    let folder = stage.folder.path().join("rec").join(SUBFOLDER);
    fs::create_dir_all(&folder).unwrap();
    for name in NAMES {
        fs::write(folder.join(name), SOUND).unwrap();
    }
    let paths: Vec<String> = NAMES
        .iter()
        .map(|name| format!("/rec/{SUBFOLDER}/{name}"))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let service = stage.serve(settings).await;
    let before = stage.inbox.posts().len();
    play(stage, uuid, &paths);
    let document = stage.inbox.wait(before + 1).await[before].json();
    assert!(document["incomplete"].is_null(), "{document:#}");
    service.stop().await;
    let entries = document["recordingUrls"].as_array().unwrap().clone();
    assert_eq!(entries.len(), NAMES.len(), "{document:#}");
    let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| {
            let name = text(entry, "recordedFileName");
            // The document takes a backslash for Windows' separator.
            assert!(NAMES.iter().any(|known| known.ends_with(&name)), "{name}");
            (name, text(entry, "recordedFilePublicPath"))
        })
        .collect()
}

/// Fetches the whole of a link, and a part of it.
async fn opens(name: &str, link: &str) {
    let whole = test_support::http::get(link).await.unwrap();
    let status = whole.status();
    assert_eq!(status, 200, "{name}: {link}");
    assert_eq!(whole.bytes().await.unwrap(), SOUND, "{name}: {link}");
    let part = test_support::http::client().get(link);
    let part = part.header(RANGE, "bytes=16-19").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), SOUND[16..20], "{name}: {link}");
}

/// The path of a link has only characters that every program leaves as they are.
fn is_plain(link: &str, prefix: &str) -> bool {
    let path = link.split_once('?').map_or(link, |(path, _)| path);
    let own = path.rsplit_once(prefix).unwrap().1;
    own.chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

/// Checks that every link opens, and none with a part of its query `changed` to another.
async fn open_and_cannot_be_forged(
    stage: &Stage,
    settings: &str,
    uuid: &str,
    changed: (&str, &str),
) {
    for (name, link) in links(stage, settings, uuid).await {
        assert!(is_plain(&link, uuid), "{link}");
        opens(&name, &link).await;
        let forged = link.replace(changed.0, changed.1);
        let refused = test_support::http::get(forged).await.unwrap();
        assert_eq!(refused.status(), 403, "the server checks signatures");
    }
}

#[tokio::test]
async fn every_name_opens_on_s3() {
    if !MOTO.is_there() {
        return MOTO.skip();
    }
    let mut server = python(&["s3", KEY_ID, KEY]).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap();
    for (at, prefix) in PREFIXES.iter().enumerate() {
        let stage = Stage::new().await;
        let settings = published(
            &stage,
            &format!(
                "upload = {{ FOLDER, to = \"s3://acme/{prefix}\", endpoint = \"http://127.0.0.1:{port}\", \
                 key_id = \"{KEY_ID}\", key = \"{KEY}\" }}"
            ),
        );
        let uuid = format!("s3-{at}");
        open_and_cannot_be_forged(
            &stage,
            &settings,
            &uuid,
            ("X-Amz-Signature=", "X-Amz-Signature=0"),
        )
        .await;
    }
}

#[tokio::test]
async fn every_name_opens_on_azure() {
    if !AZURITE.is_there() {
        return AZURITE.skip();
    }
    let (_server, endpoint) = start_azurite().await;
    for (at, prefix) in PREFIXES.iter().enumerate() {
        let stage = Stage::new().await;
        let settings = published(
            &stage,
            &format!(
                "upload = {{ FOLDER, to = \"az://acme/{prefix}\", endpoint = \"{endpoint}\", \
                 key_id = \"acme\", key = \"{KEY}\" }}"
            ),
        );
        let uuid = format!("az-{at}");
        open_and_cannot_be_forged(&stage, &settings, &uuid, ("sp=r", "sp=w")).await;
    }
}

/// No emulator of Google's storage checks links, so the signatures are checked with the account's key.
#[tokio::test]
async fn every_name_has_a_genuine_link_on_google() {
    if !MOTO.is_there() {
        return MOTO.skip();
    }
    let server = S3::start().await;
    for (at, prefix) in PREFIXES.iter().enumerate() {
        let stage = Stage::new().await;
        let pem = include_str!("account_key.pem");
        let account = json!({
            "client_email": "calls@acme.example",
            "private_key_id": "1",
            "private_key": pem,
        });
        let (file, pem_file) = (
            stage.folder.path().join("account.json"),
            stage.folder.path().join("account.pem"),
        );
        fs::write(&file, account.to_string()).unwrap();
        fs::write(&pem_file, pem).unwrap();
        let settings = published(
            &stage,
            &format!(
                "upload = {{ FOLDER, to = \"gs://acme/{prefix}\", endpoint = \"http://{}\", \
                 key_file = \"{}\" }}",
                server.address,
                file.display()
            ),
        );
        let uuid = format!("gs-{at}");
        let links = links(&stage, &settings, &uuid).await;
        let mut text = String::new();
        for (_, link) in &links {
            assert!(is_plain(link, &uuid), "{link}");
            text.push_str(link);
            text.push('\n');
        }
        let forged = links[0].1.replace("X-Goog-Expires=", "X-Goog-Expires=1");
        text.push_str(&forged);
        let mut check = python(&["google", pem_file.to_str().unwrap()])
            .spawn()
            .unwrap();
        let mut input = check.stdin.take().unwrap();
        input.write_all(text.as_bytes()).await.unwrap();
        drop(input);
        let said = check.wait_with_output().await.unwrap();
        assert!(said.status.success(), "{said:?}");
        assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), forged);
    }
}

#[tokio::test]
async fn every_name_opens_in_a_folder_that_a_web_server_publishes() {
    let stage = Stage::new().await;
    let public = stage.folder.path().join("our public #1~");
    fs::create_dir_all(&public).unwrap();
    let address = web_server(&public).await;
    let settings = published(
        &stage,
        &format!(
            "upload = {{ FOLDER, to = \"file://{}\", public_url = \"http://{address}/{{{{ key }}}}\" }}",
            public.display()
        ),
    );
    for (name, link) in links(&stage, &settings, "one").await {
        assert!(is_plain(&link, "/one/"), "{link}");
        let whole = test_support::http::get(&link).await.unwrap();
        assert_eq!(whole.bytes().await.unwrap(), SOUND, "{name}: {link}");
    }
}

#[tokio::test]
async fn every_name_opens_on_the_services_own_server() {
    let stage = Stage::new().await;
    let settings = published(
        &stage,
        "serve = { FOLDER, url = \"https://rec.example/pbx\", secret = \"correct horse battery\", \
         listen = \"127.0.0.1:0\" }",
    );
    let links = links(&stage, &settings, "one").await;
    let service = stage.serve(&settings).await;
    let local = format!("http://{}", service.recordings.unwrap());
    for (name, link) in links {
        opens(&name, &link.replace("https://rec.example/pbx", &local)).await;
    }
    service.stop().await;
}

/// A link that does not open is retried, then said; one that this machine cannot judge is given.
#[tokio::test]
async fn a_link_that_does_not_open_is_no_link() {
    let stage = Stage::new().await;
    let (public, other) = (
        stage.folder.path().join("public"),
        stage.folder.path().join("other"),
    );
    for folder in [&public, &other, &stage.folder.path().join("rec")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(stage.folder.path().join("rec/a.wav"), SOUND).unwrap();
    let address = web_server(&other).await;
    let settings = published(
        &stage,
        &format!(
            "upload = {{ FOLDER, to = \"file://{}\", public_url = \"http://{address}/{{{{ key }}}}\" }}",
            public.display()
        ),
    );
    let service = stage.serve(&settings).await;
    play(&stage, "one", &["/rec/a.wav"]);
    let (_, check) = crate::follow::stage::until(&service, "recordings", false).await;
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("does not open: it answers 404"), "{detail}");
    assert!(stage.inbox.posts().is_empty());
    // The web server now publishes the right folder.
    fs::remove_dir_all(&other).unwrap();
    std::os::unix::fs::symlink(&public, &other).unwrap();
    let document = stage.inbox.wait(1).await[0].json();
    assert!(document["incomplete"].is_null(), "{document}");
    crate::follow::stage::until(&service, "recordings", true).await;
    service.stop().await;
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/follow/clouds.py");
    command.arg(script).args(arguments).kill_on_drop(true);
    if let Some(folder) = moto() {
        command.env("PYTHONPATH", folder);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Starts Azure's emulator with the account `acme` and a container of that name; returns its URL.
async fn start_azurite() -> (Child, String) {
    let (socket, address) = test_support::ports::bound();
    drop(socket);
    let program = azurite().unwrap();
    let mut command = Command::new(program);
    command
        .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"])
        .args([
            "--disableTelemetry",
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
        ])
        .arg(address.port().to_string())
        .env("AZURITE_ACCOUNTS", format!("acme:{KEY}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let server = command.spawn().unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let endpoint = format!("http://{address}/acme");
    create_container(&endpoint).await;
    (server, endpoint)
}

/// Creates a container, which the library does not do.
async fn create_container(endpoint: &str) {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let version = "2023-11-03";
    let text = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n/acme/acme/acme\nrestype:container"
    );
    let key = BASE64_STANDARD.decode(KEY).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(text.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let created = test_support::http::client()
        .put(format!("{endpoint}/acme?restype=container"))
        .header("x-ms-date", &date)
        .header("x-ms-version", version)
        .header("content-length", "0")
        .header("authorization", format!("SharedKey acme:{signature}"))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
}

/// Serves the files of a folder as web servers do: by the decoded path.
async fn web_server(folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    let app = axum::Router::new().fallback(async move |uri: axum::http::Uri| {
        let path = percent_decode_str(uri.path().trim_start_matches('/'));
        let file = folder.join(path.decode_utf8().unwrap().as_ref());
        fs::read(file).map_err(|_| axum::http::StatusCode::NOT_FOUND)
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

use super::*;

use std::fs;

/// The tag of some file.
const TAG: &str = "20-1700000000";

fn links() -> SignedLinks {
    let secret = Secret::new("correct horse battery");
    let day = Duration::from_secs(86_400);
    SignedLinks::new(Folder::default(), "https://rec.example/", &secret, day)
}

/// Path and query of a link.
fn parts(link: &str) -> (String, String) {
    let rest = link.strip_prefix("https://rec.example").unwrap();
    let (path, query) = rest.split_once('?').unwrap();
    (path.to_owned(), query.to_owned())
}

#[test]
fn a_link_opens_its_own_file_and_no_other() {
    let links = links();
    let (path, query) = parts(&links.link("2026/a b#?%.wav", TAG));
    assert_eq!(path, "/recordings/2026/a%20b%23%3F%25.wav");
    let linked = links.verify(&path, &query).unwrap();
    assert_eq!(linked.path_in_folder, "2026/a b#?%.wav");
    assert_eq!(linked.content_tag, TAG);
    let another_file = query.replace("file=20-", "file=21-");
    let later = query.replace("expires=", "expires=9");
    let (_, other) = parts(&links.link("2026/b.wav", TAG));
    for (path, query) in [
        ("/recordings/2026/b.wav", query.as_str()),
        (&path, &later),
        (&path, &another_file),
        (&path, &other),
        (&path, ""),
        (&path, "expires=99999999999&signature="),
        (&path, &query[..query.len() - 1]),
        (&path, &query.to_ascii_uppercase()),
    ] {
        assert_eq!(
            links.verify(path, query),
            Err(LinkError::Forged),
            "{path} {query}"
        );
    }
    assert_eq!(
        links.verify("/2026/b.wav", &query),
        Err(LinkError::NotFound)
    );
    let another = SignedLinks::new(
        Folder::default(),
        "x",
        &Secret::new("another secret, as long"),
        Duration::MAX,
    );
    assert_eq!(another.verify(&path, &query), Err(LinkError::Forged));
}

#[test]
fn a_link_holds_until_it_expires() {
    let key = LinkKey::new(&Secret::new("correct horse battery"));
    let query = key.query("a.wav", 1_000, TAG);
    assert_eq!(key.verify("a.wav", &query, 999), Ok(TAG));
    assert_eq!(key.verify("a.wav", &query, 1_000), Err(LinkError::Expired));
    assert!(!format!("{:?}", links()).contains("horse"));
}

/// A folder that is served, and its port.
struct Served {
    folder: tempfile::TempDir,
    links: Arc<SignedLinks>,
    address: std::net::SocketAddr,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::new("correct horse battery");
        let local = Folder {
            local: folder.path().to_owned(),
            on_switch: folder.path().to_owned(),
        };
        let day = Duration::from_secs(86_400);
        let links = Arc::new(SignedLinks::new(local, "https://rec.example", &secret, day));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(ArcSwapOption::new(Some(Arc::clone(&links))));
        let limits = HttpLimits::new("recordings", 256);
        tokio::spawn(serve(listener, shared, limits, CancellationToken::new()));
        Self {
            folder,
            links,
            address,
        }
    }

    /// Writes a file and returns the path and query of its link.
    fn link(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.folder.path().join(name), content).unwrap();
        let (_, tag) = open_within(self.folder.path(), name).unwrap();
        let link = self.links.link(name, &tag);
        link.strip_prefix("https://rec.example").unwrap().to_owned()
    }

    async fn get(&self, link: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let request = test_support::http::client().get(format!("http://{}{link}", self.address));
        let mut request = request;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap().to_vec())
    }
}

#[tokio::test]
async fn a_link_opens_the_file_that_it_was_made_for_also_in_parts() {
    let served = Served::start().await;
    let link = served.link("a b.wav", b"0123456789");
    assert_eq!(served.get(&link, &[]).await, (200, b"0123456789".into()));
    let part = served.get(&link, &[("range", "bytes=2-4")]).await;
    assert_eq!(part, (206, b"234".into()));
    // The name is reused by another call.
    fs::write(served.folder.path().join("a b.wav"), "another call's").unwrap();
    assert_eq!(served.get(&link, &[]).await.0, 404);
}

#[tokio::test]
async fn what_is_put_in_a_files_place_is_not_opened() {
    let served = Served::start().await;
    let outside = tempfile::tempdir().unwrap();
    let file = served.folder.path().join("a.wav");
    let link = served.link("a.wav", b"0123456789");
    // A link that leads out, to a file of the same size and time.
    let other = outside.path().join("other");
    fs::write(&other, "9876543210").unwrap();
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    File::options()
        .write(true)
        .open(&other)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    assert_eq!(served.get(&link, &[]).await.0, 404, "a link that leads out");
    // A named pipe that nobody writes to.
    fs::remove_file(&file).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(served.get(&link, &[]).await.0, 404, "a named pipe");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(served.get(&link, &[]).await.0, 404, "a folder");
    assert!(open_within(served.folder.path(), "../a.wav").is_err());
}

#[tokio::test]
async fn one_links_slow_readers_leave_places_for_other_links() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let served = Served::start().await;
    let large = served.link("large.wav", &vec![b'x'; 32 << 20]);
    let small = served.link("small.wav", b"0123456789");
    let mut readers = Vec::new();
    for _ in 0..MAX_PER_LINK {
        let mut reader = tokio::net::TcpStream::connect(served.address)
            .await
            .unwrap();
        let request = format!("GET {large} HTTP/1.1\r\nhost: x\r\n\r\n");
        reader.write_all(request.as_bytes()).await.unwrap();
        // It reads the head and no more.
        let mut head = [0; 15];
        reader.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        readers.push(reader);
    }
    assert_eq!(served.get(&large, &[]).await.0, 503);
    assert_eq!(served.get(&small, &[]).await.0, 200);
    drop(readers);
    while served.get(&large, &[("range", "bytes=0-1")]).await.0 != 206 {
        tokio::task::yield_now().await;
    }
}

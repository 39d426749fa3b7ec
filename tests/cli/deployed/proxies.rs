//! The page through the nginx and the Caddy of the examples: login, page and live stream.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use test_support::prerequisites::{self, CADDY, NGINX};

use super::{example, file};
use crate::commands::support::{RunningService, Workdir};

const NAME: &str = "switchhook.example";
const USER: &str = "operator";
const PASSWORD: &str = "of the proxy";
/// The time for a proxy to start and for an event of the stream.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A proxy on a Unix socket; dropping it kills it.
struct Proxy {
    child: Child,
    socket: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Proxy {
    fn start(mut command: Command, socket: PathBuf) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        Self { child, socket }
    }

    /// Connects, as soon as the proxy listens.
    fn connect(&self) -> UnixStream {
        let began = Instant::now();
        loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => return stream,
                Err(error) => assert!(began.elapsed() < TIMEOUT, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a request, and returns the answer's lines as they come.
    fn get(&self, path: &str, login: bool) -> impl Iterator<Item = String> + use<> {
        let mut stream = self.connect();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let login = login.then(|| STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let login = login.map(|pair| format!("authorization: Basic {pair}\r\n"));
        let login = login.unwrap_or_default();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {NAME}\r\n{login}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        BufReader::new(stream).lines().map(Result::unwrap)
    }

    fn status(&self, path: &str, login: bool) -> String {
        let first = self.get(path, login).next().unwrap();
        first.split(' ').nth(1).unwrap().to_owned()
    }

    /// Checks what a person behind the proxy gets.
    fn serves_the_page(&self) {
        assert_eq!(self.status("/", false), "401");
        assert_eq!(self.status("/", true), "200");
        // The stream has no end: what comes, came unbuffered.
        let mut lines = self.get("/changes", true);
        assert!(lines.any(|line| line == "event: changed"));
    }
}

/// Starts the service under the name that the proxies have.
fn service(workdir: &Workdir) -> RunningService {
    let config = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nhttp_hosts = [\"{NAME}\"]\n"
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), config).unwrap();
    RunningService::start(workdir)
}

/// Returns the example of nginx with the paths of a test. `listen` takes the place of its own.
fn nginx_site(folder: &Path, http: &str, listen: &str) -> PathBuf {
    let tls = file("tests/cli/doctor/tls");
    let mut site = example("proxy/nginx.conf");
    for (was, is) in [
        (
            "/etc/ssl/private/switchhook.example.key",
            tls.join("server.key").display().to_string(),
        ),
        (
            "/etc/ssl/switchhook.example.pem",
            tls.join("server.pem").display().to_string(),
        ),
        (
            "/etc/nginx/switchhook.htpasswd",
            folder.join("htpasswd").display().to_string(),
        ),
        ("127.0.0.1:8085", http.to_owned()),
        ("listen 443 ssl;", listen.to_owned()),
    ] {
        assert!(site.contains(was), "{was}");
        site = site.replace(was, &is);
    }
    fs::write(
        folder.join("htpasswd"),
        format!("{USER}:{{PLAIN}}{PASSWORD}\n"),
    )
    .unwrap();
    fs::write(folder.join("site.conf"), site).unwrap();
    let path = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    // One process, so that none outlives the test. It must reach the folder, which is its user's own.
    let main = format!(
        "user root;\ndaemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}include {path}/site.conf;\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, main).unwrap();
    file
}

fn nginx(program: &Path, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c"]).arg(config);
    command
}

#[test]
fn nginx_lets_people_with_a_password_to_the_page_and_its_live_stream() {
    let Some(program) = prerequisites::nginx() else {
        NGINX.skip();
        return;
    };
    let workdir = Workdir::new();
    let serving = service(&workdir);
    let folder = tempfile::tempdir().unwrap();
    // As it is, with TLS.
    let config = nginx_site(folder.path(), &serving.http, "listen 443 ssl;");
    let checked = nginx(&program, &config).arg("-t").output().unwrap();
    assert!(checked.status.success(), "{checked:?}");

    let socket = folder.path().join("page.sock");
    let listen = format!("listen unix:{};", socket.display());
    let config = nginx_site(folder.path(), &serving.http, &listen);
    let proxy = Proxy::start(nginx(&program, &config), socket);
    proxy.serves_the_page();
}

#[test]
fn caddy_lets_people_with_a_password_to_the_page_and_its_live_stream() {
    let Some(program) = prerequisites::caddy() else {
        CADDY.skip();
        return;
    };
    let workdir = Workdir::new();
    let serving = service(&workdir);
    let folder = tempfile::tempdir().unwrap();
    let hash = Command::new(&program)
        .args(["hash-password", "--plaintext", PASSWORD])
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let caddy = |command: &str, config: &Path| {
        let mut caddy = Command::new(&program);
        caddy.args([command, "--adapter", "caddyfile", "--config"]);
        caddy.arg(config).env("HOME", folder.path());
        caddy.env("PAGE_USER", USER);
        caddy.env("PAGE_PASSWORD_HASH", hash.trim());
        caddy
    };
    let checked = caddy("validate", &file("examples/proxy/Caddyfile")).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");

    let socket = folder.path().join("page.sock");
    let site = example("proxy/Caddyfile");
    let (comment, site) = site.split_once(&format!("{NAME} {{\n")).unwrap();
    assert!(comment.starts_with('#'));
    let site = site.replace("127.0.0.1:8085", &serving.http);
    let site = format!(
        "{{\n\tadmin off\n}}\nhttp://{NAME} {{\n\tbind unix/{}\n{site}",
        socket.display()
    );
    let config = folder.path().join("Caddyfile");
    fs::write(&config, site).unwrap();
    let proxy = Proxy::start(caddy("run", &config), socket);
    proxy.serves_the_page();
}

//! Provides a PostgreSQL server for tests: the server in `SWITCHHOOK_POSTGRES` (a URL whose user
//! may create databases), or one that the tests start. Its folder is removed when the test process
//! ends, however that happens.
//!
//! Without either, the tests are skipped as [`crate::prerequisites`] says.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::sync::OnceLock;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use url::Url;

use crate::prerequisites;

/// Returns the server that the tests of one file share; `None` if there is no server.
pub fn shared() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(|| Server::find(&[])).as_ref()
}

/// A server.
pub struct Server {
    /// The administrator's URL, of any database.
    url: Url,
    own: Option<Own>,
}

/// A server that this process started.
struct Own {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    /// Keeps the server and its folder while its standard input is open.
    _reaper: Child,
}

/// How a server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Cuts connections and writes what is committed.
    Fast,
    /// Stops as in a crash: the server recovers at its next start.
    Immediate,
}

impl Server {
    /// Returns the server in `SWITCHHOOK_POSTGRES`, or starts one with these settings.
    pub fn find(settings: &[&str]) -> Option<Self> {
        if let Some(url) = prerequisites::postgresql_url() {
            let url = Url::parse(&url).expect("SWITCHHOOK_POSTGRES is a URL");
            return Some(Self { url, own: None });
        }
        Self::own(settings)
    }

    /// Starts a server that a test can stop and start; `None` if PostgreSQL is not installed. It
    /// does not sync, because no test crashes the machine, unless `settings` (`name=value`) says
    /// so.
    pub fn own(settings: &[&str]) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            prerequisites::POSTGRESQL.skip();
            return None;
        };
        let folder = tempfile::tempdir().unwrap().keep();
        programs.give(&folder);
        let port = free_port();
        let own = Own {
            _reaper: reaper(&programs, &folder),
            programs,
            folder,
            port,
        };
        own.make(settings);
        own.start();
        let url = format!("postgres://switchhook@127.0.0.1:{port}/postgres");
        let url = Url::parse(&url).unwrap();
        Some(Self {
            url,
            own: Some(own),
        })
    }

    fn started_here(&self) -> &Own {
        self.own
            .as_ref()
            .expect("a server of our own, not SWITCHHOOK_POSTGRES")
    }

    /// Stops the server, which this process must have started.
    pub fn stop(&self, how: Stop) {
        self.started_here().stop(how);
    }

    /// Starts the server again, at its earlier address.
    pub fn start(&self) {
        self.started_here().start();
    }

    /// Stops and starts the server.
    pub fn restart(&self, how: Stop) {
        self.stop(how);
        self.start();
    }

    /// Returns the server's host and port.
    pub fn address(&self) -> (String, u16) {
        let host = self.url.host_str().expect("a host").to_owned();
        (host, self.url.port().unwrap_or(5432))
    }

    /// Returns the URL of a database on the server, for its administrator.
    pub fn url_of(&self, database: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(database);
        url.into()
    }

    /// Runs a statement as the administrator, outside every test's database.
    pub fn administer(&self, statement: &str) {
        self.run("postgres", statement);
    }

    /// Runs a statement in a database.
    pub fn run(&self, database: &str, statement: &str) {
        let (url, statement) = (self.url_of(database), statement.to_owned());
        blocking(async move {
            let mut db = connect(&url).await;
            db.execute(AssertSqlSafe(statement)).await.unwrap();
        });
    }

    /// Creates an empty database for one test.
    pub fn database(&self) -> Database<'_> {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        self.administer(&format!("CREATE DATABASE {name}"));
        Database { server: self, name }
    }
}

/// A database that is dropped with this value.
pub struct Database<'a> {
    server: &'a Server,
    pub name: String,
}

impl Database<'_> {
    /// Returns the URL for `store.url`.
    pub fn url(&self) -> String {
        self.server.url_of(&self.name)
    }

    /// Opens a further connection, as another program would.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url()).await
    }

    /// Runs a statement in the database.
    pub fn run(&self, statement: &str) {
        self.server.run(&self.name, statement);
    }

    /// Cuts every connection to the database.
    pub fn cut(&self) {
        self.server.administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        ));
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if self.server.own.is_none() && !std::thread::panicking() {
            let name = &self.name;
            self.server
                .administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnectOptions::from_str(url)
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Runs `work` to its end, from a test with or without a runtime, even with paused time.
fn blocking(work: impl Future<Output = ()> + Send + 'static) {
    let done = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work);
    });
    done.join().unwrap();
}

pub fn free_port() -> u16 {
    crate::ports::unused().port()
}

/// PostgreSQL's programs, run as a user other than root.
pub struct Programs {
    folder: PathBuf,
    user: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Option<Self> {
        let folder = prerequisites::postgresql_folder()?;
        Some(Self {
            folder,
            user: unprivileged(),
        })
    }

    /// Returns a command that runs as that user.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.folder.join(program));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Makes that user the owner of `path`.
    pub fn give(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

/// Returns the user and group for PostgreSQL's programs if this process runs as root, because
/// PostgreSQL refuses root; otherwise `None`.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let said = Command::new("id").args(args).output().ok()?;
        String::from_utf8_lossy(&said.stdout)
            .trim()
            .parse::<u32>()
            .ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}

impl Own {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn make(&self, settings: &[&str]) {
        let mut initdb = self.programs.command("initdb");
        initdb.args([
            "--auth=trust",
            "--username=switchhook",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        succeed(initdb.arg(self.data()));
        let config = self.data().join("postgresql.conf");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text += &format!(
            "\nport = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
             max_connections = 200\nfsync = off\nlogging_collector = off\n",
            self.port,
            self.folder.display()
        );
        for setting in settings {
            text += &format!("{setting}\n");
        }
        std::fs::write(config, text).unwrap();
    }

    fn control(&self) -> Command {
        let mut control = self.programs.command("pg_ctl");
        control.args(["--wait", "--silent", "-D"]).arg(self.data());
        control
    }

    fn start(&self) {
        let log = self.folder.join("log");
        succeed(self.control().arg("-l").arg(log).arg("start"));
    }

    fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        succeed(self.control().args(["-m", mode, "stop"]));
    }
}

fn succeed(command: &mut Command) {
    // No pipes: the server would keep them open.
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Starts a process that stops the server and removes its folder when its standard input closes.
/// That happens when this process ends in any way.
fn reaper(programs: &Programs, folder: &Path) -> Child {
    let script =
        "trap '' INT TERM HUP; read _; \"$0\" -D \"$1/data\" -m immediate stop; rm -rf \"$1\"";
    let mut reaper = Command::new("sh");
    reaper
        .arg("-c")
        .arg(script)
        .arg(programs.folder.join("pg_ctl"))
        .arg(folder);
    if let Some((user, group)) = programs.user {
        reaper.uid(user).gid(group);
    }
    reaper.current_dir("/").process_group(0);
    reaper
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    reaper.spawn().unwrap()
}

/// A pooler in transaction mode in front of a server.
pub struct Pooler {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    /// Starts a pooler with `connections` to each database; `None` if pgbouncer is not installed.
    pub fn start(server: &Server, connections: usize) -> Option<Self> {
        let Some(program) = prerequisites::pgbouncer() else {
            prerequisites::PGBOUNCER.skip();
            return None;
        };
        let folder = tempfile::tempdir().unwrap().keep();
        let (host, at) = server.address();
        let port = free_port();
        let settings = format!(
            "[databases]\n* = host={host} port={at} user=switchhook\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 500\n"
        );
        let config = folder.join("pgbouncer.ini");
        std::fs::write(&config, settings).unwrap();
        let mut command = Command::new(program);
        if let Some((user, group)) = unprivileged() {
            for path in [&folder, &config] {
                chown(path, Some(user), Some(group)).unwrap();
            }
            command.uid(user).gid(group);
        }
        let quiet = command
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = quiet.spawn().unwrap();
        let pooler = Self {
            child,
            folder,
            port,
        };
        pooler.wait();
        Some(pooler)
    }

    fn wait(&self) {
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            std::thread::yield_now();
        }
    }

    /// Returns the URL of a database behind the pooler.
    pub fn url_of(&self, database: &Database<'_>) -> String {
        format!(
            "postgres://switchhook@127.0.0.1:{}/{}",
            self.port, database.name
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

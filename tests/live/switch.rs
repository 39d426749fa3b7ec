//! Runs a FreeSWITCH for the tests: the shipped configuration on free ports, in a temporary folder.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The environment variable that names the FreeSWITCH program.
const PROGRAM: &str = "SWITCHHOOK_FREESWITCH";
/// FreeSWITCH needs a few seconds to calibrate its clock.
const STARTING: Duration = Duration::from_secs(60);
/// How many RTP ports it gets. They lie below the ports that the system assigns.
const RTP_PORTS: u16 = 400;

/// A shell script that runs its arguments until its standard input ends, which happens however the tests
/// end. Then it kills the program and removes the folder. A line of input restarts the program.
const WATCHDOG: &str = r#"folder=$1; shift
while "$@" >>"$folder/stdout" 2>&1 & child=$!; read -r _; do kill -9 $child; wait $child 2>/dev/null; done
kill -9 $child; wait $child 2>/dev/null; rm -rf "$folder""#;

/// A running FreeSWITCH.
pub struct Switch {
    /// Its folder: `conf`, and `run` with logs, recordings and all other files.
    pub folder: PathBuf,
    /// Port of the Event Socket.
    pub event_socket: u16,
    /// Port of SIP.
    pub sip: u16,
    /// The port for a service, which its variable `switchhook` names.
    pub service: u16,
    _watchdog: Child,
    lifeline: Mutex<ChildStdin>,
}

impl Switch {
    /// Returns the shared FreeSWITCH of this test program. The first test starts it.
    pub fn shared() -> &'static Self {
        static SWITCH: OnceLock<Switch> = OnceLock::new();
        SWITCH.get_or_init(Self::start)
    }

    /// Starts a FreeSWITCH for a test that crashes or loads it.
    pub fn own() -> &'static Self {
        Box::leak(Box::new(Self::start()))
    }

    /// Kills it as a crash does, and starts it again. Blocks until it runs.
    pub fn crash_and_restart(&self) {
        let mut connection = self.connect().expect("it is there");
        let mut lifeline = self.lifeline.lock().expect("no panic");
        lifeline.write_all(b"again\n").expect("the shell reads");
        // The connection ends, with or without an error.
        let _ = connection.read_to_end(&mut Vec::new());
        self.await_event_socket();
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.event_socket))
    }

    fn start() -> Self {
        let program = std::env::var(PROGRAM)
            .unwrap_or_else(|_| panic!("name a FreeSWITCH: {PROGRAM}=/usr/bin/freeswitch"));
        let folder = TempDir::with_prefix("switchhook-live-")
            .expect("a folder")
            .keep();
        let [event_socket, sip, service] = free_ports();
        let rtp = 10_000 + (event_socket % 50) * RTP_PORTS;
        copy(&shipped(), &folder.join("conf"));
        fs::create_dir(folder.join("run")).expect("a folder for what it writes");
        set_variables(
            &folder.join("conf/vars.xml"),
            &[
                ("sip_port", &sip.to_string()),
                ("event_socket_port", &event_socket.to_string()),
                ("switchhook", &format!("127.0.0.1:{service}")),
                ("rtp_first_port", &rtp.to_string()),
                ("rtp_last_port", &(rtp + RTP_PORTS - 1).to_string()),
            ],
        );
        let (watchdog, lifeline) = run(&program, &folder);
        let switch = Self {
            folder,
            event_socket,
            sip,
            service,
            _watchdog: watchdog,
            lifeline: Mutex::new(lifeline),
        };
        switch.await_event_socket();
        switch
    }

    fn await_event_socket(&self) {
        let began = Instant::now();
        while self.connect().is_err() {
            assert!(
                began.elapsed() < STARTING,
                "FreeSWITCH did not start: {}",
                self.last_words()
            );
            std::thread::yield_now();
        }
    }

    /// Changes one of its configuration files. Returns the old text.
    pub fn configure(&self, file: &str, from: &str, to: &str) -> String {
        let path = self.folder.join("conf/config").join(file);
        let before = fs::read_to_string(&path).expect("the file");
        assert!(before.contains(from), "{before}");
        self.restore(file, &before.replacen(from, to, 1));
        before
    }

    /// Writes one of its configuration files.
    pub fn restore(&self, file: &str, text: &str) {
        fs::write(self.folder.join("conf/config").join(file), text).expect("the file");
    }

    /// Returns the end of its log, for a failing test.
    pub fn last_words(&self) -> String {
        let files = ["stdout", "run/freeswitch.log"];
        let texts = files.map(|file| fs::read(self.folder.join(file)).unwrap_or_default());
        let text = String::from_utf8_lossy(&texts.concat()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// Returns the folder of the shipped configuration.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("freeswitch-conf")
}

fn run(program: &str, folder: &Path) -> (Child, ChildStdin) {
    let run = folder.join("run");
    let mut child = Command::new("sh")
        .args(["-c", WATCHDOG, "sh"])
        .arg(folder)
        .arg(program)
        .arg("-conf")
        .arg(folder.join("conf"))
        .args(
            ["-log", "-db", "-run"]
                .iter()
                .flat_map(|option| [Path::new(option), run.as_path()]),
        )
        .args(["-nonat", "-nf", "-nc"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let lifeline = child.stdin.take().expect("its standard input");
    (child, lifeline)
}

/// Returns a port that was free for TCP and UDP a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let mut kept = Vec::new();
    std::array::from_fn(|_| {
        loop {
            let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = tcp.local_addr().expect("its number").port();
            if let Ok(udp) = UdpSocket::bind(("127.0.0.1", port)) {
                kept.push((tcp, udp));
                return port;
            }
        }
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the shipped configuration") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("a copy");
        }
    }
}

/// Changes values in `vars.xml` only, the one file that a user edits.
fn set_variables(file: &Path, variables: &[(&str, &str)]) {
    let mut text = fs::read_to_string(file).expect("vars.xml");
    for (name, value) in variables {
        let start = text.find(&format!("data=\"{name}=")).expect("the variable") + "data=\"".len();
        let end = start + text[start..].find('"').expect("its end");
        text.replace_range(start..end, &format!("{name}={value}"));
    }
    fs::write(file, text).expect("vars.xml");
}

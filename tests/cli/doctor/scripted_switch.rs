//! Plays FreeSWITCH's port 8021 from a script, healthy or with one of several faults.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::workspace::SECRET;

/// Longest wait for input that should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the switch behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Has the shipped configuration.
    Good,
    /// Has the shipped configuration, and closes the connection after so many answers.
    GoodFor(usize),
    /// Admits every address, and has a hook that strands calls.
    Careless,
    Denies,
    WantsAnother,
    Silent,
    Closes,
    Http,
}

pub struct ScriptedSwitch {
    address: SocketAddr,
    commands: Arc<Mutex<Vec<String>>>,
}

impl ScriptedSwitch {
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let commands = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&commands);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), behaviour, &received);
            }
        });
        Self { address, commands }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns every API command that came, in order.
    pub fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, behaviour: Behaviour, commands: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let greeting = match behaviour {
        Behaviour::Denies => {
            "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
        }
        Behaviour::Http => "HTTP/1.1 400 Bad Request\r\n\r\n",
        Behaviour::Closes => return,
        // Sends nothing until the client closes.
        Behaviour::Silent => return drop(lines.read_line(&mut String::new())),
        Behaviour::Good | Behaviour::GoodFor(_) | Behaviour::Careless | Behaviour::WantsAnother => {
            "Content-Type: auth/request\n\n"
        }
    };
    stream.write_all(greeting.as_bytes()).unwrap();
    let Some(auth) = command(&mut lines) else {
        return;
    };
    let is_let_in = auth == format!("auth {SECRET}") && behaviour != Behaviour::WantsAnother;
    let word = if is_let_in {
        "+OK accepted"
    } else {
        "-ERR invalid"
    };
    let reply = format!("Content-Type: command/reply\nReply-Text: {word}\n\n");
    // The client may have closed already.
    let _ = stream.write_all(reply.as_bytes());
    let mut answered = 0;
    while let Some(line) = command(&mut lines).filter(|_| is_let_in) {
        if behaviour == Behaviour::GoodFor(answered) {
            return;
        }
        let query = line.strip_prefix("api ").unwrap_or(&line);
        commands.lock().unwrap().push(query.to_owned());
        let text = answer(query, behaviour);
        let reply = format!(
            "Content-Type: api/response\nContent-Length: {}\n\n{text}",
            text.len()
        );
        stream.write_all(reply.as_bytes()).unwrap();
        answered += 1;
    }
}

/// Reads the next command: one line and an empty one.
fn command(lines: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut line, mut empty) = (String::new(), String::new());
    if lines.read_line(&mut line).ok()? == 0 || lines.read_line(&mut empty).ok()? == 0 {
        return None;
    }
    Some(line.trim_end().to_owned())
}

fn answer(query: &str, behaviour: Behaviour) -> String {
    let careless = behaviour == Behaviour::Careless;
    let conf = "xml_locate configuration configuration name ";
    match query {
        "version" => "FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)\n".into(),
        "strmicroepoch" => now_us().to_string(),
        "status" => STATUS.into(),
        "xml_locate dialplan" if careless => CARELESS.into(),
        "xml_locate dialplan" => shipped_dialplan(),
        "global_getvar hold_music" if careless => "none.wav".into(),
        "global_getvar hold_music" => "tone_stream://v=-22;%(280,40,262);loops=-1".into(),
        "global_getvar sound_prefix" => "/sounds".into(),
        "global_getvar switchhook" => "127.0.0.1:8094|127.0.0.1:8084".into(),
        "acl 203.0.113.77 lan" => careless.to_string(),
        "file_exists /sounds/none.wav" => "false".into(),
        _ if query.starts_with("module_exists ") => "true".into(),
        _ if query == format!("{conf}event_socket.conf") => event_socket(careless),
        _ if query.starts_with("xml_locate ") => "can't find anything\n".into(),
        _ => "-ERR no reply\n".into(),
    }
}

fn event_socket(careless: bool) -> String {
    let (listen, password) = if careless {
        ("::", "ClueCon")
    } else {
        ("127.0.0.1", SECRET)
    };
    format!(
        "<configuration name=\"event_socket.conf\">\n  <settings>\n\
         <param name=\"listen-ip\" value=\"{listen}\"></param>\n\
         <param name=\"password\" value=\"{password}\"></param>\n\
         <param name=\"apply-inbound-acl\" value=\"lan\"></param>\n</settings>\n</configuration>\n"
    )
}

/// Returns the shipped files as a switch prints them: one section, with all includes resolved.
fn shipped_dialplan() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("freeswitch-conf/dialplan");
    let mut section = "<section name=\"dialplan\">".to_owned();
    for file in ["switchhook.xml", "flows.xml", "phones.xml"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        section += &text.replace("<include>", "").replace("</include>", "");
    }
    section + "</section>"
}

fn now_us() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros()
}

const STATUS: &str = "UP 0 years, 0 days, 1 hour, 13 minutes, 53 seconds, 595 milliseconds, 977 microseconds\n\
FreeSWITCH (Version 1.10.12-release  64bit) is ready\n32 session(s) since startup\n\
0 session(s) - peak 2, last 5min 0 \n0 session(s) per Sec out of max 100, peak 2, last 5min 0 \n\
1000 session(s) max\nmin idle cpu 0.00/39.57\nCurrent Stack Size/Max 240K/8192K\n";

const CARELESS: &str = r#"<section name="dialplan"><context name="public"><extension name="ask">
<condition field="destination_number" expression="^7000$">
<action application="socket" data="127.0.0.1:8084/lokup async full"></action>
<action application="transfer" data="${flow.key.customer_name} XML flows"></action>
<action application="transfer" data="${flow.key.queue} XML flows"></action>
</condition></extension></context></section>"#;

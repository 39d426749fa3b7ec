//! Interprets the bytes of a command as FreeSWITCH does, written from its sources and independent
//! of the crate: `mod_event_socket.c` `read_packet` and `parse_command`, `switch_utils.c`
//! `switch_separate_string`, `switch_channel.c` `switch_channel_expand_variables_check`,
//! `mod_dptools.c` `base_set`.

/// One command as `read_packet` takes it from the stream.
#[derive(Debug)]
pub struct Packet {
    pub lines: Vec<String>,
    pub body: String,
}

/// Reads exactly one command. Bytes that are left over or missing are an error.
pub fn read(stream: &[u8]) -> Result<Packet, &'static str> {
    match next(stream)? {
        Some((packet, length)) if length == stream.len() => Ok(packet),
        Some(_) => Err("there is a second command"),
        None => Err("the command does not end"),
    }
}

/// Returns the first command of the stream and its length; `None` while it is incomplete.
pub fn next(stream: &[u8]) -> Result<Option<(Packet, usize)>, &'static str> {
    if matches!(stream.first(), Some(b'\n' | b'\r')) {
        return Err("begins with a line end");
    }
    let Some(end) = stream.windows(2).position(|pair| pair == b"\n\n") else {
        return Ok(None);
    };
    let (block, rest) = (&stream[..end], &stream[end + 2..]);
    if block.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return Err("a carriage return or NUL among the lines");
    }
    let block = std::str::from_utf8(block).map_err(|_| "not UTF-8")?;
    if orders_unloading(block) {
        return Err("the module would be unloaded");
    }
    let lines: Vec<String> = block.split('\n').map(str::to_owned).collect();
    let lengths: Vec<&str> = header(&lines, "content-length").collect();
    let length = match lengths.as_slice() {
        [] => 0,
        [one] => one.parse().map_err(|_| "a length that is none")?,
        _ => return Err("two lengths"),
    };
    let Some(body) = rest.get(..length) else {
        return Ok(None);
    };
    if body.contains(&0) {
        return Err("the body ends early");
    }
    let body = String::from_utf8(body.to_vec()).map_err(|_| "not UTF-8")?;
    Ok(Some((Packet { lines, body }, end + 2 + length)))
}

fn header<'a>(lines: &'a [String], name: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    fields
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_start_matches(' '))
}

fn orders_unloading(block: &str) -> bool {
    // Such a block is rare, and lower-casing costs time.
    let suspicious = block.bytes().any(|byte| matches!(byte, b'o' | b'O'));
    let words = suspicious.then(|| block.to_ascii_lowercase());
    words.is_some_and(|block| {
        block.contains("mod_event_socket") && (block.contains("unload") || block.contains("reload"))
    })
}

/// Returns the channel's variable after the command; empty if it is unset.
pub fn stored(command: &[u8], uuid: &str, name: &str) -> String {
    let packet = read(command).unwrap_or_else(|what| {
        panic!("{what}: {:?}", String::from_utf8_lossy(command));
    });
    let (to, value) = packet.assignment(uuid).expect("an assignment");
    assert_eq!(to, name);
    value
}

impl Packet {
    /// Returns the name and the text that the command gives a variable of this channel. The text is
    /// empty if the command unsets it. Returns `None` for any other command.
    pub fn assignment(&self, uuid: &str) -> Option<(String, String)> {
        if let Some(rest) = self.lines[0].strip_prefix("api uuid_setvar ") {
            assert!(self.lines.len() == 1 && self.body.is_empty());
            let mut parts = rest.splitn(3, ' ');
            assert_eq!(parts.next(), Some(uuid));
            let name = parts.next().expect("a name").to_owned();
            let value = parts.next().map(last_argument);
            return Some((name, value.unwrap_or_default()));
        }
        if self.application() != Some("set") {
            return None;
        }
        assert_eq!(self.lines[0], format!("sendmsg {uuid}"));
        assert!(self.is("call-command", "execute") && self.is("content-type", "text/plain"));
        assert!(self.lines.len() == 5, "{:?}", self.lines);
        let argument = expand(&self.body);
        let (name, value) = argument.split_once('=').expect("an assignment");
        Some((name.to_owned(), expand(value)))
    }

    /// Returns the application that the command executes.
    pub fn application(&self) -> Option<&str> {
        header(&self.lines, "execute-app-name").next()
    }

    /// Returns whether the command has the header once and with this value.
    pub fn is(&self, name: &str, value: &str) -> bool {
        header(&self.lines, name).eq([value])
    }
}

/// Returns the last of the arguments that a blank separates, with quotes and escapes undone.
fn last_argument(text: &str) -> String {
    let text = text.trim_start_matches(' ').as_bytes();
    let (mut out, mut end, mut quoted, mut at) = (Vec::new(), 0, false, 0);
    while at < text.len() {
        let meant = match (text[at], text.get(at + 1)) {
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b's')) => Some(b' '),
            (b'\\', Some(same @ (b'\\' | b'\'' | b'"'))) => Some(*same),
            _ => None,
        };
        if let Some(meant) = meant {
            out.push(meant);
            end = out.len();
            at += 2;
            continue;
        }
        if text[at] == b'\'' && (quoted || text[at + 1..].contains(&b'\'')) {
            quoted = !quoted;
        } else {
            out.push(text[at]);
            if text[at] != b' ' || quoted {
                end = out.len();
            }
        }
        at += 1;
    }
    out.truncate(end);
    String::from_utf8(out).expect("UTF-8")
}

/// Expands text in which nothing can be expanded: escapes still vanish.
fn expand(text: &str) -> String {
    assert!(!has_variable(text), "{text:?} is expanded");
    let bytes = text.as_bytes();
    let escape = |pair: &[u8]| pair[0] == b'\\' && b"\\nst'".contains(&pair[1]);
    if !bytes.windows(2).any(escape) {
        return text.to_owned();
    }
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    while at < bytes.len() {
        let mut literal = false;
        if bytes[at] == b'\\' && is(at + 1, b'$') {
            literal = true;
            at += if is(at + 2, b'$') { 2 } else { 1 };
        } else if bytes[at] == b'\\' && is(at + 1, b'\'') {
            at += 2;
            continue;
        } else if bytes[at] == b'\\' && is(at + 1, b'\\') {
            out.push(b'\\');
            at += 2;
            continue;
        }
        if bytes[at] == b'$' && !literal && is(at + 1, b'$') {
            at += 1;
        }
        out.push(bytes[at]);
        at += 1;
    }
    String::from_utf8(out).expect("UTF-8")
}

/// Returns whether `switch_utils.h` `switch_string_var_check` finds a variable: `$`, any `\`, then
/// `{`.
fn has_variable(text: &str) -> bool {
    let mut dollar = false;
    for byte in text.bytes() {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return true,
            b'\\' => {}
            _ => dollar = false,
        }
    }
    false
}

/// Returns whether the switch could expand something here: now, once a dialplan has read the value
/// (which strips `\` and quotes), or once it has written another value behind it.
pub fn could_expand(text: &str) -> bool {
    if !text.contains('$') {
        return false;
    }
    let read: String = text.chars().filter(|c| !"\\'\"".contains(*c)).collect();
    has_variable(text) || read.contains("${") || read.ends_with('$')
}

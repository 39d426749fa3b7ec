//! Reads the bytes of commands as FreeSWITCH does: an independent reader that follows `read_packet`
//! of mod_event_socket.c, and the effect of `uuid_setvar` and `set` on a value.

/// One command as the switch understood it.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// The lines, the command first.
    pub block: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Read {
    /// Returns the command itself.
    pub fn first(&self) -> &str {
        self.block.split('\n').next().unwrap()
    }

    /// Returns a header, which must not occur twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|header| header.0 == name);
        let value = found.next().map(|header| header.1.as_str());
        assert_eq!(found.next(), None, "{name} twice");
        value
    }
}

/// Reads commands as the switch does. It skips line ends before a block, takes bytes up to two line
/// ends in a row (`\r` between them does not count), then as many bytes as a content-length says. A
/// NUL ends every C string.
pub fn read_all(bytes: &[u8]) -> Vec<Read> {
    let mut rest = bytes;
    let mut commands = Vec::new();
    loop {
        while let [b'\r' | b'\n', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return commands;
        }
        let mut ends = 0;
        let mut length = 0;
        while ends < 2 {
            match rest[length] {
                b'\n' => ends += 1,
                b'\r' => {}
                _ => ends = 0,
            }
            length += 1;
        }
        let (block, after) = rest.split_at(length);
        rest = after;
        let block = block.split(|byte| *byte == 0).next().unwrap();
        let mut read = Read {
            block: String::from_utf8(block.to_vec())
                .unwrap()
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            ..Read::default()
        };
        // The switch looks for a `\r` anywhere first, then for a `\n`.
        for line in read.block.split(['\r', '\n']).skip(1) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim_start_matches(' ').to_owned();
            if name.eq_ignore_ascii_case("content-length") {
                let (body, after) = rest.split_at(value.parse().unwrap());
                let body = body.split(|byte| *byte == 0).next().unwrap();
                read.body.push_str(std::str::from_utf8(body).unwrap());
                rest = after;
            }
            read.headers.push((name.to_owned(), value));
        }
        commands.push(read);
    }
}

/// Returns the third word and everything after it, as `switch_separate_string` passes it to
/// `uuid_setvar`: quotes and escapes undone, spaces at the edges removed.
pub fn third_argument(arguments: &str) -> String {
    let text = arguments.splitn(3, ' ').nth(2).unwrap();
    let text = text.trim_start_matches(' ');
    let mut out = String::new();
    let mut end = 0;
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match (character, characters.peek()) {
            ('\\', Some(same @ ('\'' | '"' | '\\'))) => Some(*same),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('s')) => Some(' '),
            _ => None,
        };
        if let Some(escaped) = escaped {
            characters.next();
            out.push(escaped);
            end = out.len();
        } else if character == '\'' && (quoted || characters.clone().any(|next| next == '\'')) {
            quoted = !quoted;
        } else {
            out.push(character);
            if character != ' ' || quoted {
                end = out.len();
            }
        }
    }
    out.truncate(end);
    out
}

/// Expands text without `${` as `switch_channel_expand_variables` does. Text without an escape
/// stays unchanged. Otherwise pairs of `\` and of `$` become one, and `\'` vanishes.
pub fn expanded(text: &str) -> String {
    let escapes = ["\\\\", "\\n", "\\s", "\\t", "\\'"];
    if !escapes.iter().any(|escape| text.contains(escape)) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(mut character) = characters.next() {
        if character == '\\' {
            match characters.peek() {
                Some('\\') => {
                    characters.next();
                    out.push('\\');
                    continue;
                }
                Some('\'') => {
                    characters.next();
                    continue;
                }
                Some('$') => character = characters.next().unwrap(),
                _ => {}
            }
        }
        if character == '$' && characters.peek() == Some(&'$') {
            characters.next();
        }
        out.push(character);
    }
    out
}

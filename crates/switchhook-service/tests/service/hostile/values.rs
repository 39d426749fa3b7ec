//! Values made of pieces that have a meaning somewhere; the same in every run.

/// The values of one seed.
pub struct Values(fastrand::Rng);

const PIECES: [&str; 64] = [
    "$",
    "$",
    "$$",
    "{",
    "{",
    "}",
    "${",
    "$${",
    "\\",
    "\\\\",
    "\\$",
    "\\{",
    "'",
    "\"",
    "`",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\t",
    "\0",
    "\x0b",
    "\x1b",
    "\x7f",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{fffd}",
    "\u{200b}",
    "ARRAY::",
    "array::",
    "|:",
    "^^:",
    "${uuid}",
    "$${uuid}",
    "${strftime(%Y)}",
    "@{x}",
    "%24%7B",
    "%",
    "unload mod_event_socket",
    "reload",
    "mod_event_socket",
    "UNLOAD",
    "\n\napi status\n\n",
    "\nContent-Length: 7\n\n",
    "exit\n\n",
    "+OK",
    "-ERR",
    "$100",
    "US$5",
    "a",
    "Z",
    "7",
    "=",
    ",",
    ";",
    ":",
    "[x]",
    "é",
    "日本",
    "🕿",
    "\\n\\s\\t",
    "_undef_",
];

impl Values {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Returns a few pieces; now and then a long run of one, longer than a line may be.
    pub fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.0.usize(..9) {
            let piece = self.piece();
            match self.0.u32(..500) {
                0 => text.push_str(&piece.repeat(self.0.usize(500..1500))),
                1..20 => text.push_str(&piece.repeat(self.0.usize(2..40))),
                20..30 => text.push(self.0.char(..)),
                _ => text.push_str(piece),
            }
        }
        text
    }

    /// Returns such a text as bytes, at times not even UTF-8.
    pub fn bytes(&mut self) -> Vec<u8> {
        let mut bytes = self.text().into_bytes();
        if self.0.u32(..4) == 0 {
            let at = self.0.usize(..=bytes.len());
            bytes.insert(at, self.0.u8(128..));
        }
        bytes
    }

    fn piece(&mut self) -> &'static str {
        PIECES[self.0.usize(..PIECES.len())]
    }
}

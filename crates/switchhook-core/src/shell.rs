//! Commands that a person copies into a shell.

use crate::printable;

/// Returns a command line of these words, each quoted where a shell would read it otherwise.
#[must_use]
pub fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

/// Quotes a word for a POSIX shell, unless it is plain. A word with control characters or direction
/// marks needs `$'…'`, which bash and zsh read.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-=+:/@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(printable::acts) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let mut out = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if printable::acts(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_each_word_as_it_is() {
        for (word, shown) in [
            ("lookup", "lookup"),
            ("flow.key.a=1", "flow.key.a=1"),
            ("", "''"),
            ("two words", "'two words'"),
            ("O'Hara", "'O'\\''Hara'"),
            ("${uuid}", "'${uuid}'"),
            ("a;b&c|d", "'a;b&c|d'"),
            ("a\nb'c", "$'a\\u000ab\\'c'"),
        ] {
            assert_eq!(command(["x", word]), format!("x {shown}"), "{word}");
        }
    }

    #[test]
    fn sh_prints_the_words_that_it_is_given() {
        for word in [
            "O'Hara; echo no",
            "${uuid} `x` \"y\" \\z",
            "*?[a]~#!",
            "-- ",
        ] {
            let line = command(["printf", "%s", word]);
            let ran = std::process::Command::new("/bin/sh")
                .args(["-c", &line])
                .output();
            assert_eq!(
                String::from_utf8(ran.unwrap().stdout).unwrap(),
                word,
                "{line}"
            );
        }
    }
}

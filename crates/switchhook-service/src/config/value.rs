//! What a key's value can be: each kind turns a TOML value into ours or says what is wrong.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::Value;

/// Elements that a list may have.
const LIST_LIMIT: usize = 1024;
/// Characters of a value that a message shows.
const SHOWN: usize = 80;

/// What is wrong with a value, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) help: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

/// What a kind makes of a value.
pub(super) type Read<T> = Result<T, Wrong>;

pub(super) fn is_a_table() -> Wrong {
    Wrong::new("is a table", "write a plain value")
}

pub(super) fn is_no_table() -> Wrong {
    Wrong::new("is a plain value", "write a table: its keys in braces")
}

/// Any text.
pub(super) fn text(value: &Value) -> Read<String> {
    let help = "write a text in quotes";
    let text = value
        .as_str()
        .ok_or_else(|| Wrong::new(is(value), help))?
        .to_owned();
    if text.contains('\0') {
        return Err(Wrong::new("contains a NUL character", "leave it out"));
    }
    Ok(text)
}

/// Any text that is not empty.
pub(super) fn filled(value: &Value) -> Read<String> {
    let text = text(value)?;
    if text.is_empty() {
        return Err(Wrong::new("is empty", "write a text in quotes"));
    }
    Ok(text)
}

/// A text of one line, as it goes on a command line of the switch.
pub(super) fn one_line(value: &Value) -> Read<String> {
    let text = filled(value)?;
    if text.chars().any(char::is_control) {
        let what = "contains a line break or another control character";
        return Err(Wrong::new(what, "write it on one line"));
    }
    Ok(text)
}

/// A name that may stand in a dialplan's variable and in a filter of the Event Socket.
pub(super) fn word(value: &Value) -> Read<String> {
    let text = one_line(value)?;
    let fits = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins || !text.chars().all(fits) || text.len() > 64 {
        let what = "is no name";
        let help = "use letters, digits, _ . and -, a letter or digit first, at most 64";
        return Err(Wrong::new(what, help));
    }
    Ok(text)
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Read<bool> {
    let wrong = || Wrong::new(is(value), "write true or false, without quotes");
    value.as_bool().ok_or_else(wrong)
}

/// A whole number.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Read<T>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    move |value| {
        let wrong = || Wrong::new(is(value), "write a whole number, without quotes");
        let number = value.as_integer().ok_or_else(wrong)?;
        let outside = || {
            let what = format!("{number} is outside {} to {}", range.start(), range.end());
            Wrong::new(what, "choose a number in this range")
        };
        let number = T::try_from(number).ok().ok_or_else(outside)?;
        range
            .contains(&number)
            .then_some(number)
            .ok_or_else(outside)
    }
}

/// A size in bytes: a whole number, or a text such as `"64 KiB"`.
pub(super) fn bytes(range: RangeInclusive<usize>) -> impl Fn(&Value) -> Read<usize> {
    move |value| {
        let size = match value.as_str() {
            Some(text) => size(text),
            None => value.as_integer().and_then(|size| size.try_into().ok()),
        };
        let help = "write a whole number of bytes, or a text such as \"64 KiB\" or \"8 MiB\"";
        let size = size.ok_or_else(|| Wrong::new(shown(value) + " is not a size", help))?;
        if range.contains(&size) {
            return Ok(size);
        }
        let what = format!(
            "{} is outside {} to {} bytes",
            shown(value),
            range.start(),
            range.end()
        );
        Err(Wrong::new(what, "choose a size in this range"))
    }
}

fn size(text: &str) -> Option<usize> {
    let unit = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let factor = match text[unit..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    text[..unit].parse::<usize>().ok()?.checked_mul(factor)
}

/// A time with its unit, `"10s"`, `"500ms"`, `"2m"`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Value) -> Read<Duration> {
    move |value| {
        let Some(text) = value.as_str() else {
            let unit = value.as_integer().map(|number| format!("\"{number}s\""));
            let example = unit.unwrap_or_else(|| "\"10s\"".into());
            let help = format!("write a text with its unit, such as {example}");
            return Err(Wrong::new(is(value), help));
        };
        let help = "write a number with its unit, such as \"10s\" or \"500ms\"";
        let time = humantime::parse_duration(text)
            .map_err(|_| Wrong::new(format!("{text:?} is not a time"), help))?;
        if time > *range.end() {
            let end = in_words(*range.end());
            let what = format!("{text:?} is above the limit of {end}");
            return Err(Wrong::new(what, format!("choose at most \"{end}\"")));
        }
        if time < *range.start() {
            let start = in_words(*range.start());
            let what = format!("{text:?} is below the least of {start}");
            return Err(Wrong::new(what, format!("choose at least \"{start}\"")));
        }
        Ok(time)
    }
}

/// A time as the file would have it: in seconds up to two minutes.
pub(super) fn in_words(time: Duration) -> String {
    if time.subsec_nanos() == 0 && time.as_secs() <= 120 {
        return format!("{}s", time.as_secs());
    }
    humantime::format_duration(time).to_string()
}

/// One of a few words.
pub(super) fn one_of<T: Clone>(words: &'static [(&'static str, T)]) -> impl Fn(&Value) -> Read<T> {
    move |value| {
        let names = words.iter().map(|(name, _)| format!("{name:?}"));
        let help = format!("write {}", names.collect::<Vec<_>>().join(" or "));
        let Some(text) = value.as_str() else {
            return Err(Wrong::new(is(value), help));
        };
        let choice = words.iter().find(|(name, _)| *name == text);
        let wrong = || Wrong::new(format!("{} is not a choice", shown(value)), help);
        choice.map(|(_, choice)| choice.clone()).ok_or_else(wrong)
    }
}

/// A list of one kind.
pub(super) fn list<T>(kind: impl Fn(&Value) -> Read<T>) -> impl Fn(&Value) -> Read<Vec<T>> {
    move |value| {
        let wrong = || Wrong::new(is(value), "write a list in brackets");
        let array = value.as_array().ok_or_else(wrong)?;
        if array.len() > LIST_LIMIT {
            let what = format!("has {} elements", array.len());
            return Err(Wrong::new(what, format!("write at most {LIST_LIMIT}")));
        }
        let element = |(index, value)| {
            let nth = |wrong: Wrong| {
                let what = format!("element {}: {}", index + 1, wrong.what);
                Wrong::new(what, wrong.help)
            };
            kind(value).map_err(nth)
        };
        array.iter().enumerate().map(element).collect()
    }
}

/// A kind whose empty text means "none".
pub(super) fn optional<T>(kind: impl Fn(&Value) -> Read<T>) -> impl Fn(&Value) -> Read<Option<T>> {
    move |value| match value.as_str() {
        Some("") => Ok(None),
        Some(_) | None => kind(value).map(Some),
    }
}

/// A name or address, `host:port`; an IPv6 address in brackets.
pub(super) fn host_and_port(value: &Value) -> Read<String> {
    let text = one_line(value)?;
    let (host, port) = text.rsplit_once(':').unwrap_or((&text, ""));
    let port = port.parse::<u16>().is_ok_and(|port| port != 0);
    let host = host.starts_with('[') && host.ends_with(']') || !host.contains(':');
    if port && host && !text.starts_with(':') && !text.contains(char::is_whitespace) {
        return Ok(text);
    }
    let what = format!("{text:?} is not a host with its port");
    Err(Wrong::new(
        what,
        "write it as \"127.0.0.1:8021\" or \"[::1]:8021\"",
    ))
}

/// What the value is instead, without showing it: it may be a secret.
pub(super) fn is(value: &Value) -> String {
    let kind = match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    };
    format!("is {kind}")
}

/// The value for a message, cut when it is long.
pub(super) fn shown(value: &Value) -> String {
    let text = match value.as_str() {
        Some(text) => format!("{text:?}"),
        None => value.clone().decorated("", "").to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The word that was probably meant: at most a third of its letters wrong.
pub(super) fn nearest<'w>(wrong: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let distance = |word: &str| strsim::osa_distance(&wrong.to_lowercase(), &word.to_lowercase());
    words
        .map(|word| (distance(word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

//! Parses the value of a key: each function accepts one kind of value or returns a [`Problem`].

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::Value;

/// Most elements of a list.
const MAX_LIST_ELEMENTS: usize = 1024;
/// Most characters of a value in a message.
const MAX_SHOWN_CHARS: usize = 80;

/// What is wrong with a value, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) help: String,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

/// The parsed value, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, Problem>;

pub(super) fn unexpected_table() -> Problem {
    Problem::new("is a table", "write a plain value")
}

pub(super) fn expected_table() -> Problem {
    Problem::new("is a plain value", "write a table, with its keys in braces")
}

/// Parses any text without a NUL character.
pub(super) fn text(value: &Value) -> Parsed<String> {
    let help = "write a text in quotes";
    let text = value
        .as_str()
        .ok_or_else(|| Problem::new(found_type(value), help))?
        .to_owned();
    if text.contains('\0') {
        return Err(Problem::new("contains a NUL character", "leave it out"));
    }
    Ok(text)
}

/// Parses a text that is not empty.
pub(super) fn non_empty(value: &Value) -> Parsed<String> {
    let text = text(value)?;
    if text.is_empty() {
        return Err(Problem::new("is empty", "write a text in quotes"));
    }
    Ok(text)
}

/// Parses a text of one line: it goes into a command line for the switch.
pub(super) fn one_line(value: &Value) -> Parsed<String> {
    let text = non_empty(value)?;
    if text.chars().any(char::is_control) {
        let what = "contains a line break or another control character";
        return Err(Problem::new(what, "write it on one line"));
    }
    Ok(text)
}

/// Parses a name that is safe in a dialplan variable and in an Event Socket filter.
pub(super) fn identifier(value: &Value) -> Parsed<String> {
    let text = one_line(value)?;
    let fits = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !begins || !text.chars().all(fits) || text.len() > 64 {
        let what = format!("{} is not a name", display(value));
        let help = "use at most 64 letters, digits, _ . and -, with a letter or digit first";
        return Err(Problem::new(what, help));
    }
    Ok(text)
}

/// Parses `true` or `false`.
pub(super) fn boolean(value: &Value) -> Parsed<bool> {
    let problem = || Problem::new(found_type(value), "write true or false, without quotes");
    value.as_bool().ok_or_else(problem)
}

/// Parses a whole number within `range`.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Parsed<T>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    move |value| {
        let problem = || Problem::new(found_type(value), "write a whole number, without quotes");
        let number = value.as_integer().ok_or_else(problem)?;
        let outside = || {
            let what = format!("{number} is outside {} to {}", range.start(), range.end());
            Problem::new(what, "choose a number in this range")
        };
        let number = T::try_from(number).ok().ok_or_else(outside)?;
        range
            .contains(&number)
            .then_some(number)
            .ok_or_else(outside)
    }
}

/// Parses a size in bytes within `range`: a whole number, or a text such as `"64 KiB"`.
pub(super) fn byte_size(range: RangeInclusive<usize>) -> impl Fn(&Value) -> Parsed<usize> {
    move |value| {
        let size = match value.as_str() {
            Some(text) => parse_size(text),
            None => value.as_integer().and_then(|size| size.try_into().ok()),
        };
        let help = "write a whole number of bytes, or a text such as \"64 KiB\" or \"8 MiB\"";
        let size = size.ok_or_else(|| Problem::new(display(value) + " is not a size", help))?;
        if range.contains(&size) {
            return Ok(size);
        }
        let what = format!(
            "{} is outside {} to {} bytes",
            display(value),
            range.start(),
            range.end()
        );
        Err(Problem::new(what, "choose a size in this range"))
    }
}

fn parse_size(text: &str) -> Option<usize> {
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

/// Parses a time with its unit (`"10s"`, `"500ms"`, `"2m"`) within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Value) -> Parsed<Duration> {
    move |value| {
        let Some(text) = value.as_str() else {
            let unit = value.as_integer().map(|number| format!("\"{number}s\""));
            let example = unit.unwrap_or_else(|| "\"10s\"".into());
            let help = format!("write a text with its unit, such as {example}");
            return Err(Problem::new(found_type(value), help));
        };
        let help = "write a number with its unit, such as \"10s\" or \"500ms\"";
        let time = humantime::parse_duration(text)
            .map_err(|_| Problem::new(format!("{text:?} is not a time"), help))?;
        if time > *range.end() {
            let end = format_duration(*range.end());
            let what = format!("{text:?} is above the limit of {end}");
            return Err(Problem::new(what, format!("choose at most \"{end}\"")));
        }
        if time < *range.start() {
            let start = format_duration(*range.start());
            let what = format!("{text:?} is below the minimum of {start}");
            return Err(Problem::new(what, format!("choose at least \"{start}\"")));
        }
        Ok(time)
    }
}

/// Formats a time as the file would have it: in seconds up to two minutes.
pub(super) fn format_duration(time: Duration) -> String {
    if time.subsec_nanos() == 0 && time.as_secs() <= 120 {
        return format!("{}s", time.as_secs());
    }
    humantime::format_duration(time).to_string()
}

/// Parses one of a few words.
pub(super) fn one_of<T: Clone>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value) -> Parsed<T> {
    move |value| {
        let names = words.iter().map(|(name, _)| format!("{name:?}"));
        let help = format!("write {}", names.collect::<Vec<_>>().join(" or "));
        let Some(text) = value.as_str() else {
            return Err(Problem::new(found_type(value), help));
        };
        let choice = words.iter().find(|(name, _)| *name == text);
        let problem = || Problem::new(format!("{} is not a choice", display(value)), help);
        choice.map(|(_, choice)| choice.clone()).ok_or_else(problem)
    }
}

/// Parses a list whose elements are all of one kind.
pub(super) fn list<T>(parse: impl Fn(&Value) -> Parsed<T>) -> impl Fn(&Value) -> Parsed<Vec<T>> {
    move |value| {
        let problem = || Problem::new(found_type(value), "write a list in brackets");
        let array = value.as_array().ok_or_else(problem)?;
        if array.len() > MAX_LIST_ELEMENTS {
            let what = format!("has {} elements", array.len());
            return Err(Problem::new(
                what,
                format!("write at most {MAX_LIST_ELEMENTS}"),
            ));
        }
        let element = |(index, value)| {
            let nth = |problem: Problem| {
                let what = format!("element {}: {}", index + 1, problem.what);
                Problem::new(what, problem.help)
            };
            parse(value).map_err(nth)
        };
        array.iter().enumerate().map(element).collect()
    }
}

/// Parses a value whose empty text means "none".
pub(super) fn optional<T>(
    parse: impl Fn(&Value) -> Parsed<T>,
) -> impl Fn(&Value) -> Parsed<Option<T>> {
    move |value| match value.as_str() {
        Some("") => Ok(None),
        Some(_) | None => parse(value).map(Some),
    }
}

/// Parses `host:port`; an IPv6 address stands in brackets.
pub(super) fn host_and_port(value: &Value) -> Parsed<String> {
    let text = one_line(value)?;
    let (host, port) = text.rsplit_once(':').unwrap_or((&text, ""));
    let port = port.parse::<u16>().is_ok_and(|port| port != 0);
    let host = host.starts_with('[') && host.ends_with(']') || !host.contains(':');
    if port && host && !text.starts_with(':') && !text.contains(char::is_whitespace) {
        return Ok(text);
    }
    let what = format!("{text:?} is not a host with its port");
    Err(Problem::new(
        what,
        "write it as \"127.0.0.1:8021\" or \"[::1]:8021\"",
    ))
}

/// Describes the value's type without showing the value: it may be a secret.
pub(super) fn found_type(value: &Value) -> String {
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

/// Returns the value for a message, truncated to [`MAX_SHOWN_CHARS`].
pub(super) fn display(value: &Value) -> String {
    let text = match value.as_str() {
        Some(text) => format!("{text:?}"),
        None => value.clone().decorated("", "").to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns the word that was probably meant: at most a third of its letters differ.
pub(super) fn closest_match<'w>(
    problem: &str,
    words: impl Iterator<Item = &'w str>,
) -> Option<&'w str> {
    let distance = |identifier: &str| {
        strsim::osa_distance(&problem.to_lowercase(), &identifier.to_lowercase())
    };
    words
        .map(|identifier| (distance(identifier), identifier))
        .filter(|(distance, identifier)| *distance <= (identifier.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, identifier)| identifier)
}

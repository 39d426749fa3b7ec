//! Reads responses: parses the body as its type, within limits, and maps its values to variables.
//!
//! * JSON: a path is RFC 9535 JSONPath; its first node counts. `null` counts as not found. A
//!   string is its text; any other value is compact JSON and marked as typed.
//! * XML: a path is a part of XPath 1.0: `/a/b`, `//b`, `*`, `.`, `..`, `@attr`, `text()`, `[2]`,
//!   `[last()]`, `[@a]`, `[child]`, `[@a='v']`, `[child='v']`, `[text()='v']`, `string(…)` and
//!   `normalize-space(…)`. The string value of the first node counts. Names match in any
//!   namespace.
//! * Text: the one group of a regular expression, or without a group the whole match.
//!
//! Bodies are UTF-8. A text or XML body is read as windows-1252, which contains Latin-1, if its
//! `Content-Type` or XML declaration says `iso-8859-1`, `latin1`, `windows-1252` or `us-ascii`.
//! Unreadable bytes become U+FFFD in text; JSON and XML with such bytes are refused.

mod json;
mod text;
mod xml;
mod xpath;

use std::borrow::Cow;

use regex::Regex;
use serde_json_path::JsonPath;

use super::compile_error::CompileError;
use super::options::{Mapping, ResponseOptions, ResponseType, ValueKind};
use switchhook_core::outcome::{Failure, Mapped, Reason};
use xpath::XPath;

/// Reads the responses of one webhook.
#[derive(Debug)]
pub struct ResponseParser {
    kind: ResponseType,
    limit: usize,
    map: Vec<CompiledMapping>,
}

/// A compiled entry of `response.map`.
#[derive(Debug)]
struct CompiledMapping {
    name: String,
    path: String,
    finder: CompiledPath,
    kind: ValueKind,
    default: Option<String>,
}

/// A compiled path.
#[derive(Debug)]
enum CompiledPath {
    Json(JsonPath),
    Xml(XPath),
    Text(Regex),
}

/// A value that a path found.
#[derive(Debug, PartialEq, Eq)]
struct FoundValue {
    text: String,
    typed: bool,
}

impl ResponseParser {
    /// Compiles the paths; adds problems to `errors`.
    pub fn compile(options: &ResponseOptions, errors: &mut Vec<CompileError>) -> Self {
        if options.limit == 0 {
            let help = "set how many bytes of a response are read, such as 65536";
            errors.push(CompileError::new("response.limit", "it is 0", help));
        }
        let map = options.map.iter();
        Self {
            kind: options.kind,
            limit: options.limit,
            map: map
                .filter_map(|mapping| CompiledMapping::compile(options.kind, mapping, errors))
                .collect(),
        }
    }

    /// Returns how many bytes of a body are read, after decompression.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the variables' names, without `flow.key.`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.map.iter().map(|wanted| wanted.name.as_str())
    }

    /// Returns the variables with their paths.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.map.iter();
        all.map(|wanted| (wanted.name.as_str(), wanted.path.as_str()))
    }

    /// Returns whether each path finds a value of its kind, in the order of
    /// [`ResponseParser::paths`]; `None` if the body does not parse.
    #[must_use]
    pub fn matches(&self, content_type: Option<&str>, body: &[u8]) -> Option<Vec<bool>> {
        if body.is_empty() {
            return Some(self.map.iter().map(|_| false).collect());
        }
        let found = self.find(content_type, body).ok()?;
        let fits = |(wanted, found): (&CompiledMapping, Option<FoundValue>)| {
            found.is_some_and(|found| is_of(wanted.kind, &found.text))
        };
        Some(self.map.iter().zip(found).map(fits).collect())
    }

    /// Returns the variables of a 2xx response.
    ///
    /// An empty body is valid; no path finds anything in it.
    ///
    /// # Errors
    /// [`Reason::InvalidResponse`] if the body does not parse as its type;
    /// [`Reason::InvalidResponseMap`] if a required path finds no value of its kind.
    pub fn parse(&self, content_type: Option<&str>, body: &[u8]) -> Result<Vec<Mapped>, Failure> {
        let found = if body.is_empty() {
            self.map.iter().map(|_| None).collect()
        } else {
            self.find(content_type, body)?
        };
        self.settle(found)
    }

    fn find(
        &self,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<Option<FoundValue>>, Failure> {
        let finders = self.map.iter().map(|wanted| &wanted.finder);
        match self.kind {
            ResponseType::Json => json::find(body, finders),
            ResponseType::Xml => xml::find(&decode(content_type, body, true)?, finders),
            ResponseType::Text => {
                let text = decode(content_type, body, false)?;
                Ok(text::find(&text, finders))
            }
        }
    }

    /// Checks kinds, applies defaults, and names every required path that found nothing.
    fn settle(&self, found: Vec<Option<FoundValue>>) -> Result<Vec<Mapped>, Failure> {
        let mut mapped = Vec::with_capacity(self.map.len());
        let mut unmatched = Vec::new();
        for (wanted, found) in self.map.iter().zip(found) {
            match wanted.settle(found) {
                Ok(value) => mapped.push(value),
                Err(sentence) => unmatched.push(sentence),
            }
        }
        if unmatched.is_empty() {
            Ok(mapped)
        } else {
            Err(Failure::new(
                Reason::InvalidResponseMap,
                unmatched.join("; "),
            ))
        }
    }
}

impl CompiledMapping {
    fn compile(
        kind: ResponseType,
        mapping: &Mapping,
        errors: &mut Vec<CompileError>,
    ) -> Option<Self> {
        let key = format!("response.map.{}", mapping.name);
        let default = mapping.default.as_deref();
        // An empty default leaves the variable unset.
        let unfit = |default: &&str| !default.is_empty() && !is_of(mapping.kind, default);
        if let Some(default) = default.filter(unfit) {
            let what = format!(
                "the default {default:?} is not {}",
                description(mapping.kind)
            );
            let help = "change the default, or take out `as`";
            errors.push(CompileError::new(&key, what, help));
        }
        match CompiledPath::compile(kind, &mapping.path) {
            Ok(finder) => Some(Self {
                name: mapping.name.clone(),
                path: mapping.path.clone(),
                finder,
                kind: mapping.kind,
                default: mapping.default.clone(),
            }),
            Err((what, help)) => {
                errors.push(CompileError::new(key, what, help));
                None
            }
        }
    }

    fn settle(&self, found: Option<FoundValue>) -> Result<Mapped, String> {
        let there = found.is_some();
        let fit = found.filter(|found| is_of(self.kind, &found.text));
        let default = self.default.as_ref().map(|text| FoundValue {
            text: text.clone(),
            typed: false,
        });
        match fit.or(default) {
            Some(FoundValue { text, typed }) => Ok(Mapped {
                name: self.name.clone(),
                text,
                typed,
            }),
            None if there => Err(format!(
                "the value that {} found for {} is not {}",
                self.path,
                self.name,
                description(self.kind)
            )),
            None => Err(format!(
                "{} found nothing in the response for {}",
                self.path, self.name
            )),
        }
    }
}

impl CompiledPath {
    /// Compiles a path.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    fn compile(kind: ResponseType, path: &str) -> Result<Self, (String, String)> {
        match kind {
            ResponseType::Json => JsonPath::parse(path).map(Self::Json).map_err(|error| {
                let what = format!("{path:?} is not a JSONPath: {error}");
                (
                    what,
                    "write a path such as $.customer.name (RFC 9535)".into(),
                )
            }),
            ResponseType::Xml => XPath::parse(path).map(Self::Xml).map_err(|error| {
                let what = format!("{path:?} is not a supported XPath: {error}");
                (what, format!("use {}", xpath::SUBSET))
            }),
            ResponseType::Text => text::compile(path).map(Self::Text),
        }
    }
}

/// Returns whether `text` has only the characters that `kind` allows.
fn is_of(kind: ValueKind, text: &str) -> bool {
    let only = |most: usize, extra: &[u8], letters: bool| {
        let fits = |byte: u8| {
            byte.is_ascii_digit()
                || (letters && byte.is_ascii_alphabetic())
                || extra.contains(&byte)
        };
        (1..=most).contains(&text.len()) && text.bytes().all(fits)
    };
    match kind {
        ValueKind::Text => true,
        ValueKind::Word => only(64, b"_.-", true),
        ValueKind::Digits => only(32, b"+*#", false),
    }
}

const fn description(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Text => "text",
        ValueKind::Word => "a word of at most 64 letters, digits, _ . and -",
        ValueKind::Digits => "at most 32 of the digits 0-9 + * #",
    }
}

/// Decodes a body as the module describes. `exact` refuses unreadable bytes.
fn decode<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
    exact: bool,
) -> Result<Cow<'a, str>, Failure> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let declared = content_type
        .and_then(charset)
        .or_else(|| xml::declared(body));
    if declared.is_some_and(|name| is_latin1(&name)) {
        return Ok(body.iter().map(|byte| western(*byte)).collect());
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.into()),
        Err(_) if exact => Err(invalid("the response is not UTF-8")),
        Err(_) => Ok(String::from_utf8_lossy(body)),
    }
}

fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase())
}

fn is_latin1(charset: &str) -> bool {
    let names = [
        "iso-8859-1",
        "iso8859-1",
        "latin1",
        "latin-1",
        "l1",
        "windows-1252",
        "cp1252",
        "us-ascii",
    ];
    names.contains(&charset.to_ascii_lowercase().as_str())
}

/// Returns the character of a windows-1252 byte, or of a Latin-1 byte where windows-1252 has
/// none.
fn western(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).map(usize::from);
    high.and_then(|at| HIGH.get(at).copied())
        .unwrap_or(char::from(byte))
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidResponse, detail)
}

#[cfg(test)]
mod tests;

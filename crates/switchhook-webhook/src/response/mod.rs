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
//! `charset` decodes bodies. Unreadable bytes become U+FFFD in text; JSON and XML with such bytes
//! are refused.

mod charset;
mod json;
mod numbers;
mod surrogates;
mod text;
mod xml;
mod xpath;

use regex::Regex;

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
    fault: Option<CompiledPath>,
}

/// Characters of a fault's text in a sentence.
const FAULT_CHARS: usize = 200;

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
    Json(json::Path),
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
        let fault = options.fault.as_ref().and_then(|path| {
            let compiled = CompiledPath::compile(options.kind, path);
            let error = |(what, help)| CompileError::new("response.fault", what, help);
            compiled.map_err(|wrong| errors.push(error(wrong))).ok()
        });
        let map = options.map.iter();
        Self {
            fault,
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
        self.find_all(content_type, body, finders)
    }

    fn find_all<'a>(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        finders: impl Iterator<Item = &'a CompiledPath>,
    ) -> Result<Vec<Option<FoundValue>>, Failure> {
        let text = charset::decode(content_type, body, self.kind)?;
        match self.kind {
            ResponseType::Json => json::find(&text, finders),
            ResponseType::Xml => xml::find(&text, finders),
            ResponseType::Text => Ok(text::find(&text, finders)),
        }
    }

    /// Whether a response is searched for a fault.
    #[must_use]
    pub(crate) fn reads_faults(&self) -> bool {
        self.fault.is_some()
    }

    /// Returns the text of the fault that a response of any status carries; `None` if it carries
    /// none, or does not parse.
    #[must_use]
    pub fn fault(&self, content_type: Option<&str>, body: &[u8]) -> Option<String> {
        let fault = self.fault.as_ref().filter(|_| !body.is_empty())?;
        let found = self.find_all(content_type, body, std::iter::once(fault));
        let text = found.ok()?.into_iter().next().flatten()?.text;
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.chars().filter(|c| !c.is_control());
        let words: String = words.take(FAULT_CHARS).collect();
        Some(if words.is_empty() {
            "no text".into()
        } else {
            words
        })
    }

    /// Whether nothing is read from a response.
    #[must_use]
    pub fn reads_nothing(&self) -> bool {
        self.map.is_empty()
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
            ResponseType::Json => json::Path::parse(path).map(Self::Json).map_err(|error| {
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

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidResponse, detail)
}

#[cfg(test)]
mod tests;

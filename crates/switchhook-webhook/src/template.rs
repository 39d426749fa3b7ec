//! Templates that escape each value for its place in the request.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::template_numbers::{self, with_numbers};
use super::value_marks::{CLOSE, OPEN};
use super::{context, json, xml};

/// All characters but RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The place of a template's text in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplatePlace {
    /// The URL: percent-encoded and marked.
    Url,
    /// A query parameter or header: encoded or checked as a whole afterwards.
    Entry,
    /// A form field: as [`TemplatePlace::Entry`], but a missing value is empty.
    Field,
    /// A JSON document: escaped for the inside of quotes, and marked.
    Json,
    /// An XML document.
    Xml,
    /// Plain text.
    Text,
}

impl TemplatePlace {
    const ALL: [Self; 6] = [
        Self::Url,
        Self::Entry,
        Self::Field,
        Self::Json,
        Self::Xml,
        Self::Text,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Entry => "entry",
            Self::Field => "field",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Text => "text",
        }
    }

    /// Returns whether a missing value is an error in this place.
    const fn is_strict(self) -> bool {
        matches!(self, Self::Url | Self::Entry)
    }

    /// Reads the place from a template's name. A template can change its escaping (`{% autoescape
    /// %}`), but not its name.
    fn of(template: &str) -> Self {
        let word = template.split_once(':').map_or("", |(word, _)| word);
        let found = Self::ALL.into_iter().find(|place| place.word() == word);
        found.unwrap_or(Self::Url)
    }
}

/// The templates of one webhook.
#[derive(Debug)]
pub(super) struct Templates {
    strict: Environment<'static>,
    lenient: Environment<'static>,
}

/// The id of one template in [`Templates`].
#[derive(Debug, Clone)]
pub(super) struct TemplateId {
    name: String,
    place: TemplatePlace,
}

/// Why a template rendered no text.
#[derive(Debug)]
pub(super) enum RenderError {
    /// A required value is missing.
    Missing,
    /// Another error, in the engine's words.
    Broken(String),
}

impl Templates {
    pub(super) fn new() -> Self {
        Self {
            strict: environment(UndefinedBehavior::SemiStrict),
            lenient: environment(UndefinedBehavior::Chainable),
        }
    }

    /// Compiles `source`, the value of the setting `key`.
    pub(super) fn add(
        &mut self,
        place: TemplatePlace,
        key: &str,
        source: &str,
    ) -> Result<TemplateId, String> {
        if source.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("it contains a control character".into());
        }
        let name = format!("{}:{key}", place.word());
        let environment = if place.is_strict() {
            &mut self.strict
        } else {
            &mut self.lenient
        };
        environment
            .add_template_owned(name.clone(), with_numbers(source).into_owned())
            .map_err(|error| words(&error))?;
        Ok(TemplateId { name, place })
    }

    /// Renders a template, with values escaped for its place.
    pub(super) fn render(&self, handle: &TemplateId, scope: &Value) -> Result<String, RenderError> {
        let template = self
            .environment(handle)
            .get_template(&handle.name)
            .map_err(|error| RenderError::Broken(words(&error)))?;
        template.render(scope.clone()).map_err(|error| {
            if error.kind() == ErrorKind::UndefinedError {
                RenderError::Missing
            } else {
                RenderError::Broken(words(&error))
            }
        })
    }

    /// Returns an error that no value could avoid, found by a render with a value for every name:
    /// an unknown filter, test, function or template.
    pub(super) fn unknown(&self, handle: &TemplateId, scope: &Value) -> Option<String> {
        let template = self.environment(handle).get_template(&handle.name).ok()?;
        let error = template.render(scope.clone()).err()?;
        let kinds = [
            ErrorKind::UnknownFilter,
            ErrorKind::UnknownTest,
            ErrorKind::UnknownFunction,
            ErrorKind::UnknownMethod,
            ErrorKind::TemplateNotFound,
            ErrorKind::BadInclude,
        ];
        kinds.contains(&error.kind()).then(|| words(&error))
    }

    /// Returns the names that a template reads, dotted (`flow.key.leadid`).
    pub(super) fn reads(&self, handle: &TemplateId) -> Vec<String> {
        let Ok(template) = self.environment(handle).get_template(&handle.name) else {
            return Vec::new();
        };
        let names = template.undeclared_variables(true).into_iter();
        let globals: Vec<&str> = self.strict.globals().map(|(name, _)| name).collect();
        let names = names.filter(|name| !globals.contains(&name.as_str()));
        names.collect()
    }

    fn environment(&self, handle: &TemplateId) -> &Environment<'static> {
        if handle.place.is_strict() {
            &self.strict
        } else {
            &self.lenient
        }
    }
}

/// Formats the engine's error in one short line.
fn words(error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}"));
    let line = error.line().map(|line| format!(" (line {line})"));
    let all = format!(
        "{}{}{}",
        error.kind(),
        detail.unwrap_or_default(),
        line.unwrap_or_default()
    );
    all.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_debug(false);
    // A custom mode, so that the output of a block counts as escaped for its place.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("place".into()));
    environment.set_formatter(write_value);
    // Every value passes the formatter.
    environment.remove_filter("safe");
    environment.add_filter("tojson", tojson);
    environment.add_filter(template_numbers::FILTER, template_numbers::plain_number);
    environment
}

/// Implements `value | tojson`: a typed JSON literal; `null` for a missing value.
fn tojson(state: &State, value: &Value) -> Result<Value, Error> {
    let place = TemplatePlace::of(state.name());
    refuse_missing(place, value)?;
    let text = json::from_template(value).to_string();
    Ok(if place == TemplatePlace::Json {
        Value::from_safe_string(text)
    } else {
        Value::from(text)
    })
}

fn refuse_missing(place: TemplatePlace, value: &Value) -> Result<(), Error> {
    if place.is_strict() && is_missing(value) {
        return Err(Error::new(ErrorKind::UndefinedError, "nothing is there"));
    }
    Ok(())
}

fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none() || value.as_str() == Some("")
}

fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_safe() {
        return put(out, value.as_str().unwrap_or_default());
    }
    let place = TemplatePlace::of(state.name());
    let own = context::own_value(value);
    let value = own.as_ref().unwrap_or(value);
    refuse_missing(place, value)?;
    let text = plain(value);
    match place {
        TemplatePlace::Url => {
            let encoded = utf8_percent_encode(&text, RESERVED);
            put(out, &format!("{OPEN}{encoded}{CLOSE}"))
        }
        TemplatePlace::Entry | TemplatePlace::Field | TemplatePlace::Text => put(out, &text),
        TemplatePlace::Json if is_typed(value) => put(out, &text),
        TemplatePlace::Json => put(out, &format!("{OPEN}{}{CLOSE}", json::escape(&text))),
        TemplatePlace::Xml => put(out, &xml::escape(&text)),
    }
}

/// Returns whether the value keeps its type in JSON, such as a number or a list of a document.
fn is_typed(value: &Value) -> bool {
    json::is_exact_number(value)
        || matches!(
            value.kind(),
            ValueKind::Bool
                | ValueKind::Number
                | ValueKind::Seq
                | ValueKind::Map
                | ValueKind::Iterable
        )
}

/// Returns the text of a value: a string as it is, nothing if missing, else JSON.
fn plain(value: &Value) -> String {
    if is_missing(value) {
        String::new()
    } else if let Some(text) = value.as_str() {
        text.to_owned()
    } else if is_typed(value) {
        json::from_template(value).to_string()
    } else {
        value.to_string()
    }
}

fn put(out: &mut Output, text: &str) -> Result<(), Error> {
    out.write_str(text)
        .map_err(|_| Error::new(ErrorKind::WriteFailure, "the text could not be written"))
}

//! A webhook's outcome as channel variables, by the table of the contract.
//!
//! A [`VariablePlan`] is what one webhook writes. It sets or unsets every variable of the table,
//! so that nothing of an earlier webhook survives; `flow.line` comes last.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::outcome::{Failure, Mapped, Outcome};
use super::sanitize::inert;

/// Suffix of the variable with a value's exact bytes, in Base64.
pub const EXACT: &str = "_b64";

/// Names the flow variables (comma separated, without `flow.key.`) whose text is JSON other than
/// a string, so that a call's document can restore their type.
pub const JSON_KEYS: &str = "flow.json_keys";

/// Prefix of flow variables on a channel.
pub const FLOW_KEY: &str = "flow.key.";

/// The variable that the hook in the dialplan branches on.
pub const LINE: &str = "flow.line";

/// The full names of the variables that a webhook writes, besides the mapped ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableNames {
    /// `SUCCESS` or `FAILED`.
    pub response_status: String,
    /// The HTTP status.
    pub response_status_code: String,
    /// The class of the HTTP status, on failure.
    pub response_status_type: String,
    /// Seconds with two decimals, such as `0.11`.
    pub response_duration: String,
    /// How many tries were sent, if more than one.
    pub response_attempts: String,
    /// The body as received.
    pub response_raw: String,
    /// `true` or `false`.
    pub response_error: String,
    /// The reason of the failure, one word.
    pub error_reason: String,
    /// The reason of the failure, one sentence.
    pub error_detail: String,
    /// `0` on success, `1` on failure. [`LINE`] is written as well.
    pub line: String,
}

impl Default for VariableNames {
    fn default() -> Self {
        Self {
            response_status: flow_key("response_status"),
            response_status_code: flow_key("response_status_code"),
            response_status_type: flow_key("response_status_type"),
            response_duration: flow_key("response_duration"),
            response_attempts: flow_key("response_attempts"),
            response_raw: flow_key("response_raw"),
            response_error: flow_key("response_error"),
            error_reason: flow_key("error_reason"),
            error_detail: flow_key("error_detail"),
            line: LINE.into(),
        }
    }
}

impl VariableNames {
    /// Returns each standard name with the name it is written under.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &str); 10] {
        [
            ("response_status", &self.response_status),
            ("response_status_code", &self.response_status_code),
            ("response_status_type", &self.response_status_type),
            ("response_duration", &self.response_duration),
            ("response_attempts", &self.response_attempts),
            ("response_raw", &self.response_raw),
            ("response_error", &self.response_error),
            ("error_reason", &self.error_reason),
            ("error_detail", &self.error_detail),
            ("line", &self.line),
        ]
    }

    /// Returns all names but the line's, and the variable with the exact bytes of the body.
    fn table(&self) -> impl Iterator<Item = String> + '_ {
        let names = self.all().into_iter().map(|(_, name)| name);
        let names = names.filter(|name| *name != self.line).map(str::to_owned);
        names.chain(std::iter::once(exact_name(&self.response_raw)))
    }
}

/// What one webhook writes on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariablePlan {
    names: VariableNames,
    raw: bool,
    mapped: Vec<String>,
    /// Variables that are unset unless they are set; the same for every call.
    clears: Vec<String>,
}

impl Default for VariablePlan {
    fn default() -> Self {
        Self::new(VariableNames::default(), false, Vec::new())
    }
}

/// Where the call continues: line 0 after success, line 1 after failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// Success.
    Zero,
    /// Failure.
    One,
}

impl Line {
    /// Returns the text of `flow.line`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zero => "0",
            Self::One => "1",
        }
    }
}

/// One variable to write; a value of `None` unsets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// Full name.
    pub name: Cow<'a, str>,
    /// Inert text, never empty.
    pub value: Option<Cow<'a, str>>,
}

impl VariablePlan {
    /// Creates a plan that writes under `names`; the body too if `raw`. `mapped` holds names of
    /// `response.map`, without `flow.key.`.
    #[must_use]
    pub fn new(names: VariableNames, raw: bool, mapped: Vec<String>) -> Self {
        let mut plan = Self {
            names,
            raw,
            mapped,
            clears: Vec::new(),
        };
        plan.clears = plan.all_names().chain(plan.hook_presets()).collect();
        plan
    }

    /// Returns the names of the table.
    #[must_use]
    pub const fn names(&self) -> &VariableNames {
        &self.names
    }

    /// Returns the names of `response.map`, without `flow.key.`.
    #[must_use]
    pub fn mapped(&self) -> &[String] {
        &self.mapped
    }

    /// Returns every variable that an earlier webhook with this plan could have set.
    pub fn all_names(&self) -> impl Iterator<Item = String> + '_ {
        self.names.table().chain(self.mapped_names())
    }

    /// Returns the standard names that this plan writes under other names. The hook in the
    /// dialplan presets them, and the presets must not outlast the webhook. FreeSWITCH compares
    /// variable names without regard to case (`switch_event.c`: `strcasecmp`).
    fn hook_presets(&self) -> Vec<String> {
        let ours: Vec<String> = self.all_names().chain([self.names.line.clone()]).collect();
        let is_ours = |name: &str| ours.iter().any(|our| our.eq_ignore_ascii_case(name));
        let standard = VariableNames::default();
        standard.table().filter(|name| !is_ours(name)).collect()
    }

    /// Returns the variables of the table and the line, under the hook's names and under this
    /// plan's: what says how a webhook ended.
    pub fn outcome_names(&self) -> impl Iterator<Item = String> + '_ {
        let lines = [self.names.line.clone(), LINE.to_owned()];
        let custom_line = lines[0] != LINE;
        let lines = lines.into_iter().skip(usize::from(!custom_line));
        self.names.table().chain(self.hook_presets()).chain(lines)
    }

    /// Returns the mapped variables and the ones with their exact bytes. The hook in the dialplan
    /// does not know these names, so it cannot clear them.
    pub fn mapped_names(&self) -> impl Iterator<Item = String> + '_ {
        self.mapped.iter().flat_map(|name| {
            let name = flow_key(name);
            [exact_name(&name), name]
        })
    }

    /// Returns the set variables by full name, with the text as it came over HTTP, for reports.
    #[must_use]
    pub fn exact(&self, outcome: &Outcome) -> Vec<(String, String)> {
        let mapped: &[Mapped] = outcome.verdict.as_deref().unwrap_or_default();
        let values = mapped
            .iter()
            .map(|value| (flow_key(&value.name), value.text.clone()));
        let table = self.assignments(outcome, None);
        let own = table
            .into_iter()
            .filter(|row| !self.mapped_names().any(|name| name == row.name));
        let own = own.filter(|row| {
            row.name != self.names.response_raw && row.name != exact_name(&self.names.response_raw)
        });
        let own = own.filter_map(|row| Some((row.name.into_owned(), row.value?.into_owned())));
        let raw = String::from_utf8_lossy(&outcome.raw).into_owned();
        let raw = (self.raw && !raw.is_empty()).then(|| (self.names.response_raw.clone(), raw));
        own.chain(values).chain(raw).collect()
    }

    /// Returns the whole table for `outcome`: variables to set, and variables to unset because
    /// they must not survive from an earlier webhook. The line comes last. `json_keys` is the
    /// channel's present [`JSON_KEYS`].
    #[must_use]
    pub fn assignments(&self, outcome: &Outcome, json_keys: Option<&str>) -> Vec<Assignment<'_>> {
        let mut writer = self.writer();
        match &outcome.verdict {
            Ok(mapped) => self.success(&mut writer, mapped),
            Err(failure) => self.failure(&mut writer, failure, outcome.status),
        }
        if let Some(status) = outcome.status {
            writer.set(&self.names.response_status_code, status.to_string());
        }
        if let Some(duration) = outcome.duration {
            writer.set(&self.names.response_duration, seconds(duration));
        }
        if let Some(sent) = outcome.tries_sent() {
            writer.set(&self.names.response_attempts, sent.to_string());
        }
        if self.raw {
            writer.set_untrusted(&*self.names.response_raw, &outcome.raw);
        }
        self.finish(
            writer,
            outcome.verdict.as_deref().unwrap_or_default(),
            json_keys,
            line(outcome),
        )
    }

    /// Returns the variables of a request that the call does not wait for: line 0, all others
    /// unset.
    #[must_use]
    pub fn in_background(&self, json_keys: Option<&str>) -> Vec<Assignment<'_>> {
        self.finish(self.writer(), &[], json_keys, Line::Zero)
    }

    /// Makes a writer with room for all variables that are known before the call.
    fn writer(&self) -> Writer<'_> {
        Writer(Vec::with_capacity(self.clears.len() + 4))
    }

    fn success<'a>(&'a self, writer: &mut Writer<'a>, mapped: &[Mapped]) {
        writer.set(&self.names.response_status, "SUCCESS");
        writer.set(&self.names.response_error, "false");
        for value in mapped {
            writer.set_untrusted(flow_key(&value.name), value.text.as_bytes());
        }
    }

    fn failure<'a>(&'a self, writer: &mut Writer<'a>, failure: &Failure, status: Option<u16>) {
        writer.set(&self.names.response_status, "FAILED");
        writer.set(&self.names.response_error, "true");
        writer.set(&self.names.error_reason, failure.reason.as_str());
        writer.set(
            &self.names.error_detail,
            inert(&failure.detail).into_owned(),
        );
        if let Some(class) = status.and_then(status_type) {
            writer.set(&self.names.response_status_type, class);
        }
    }

    fn finish<'a>(
        &'a self,
        mut writer: Writer<'a>,
        mapped: &[Mapped],
        json_keys: Option<&str>,
        line: Line,
    ) -> Vec<Assignment<'a>> {
        for name in &self.clears {
            writer.unset_if_absent(name);
        }
        let keys = self.json_keys(mapped, json_keys);
        if keys.as_deref() != json_keys {
            writer.0.push(Assignment {
                name: JSON_KEYS.into(),
                value: keys.map(Cow::Owned),
            });
        }
        if !self.names.line.eq_ignore_ascii_case(LINE) {
            writer.set(&self.names.line, line.as_str());
        }
        // Written under any configuration: the hook in the dialplan branches on this name.
        writer.set(LINE, line.as_str());
        writer.0
    }

    /// Keeps the names of earlier webhooks; those that this plan writes are set anew.
    fn json_keys(&self, mapped: &[Mapped], before: Option<&str>) -> Option<String> {
        let earlier = before
            .into_iter()
            .flat_map(|keys| keys.split(','))
            .filter(|key| !key.is_empty());
        let kept = earlier.filter(|key| !self.mapped.iter().any(|name| name == key));
        let new = mapped
            .iter()
            .filter(|value| value.typed)
            .map(|value| value.name.as_str());
        let keys: Vec<&str> = kept.chain(new).collect();
        (!keys.is_empty()).then(|| keys.join(","))
    }
}

/// Returns the line that `outcome` takes.
#[must_use]
pub fn line(outcome: &Outcome) -> Line {
    if outcome.verdict.is_ok() {
        Line::Zero
    } else {
        Line::One
    }
}

/// Returns the class of an HTTP status, in the contract's words; `None` outside 100 to 599.
#[must_use]
pub(crate) const fn status_type(status: u16) -> Option<&'static str> {
    match status / 100 {
        1 => Some("INFORMATIONAL"),
        2 => Some("SUCCESSFUL"),
        3 => Some("REDIRECTION"),
        4 => Some("CLIENT_ERROR"),
        5 => Some("SERVER_ERROR"),
        _ => None,
    }
}

/// Returns the full name of a flow variable.
#[must_use]
pub fn flow_key(name: &str) -> String {
    [FLOW_KEY, name].concat()
}

/// Returns the variable with the exact bytes of `name`, for text that had to be made inert.
#[must_use]
pub(crate) fn exact_name(name: &str) -> String {
    [name, EXACT].concat()
}

/// Formats seconds with two decimals, as the contract shows them: `0.11`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}

struct Writer<'a>(Vec<Assignment<'a>>);

impl<'a> Writer<'a> {
    fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push(Assignment {
                name: name.into(),
                value: Some(value),
            });
        }
    }

    /// Sets the inert text, and its exact bytes if the two differ.
    fn set_untrusted(&mut self, name: impl Into<Cow<'a, str>>, bytes: &[u8]) {
        let name = name.into();
        let text = String::from_utf8_lossy(bytes);
        let inert = inert(&text);
        if inert.as_bytes() != bytes {
            self.set(exact_name(&name), BASE64.encode(bytes));
        }
        self.set(name, inert.into_owned());
    }

    fn unset_if_absent(&mut self, name: &'a str) {
        if !self.0.iter().any(|assignment| assignment.name == name) {
            let name = Cow::Borrowed(name);
            self.0.push(Assignment { name, value: None });
        }
    }
}

#[cfg(test)]
mod tests;

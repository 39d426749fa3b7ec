//! What a webhook is tried with: filled in by hand, or as a call had it.

use serde::Deserialize;

use switchhook_core::variables::FLOW_KEY;

use super::calls;
use super::http::Ops;

/// Whose values stand in the form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct After {
    /// Unique-ID of a call.
    call: String,
}

/// What a call would have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TestForm {
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub called: String,
    /// Lines `NAME=VALUE`.
    pub variables: String,
}

impl TestForm {
    /// Names and values of the channel.
    ///
    /// # Errors
    /// The line that is none.
    pub(crate) fn pairs(&self) -> Result<Vec<(String, String)>, String> {
        let numbers = [
            ("Caller-Caller-ID-Number", &self.caller),
            ("Caller-Destination-Number", &self.called),
        ];
        let numbers = numbers
            .into_iter()
            .filter(|(_, number)| !number.trim().is_empty());
        let numbers = numbers.map(|(name, number)| Ok((name.to_owned(), number.trim().to_owned())));
        let lines = self.variables.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty()).map(|line| {
            let pair = line
                .split_once('=')
                .filter(|(name, _)| !name.trim().is_empty());
            let pair =
                pair.ok_or_else(|| format!("{line:?} is not NAME=VALUE; nothing was sent"))?;
            Ok((pair.0.trim().to_owned(), pair.1.to_owned()))
        });
        numbers.chain(lines).collect()
    }

    /// What a call had, as far as it may be shown: what is masked is left out.
    pub(crate) async fn after(ops: &Ops, after: &After) -> Self {
        let known = match after.call.is_empty() {
            true => None,
            false => calls::call(ops, &after.call).await.ok().flatten(),
        };
        let Some(call) = known else {
            return Self::default();
        };
        let fits = |text: &str| !text.contains(|c: char| c == '•' || c.is_control());
        let open = |text: &String| Some(text.clone()).filter(|text| fits(text));
        let keys = call.story.keys.iter();
        let lines = keys.filter(|(name, value)| fits(name) && fits(value));
        let lines = lines.map(|(name, value)| format!("{FLOW_KEY}{name}={value}"));
        Self {
            caller: open(&call.caller).unwrap_or_default(),
            called: open(&call.called).unwrap_or_default(),
            variables: lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

/// The same in a shell, with the caller's values.
pub(crate) fn command(webhook: &str, filled: &TestForm) -> String {
    let example = TestForm {
        caller: "4930123".into(),
        variables: "flow.key.leadid=HFC123".into(),
        ..TestForm::default()
    };
    let pairs = filled.pairs().unwrap_or_default();
    let pairs = match pairs.is_empty() {
        true => example.pairs().unwrap_or_default(),
        false => pairs,
    };
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    let options = pairs.map(|pair| format!(" --var {}", quoted(&pair)));
    format!("switchhook call {webhook}{}", options.collect::<String>())
}

/// For a POSIX shell, where it is no plain word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-=+:/@".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_the_callers_values_and_nothing_that_a_shell_would_run() {
        let filled = TestForm {
            caller: "070137013".into(),
            called: String::new(),
            variables: "flow.key.name=O'Hara; rm -rf /\nflow.key.a=1".into(),
        };
        assert_eq!(
            command("lookup", &filled),
            "switchhook call lookup --var Caller-Caller-ID-Number=070137013 \
             --var 'flow.key.name=O'\\''Hara; rm -rf /' --var flow.key.a=1"
        );
        assert!(command("lookup", &TestForm::default()).contains("leadid=HFC123"));
    }
}

//! The values that a webhook is tested with: typed, or those of a call.

use serde::Deserialize;

use switchhook_core::shell;
use switchhook_core::variables::FLOW_KEY;

use crate::calls;
use crate::state::AdminState;

/// The call whose values fill the form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PrefillParams {
    /// Unique-ID of the call; empty for an empty form.
    call: String,
}

/// The values of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TestForm {
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
    /// Channel variables, lines of `NAME=VALUE`.
    pub variables: String,
}

impl TestForm {
    /// Returns names and values of the channel.
    ///
    /// # Errors
    /// Fails with a sentence that names the line that is not `NAME=VALUE`.
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

    /// Fills the form with the values of a call; it leaves out those that are masked.
    pub(crate) async fn prefilled(state: &AdminState, prefill: &PrefillParams) -> Self {
        let known = if prefill.call.is_empty() {
            None
        } else {
            calls::find_call(state, &prefill.call).await.ok().flatten()
        };
        let Some(call) = known else {
            return Self::default();
        };
        let usable = |text: &str| !text.contains(|c: char| c == '•' || c.is_control());
        let open = |text: &String| Some(text.clone()).filter(|text| usable(text));
        let keys = call.history.keys.iter();
        let lines = keys.filter(|(name, value)| usable(name) && usable(value));
        let lines = lines.map(|(name, value)| format!("{FLOW_KEY}{name}={value}"));
        Self {
            caller: open(&call.caller).unwrap_or_default(),
            called: open(&call.called).unwrap_or_default(),
            variables: lines.collect::<Vec<_>>().join("\n"),
        }
    }
}

/// Returns the shell command of the test, with the form's values.
pub(crate) fn command(webhook: &str, filled: &TestForm) -> String {
    let example = TestForm {
        caller: "4930123".into(),
        variables: "flow.key.leadid=HFC123".into(),
        ..TestForm::default()
    };
    let pairs = filled.pairs().unwrap_or_default();
    let pairs = if pairs.is_empty() {
        example.pairs().unwrap_or_default()
    } else {
        pairs
    };
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    let pairs: Vec<String> = pairs.collect();
    let options = pairs.iter().flat_map(|pair| ["--var", pair]);
    shell::command(["switchhook", "call", webhook].into_iter().chain(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_the_callers_values_and_nothing_that_a_shell_would_run() {
        let filled = TestForm {
            caller: "070137013".into(),
            called: String::new(),
            variables: "flow.key.name=O'Hara; ls\nflow.key.a=1".into(),
        };
        assert_eq!(
            command("lookup", &filled),
            "switchhook call lookup --var Caller-Caller-ID-Number=070137013 \
             --var 'flow.key.name=O'\\''Hara; ls' --var flow.key.a=1"
        );
        assert!(command("lookup", &TestForm::default()).contains("leadid=HFC123"));
    }
}

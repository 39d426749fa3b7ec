//! Holds the answers of one switch by query (the text of the API command).

use std::collections::BTreeMap;

/// The reply to an API command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) enum Reply {
    /// The command's output.
    Output(String),
    /// `-ERR no reply`: no output, for example of `global_getvar` for an unset variable.
    Empty,
    /// `-ERR x Command not found!`: the command's module is not loaded.
    Unknown,
    /// Any other `-ERR` or `-USAGE`.
    Refused(String),
    /// The query cannot be sent as an API command.
    NotSendable,
}

impl Reply {
    /// Reads the text of a reply. FreeSWITCH: mod_event_socket.c `api_exec` writes "no reply" and
    /// "Command not found!".
    pub(in crate::doctor) fn parse(text: &str) -> Self {
        let text = text.trim_end();
        match text {
            "" | "-ERR no reply" => Self::Empty,
            _ if text.starts_with("-ERR") && text.ends_with("Command not found!") => Self::Unknown,
            _ if text.starts_with("-ERR") || text.starts_with("-USAGE") => {
                Self::Refused(text.to_owned())
            }
            _ => Self::Output(text.to_owned()),
        }
    }
}

/// The answers of one switch.
#[derive(Debug, Default)]
pub(in crate::doctor) struct Answers {
    /// Whether the switch is on this machine.
    pub(in crate::doctor) same_machine: bool,
    /// Why the connection ended before the last answer.
    pub(in crate::doctor) broken: Option<String>,
    replies: BTreeMap<String, TimedReply>,
}

#[derive(Debug)]
struct TimedReply {
    reply: Reply,
    /// Our clock before the query and after the reply, µs since 1970.
    between_us: (i64, i64),
}

impl Answers {
    /// Starts without answers.
    pub(super) fn new(same_machine: bool) -> Self {
        Self {
            same_machine,
            ..Self::default()
        }
    }

    pub(super) fn put(&mut self, query: String, reply: Reply, between_us: (i64, i64)) {
        self.replies.insert(query, TimedReply { reply, between_us });
    }

    pub(super) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Returns the reply to a query, or `None` if it was not sent.
    pub(in crate::doctor) fn reply(&self, query: &str) -> Option<&Reply> {
        self.replies.get(query).map(|timed| &timed.reply)
    }

    /// Returns the output of a command that succeeded.
    pub(in crate::doctor) fn output(&self, query: &str) -> Option<&str> {
        match self.reply(query)? {
            Reply::Output(text) => Some(text),
            Reply::Empty | Reply::Unknown | Reply::Refused(_) | Reply::NotSendable => None,
        }
    }

    /// Returns when the query was sent and answered, µs since 1970.
    pub(super) fn between_us(&self, query: &str) -> Option<(i64, i64)> {
        self.replies.get(query).map(|timed| timed.between_us)
    }

    /// Tells whether the switch has loaded the module, or `None` if that is not known.
    pub(super) fn has_module(&self, module: &str) -> Option<bool> {
        match self.output(&format!("module_exists {module}"))? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Returns a global variable of the switch, or `None` if it is unset or not known.
    pub(in crate::doctor) fn global(&self, name: &str) -> Option<&str> {
        self.output(&global_query(name))
    }

    /// Returns canned answers for tests.
    #[cfg(test)]
    pub(in crate::doctor) fn canned(of: &[(&str, &str)]) -> Self {
        let mut answers = Self::new(true);
        for (query, text) in of {
            answers.put((*query).to_owned(), Reply::parse(text), (0, 0));
        }
        answers
    }

    #[cfg(test)]
    pub(in crate::doctor) fn with(mut self, query: &str, text: &str) -> Self {
        self.put(query.to_owned(), Reply::parse(text), (0, 0));
        self
    }
}

/// Returns the query for a global variable.
pub(in crate::doctor) fn global_query(name: &str) -> String {
    format!("global_getvar {name}")
}

/// Tells whether FreeSWITCH reads a value as true (switch_utils.h `switch_true`).
pub(in crate::doctor) fn is_true(value: &str) -> bool {
    let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    let is_word = words.iter().any(|word| value.eq_ignore_ascii_case(word));
    is_word || value.parse::<i64>().is_ok_and(|number| number != 0)
}

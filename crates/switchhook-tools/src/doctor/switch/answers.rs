//! What a switch said, by what it was asked.

use std::collections::BTreeMap;

/// What came back from an API command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) enum Reply {
    /// Its output.
    Output(String),
    /// `-ERR no reply`: it had nothing to say, as `global_getvar` of an unset variable.
    Empty,
    /// `-ERR x Command not found!`: the module that has it is not loaded.
    Unknown,
    /// Any other refusal.
    Refused(String),
    /// It cannot be asked so.
    NotSendable,
}

impl Reply {
    /// FreeSWITCH: mod_event_socket.c `api_exec` writes the first two refusals.
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
    /// The connection goes to an address of this machine.
    pub(in crate::doctor) same_machine: bool,
    /// Why there are no more.
    pub(in crate::doctor) broken: Option<String>,
    replies: BTreeMap<String, TimedReply>,
}

#[derive(Debug)]
struct TimedReply {
    reply: Reply,
    /// Before it was asked and after it was answered, µs since 1970, by our clock.
    between_us: (i64, i64),
}

impl Answers {
    /// No answers yet, of a switch on this machine or another.
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

    /// What was said to a question; `None` when it was not asked.
    pub(in crate::doctor) fn reply(&self, query: &str) -> Option<&Reply> {
        self.replies.get(query).map(|timed| &timed.reply)
    }

    /// The output of a command that was carried out.
    pub(in crate::doctor) fn output(&self, query: &str) -> Option<&str> {
        match self.reply(query)? {
            Reply::Output(text) => Some(text),
            Reply::Empty | Reply::Unknown | Reply::Refused(_) | Reply::NotSendable => None,
        }
    }

    /// When the question was asked and answered, µs since 1970.
    pub(super) fn between_us(&self, query: &str) -> Option<(i64, i64)> {
        self.replies.get(query).map(|timed| timed.between_us)
    }

    /// `None` when that is not known.
    pub(super) fn has_module(&self, module: &str) -> Option<bool> {
        match self.output(&format!("module_exists {module}"))? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A global variable of the switch; `None` when it is unset or not known.
    pub(in crate::doctor) fn global(&self, name: &str) -> Option<&str> {
        self.output(&global_query(name))
    }

    /// Canned ones, for the tables of tests.
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

/// The question for a global variable.
pub(in crate::doctor) fn global_query(name: &str) -> String {
    format!("global_getvar {name}")
}

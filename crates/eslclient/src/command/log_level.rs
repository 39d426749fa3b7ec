//! How much the switch logs.

/// How much of its log the switch sends: lines of this level and of those before it.
///
/// Source: `switch_log_level_t` in `switch_types.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// What was asked for on the console.
    Console,
    /// The switch cannot go on.
    Alert,
    /// A critical fault.
    Critical,
    /// A fault.
    Error,
    /// Something unexpected.
    Warning,
    /// What an operator should know.
    Notice,
    /// What happens.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    /// Returns FreeSWITCH's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "CONSOLE",
            Self::Alert => "ALERT",
            Self::Critical => "CRIT",
            Self::Error => "ERR",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

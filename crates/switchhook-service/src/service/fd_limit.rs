//! Raises the limit of open files, and divides the files among the ports so that a call always has
//! those it needs.

use tracing::warn;

use crate::config::Limits;

/// The sockets of one call on hold: the switch's and the webhook's.
const PER_CALL: u64 = 2;
/// The files of one connection to each HTTP port: two sockets, and the recording that is sent.
const PER_HTTP: u64 = 3;
/// For the store, the listeners, the followed switches, deliveries and the log.
const RESERVED: u64 = 100;
/// The share of the files that each HTTP port may use.
const HTTP_SHARE: u64 = 16;
/// Fewer connections than this are of no use.
const LEAST: usize = 8;

/// The connections that the process's open files allow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// To the Event Socket port.
    pub(crate) connections: usize,
    /// Calls on hold at once.
    pub(crate) calls_on_hold: usize,
    /// To each HTTP port.
    pub(crate) http: usize,
}

/// Raises the process's limit of open files to what the system allows. Logs a warning if the
/// configured connections do not fit, and returns how many do.
pub(crate) fn raise(limits: &Limits) -> Places {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    let files = raised.or_else(|error| {
        warn!(%error, "the limit of open files could not be raised; see LimitNOFILE");
        rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft)
    });
    let files = files.unwrap_or(u64::MAX);
    if let Some(warning) = too_few(files, limits) {
        warn!("{warning}");
    }
    Places::of(files, limits)
}

impl Places {
    /// Divides `files`: each HTTP port has at most a sixteenth of them, and each call gets two.
    fn of(files: u64, limits: &Limits) -> Self {
        let http = limits
            .http_connections
            .min(count(files / HTTP_SHARE).max(LEAST));
        let others = RESERVED.saturating_add(PER_HTTP.saturating_mul(wide(http)));
        let calls = count(files.saturating_sub(others) / PER_CALL).max(LEAST);
        if calls >= limits.connections {
            return Self {
                connections: limits.connections,
                calls_on_hold: limits.calls_on_hold,
                http,
            };
        }
        Self {
            connections: calls,
            // Calls above the limit need a place too, until they have left on line 1.
            calls_on_hold: limits.calls_on_hold.min(calls - calls / 6),
            http,
        }
    }
}

fn count(files: u64) -> usize {
    usize::try_from(files).unwrap_or(usize::MAX)
}

fn wide(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX)
}

fn too_few(files: u64, limits: &Limits) -> Option<String> {
    let connections = limits.connections;
    let of_calls = PER_CALL.saturating_mul(wide(connections));
    let of_http = PER_HTTP.saturating_mul(wide(limits.http_connections));
    let needed = of_calls.saturating_add(of_http).saturating_add(RESERVED);
    (files < needed).then(|| {
        let calls = Places::of(files, limits).calls_on_hold;
        format!(
            "this process may open {files} files, and [limits] connections = {connections} needs \
             {needed}, so at most {calls} calls are on hold: set LimitNOFILE={needed} in the systemd \
             unit (or ulimit -Hn {needed}), or lower calls_on_hold and connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_files_are_warned_of_with_the_cure() {
        let limits = Limits::default();
        assert_eq!(too_few(24_868, &limits), None);
        let warning = too_few(24_867, &limits).unwrap_or_default();
        assert!(warning.contains("LimitNOFILE=24868"), "{warning}");
    }

    #[test]
    fn calls_always_have_their_files() {
        let limits = Limits::default();
        for files in [0, 100, 256, 1024, 4096, 24_868, 65_536, u64::MAX] {
            let places = Places::of(files, &limits);
            assert!(places.connections > places.calls_on_hold, "{places:?}");
            let used = RESERVED + 2 * wide(places.connections) + 3 * wide(places.http);
            assert!(files < 150 || used <= files, "{files}: {places:?}");
        }
        let all = Places {
            connections: 12_000,
            calls_on_hold: 10_000,
            http: 256,
        };
        assert_eq!(Places::of(65_536, &limits), all);
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        raise(&Limits::default());
        let limits = rlimit::getrlimit(rlimit::Resource::NOFILE);
        assert!(limits.is_ok_and(|(soft, hard)| soft == hard));
    }
}

//! Raises the limit of open files, and warns if it is too low for the configuration.

use tracing::warn;

/// The sockets of one call on hold: the switch's and the webhook's.
const PER_CONNECTION: u64 = 2;
/// For the store, the listeners, the followed switches, deliveries and the log.
const RESERVED: u64 = 100;

/// Raises the process's limit of open files to what the system allows. Logs a warning if
/// `connections` do not fit.
pub(crate) fn raise(connections: usize) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => {
            if let Some(warning) = too_few(files, connections) {
                warn!("{warning}");
            }
        }
        Err(error) => warn!(%error, "the limit of open files could not be raised; see LimitNOFILE"),
    }
}

fn too_few(files: u64, connections: usize) -> Option<String> {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    let needed = connections
        .saturating_mul(PER_CONNECTION)
        .saturating_add(RESERVED);
    (files < needed).then(|| {
        format!(
            "this process may open {files} files, and [limits] connections = {connections} needs \
             {needed}: set LimitNOFILE={needed} in the systemd unit (or ulimit -Hn {needed}), or \
             lower calls_on_hold and connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_files_than_two_a_connection_and_a_hundred_are_warned_of_with_the_cure() {
        assert_eq!(too_few(24_100, 12_000), None);
        let warning = too_few(24_099, 12_000).unwrap_or_default();
        assert!(warning.contains("LimitNOFILE=24100"), "{warning}");
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        raise(1);
        let limits = rlimit::getrlimit(rlimit::Resource::NOFILE);
        assert!(limits.is_ok_and(|(soft, hard)| soft == hard));
    }
}

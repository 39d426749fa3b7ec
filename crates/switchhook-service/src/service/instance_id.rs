//! An id that no other running instance has: after a restart, the successor frees the leases of its
//! predecessor in a shared store instead of waiting until they end.

use std::net::SocketAddr;

/// Returns the machine's boot id, its network namespace and `address`: only one process can listen
/// there. `None` where the system reports neither.
pub(crate) fn of(address: SocketAddr) -> Option<String> {
    // Differs for each boot and each machine: proc_sys_kernel(5).
    let machine = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // Containers on one machine have network namespaces of their own: namespaces(7).
    let network = std::fs::read_link("/proc/self/ns/net").ok()?;
    let (machine, network) = (machine.trim(), network.display());
    Some(format!("{machine} {network} {address}"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_and_is_of_one_address() {
        let of = |port| of(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(of(8085), of(8085));
        assert_ne!(of(8085), of(8086));
        assert!(of(8085).is_some_and(|place| place.len() > 40));
    }
}

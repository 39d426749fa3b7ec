//! Where this process is, as no other living one: what it has leased in a shared store is
//! freed by its successor there, and not left to end by itself.

use std::net::SocketAddr;

/// The start of the machine and the network in it, within which one process alone listens on
/// `address`; `None` where the system tells neither.
pub(crate) fn of(address: SocketAddr) -> Option<String> {
    // Another for each start, and for each machine: proc_sys_kernel(5).
    let machine = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // Containers of one machine have networks of their own: namespaces(7).
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

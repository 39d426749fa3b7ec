//! Reads the memory and processor time of a process from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

/// Unit of `/proc/PID/stat`, a hundredth of a second on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The resources that a process used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Resident memory before the load, KiB.
    pub(crate) idle_kib: u64,
    /// Highest resident memory seen, KiB.
    pub(crate) peak_kib: u64,
    /// Highest number of concurrent calls at a memory sample.
    pub(crate) peak_calls: u64,
    /// Memory above idle for each of those calls, KiB; `null` without calls.
    pub(crate) kib_per_call: Option<f64>,
    /// Kernel memory of TCP buffers for each of those calls, of all programs together, KiB.
    pub(crate) kernel_kib_per_call: Option<f64>,
    /// Processor time used during the load, milliseconds.
    pub cpu_ms: u64,
}

/// A process under observation.
#[derive(Debug)]
pub(super) struct Watched {
    pid: u32,
    idle_kib: u64,
    peak_kib: u64,
    peak_calls: u64,
    kernel_kib: u64,
    peak_kernel_kib: u64,
    cpu: Duration,
}

impl Watched {
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        let idle_kib = resident(pid)?;
        let kernel_kib = tcp_buffers();
        Ok(Self {
            pid,
            idle_kib,
            peak_kib: idle_kib,
            peak_calls: 0,
            kernel_kib,
            peak_kernel_kib: kernel_kib,
            cpu: processor(pid)?,
        })
    }

    /// Samples the memory while `calls` calls are up.
    pub(super) fn sample(&mut self, calls: u64) {
        // If the process has ended, its failing calls show it.
        if let Ok(kib) = resident(self.pid) {
            self.peak_kib = self.peak_kib.max(kib);
            self.peak_calls = self.peak_calls.max(calls);
            self.peak_kernel_kib = self.peak_kernel_kib.max(tcp_buffers());
        }
    }

    pub(super) fn usage(self) -> Usage {
        let cpu = processor(self.pid)
            .unwrap_or(self.cpu)
            .saturating_sub(self.cpu);
        let each =
            |above: u64| (self.peak_calls > 0).then(|| above as f64 / self.peak_calls as f64);
        Usage {
            idle_kib: self.idle_kib,
            peak_kib: self.peak_kib,
            peak_calls: self.peak_calls,
            kib_per_call: each(self.peak_kib.saturating_sub(self.idle_kib)),
            kernel_kib_per_call: each(self.peak_kernel_kib.saturating_sub(self.kernel_kib)),
            cpu_ms: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn processor(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in brackets that may contain spaces; utime is the 14th field.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Returns the kernel memory of TCP buffers in KiB, or 0 if the kernel does not report it. The
/// kernel counts in pages of 4 KiB.
fn tcp_buffers() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"));
    let mut words = line.unwrap_or_default().split_whitespace();
    let pages = words.find(|word| *word == "mem").and_then(|_| words.next());
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_memory_and_nobody_else_is_there() {
        let mut watched = Watched::new(std::process::id()).unwrap();
        watched.sample(4);
        let usage = watched.usage();
        assert!(usage.idle_kib > 100 && usage.peak_calls == 4);
        assert!(Watched::new(u32::MAX).is_err());
    }
}

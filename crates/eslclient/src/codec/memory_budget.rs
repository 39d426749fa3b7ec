//! The memory that the unfinished frames of many connections may use together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of an unfinished frame that are not counted: every connection may have them.
const FREE: usize = 32 * 1024;

/// Bytes that the unfinished frames of many connections may hold together. Clones share them.
///
/// The first 32 KiB of each connection are not counted, so that large frames of some peers do not
/// keep others from usual ones.
///
/// ```
/// use eslclient::{Decoder, Limits, MemoryBudget};
///
/// let budget = MemoryBudget::new(64 * 1024 * 1024);
/// let mut decoder = Decoder::new(Limits::default());
/// decoder.limit_memory(&budget);
/// assert_eq!(budget.used(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    /// Makes a budget of this many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Shared {
            bytes,
            used: AtomicUsize::new(0),
        }))
    }

    /// Returns the bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns the bytes of the whole budget.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes
    }
}

/// The part of a budget that one connection uses.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    budget: MemoryBudget,
    taken: usize,
}

impl MemoryShare {
    pub(crate) fn new(budget: &MemoryBudget) -> Self {
        Self {
            budget: budget.clone(),
            taken: 0,
        }
    }

    pub(crate) fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    /// Counts `held` bytes from now on. Returns `false`, and changes nothing, if the budget has no
    /// room for them.
    pub(crate) fn resize(&mut self, held: usize) -> bool {
        let wanted = held.saturating_sub(FREE);
        let Shared { bytes, used } = &*self.budget.0;
        if wanted > self.taken {
            let more = wanted - self.taken;
            let fits = |used: usize| used.checked_add(more).filter(|sum| sum <= bytes);
            let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
            if taken.is_err() {
                return false;
            }
        } else if wanted < self.taken {
            used.fetch_sub(self.taken - wanted, Ordering::Relaxed);
        }
        self.taken = wanted;
        true
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_budget_stay_within_it_and_are_given_back() {
        let budget = MemoryBudget::new(1000);
        let mut one = MemoryShare::new(&budget);
        let mut other = MemoryShare::new(&budget);
        assert!(one.resize(FREE) && other.resize(FREE));
        assert_eq!(budget.used(), 0, "the first bytes are free");
        assert!(one.resize(FREE + 600));
        assert!(!other.resize(FREE + 600), "there is no room");
        assert_eq!(budget.used(), 600);
        assert!(one.resize(FREE + 100) && other.resize(FREE + 600));
        drop(other);
        assert_eq!(budget.used(), 100);
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}

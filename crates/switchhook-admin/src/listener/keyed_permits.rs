//! Permits of which no single key may have all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of permits, and how many of them one key may hold at once.
pub struct KeyedPermits<K: Eq + Hash + Clone>(Arc<Shared<K>>);

struct Shared<K> {
    total: usize,
    per_key: usize,
    taken: Mutex<(usize, HashMap<K, usize>)>,
}

impl<K: Eq + Hash + Clone> Clone for KeyedPermits<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Clone> KeyedPermits<K> {
    /// Makes `total` permits, of which one key may have `per_key`.
    #[must_use]
    pub fn new(total: usize, per_key: usize) -> Self {
        Self(Arc::new(Shared {
            total,
            per_key,
            taken: Mutex::new((0, HashMap::new())),
        }))
    }

    /// Returns whether all permits are taken.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.0.lock().0 >= self.0.total
    }

    /// Takes a permit; `None` if all are taken, or this key has its share.
    #[must_use]
    pub fn try_acquire(&self, key: K) -> Option<KeyedPermit<K>> {
        let mut taken = self.0.lock();
        let (all, keys) = &mut *taken;
        let of_key = keys.get(&key).copied().unwrap_or(0);
        if *all >= self.0.total || of_key >= self.0.per_key {
            return None;
        }
        *all += 1;
        keys.insert(key.clone(), of_key + 1);
        drop(taken);
        Some(KeyedPermit {
            shared: Arc::clone(&self.0),
            key,
        })
    }
}

impl<K> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, (usize, HashMap<K, usize>)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit; dropping it gives it back.
pub struct KeyedPermit<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        let mut taken = self.shared.lock();
        let (all, keys) = &mut *taken;
        *all = all.saturating_sub(1);
        if let Some(of_key) = keys.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_its_share_and_no_more() {
        let permits = KeyedPermits::new(3, 2);
        let first = permits.try_acquire("a");
        let second = permits.try_acquire("a");
        assert!(first.is_some() && second.is_some());
        assert!(permits.try_acquire("a").is_none(), "its share");
        assert!(!permits.is_exhausted());
        let third = permits.try_acquire("b");
        assert!(third.is_some());
        assert!(permits.try_acquire("c").is_none(), "all are taken");
        assert!(permits.is_exhausted());
        drop(first);
        assert!(permits.try_acquire("c").is_some());
        drop((second, third));
        assert!(permits.0.lock().1.is_empty());
    }
}

//! One result for all who ask for it at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Makes a value for everybody who asked before it was begun. However many ask at once, it is made
/// once for those who were first, and once more for all others.
pub(crate) struct SharedResult<T> {
    /// How many have asked.
    asked: AtomicU64,
    made: Mutex<Option<Made<T>>>,
}

struct Made<T> {
    value: T,
    /// How many had asked when it was begun.
    asked: u64,
}

impl<T> Default for SharedResult<T> {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(0),
            made: Mutex::default(),
        }
    }
}

impl<T: Clone> SharedResult<T> {
    /// Returns a value that was begun after this call. `make` is used unless another caller's value
    /// will do.
    pub(crate) async fn get(&self, make: impl AsyncFnOnce() -> T) -> T {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut made = self.made.lock().await;
        if let Some(made) = made.as_ref().filter(|made| made.asked >= number) {
            return made.value.clone();
        }
        let asked = self.asked.load(Ordering::SeqCst);
        let value = make().await;
        *made = Some(Made {
            value: value.clone(),
            asked,
        });
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_get_one_value_that_is_not_older() {
        let shared = Arc::new(SharedResult::default());
        let (begun, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut all = JoinSet::new();
        for asked in 0..100 {
            let (shared, begun, go) = (Arc::clone(&shared), Arc::clone(&begun), Arc::clone(&go));
            all.spawn(async move {
                let make = async || {
                    let number = begun.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    number
                };
                (asked, shared.get(make).await)
            });
            // The first one has begun before any other asks, and all others ask before it ends.
            tokio::task::yield_now().await;
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        go.notify_one();
        go.notify_one();
        let got = all.join_all().await;
        for (asked, value) in got {
            assert_eq!(value, usize::from(asked > 0), "{asked}");
            go.notify_one();
        }
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn one_who_leaves_while_it_makes_the_value_leaves_the_others_theirs() {
        let shared = Arc::new(SharedResult::default());
        let leaves = Arc::clone(&shared);
        let task = tokio::spawn(async move { leaves.get(std::future::pending).await });
        tokio::task::yield_now().await;
        let waits = tokio::spawn(async move { shared.get(async || 7).await });
        tokio::task::yield_now().await;
        task.abort();
        assert_eq!(waits.await.unwrap(), 7);
    }
}

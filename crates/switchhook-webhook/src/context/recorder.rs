//! Which headers were read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use switchhook_core::headers::Headers;

/// Headers that notes which names were read, for whoever must read some of them again
/// (FreeSWITCH leaves `%XX` unescaped in plain replies; see [`crate::Webhook::headers_read`]).
pub struct HeaderRecorder<'a> {
    inner: &'a dyn Headers,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> HeaderRecorder<'a> {
    /// Notes what is read from `inner`.
    pub fn new(inner: &'a dyn Headers) -> Self {
        Self {
            inner,
            read: RefCell::default(),
        }
    }

    /// The headers that were read and are there, `variable_` included, sorted.
    pub fn read(self) -> Vec<String> {
        self.read.into_inner().into_iter().collect()
    }
}

impl Headers for HeaderRecorder<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.inner.get(name)?;
        self.read.borrow_mut().insert(name.to_owned());
        Some(value)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.inner.visit(&mut |name, value| {
            self.read.borrow_mut().insert(name.to_owned());
            visit(name, value);
        });
    }
}

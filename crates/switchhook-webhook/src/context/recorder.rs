//! Records which headers are read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use switchhook_core::headers::Headers;

/// Headers that record the names read from them, for a caller that must fetch some values again
/// (FreeSWITCH leaves `%XX` unescaped in plain replies; see [`crate::Webhook::headers_read`]).
pub struct HeaderRecorder<'a> {
    inner: &'a dyn Headers,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> HeaderRecorder<'a> {
    /// Records reads of `inner`.
    pub fn new(inner: &'a dyn Headers) -> Self {
        Self {
            inner,
            read: RefCell::default(),
        }
    }

    /// Returns the headers that were read and exist, `variable_` included, sorted.
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

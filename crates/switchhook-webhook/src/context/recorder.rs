//! Records which headers are read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use switchhook_core::headers::Headers;

use super::VARIABLE;

/// Headers that record the names read from them: for a test of a webhook that says what its templates
/// read, and what they lacked.
pub struct HeaderRecorder<'a> {
    inner: &'a dyn Headers,
    read: RefCell<BTreeSet<String>>,
    absent: RefCell<BTreeSet<String>>,
}

impl<'a> HeaderRecorder<'a> {
    /// Records reads of `inner`.
    pub fn new(inner: &'a dyn Headers) -> Self {
        Self {
            inner,
            read: RefCell::default(),
            absent: RefCell::default(),
        }
    }

    /// Returns the headers that were read and exist, `variable_` included, sorted.
    pub fn read(self) -> Vec<String> {
        self.read.into_inner().into_iter().collect()
    }

    /// Returns the headers that were asked for and do not exist, sorted.
    pub fn absent(&self) -> Vec<String> {
        self.absent.borrow().iter().cloned().collect()
    }
}

impl Headers for HeaderRecorder<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let Some(value) = self.inner.get(name) else {
            self.absent.borrow_mut().insert(name.to_owned());
            return None;
        };
        self.read.borrow_mut().insert(name.to_owned());
        Some(value)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.inner.visit(&mut |name, value| {
            self.read.borrow_mut().insert(name.to_owned());
            visit(name, value);
        });
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        self.inner.visit_variables(prefix, &mut |name, value| {
            self.read.borrow_mut().insert([VARIABLE, name].concat());
            visit(name, value);
        })
    }
}

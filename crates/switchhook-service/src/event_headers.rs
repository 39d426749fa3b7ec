//! An event's headers, as the core crate reads them.

use std::borrow::Cow;

use eslclient::Event;
use switchhook_core::headers::Headers;

/// The headers of one event, decoded only where they are read.
pub(crate) struct EventHeaders<'a>(pub &'a Event);

impl Headers for EventHeaders<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.0.iter_matching(wanted) {
            visit(&name, &value);
        }
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.variable(name)
    }
}

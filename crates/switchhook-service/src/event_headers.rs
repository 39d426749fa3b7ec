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
        for (name, value) in self.0.iter() {
            visit(&name, &value);
        }
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        for (name, _, value) in self.0.variables_beginning(prefix) {
            visit(&name, &value);
        }
        self.0.has_variables()
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.variable(name)
    }
}

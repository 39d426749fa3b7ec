//! Read access to the headers of a channel.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The headers of one channel: of an event, of the `connect` reply, or of a CDR file.
/// Implementations decode only the headers that are read.
pub trait Headers {
    /// Returns a header's decoded value; `None` if it is absent.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Calls `visit` with each header's name and decoded value, in wire order.
    fn visit(&self, visit: &mut dyn FnMut(&str, &str));

    /// Calls `visit` for the headers whose name is `wanted`. Implementations skip the decoding of
    /// all others where they can.
    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        self.visit(&mut |name, value| {
            if wanted(name) {
                visit(name, value);
            }
        });
    }

    /// Returns a channel variable's value (`variable_NAME` on the wire).
    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(&["variable_", name].concat())
    }
}

impl<H: Headers> Headers for &H {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        (**self).get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        (**self).visit(visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        (**self).visit_those(wanted, visit);
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        (**self).variable(name)
    }
}

impl Headers for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        BTreeMap::get(self, name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self {
            visit(name, value);
        }
    }
}

/// Returns a header's value; `None` if the header is absent or empty.
pub(crate) fn non_empty(headers: &dyn Headers, name: &str) -> Option<String> {
    let value = headers.get(name).filter(|value| !value.is_empty());
    value.map(Cow::into_owned)
}

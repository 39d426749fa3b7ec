//! Read access to the headers of a channel.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The prefix of a channel variable's header.
pub const VARIABLE: &str = "variable_";

/// The headers of one channel: of an event, of the `connect` reply, or of a CDR file.
/// Implementations decode only the headers that are read.
pub trait Headers {
    /// Returns a header's decoded value; `None` if it is absent.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Calls `visit` with each header's name and decoded value, in wire order.
    fn visit(&self, visit: &mut dyn FnMut(&str, &str));

    /// Calls `visit` with name and decoded value of each channel variable whose name begins with
    /// `prefix`, in wire order. Returns whether there is any channel variable, whatever its name.
    /// Implementations skip the decoding of all others where they can.
    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        let mut any = false;
        self.visit(&mut |name, value| {
            if let Some(variable) = name.strip_prefix(VARIABLE) {
                any = true;
                if variable.starts_with(prefix) {
                    visit(variable, value);
                }
            }
        });
        any
    }

    /// Returns a channel variable's value (`variable_NAME` on the wire).
    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(&[VARIABLE, name].concat())
    }
}

/// Returns when the switch sent an event, µs since 1970.
pub(crate) fn sent_us(event: &dyn Headers) -> Option<i64> {
    event.get("Event-Date-Timestamp")?.parse().ok()
}

impl<H: Headers> Headers for &H {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        (**self).get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        (**self).visit(visit);
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        (**self).visit_variables(prefix, visit)
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

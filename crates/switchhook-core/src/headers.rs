//! Read access to what the switch says of a channel.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The headers of one channel: of an event, of the `connect` reply, of a CDR
/// file. Whoever holds them decodes only what is asked for.
pub trait Headers {
    /// The value of a header, decoded; `None` when it is not there.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Calls `visit` with each header's name and decoded value, in the order of the wire.
    fn visit(&self, visit: &mut dyn FnMut(&str, &str));

    /// The same for the headers whose name is `wanted`. Whoever can decodes no other.
    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        self.visit(&mut |name, value| {
            if wanted(name) {
                visit(name, value);
            }
        });
    }

    /// The value of a channel variable (`variable_NAME` on the wire).
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

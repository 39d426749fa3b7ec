//! The fields of a channel as the ledger reads them.

use std::borrow::Cow;

use switchhook_core::headers::Headers;

/// An event, a CDR or a dump, with the switch's configured name in place of its own.
pub(crate) struct ChannelFields<'a, H> {
    /// What the switch sent.
    pub source: H,
    /// The configured name; `None` keeps the one in `source`.
    pub switch: Option<&'a str>,
}

const SWITCH: &str = "FreeSWITCH-Switchname";

impl<H: Headers> Headers for ChannelFields<'_, H> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.switch {
            Some(switch) if name == SWITCH => Some(Cow::Borrowed(switch)),
            Some(_) | None => self.source.get(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.source.visit(&mut |name, value| match self.switch {
            Some(switch) if name == SWITCH => visit(name, switch),
            Some(_) | None => visit(name, value),
        });
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        self.source.visit_variables(prefix, visit)
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.source.variable(name)
    }
}

//! What the switch says of a channel, as the ledger reads it.

use std::borrow::Cow;

use eslclient::Event;
use switchhook_core::headers::Headers;

/// An event, a CDR or a dump, with the switch's name as the operator gave it.
pub(crate) struct ChannelFields<'a, H> {
    /// What the switch said.
    pub told: H,
    /// The name; `None` for the one in it.
    pub switch: Option<&'a str>,
}

const SWITCH: &str = "FreeSWITCH-Switchname";

impl<H: Headers> Headers for ChannelFields<'_, H> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.switch {
            Some(switch) if name == SWITCH => Some(Cow::Borrowed(switch)),
            Some(_) | None => self.told.get(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        self.told
            .visit_those(wanted, &mut |name, value| match self.switch {
                Some(switch) if name == SWITCH => visit(name, switch),
                Some(_) | None => visit(name, value),
            });
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.told.variable(name)
    }
}

/// An event.
pub(crate) struct OfEvent<'a>(pub &'a Event);

impl Headers for OfEvent<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.0.iter_those(wanted) {
            visit(&name, &value);
        }
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.variable(name)
    }
}

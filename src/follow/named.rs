//! An event as the ledger reads it.

use std::borrow::Cow;

use crate::call::headers::Headers;
use crate::eslclient::Event;

/// An event, with the switch's name as the operator gave it.
pub struct Named<'a> {
    /// The event.
    pub event: &'a Event,
    /// The name; `None` for the one in the event.
    pub switch: Option<&'a str>,
}

const SWITCH: &str = "FreeSWITCH-Switchname";

impl Headers for Named<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.switch {
            Some(switch) if name == SWITCH => Some(Cow::Borrowed(switch)),
            Some(_) | None => self.event.get(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.event.iter() {
            match self.switch {
                Some(switch) if name == SWITCH => visit(&name, switch),
                Some(_) | None => visit(&name, &value),
            }
        }
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.event.variable(name)
    }
}

//! Commands that choose and send events.

use super::block::{self, Block, require};
use super::encoded::Command;
use super::error::CommandError;
use super::suggest::nearest;
use crate::codec::Format;
use crate::event_name::EventName;

/// Commands that choose and send events.
impl Command {
    /// Subscribes an outbound socket to the events of its channel.
    ///
    /// `CHANNEL_HOLD` and `CHANNEL_UNHOLD` are not among them (measured).
    #[must_use]
    pub fn myevents(format: Format) -> Self {
        let command = match format {
            Format::Plain => Self::constant(b"myevents\n\n"),
            Format::Json => Self::constant(b"myevents json\n\n"),
        };
        command.with_effect()
    }

    /// Subscribes to events by name. Names after `CUSTOM` are subclasses.
    ///
    /// A name that FreeSWITCH does not have is an error here; the switch would skip it beside a
    /// known one and answer `+OK`. [`Subscription`](crate::Subscription) holds names and filters
    /// together.
    ///
    /// ```
    /// use eslclient::{Command, Format};
    ///
    /// let names = ["CHANNEL_ANSWER", "CUSTOM", "sofia::register"];
    /// let command = Command::event(Format::Json, names)?;
    /// assert_eq!(
    ///     command.as_bytes(),
    ///     b"event json CHANNEL_ANSWER CUSTOM sofia::register\n\n"
    /// );
    /// let error = Command::event(Format::Json, ["CHANNEL_ANSWERED"]).unwrap_err();
    /// assert!(error.to_string().contains("CHANNEL_ANSWER"));
    /// # Ok::<(), eslclient::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// * [`CommandError::UnknownName`] for a name that FreeSWITCH does not have.
    /// * [`CommandError::AfterCustom`] for the name of an event after `CUSTOM`: the switch would
    ///   read it as a subclass.
    /// * [`CommandError::Empty`] without a name, and [`CommandError::BadCharacter`] for a
    ///   character that no name has.
    pub fn event<'a>(
        format: Format,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CommandError> {
        let verb = match format {
            Format::Plain => "event plain",
            Format::Json => "event json",
        };
        naming(verb, names)
    }

    /// Ends the subscription to events by name. Names after `CUSTOM` are subclasses.
    ///
    /// # Errors
    /// Returns an error for the same inputs as [`Command::event`].
    pub fn nixevent<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, CommandError> {
        naming("nixevent", names)
    }

    /// Ends the subscription to all events, and discards those that the switch holds.
    #[must_use]
    pub fn noevents() -> Self {
        Self::constant(b"noevents\n\n").with_effect()
    }

    /// Passes only events whose `header` has this value. A second filter passes more events.
    ///
    /// The switch compares in any case. A value that begins with `/` is a regular expression; one
    /// that begins with `-` rejects events.
    ///
    /// # Errors
    /// Returns an error if `header` is not a header's name, if `value` is empty, or if a line
    /// cannot carry it.
    pub fn filter(header: &str, value: &str) -> Result<Self, CommandError> {
        filtering("filter ", header, value)
    }

    /// Removes a filter.
    ///
    /// # Errors
    /// Returns an error for the same inputs as [`Command::filter`].
    pub fn filter_delete(header: &str, value: &str) -> Result<Self, CommandError> {
        filtering("filter delete ", header, value)
    }

    /// Removes all filters.
    #[must_use]
    pub fn filter_delete_all() -> Self {
        Self::constant(b"filter delete all\n\n").with_effect()
    }

    /// Fires an event on the switch. `body` may be empty.
    ///
    /// The reply is the event's `Event-UUID`. An event with a `Unique-ID` goes to that channel
    /// alone, as a message to it.
    ///
    /// ```
    /// use eslclient::{Command, EventName};
    ///
    /// let headers = [("Event-Subclass", "crm::ticket"), ("Ticket", "17")];
    /// let command = Command::sendevent(&EventName::Custom, headers, "")?;
    /// assert_eq!(
    ///     command.as_bytes(),
    ///     b"sendevent CUSTOM\nEvent-Subclass: crm::ticket\nTicket: 17\n\n"
    /// );
    /// # Ok::<(), eslclient::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error for a name that FreeSWITCH does not have, for a header that is not a
    /// name, and for a value that is empty, begins with a space, or that a line cannot carry.
    pub fn sendevent<'a>(
        name: &EventName,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &str,
    ) -> Result<Self, CommandError> {
        let mut block = Block::new("sendevent ");
        block.push(known_event(name.as_str())?);
        for (header, value) in headers {
            let header = header_name("event header", header)?;
            block.field(header, field_value("event header value", value)?);
        }
        if body.is_empty() {
            block.finish_shown()
        } else {
            block.finish_with_body(body)
        }
    }
}

fn naming<'a>(
    verb: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Command, CommandError> {
    let mut block = Block::new(verb);
    let (mut any, mut custom) = (false, false);
    for name in names {
        let what = if custom {
            "the subclass of CUSTOM events"
        } else {
            "the event's name"
        };
        require(name, what, 128, |byte| {
            byte.is_ascii_alphanumeric() || b"_:.-+/".contains(&byte)
        })?;
        let known = EventName::known(name).is_some();
        if custom && known {
            return Err(CommandError::AfterCustom {
                name: name.to_owned(),
            });
        }
        if !custom {
            known_event(name)?;
            custom = name.eq_ignore_ascii_case("CUSTOM");
        }
        block.push(" ").push(name);
        any = true;
    }
    if !any {
        return Err(CommandError::Empty {
            what: "the list of events",
        });
    }
    Ok(block.finish_shown()?.with_effect())
}

fn known_event(name: &str) -> Result<&str, CommandError> {
    if EventName::known(name).is_some() {
        return Ok(name);
    }
    let all = EventName::all().map(|known| known.as_str().to_owned());
    Err(CommandError::unknown("event", name, nearest(name, all)))
}

fn filtering(verb: &str, header: &str, value: &str) -> Result<Command, CommandError> {
    let header = header_name("filter header", header)?;
    let verbs = ["add", "delete", "all"];
    if verbs.iter().any(|verb| header.eq_ignore_ascii_case(verb)) {
        return Err(CommandError::Unusable {
            what: "the filter header",
            problem: "is a word of the command itself: name a header of an event",
        });
    }
    let value = block::line("filter value", value)?;
    block::not_array(value)?;
    let mut block = Block::new(verb);
    block.push(header).push(" ").push(value);
    Ok(block.finish_shown()?.with_effect())
}

/// Checks the name of an event's header.
fn header_name<'a>(what: &'static str, name: &'a str) -> Result<&'a str, CommandError> {
    let name = require(name, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
    })?;
    // The switch would read a body of that length.
    if name.eq_ignore_ascii_case("content-length") {
        return Err(CommandError::Unusable {
            what,
            problem: "is Content-Length, after which the switch reads a body: choose another name",
        });
    }
    Ok(name)
}

/// Checks the value of an event's header, which the switch stores without leading spaces.
fn field_value<'a>(what: &'static str, value: &'a str) -> Result<&'a str, CommandError> {
    let value = block::line(what, value)?;
    block::not_array(value)?;
    if value.starts_with(' ') {
        return Err(CommandError::character(what, value, 0));
    }
    Ok(value)
}

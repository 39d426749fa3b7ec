//! What a program wants to hear.

use crate::client::Client;
use crate::codec::Format;
use crate::command::{Command, CommandError};
use crate::error::Error;
use crate::event_name::EventName;
use crate::reply::first_refusal;

/// The events that a program wants: names, subclasses of `CUSTOM` events, and filters.
///
/// It is a value, so the same subscription serves again after a reconnect.
///
/// ```
/// use eslclient::{EventName, Subscription};
///
/// let calls = Subscription::to([EventName::ChannelAnswer, EventName::ChannelHangupComplete])
///     .custom("sofia::register")
///     .filter("variable_team", "sales");
/// let commands = calls.commands()?;
/// assert_eq!(commands[0].as_bytes(), b"filter variable_team sales\n\n");
/// assert_eq!(
///     commands[1].as_bytes(),
///     b"event json CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE CUSTOM sofia::register\n\n"
/// );
/// # Ok::<(), eslclient::CommandError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Subscription {
    format: Format,
    names: Vec<EventName>,
    custom: Vec<String>,
    filters: Vec<(String, String)>,
}

impl Subscription {
    /// Wants events with these names, as JSON. Names are [`EventName`]s or texts such as
    /// `"CHANNEL_ANSWER"`.
    pub fn to<N: Into<EventName>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            format: Format::Json,
            names: names.into_iter().map(Into::into).collect(),
            custom: Vec::new(),
            filters: Vec::new(),
        }
    }

    /// Wants every event, as JSON.
    pub fn all() -> Self {
        Self::to([EventName::All])
    }

    /// Wants a further event.
    pub fn event(mut self, name: impl Into<EventName>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Wants `CUSTOM` events with this subclass, such as `sofia::register`.
    ///
    /// Modules define subclasses, so a wrong one is no error: no event comes.
    pub fn custom(mut self, subclass: &str) -> Self {
        self.custom.push(subclass.to_owned());
        self
    }

    /// Wants only events whose header has this value. A second filter passes more events.
    pub fn filter(mut self, header: &str, value: &str) -> Self {
        self.filters.push((header.to_owned(), value.to_owned()));
        self
    }

    /// Wants the events in this format. [`Format::Json`] is exact, [`Format::Plain`] is not.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Returns the commands: the filters first, so that no other event comes between.
    ///
    /// # Errors
    /// * [`CommandError::UnknownName`] for a name that FreeSWITCH does not have: the switch would
    ///   skip it beside a known one and answer `+OK`.
    /// * [`CommandError::AfterCustom`] for a subclass that is the name of an event.
    /// * [`CommandError::Empty`] without a name, or for an empty one, and
    ///   [`CommandError::BadCharacter`] for a character that no name has.
    /// * The errors of [`Command::filter`].
    pub fn commands(&self) -> Result<Vec<Command>, CommandError> {
        let filters = self.filters.iter();
        let mut commands = filters
            .map(|(header, value)| Command::filter(header, value))
            .collect::<Result<Vec<_>, _>>()?;
        commands.push(Command::event(self.format, self.words())?);
        Ok(commands)
    }

    /// Returns the commands that end the subscription.
    ///
    /// # Errors
    /// Returns the errors of [`Subscription::commands`].
    pub fn end_commands(&self) -> Result<Vec<Command>, CommandError> {
        let mut commands = vec![Command::nixevent(self.words())?];
        for (header, value) in &self.filters {
            commands.push(Command::filter_delete(header, value)?);
        }
        Ok(commands)
    }

    /// Iterates over the names, those of `CUSTOM` events last: the switch reads every name after
    /// `CUSTOM` as a subclass.
    fn words(&self) -> impl Iterator<Item = &str> {
        let is_custom = |name: &EventName| *name == EventName::Custom;
        let wants_custom = !self.custom.is_empty() || self.names.iter().any(is_custom);
        let names = self.names.iter().filter(move |name| !is_custom(name));
        let names = names.map(EventName::as_str);
        let custom = wants_custom.then_some("CUSTOM");
        let subclasses = self.custom.iter().map(String::as_str);
        names.chain(custom).chain(subclasses)
    }
}

impl Client {
    /// Subscribes to events, which then come to [`Events`](crate::Events).
    ///
    /// # Errors
    /// * [`Error::Command`] for the inputs that [`Subscription::commands`] refuses.
    /// * [`Error::Refused`] if the switch does not allow this user an event.
    /// * The errors of [`Client::command`].
    pub async fn subscribe(&self, subscription: &Subscription) -> Result<(), Error> {
        self.run_all(subscription.commands()?).await
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// The errors of [`Client::subscribe`].
    pub async fn unsubscribe(&self, subscription: &Subscription) -> Result<(), Error> {
        self.run_all(subscription.end_commands()?).await
    }

    /// Sends commands in one write and returns the first refusal as an error.
    pub(crate) async fn run_all(&self, commands: Vec<Command>) -> Result<(), Error> {
        let names: Vec<_> = commands.iter().map(Command::name).collect();
        let replies = self.send_batch(commands).await?;
        first_refusal(names, replies)
    }
}

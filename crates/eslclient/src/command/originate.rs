//! Calls that the switch makes.

use std::fmt::Write as _;
use std::time::Duration;

use super::block::{self, require};
use super::channel::{dialled, plain_word};
use super::encoded::Command;
use super::endpoint::{Endpoint, separates};
use super::error::CommandError;
use super::executing::is_executing_variable;
use super::variable::variable_name;

/// Whether `originate` ends with an answer only.
const EARLY_MEDIA: &str = "ignore_early_media";

/// A call that the switch makes, for [`Client::originate`](crate::Client::originate).
///
/// The first endpoint that answers runs an application or goes to an extension. Ringback and
/// announcements (early media) are no answer here, as they are to a bare `originate`:
/// [`Originate::early_media`] takes them for one. Nothing that is
/// passed here can become another variable, endpoint, application or command: text that the
/// grammar of `originate` cannot carry is an error when the command is made.
///
/// ```
/// use std::time::Duration;
///
/// use eslclient::{Endpoint, Originate};
///
/// let call = Originate::new(Endpoint::user("1000"))
///     .or(Endpoint::gateway("carrier", "+4930123456"))
///     .caller_id("Support", "+49301000")
///     .variable("ticket", "17")
///     .timeout(Duration::from_secs(20))
///     .extension("*97", "default");
/// assert_eq!(
///     call.command()?.as_bytes(),
///     b"api originate {origination_caller_id_name='Support',\
///       origination_caller_id_number='+49301000',ticket='17',originate_timeout='20',\
///       ignore_early_media='true'}\
///       user/1000|sofia/gateway/carrier/+4930123456 *97 XML default\n\n"
/// );
/// # Ok::<(), eslclient::CommandError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Originate {
    first: Endpoint,
    others: Vec<(char, Endpoint)>,
    variables: Vec<(String, String)>,
    then: Then,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    Application { name: String, arg: String },
    Extension { extension: String, context: String },
}

impl Originate {
    /// Calls an endpoint and parks it when it answers.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            first: endpoint,
            others: Vec::new(),
            variables: Vec::new(),
            then: Then::Application {
                name: "park".to_owned(),
                arg: String::new(),
            },
        }
    }

    /// Calls this endpoint at the same time as the one before.
    pub fn and(mut self, endpoint: Endpoint) -> Self {
        self.others.push((',', endpoint));
        self
    }

    /// Calls this endpoint if those before fail.
    pub fn or(mut self, endpoint: Endpoint) -> Self {
        self.others.push(('|', endpoint));
        self
    }

    /// Sets a variable on the channels of all endpoints.
    ///
    /// A value may hold letters and digits of any language, spaces between them, and
    /// `_ . - + * # @ / : ; = ! ? % ~`. Set any other value with
    /// [`Channel::set_variable`](crate::Channel::set_variable) when the call is there: park it, set the
    /// variable, then transfer the channel. No variable that is needed before the answer, such as
    /// `sip_h_X-Ticket`, can hold another value.
    ///
    /// A name may be set once, here or by a method such as [`Originate::timeout`].
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows this name and number to the called party.
    pub fn caller_id(self, name: &str, number: &str) -> Self {
        let named = self.variable("origination_caller_id_name", name);
        named.variable("origination_caller_id_number", number)
    }

    /// Takes the first early media, such as ringback, for an answer.
    pub fn early_media(self) -> Self {
        self.variable(EARLY_MEDIA, "false")
    }

    /// Gives up when nobody has answered after this time, in whole seconds; 60 s by default.
    /// Endpoints after [`Originate::or`] have this time each.
    pub fn timeout(self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs().max(1).to_string();
        self.variable("originate_timeout", &seconds)
    }

    /// Chooses the UUID of the channel, which else comes with the result. With it the call can be
    /// ended while it rings.
    ///
    /// ```no_run
    /// # async fn call(client: eslclient::Client) -> Result<(), eslclient::Error> {
    /// use eslclient::{Endpoint, HangupCause, Originate, random_uuid};
    ///
    /// let uuid = random_uuid();
    /// let call = Originate::new(Endpoint::user("1000")).uuid(&uuid);
    /// let job = client.originate(&call).await?;
    /// // The agent has left meanwhile.
    /// client.channel(&uuid).hangup(&HangupCause::OriginatorCancel).await?;
    /// assert!(job.channel().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuid(self, uuid: &str) -> Self {
        self.variable("origination_uuid", uuid)
    }

    /// Runs an application with the answered call. `arg` may hold what a variable's value may
    /// hold and commas, and be empty.
    pub fn application(mut self, name: &str, arg: &str) -> Self {
        let (name, arg) = (name.to_owned(), arg.to_owned());
        self.then = Then::Application { name, arg };
        self
    }

    /// Sends the answered call to an extension of the XML dialplan.
    pub fn extension(mut self, extension: &str, context: &str) -> Self {
        let (extension, context) = (extension.to_owned(), context.to_owned());
        self.then = Then::Extension { extension, context };
        self
    }

    /// Makes the command that waits until the call is answered or fails. It blocks its
    /// connection; [`Client::originate`](crate::Client::originate) does not.
    ///
    /// # Errors
    /// Returns an error for an input that the grammar of `originate` cannot carry, and
    /// [`CommandError::Variable`] for a variable whose name or value it cannot carry or whose value
    /// the switch executes.
    pub fn command(&self) -> Result<Command, CommandError> {
        Command::api("originate", &self.arguments()?)
    }

    /// Makes the command that runs in the background, with the UUID of its job.
    ///
    /// # Errors
    /// Returns the errors of [`Originate::command`].
    pub fn background(&self, job_uuid: &str) -> Result<Command, CommandError> {
        Command::bgapi("originate", &self.arguments()?, Some(job_uuid))
    }

    fn arguments(&self) -> Result<String, CommandError> {
        let mut out = String::from("{");
        for (at, (name, value)) in self.variables.iter().enumerate() {
            let before = &self.variables[..at];
            let value = once(name, before).and_then(|()| variable(name, value));
            let value = value.map_err(|fault| fault.of_variable(name))?;
            // Writing to a string cannot fail.
            let _ = write!(out, "{name}='{value}',");
        }
        if once(EARLY_MEDIA, &self.variables).is_ok() {
            let _ = write!(out, "{EARLY_MEDIA}='true'}}");
        } else {
            out.pop();
            out.push('}');
        }
        out.push_str(&self.first.write()?);
        for (separator, endpoint) in &self.others {
            out.push(*separator);
            out.push_str(&endpoint.write()?);
        }
        let _ = match &self.then {
            Then::Application { name, arg } => write!(out, " {}", application(name, arg)?),
            Then::Extension { extension, context } => {
                let extension = not_missing("extension", dialled("extension", extension)?)?;
                let context = not_missing("context", plain_word("context", context)?)?;
                write!(out, " {extension} XML {context}")
            }
        };
        Ok(out)
    }
}

/// Checks that the switch, to which names in any case are equal, has no value of it yet.
fn once(name: &str, before: &[(String, String)]) -> Result<(), CommandError> {
    if before
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
    {
        return Err(CommandError::Unusable {
            what: "it",
            problem: "is set twice, and the switch would take one of the values: set it once, by \
                      `variable` or by its own method such as `timeout`",
        });
    }
    Ok(())
}

fn variable<'a>(name: &str, value: &'a str) -> Result<&'a str, CommandError> {
    variable_name(name)?;
    if is_executing_variable(name) {
        return Err(CommandError::Executes);
    }
    if name.eq_ignore_ascii_case("origination_uuid") {
        separates("channel uuid", value)?;
        return block::uuid(value);
    }
    let checked = text("the value", value, b"");
    checked.map_err(|fault| {
        fault.cured_by(
            "remove it, or set the variable with `Channel::set_variable` when the call is there",
        )
    })
}

fn application(name: &str, arg: &str) -> Result<String, CommandError> {
    require(name, "application name", 64, |byte| {
        byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
    })?;
    if arg.is_empty() {
        return Ok(format!("&{name}"));
    }
    let arg = text("application argument", arg, b",")?;
    // The quotes keep the spaces.
    Ok(format!("'&{name}({arg})'"))
}

/// Checks text inside quotes: no grammar that reads `originate` sees more in it.
fn text<'a>(what: &'static str, value: &'a str, also: &[u8]) -> Result<&'a str, CommandError> {
    require(value, what, 2048, |byte| {
        byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || b" _.-+*#@/:;=!?%~".contains(&byte)
            || also.contains(&byte)
    })?;
    separates(what, value)?;
    block::not_array(value)?;
    let mut edges = [0, value.len() - 1].into_iter();
    match edges.find(|at| value.as_bytes()[*at] == b' ') {
        Some(at) => Err(CommandError::character(what, value, at)),
        None => Ok(value),
    }
}

/// Rejects the word that the switch reads as a missing argument.
fn not_missing<'a>(what: &'static str, word: &'a str) -> Result<&'a str, CommandError> {
    if word.eq_ignore_ascii_case("undef") {
        return Err(CommandError::Unusable {
            what,
            problem: "is `undef`, which the switch takes for an argument that is not there: change it",
        });
    }
    Ok(word)
}

//! What the caller hears while the webhook is asked.

use serde::{Deserialize, Serialize};

use eslclient::{Command, CommandError, ExecuteOptions};

/// How often the music repeats: for ever, as with any negative number (switch_ivr.c
/// `switch_ivr_parse_event`). While it plays, the channel's [`TOTAL_LOOPS`] has this number, which
/// nobody else uses.
pub(crate) const MUSIC_LOOPS: i32 = -8084;

/// The channel variable with the number of loops of what is played by `sendmsg`. The switch unsets it at the end.
pub(crate) const TOTAL_LOOPS: &str = "total_loops";

/// The music on hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldMusic {
    /// No music.
    Silence,
    /// The switch's own music: its variable `hold_music`.
    OfSwitch,
    /// A file or stream that FreeSWITCH's `playback` takes.
    Stream(String),
}

/// What an unanswered caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeforeAnswer {
    /// Music as early media (183): `playback` on an unanswered channel starts it
    /// and does not answer.
    EarlyMedia,
    /// Nothing new; the caller usually hears ringing.
    Silence,
    /// A 200 OK, then music.
    Answer,
}

/// What callers of one webhook hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The music.
    pub music: HoldMusic,
    /// What an unanswered caller gets.
    pub before_answer: BeforeAnswer,
}

impl Hold {
    /// Returns the commands that start the hold; none if the caller is to hear nothing new.
    /// `uuid` names the channel on a connection that is not its own.
    ///
    /// # Errors
    /// The stream's name cannot be sent to a switch.
    pub fn start(&self, answered: bool, uuid: Option<&str>) -> Result<Vec<Command>, CommandError> {
        let mut commands = Vec::with_capacity(2);
        let once = ExecuteOptions {
            uuid,
            ..ExecuteOptions::default()
        };
        if !answered {
            match self.before_answer {
                BeforeAnswer::EarlyMedia => {}
                BeforeAnswer::Silence => return Ok(commands),
                BeforeAnswer::Answer => commands.push(Command::execute("answer", "", once)?),
            }
        }
        if let Some(stream) = self.stream() {
            // FreeSWITCH repeats until the break, and gives up on a file that ends within half a
            // second, as a missing one does (switch_ivr.c `switch_ivr_parse_event`).
            let forever = ExecuteOptions {
                loops: Some(MUSIC_LOOPS),
                ..once
            };
            commands.push(Command::execute("playback", stream, forever)?);
        }
        Ok(commands)
    }

    fn stream(&self) -> Option<&str> {
        match &self.music {
            HoldMusic::Silence => None,
            HoldMusic::OfSwitch => Some("${hold_music}"),
            HoldMusic::Stream(stream) => Some(stream),
        }
    }
}

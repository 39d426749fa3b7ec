//! Reads header templates: headers from a real switch, with placeholders for what differs from call
//! to call.
//!
//! Values are percent-encoded, as on the wire; `{name}` is a placeholder. A line whose placeholder
//! has no value is left out.

use std::borrow::Cow;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;

use super::event::Text;

/// The caller's profile under `Channel-`, which only the `connect` reply carries.
pub(super) static CHANNEL_PROFILE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/profile.txt"), "Channel-"));
/// The caller's profile.
pub(super) static CALLER_PROFILE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/profile.txt"), "Caller-"));
/// State, names and codecs of the channel.
pub(super) static CHANNEL: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/channel.txt"), ""));
/// Variables of a call that has just entered the dialplan.
pub(super) static VARIABLES: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/variables.txt"), "variable_"));
/// Variables that media adds, with an answer or before it.
pub(super) static MEDIA: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/answer.txt"), "variable_"));
/// Variables that the caller's ACK sets again.
pub(super) static ACK: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/ack.txt"), "variable_"));
/// The other leg's profile, under `Other-Leg-`.
pub(super) static OTHER_PROFILE: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/profile.txt"), "Other-Leg-"));
/// Variables of a dialled leg.
pub(super) static AGENT: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/agent/create.txt"), "variable_"));
/// Variables that a dialled leg's answer adds.
pub(super) static AGENT_ANSWERS: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/agent/answer.txt"), "variable_"));
/// Variables that a dialled leg's refusal adds.
pub(super) static AGENT_REFUSES: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/agent/refuses.txt"), "variable_"));
/// Variables that a dialled leg's own hang-up in a bridge adds.
pub(super) static AGENT_HANGS_UP: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/agent/hangs_up.txt"), "variable_"));
/// Variables that the caller's hang-up adds to a dialled leg.
pub(super) static AGENT_HUNG_UP: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/agent/hung_up.txt"), "variable_"));
/// Variables that a bridge adds to the leg that dialled.
pub(super) static CALLER_BRIDGED: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/caller/bridge.txt"), "variable_"));
/// Variables that the caller's own hang-up in a bridge adds.
pub(super) static CALLER_HANGS_UP: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/caller/hangs_up.txt"), "variable_"));
/// Variables of the caller after a bridge that the caller ended.
pub(super) static CALLER_UNBRIDGED: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/caller/unbridge.txt"), "variable_"));
/// Variables of the caller after a bridge that the agent ended.
pub(super) static CALLER_LEFT: LazyLock<Template> = LazyLock::new(|| {
    let text = include_str!("templates/caller/unbridge_after_agent.txt");
    Template::read(text, "variable_")
});
/// Variables that `uuid_bridge` adds to the leg that it names first.
pub(super) static JOINS: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/standing/joins.txt"), "variable_"));
/// Variables that this leg's own hang-up adds.
pub(super) static LEAVES: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/standing/leaves.txt"), "variable_"));
/// Variables that `uuid_bridge` adds to the other leg.
pub(super) static TALKS: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/standing/talks.txt"), "variable_"));
/// Variables of that leg when it is parked again.
pub(super) static STAYS: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/standing/stays.txt"), "variable_"));
/// Variables that a closed recording adds.
pub(super) static RECORDED: LazyLock<Template> = LazyLock::new(|| {
    Template::read(
        include_str!("templates/caller/record_stop.txt"),
        "variable_",
    )
});
/// Variables that are known once the call is down.
pub(super) static REPORT: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/report.txt"), "variable_"));
/// Counters of a call that had media.
pub(super) static MEDIA_REPORT: LazyLock<Template> =
    LazyLock::new(|| Template::read(include_str!("templates/media_report.txt"), "variable_"));

#[derive(Debug)]
enum Piece {
    Literal(String),
    Place(&'static str),
}

#[derive(Debug)]
struct Line {
    name: String,
    pieces: Vec<Piece>,
}

/// Header lines with placeholders.
#[derive(Debug)]
pub(super) struct Template(Vec<Line>);

impl Template {
    fn read(text: &'static str, prefix: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        Self(
            lines
                .map(|(name, value)| Line {
                    name: format!("{prefix}{name}"),
                    pieces: pieces(value),
                })
                .collect(),
        )
    }

    /// Returns the headers with every placeholder filled in by `field`.
    pub(super) fn render(
        &'static self,
        field: &dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = (Text, Text)> {
        self.0.iter().filter_map(move |line| {
            let value = line.value(field)?;
            Some((Cow::Borrowed(line.name.as_str()), value))
        })
    }
}

impl Line {
    fn value(&'static self, field: &dyn Fn(&str) -> Option<String>) -> Option<Text> {
        match self.pieces.as_slice() {
            [Piece::Literal(text)] => Some(Cow::Borrowed(text)),
            [Piece::Place(name)] => field(name).map(Cow::Owned),
            pieces => {
                let mut whole = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => whole.push_str(text),
                        Piece::Place(name) => whole.push_str(&field(name)?),
                    }
                }
                Some(Cow::Owned(whole))
            }
        }
    }
}

fn pieces(value: &'static str) -> Vec<Piece> {
    let decode = |text: &str| Piece::Literal(percent_decode_str(text).decode_utf8_lossy().into());
    let (mut pieces, mut rest) = (Vec::new(), value);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            pieces.push(decode(before));
        }
        pieces.push(Piece::Place(name));
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(decode(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_whose_place_is_empty_is_left_out_and_literals_are_decoded() {
        static LINES: LazyLock<Template> =
            LazyLock::new(|| Template::read("a: x%20{one}%3A\nb: {two}\nc: 1\n", "v_"));
        let field = |name: &str| (name == "one").then(|| "y".to_owned());
        let headers: Vec<_> = LINES.render(&field).collect();
        assert_eq!(
            headers,
            [
                ("v_a".into(), "x y:".into()),
                ("v_c".into(), Text::from("1"))
            ]
        );
    }
}

//! Records what the caller hears, moment by moment.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// One kind of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// The caller's own phone rings: the call is not answered, and the switch sends no media.
    Ringing,
    /// Media without any sound.
    Silence,
    /// A file or stream, by the name under which it was played.
    Music(String),
}

impl Sound {
    /// Returns the sound of `playback` of `file`; `silence_stream://` is silence.
    pub(super) fn of(file: &str) -> Self {
        if file.starts_with("silence_stream://") {
            Self::Silence
        } else {
            Self::Music(file.to_owned())
        }
    }

    /// Returns `ringing`, `silence` or `music`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Silence => "silence",
            Self::Music(_) => "music",
        }
    }
}

/// A sound and its duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardSound {
    /// The sound.
    pub sound: Sound,
    /// Its duration.
    pub(crate) lasted: Duration,
}

/// What one caller heard from entering the dialplan until a line was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The sounds in order; neighbours differ.
    pub parts: Vec<HeardSound>,
}

/// The shortest part that a person hears. Shorter parts come from the switch's own tick.
const AUDIBLE: Duration = Duration::from_millis(60);

impl Timeline {
    /// Returns how long music played in all.
    #[must_use]
    pub fn music(&self) -> Duration {
        self.total("music")
    }

    /// Returns how long one kind of sound lasted in all.
    #[must_use]
    pub fn total(&self, kind: &str) -> Duration {
        let of_kind = self.parts.iter().filter(|part| part.sound.kind() == kind);
        of_kind.map(|part| part.lasted).sum()
    }

    /// Returns the names of what was played, in order.
    pub fn played(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match &part.sound {
            Sound::Music(name) => Some(name.as_str()),
            Sound::Ringing | Sound::Silence => None,
        })
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audible = self.parts.iter().filter(|part| part.lasted >= AUDIBLE);
        let parts: Vec<String> = audible
            .map(|part| format!("{} {:.1} s", part.sound.kind(), part.lasted.as_secs_f64()))
            .collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Builds a [`Timeline`] during the call.
#[derive(Debug)]
pub(super) struct AudioRecorder {
    now: Sound,
    since: Instant,
    timeline: Timeline,
    closed: bool,
}

impl AudioRecorder {
    /// Starts recording with `sound`.
    pub(super) fn new(sound: Sound) -> Self {
        Self {
            now: sound,
            since: Instant::now(),
            timeline: Timeline::default(),
            closed: false,
        }
    }

    /// Records `sound` from now on.
    pub(super) fn hears(&mut self, sound: Sound) {
        if self.closed || sound == self.now {
            return;
        }
        self.keep();
        self.now = sound;
    }

    /// Stops recording, because the call is over or has moved on.
    pub(super) fn close(&mut self) {
        if !self.closed {
            self.keep();
            self.closed = true;
        }
    }

    fn keep(&mut self) {
        let now = Instant::now();
        let lasted = now - self.since;
        self.since = now;
        match self.timeline.parts.last_mut() {
            Some(last) if last.sound == self.now => last.lasted += lasted,
            _ if lasted.is_zero() => {}
            _ => self.timeline.parts.push(HeardSound {
                sound: self.now.clone(),
                lasted,
            }),
        }
    }

    /// Returns everything that was heard.
    pub(super) fn timeline(mut self) -> Timeline {
        self.close();
        self.timeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timeline_adds_up_and_reads_like_a_sentence() {
        let mut ear = AudioRecorder::new(Sound::Ringing);
        tokio::time::advance(Duration::from_millis(100)).await;
        ear.hears(Sound::Silence);
        tokio::time::advance(Duration::from_millis(20)).await;
        ear.hears(Sound::of("local_stream://moh"));
        tokio::time::advance(Duration::from_millis(1200)).await;
        ear.close();
        ear.hears(Sound::Silence);
        let timeline = ear.timeline();
        assert_eq!(timeline.to_string(), "ringing 0.1 s, music 1.2 s");
        assert_eq!(timeline.music(), Duration::from_millis(1200));
        assert_eq!(
            timeline.played().collect::<Vec<_>>(),
            ["local_stream://moh"]
        );
    }

    #[test]
    fn a_caller_who_heard_only_a_tick_heard_nothing() {
        assert_eq!(Timeline::default().to_string(), "nothing");
        assert_eq!(Sound::of("silence_stream://-1"), Sound::Silence);
    }
}

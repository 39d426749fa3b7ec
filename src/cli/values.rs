//! The values of arguments: moments, rates, states, report formats.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use switchhook_core::clock;
use switchhook_core::zone::Zone;
use switchhook_service::report;
use switchhook_store::DocumentState;

/// A moment: `2h` is two hours ago; other forms are RFC 3339, and a date with or without a time, by the
/// clock of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Unix milliseconds.
    At(i64),
    /// By the clock of a zone that is not known yet.
    Local(NaiveDateTime),
}

impl Moment {
    /// Returns Unix milliseconds.
    #[must_use]
    pub fn ms(self, zone: Zone) -> i64 {
        match self {
            Self::At(ms) => ms,
            Self::Local(clock) => zone.instant(clock).timestamp_millis(),
        }
    }
}

/// How a time without an offset may be written.
const LOCAL_FORMS: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
];

fn local(text: &str) -> Option<NaiveDateTime> {
    let mut forms = LOCAL_FORMS.iter();
    let time = forms.find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    time.or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN)))
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.timestamp_millis()));
        }
        if let Some(clock) = local(text) {
            return Ok(Self::Local(clock));
        }
        let ago = humantime::parse_duration(text).map_err(|_| {
            "write how long ago, such as 2h or 3days, a date, such as 2026-07-31, or a time, such as 2026-07-31T14:00"
        })?;
        // Nothing is older than 1970, so everything matches.
        let ms = clock::since_1970().saturating_sub(ago).as_millis();
        Ok(Self::At(i64::try_from(ms).unwrap_or(i64::MAX)))
    }
}

/// The columns of a table.
#[derive(Debug, Default, Clone, Args)]
pub struct Columns {
    /// Only these columns, in this order, with commas between.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Every column, however wide the terminal is.
    #[arg(long, conflicts_with = "columns")]
    pub wide: bool,
}

/// A rate: `10/s`, `600/m`, `1000/h`; a number alone is per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The number per second.
    pub per_second: f64,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => f64::NAN,
        };
        let number: f64 = number.parse().unwrap_or(f64::NAN);
        let per_second = number / seconds;
        if per_second.is_finite() && per_second > 0.0 {
            Ok(Self { per_second })
        } else {
            Err("write a number above 0 and a unit of time: 10/s, 600/m or 1000/h".into())
        }
    }
}

/// Parses the state of a document; `--help` lists all states.
pub fn state() -> impl TypedValueParser<Value = DocumentState> {
    PossibleValuesParser::new(DocumentState::ALL.map(DocumentState::as_str))
        .try_map(|word| word.parse::<DocumentState>())
}

/// Parses `NAME=VALUE`.
///
/// # Errors
/// Fails if there is no `=`.
#[cfg(feature = "lab")]
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person; the first thousand calls.
    Table,
    /// RFC 4180, a header line first.
    Csv,
    /// One array of objects.
    Json,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_absolute_or_so_long_ago() {
        let at: Moment = "1970-01-01T01:00:00+01:00".parse().unwrap();
        assert_eq!(at.ms(Zone::UTC), 0);
        let later: Moment = "1h".parse().unwrap();
        let earlier: Moment = "2h".parse().unwrap();
        assert!(earlier.ms(Zone::UTC) < later.ms(Zone::UTC));
        assert_eq!("10000y".parse(), Ok(Moment::At(0)));
        for wrong in [
            "",
            "2",
            "yesterday",
            "2026-02-30",
            "2026-07-31 25:00",
            "-2h",
        ] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_moment_without_an_offset_is_by_the_accounts_clock() {
        let zone = Zone::named("Asia/Kolkata").unwrap();
        for (text, with_offset) in [
            ("2026-07-31", "2026-07-31T00:00:00+05:30"),
            ("2026-07-31 14:00", "2026-07-31T14:00:00+05:30"),
            ("2026-07-31T14:00", "2026-07-31T14:00:00+05:30"),
            ("2026-07-31T14:00:05", "2026-07-31T14:00:05+05:30"),
            ("2026-07-31T14:00:05Z", "2026-07-31T14:00:05+00:00"),
        ] {
            let moments = [text, with_offset].map(|text| text.parse::<Moment>().unwrap());
            let [one, other] = moments.map(|moment| moment.ms(zone));
            assert_eq!(one, other, "{text}");
        }
    }

    #[test]
    fn a_rate_has_a_time_and_is_above_nothing() {
        let per_second = |text: &str| text.parse().map(|rate: Rate| rate.per_second);
        assert_eq!(per_second("10/s"), Ok(10.0));
        assert_eq!(per_second("0.5"), Ok(0.5));
        assert_eq!(per_second("600/m"), Ok(10.0));
        assert_eq!(per_second("3600/h"), Ok(1.0));
        for wrong in ["", "0/s", "-1/s", "inf", "NaN/s", "10/d", "10/", "/s"] {
            assert!(per_second(wrong).is_err(), "{wrong:?}");
        }
    }
}

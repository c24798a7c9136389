//! Lengths of time as people write them: `90d`, `1h`, `15m`, `30s`.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A century: beyond it a date would no longer be written with four digits for the year.
const LONGEST: u64 = 100 * 365 * 86_400;

/// A length of time, more than nothing and a hundred years at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(Duration);

/// The text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number and a unit, such as 90d, 1h, 15m or 30s, from 1s to 36500d")]
pub struct SpanError;

impl Span {
    /// As a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (number, unit) = text
            .find(|c: char| !c.is_ascii_digit())
            .and_then(|end| text.split_at_checked(end))
            .ok_or(SpanError)?;
        let unit: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(SpanError),
        };
        let seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .ok_or(SpanError)?;
        if (1..=LONGEST).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err(SpanError)
        }
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

/// A length of time, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SpanOrOff(Option<Span>);

impl SpanOrOff {
    /// As a duration, unless it is off.
    pub fn get(self) -> Option<Duration> {
        self.0.map(Span::get)
    }
}

impl FromStr for SpanOrOff {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        match text {
            "off" => Ok(Self(None)),
            text => text.parse().map(|span| Self(Some(span))),
        }
    }
}

impl TryFrom<String> for SpanOrOff {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_make_a_span() {
        for (text, seconds) in [
            ("1s", 1),
            ("30s", 30),
            ("15m", 900),
            ("1h", 3_600),
            ("90d", 7_776_000),
            ("36500d", LONGEST),
        ] {
            assert_eq!(
                text.parse::<Span>().map(Span::get),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_can_be_switched_off_is_off_by_that_word_alone() {
        let day = Some(Duration::from_hours(24));
        for (text, expected) in [
            ("off", Ok(None)),
            ("1d", Ok(day)),
            ("0", Err(SpanError)),
            ("Off", Err(SpanError)),
        ] {
            assert_eq!(
                text.parse::<SpanOrOff>().map(SpanOrOff::get),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1",
            "h",
            "0s",
            "-1h",
            "1.5h",
            "1 h",
            "1H",
            "1h30m",
            "1w",
            "36501d",
            "99999999999999999999d",
            "1é",
        ] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }
}

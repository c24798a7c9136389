//! When the purge runs: every so often (`15m`), or by a cron expression of five fields (`30 2 * * *`) in a time zone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;

use super::Span;
use crate::domain::clock::Ts;

/// When something runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Every so often.
    Every(Duration),
    /// At the times of a cron expression, by the clocks of a time zone. Where those are put forward the run that falls
    /// into the hour that is left out comes at its end; where they are put back it is not repeated.
    Cron {
        /// As it was given.
        text: String,
        /// The same, parsed.
        cron: Box<Cron>,
        /// Whose clocks.
        zone: Tz,
    },
}

impl Schedule {
    /// Reads a schedule; `zone` is for a cron expression. The error says what was expected.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        if let Ok(span) = Span::from_str(text) {
            return Ok(Self::Every(span.get()));
        }
        let fields = text.split_ascii_whitespace().count();
        match Cron::from_str(text) {
            Ok(cron) if fields == 5 => Ok(Self::Cron {
                text: text.to_owned(),
                cron: Box::new(cron),
                zone,
            }),
            _ => Err("takes a length of time such as 15m, a cron expression of five fields such as \"30 2 * * *\", or off".to_owned()),
        }
    }

    /// How long it is from `now` to the next run; none if there is none.
    pub fn wait_from(&self, now: Ts) -> Option<Duration> {
        match self {
            Self::Every(every) => Some(*every),
            Self::Cron { cron, zone, .. } => {
                let now = now.utc().with_timezone(zone);
                let next = cron.find_next_occurrence(&now, false).ok()?;
                next.signed_duration_since(now).to_std().ok()
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(every) => write!(f, "every {} s", every.as_secs()),
            Self::Cron { text, zone, .. } => write!(f, "{text} ({zone})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(schedule: &str, zone: Tz, now: &str) -> u64 {
        let now = Ts::parse(now).unwrap();
        Schedule::parse(schedule, zone)
            .unwrap()
            .wait_from(now)
            .unwrap()
            .as_secs()
    }

    #[test]
    fn a_cron_expression_goes_by_the_clocks_of_its_zone() {
        assert_eq!(wait("15m", Tz::UTC, "2026-11-22T12:00:00Z"), 900);
        assert_eq!(wait("30 2 * * *", Tz::UTC, "2026-11-22T02:00:00Z"), 1_800);
        assert_eq!(
            wait("30 2 * * *", Tz::Europe__Berlin, "2026-11-22T01:00:00Z"),
            1_800
        );
        // Clocks are put forward from two to three: the run of that night comes at three.
        assert_eq!(
            wait("30 2 * * *", Tz::Europe__Berlin, "2026-03-29T00:30:00Z"),
            1_800
        );
        // They are put back from three to two: half past two comes twice, the run once.
        assert_eq!(
            wait("30 2 * * *", Tz::Europe__Berlin, "2026-10-25T00:29:00Z"),
            60
        );
        assert!(wait("30 2 * * *", Tz::Europe__Berlin, "2026-10-25T00:31:00Z") > 23 * 3_600);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "often",
            "0",
            "0s",
            "* * * *",
            "* * * * * *",
            "61 * * * *",
            "@daily",
        ] {
            assert!(Schedule::parse(text, Tz::UTC).is_err(), "{text}");
        }
    }
}

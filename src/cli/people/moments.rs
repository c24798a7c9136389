//! Moments as people type and read them. All of them are UTC: what a table shows can be typed as it stands there.

use anyhow::anyhow;
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};

use crate::config::Span;
use crate::domain::clock::Ts;

const EXPECTED: &str = "expected a moment in UTC such as 2026-11-20, '2026-11-20 17:00' or 2026-11-20T17:00:00+01:00, \
                        or a length of time such as 3h or 2d";

/// A moment that is usually in the past: `2d` is two days ago.
pub(in crate::cli) fn past(text: &str) -> anyhow::Result<Ts> {
    moment(text, Ts::now(), -1)
}

/// A moment that is usually to come: `2d` is in two days.
pub(in crate::cli) fn coming(text: &str) -> anyhow::Result<Ts> {
    moment(text, Ts::now(), 1)
}

pub(super) fn moment(text: &str, now: Ts, direction: i32) -> anyhow::Result<Ts> {
    if let Ok(span) = text.parse::<Span>() {
        let length = Duration::from_std(span.get()).map_err(|_| anyhow!(EXPECTED))?;
        return Ok(now.plus(length * direction));
    }
    if let Some(at) = Ts::parse(text) {
        return Ok(at);
    }
    let day =
        |text| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    [
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%dT%H:%M:%S",
    ]
    .into_iter()
    .map(|form| NaiveDateTime::parse_from_str(text, form))
    .chain([day(text)])
    .find_map(Result::ok)
    .map(|at| Ts::from(at.and_utc()))
    .ok_or_else(|| anyhow!(EXPECTED))
}

/// `2026-11-20 17:03`
pub(in crate::cli) fn shown(at: Ts) -> String {
    at.utc().format("%Y-%m-%d %H:%M").to_string()
}

/// `in 30 days`, `in 5 hours`, rounded up; `due`
pub(in crate::cli) fn until(at: Ts, now: Ts) -> String {
    let minutes = (at.utc() - now.utc()).num_minutes();
    let (number, unit) = match minutes {
        ..=0 => return "due".to_owned(),
        1..=2_880 => (minutes.div_euclid(60) + 1, "hour"),
        _ => (minutes.div_euclid(1_440) + 1, "day"),
    };
    format!("in {number} {unit}{}", if number == 1 { "" } else { "s" })
}

//! Time: UTC in whole microseconds, the precision both databases keep.
//!
//! The one place that reads the wall clock and the machine's uptime. Whether something may be purged is never decided by it: the
//! database's clock decides (promise 6).

use std::fmt;

use chrono::{DateTime, Duration, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, truncated to microseconds.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = crate::store::types::Moment)]
pub struct Ts(DateTime<Utc>);

impl Ts {
    /// The last second of the year 9999: later than anything, and as wide as all others when written.
    pub const FAR: Self = Self(match DateTime::from_timestamp(253_402_300_799, 0) {
        Some(at) => at,
        None => DateTime::<Utc>::MAX_UTC,
    });

    /// The wall clock of this host.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    pub fn now() -> Self {
        Self::from(Utc::now())
    }

    /// This moment and `duration` more; the last moment there is on overflow.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from(
            self.0
                .checked_add_signed(duration)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }

    /// The moment as chrono has it.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Reads RFC 3339 with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| Self::from(at.with_timezone(&Utc)))
    }
}

/// How long this machine has been running, by a clock that nobody sets and that goes on while it sleeps; and which start
/// of it that is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// Tells this start of the machine from all others.
    pub boot_id: String,
    /// Microseconds since then.
    pub micros: i64,
}

impl Uptime {
    /// What the machine says now. Where it does not tell which start this is, the process counts as one.
    pub fn now() -> Self {
        static PROCESS: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| uuid::Uuid::new_v4().to_string());
        static BOOT: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| {
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .ok()
                .map(|id| id.trim().to_owned())
                .filter(|id| !id.is_empty())
        });
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self {
            boot_id: BOOT.as_ref().unwrap_or(&PROCESS).clone(),
            micros: time
                .tv_sec
                .saturating_mul(1_000_000)
                .saturating_add(time.tv_nsec / 1_000),
        }
    }
}

impl From<DateTime<Utc>> for Ts {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.trunc_subsecs(6))
    }
}

/// Fixed width, `2026-11-22T09:30:00.000000Z`: as text it sorts as time.
impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 timestamp"))
    }
}

impl utoipa::PartialSchema for Ts {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .into()
    }
}

impl utoipa::ToSchema for Ts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_fixed_width_and_reads_back() {
        for text in [
            "2026-11-22T09:30:00Z",
            "2026-11-22T10:30:00.123456789+01:00",
        ] {
            let at = Ts::parse(text).unwrap();
            assert_eq!(at.to_string().len(), 27);
            assert_eq!(Ts::parse(&at.to_string()), Some(at));
        }
        assert_eq!(Ts::parse("yesterday"), None);
    }
}

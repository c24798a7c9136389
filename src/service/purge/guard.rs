//! The clock guard: whether the clock that decides, the database's, can be believed.
//!
//! At each tick the database's clock is compared with the machine's uptime, which nobody sets: between two ticks both
//! must have gone on by the same time. What they said when they last agreed is stored, so a start compares too: with
//! the stored tick of the same start of the machine exactly; after another start, or on another machine, the clock may
//! not have gone back nor forward by more than the longest downtime.
//!
//! What must stay true (promise 6): while they disagree nothing is purged by date, and the reference stays, so that the
//! purge goes on by itself when the clock is right again.

use std::sync::{Mutex, PoisonError};

use chrono::Duration;

use super::super::alarms;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::{Ts, Uptime};
use crate::store::rows::TickRow;
use crate::store::{Conn, StoreResult};

/// What two clocks that are kept right may differ by between two ticks.
const TOLERANCE: Duration = Duration::minutes(5);

/// A machine that still sees its clock off says so at every tick.
const FORGOTTEN_AFTER: Duration = Duration::hours(1);

/// What this process knows of the clocks.
#[derive(Debug, Default)]
pub struct Guard(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Both clocks when they last agreed.
    agreed: Option<(Ts, i64)>,
    /// The latest moment at which the database's clock was believed, by anybody.
    latest: Option<Ts>,
}

/// The clock is not where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// By so much from where the machine's uptime says.
    Off(Duration),
    /// It is before the last tick by so much.
    Back(Duration),
    /// More has gone by since the last tick than the service is ever down.
    Gap(Duration),
}

impl Jump {
    fn words(self) -> String {
        match self {
            Self::Off(by) => format!(
                "The database's clock is {} {} where it was and the time since then say.",
                length(by),
                if by < Duration::zero() {
                    "behind"
                } else {
                    "ahead of"
                }
            ),
            Self::Back(by) => format!(
                "The database's clock is {} before the last tick that was written down.",
                length(by)
            ),
            Self::Gap(by) => format!(
                "The database's clock is {} after the last tick that was written down, longer than --max-downtime.",
                length(by)
            ),
        }
    }
}

fn length(by: Duration) -> String {
    let by = by.abs();
    if by >= Duration::days(2) {
        format!("{} days", by.num_days())
    } else if by >= Duration::hours(2) {
        format!("{} hours", by.num_hours())
    } else {
        format!("{} minutes", by.num_minutes())
    }
}

impl Guard {
    /// Takes over what was written down, for a process that deletes before its first tick.
    pub fn load(&self, conn: &mut Conn) -> StoreResult<()> {
        let (rows, uptime) = (conn.list_ticks()?, Uptime::now());
        let own = rows.iter().find(|row| row.boot_id == uptime.boot_id);
        self.set(State {
            agreed: own.map(|row| (row.ticked_at, row.uptime)),
            latest: rows.first().map(|row| row.ticked_at),
        });
        Ok(())
    }

    /// Compares the clocks and writes them down if they agree; raises or ends the alarm. Answers whether the clock is to
    /// be believed.
    pub fn tick(&self, conn: &mut Conn, max_downtime: Duration) -> StoreResult<bool> {
        let (now, uptime, rows) = (conn.now()?, Uptime::now(), conn.list_ticks()?);
        // Each machine has its own alarm: one whose uptime went wrong is no word about the others.
        let machine = uptime.boot_id.clone();
        if let Some(jump) = judge(&rows, &uptime, now, max_downtime) {
            alarms::raise(conn, None, AlarmCode::ClockJump, &machine, &jump.words())?;
            return Ok(false);
        }
        conn.put_tick(&TickRow {
            boot_id: uptime.boot_id,
            ticked_at: now,
            uptime: uptime.micros,
        })?;
        alarms::resolve(conn, None, AlarmCode::ClockJump, &machine)?;
        // Of a machine that has been started anew since.
        let unseen = now.plus(-FORGOTTEN_AFTER);
        conn.resolve_unseen_alarms(alarms::SERVICE, AlarmCode::ClockJump, unseen, now)?;
        self.set(State {
            agreed: Some((now, uptime.micros)),
            latest: Some(now),
        });
        Ok(true)
    }

    /// Whether a tick would find the clocks at odds; nothing is written down.
    pub fn would_stop(&self, conn: &mut Conn, max_downtime: Duration) -> StoreResult<bool> {
        let (now, uptime, rows) = (conn.now()?, Uptime::now(), conn.list_ticks()?);
        Ok(judge(&rows, &uptime, now, max_downtime).is_some())
    }

    /// Whether the database's clock is where it should be, by what this process remembers.
    pub fn believes(&self, now: Ts) -> bool {
        self.expected()
            .is_none_or(|expected| difference(now, expected).abs() <= TOLERANCE)
    }

    /// From when a retention counts: from now, unless the clock has gone back. What is deleted meanwhile would
    /// otherwise be purged too early once the clock is right again.
    pub fn counts_from(&self, now: Ts) -> Ts {
        let earliest = self.expected().or(self.get().latest);
        earliest.map_or(now, |earliest| now.max(earliest.plus(-TOLERANCE)))
    }

    fn expected(&self) -> Option<Ts> {
        let (at, uptime) = self.get().agreed?;
        Some(at.plus(Duration::microseconds(
            Uptime::now().micros.saturating_sub(uptime),
        )))
    }

    fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Compares with what was written down; `rows` begin with the newest.
fn judge(rows: &[TickRow], uptime: &Uptime, now: Ts, max_downtime: Duration) -> Option<Jump> {
    if let Some(own) = rows.iter().find(|row| row.boot_id == uptime.boot_id) {
        let gone = uptime.micros.saturating_sub(own.uptime);
        let off = difference(now, own.ticked_at.plus(Duration::microseconds(gone)));
        return (off.abs() > TOLERANCE).then_some(Jump::Off(off));
    }
    let gone = difference(now, rows.first()?.ticked_at);
    if gone < -TOLERANCE {
        Some(Jump::Back(gone))
    } else if gone > max_downtime {
        Some(Jump::Gap(gone))
    } else {
        None
    }
}

fn difference(later: Ts, earlier: Ts) -> Duration {
    later.utc().signed_duration_since(earlier.utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn at(text: &str) -> Ts {
        Ts::parse(text).unwrap()
    }

    fn tick(boot: &str, when: &str, uptime: i64) -> TickRow {
        TickRow {
            boot_id: boot.to_owned(),
            ticked_at: at(when),
            uptime,
        }
    }

    #[test]
    fn a_jump_is_told_from_a_stop() {
        let week = Duration::days(7);
        let this = Uptime {
            boot_id: "this".to_owned(),
            micros: 100 * HOUR,
        };
        let noon = "2026-11-22T12:00:00Z";
        for (case, rows, now, jumped) in [
            ("the first start", vec![], noon, false),
            (
                "an hour later",
                vec![tick("this", "2026-11-22T11:00:00Z", 99 * HOUR)],
                noon,
                false,
            ),
            (
                "four minutes off",
                vec![tick("this", "2026-11-22T11:04:00Z", 99 * HOUR)],
                noon,
                false,
            ),
            (
                "six minutes ahead",
                vec![tick("this", "2026-11-22T10:54:00Z", 99 * HOUR)],
                noon,
                true,
            ),
            (
                "six minutes behind",
                vec![tick("this", "2026-11-22T11:06:00Z", 99 * HOUR)],
                noon,
                true,
            ),
            (
                "40 days ahead within an hour",
                vec![tick("this", "2026-11-22T11:00:00Z", 99 * HOUR)],
                "2027-01-01T12:00:00Z",
                true,
            ),
            (
                "40 days behind within an hour",
                vec![tick("this", "2026-11-22T11:00:00Z", 99 * HOUR)],
                "2026-10-13T12:00:00Z",
                true,
            ),
            (
                "stopped for four days of the same start",
                vec![tick("this", "2026-11-18T12:00:00Z", 4 * HOUR)],
                noon,
                false,
            ),
            (
                "stopped over a weekend, started anew",
                vec![tick("before", "2026-11-20T18:00:00Z", 500 * HOUR)],
                noon,
                false,
            ),
            (
                "40 days ahead at another start",
                vec![tick("before", "2026-11-22T11:59:00Z", 1)],
                "2027-01-01T12:00:00Z",
                true,
            ),
            (
                "40 days behind at another start",
                vec![tick("before", "2026-11-22T11:59:00Z", 1)],
                "2026-10-13T12:00:00Z",
                true,
            ),
            (
                "a replica of another machine has ticked since",
                vec![
                    tick("other", "2026-11-22T11:59:00Z", 1),
                    tick("this", "2026-11-22T11:00:00Z", 99 * HOUR),
                ],
                noon,
                false,
            ),
        ] {
            assert_eq!(
                judge(&rows, &this, at(now), week).is_some(),
                jumped,
                "{case}"
            );
        }
    }

    #[test]
    fn a_retention_never_counts_from_a_clock_that_went_back() {
        let guard = Guard::default();
        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(guard.counts_from(now), now);
        guard.set(State {
            agreed: Some((now, Uptime::now().micros)),
            latest: Some(now),
        });
        assert!(guard.believes(now.plus(Duration::minutes(1))));
        assert!(!guard.believes(now.plus(Duration::days(40))));
        assert!(!guard.believes(now.plus(-Duration::days(40))));
        let late = now.plus(Duration::days(40));
        assert_eq!(guard.counts_from(late), late);
        assert!(guard.counts_from(now.plus(-Duration::days(40))) >= now.plus(-TOLERANCE));
    }
}

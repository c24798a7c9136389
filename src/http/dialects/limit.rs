//! How many requests of a minute one caller of a dialect may make.
//!
//! Counted in this process: with several replicas each counts for itself. Clients of the originals expect a limit and
//! know how to wait; Reprieve needs none, so there is none unless an operator sets it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Dialect;
use crate::domain::clock::Ts;

const WINDOW: Duration = Duration::from_mins(1);

/// A caller who has had the requests of this minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// How many requests a minute there are.
    pub limit: u32,
    /// The seconds until the next minute begins, at least one.
    pub retry_after: u64,
    /// The same as seconds of the Unix epoch.
    pub reset: u64,
}

/// The counts of all callers.
#[derive(Debug, Default)]
pub struct Limits {
    limit: Option<NonZeroU32>,
    windows: Mutex<HashMap<(Dialect, Uuid), Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    count: u32,
}

impl Limits {
    /// This many a minute for each caller; no limit without one.
    pub fn new(limit: Option<NonZeroU32>) -> Self {
        Self {
            limit,
            windows: Mutex::default(),
        }
    }

    /// Counts a request of `caller`, or says how long to wait.
    pub fn take(&self, dialect: Dialect, caller: Uuid, now: Instant) -> Result<(), Limited> {
        let Some(limit) = self.limit.map(NonZeroU32::get) else {
            return Ok(());
        };
        // Each change of a count is complete by itself.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, window| now.duration_since(window.began) < WINDOW);
        let window = windows.entry((dialect, caller)).or_insert(Window {
            began: now,
            count: 0,
        });
        if window.count < limit {
            window.count += 1;
            return Ok(());
        }
        let left = (window.began + WINDOW).saturating_duration_since(now);
        let retry_after = left.as_secs() + 1;
        let clock = u64::try_from(Ts::now().utc().timestamp()).unwrap_or_default();
        Err(Limited {
            limit,
            retry_after,
            reset: clock + retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_of_each_dialect_has_requests_of_its_own_and_gets_new_ones_with_the_next_minute()
    {
        let limits = Limits::new(NonZeroU32::new(2));
        let (now, [one, other]) = (Instant::now(), [Uuid::now_v7(), Uuid::now_v7()]);
        assert_eq!(limits.take(Dialect::Nango, one, now), Ok(()));
        assert_eq!(limits.take(Dialect::Nango, one, now), Ok(()));
        let refused = limits.take(Dialect::Nango, one, now + Duration::from_secs(40));
        assert_eq!(
            refused.map_err(|refused| (refused.limit, refused.retry_after)),
            Err((2, 21))
        );
        assert_eq!(limits.take(Dialect::Nango, other, now), Ok(()));
        assert_eq!(limits.take(Dialect::Omni, one, now), Ok(()));
        assert_eq!(limits.take(Dialect::Nango, one, now + WINDOW), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let limits = Limits::new(None);
        for _ in 0..1_000 {
            assert_eq!(
                limits.take(Dialect::Omni, Uuid::nil(), Instant::now()),
                Ok(())
            );
        }
    }
}

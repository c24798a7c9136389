//! How many tests an organization may have running, and how many in a minute.
//!
//! A test dials where a caller says, so a key that got lost must not become a port scanner (docs/security.md). Counted
//! in this process: with several replicas each counts for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::ids::OrgId;

const MINUTE: Duration = Duration::from_mins(1);

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once.
    pub at_once: usize,
    /// Within any minute.
    pub a_minute: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            at_once: 4,
            a_minute: 10,
        }
    }
}

/// The counts of all organizations.
#[derive(Debug)]
pub(super) struct Turns {
    allowance: Allowance,
    organizations: Mutex<HashMap<OrgId, Count>>,
}

#[derive(Debug, Default)]
struct Count {
    running: usize,
    /// When those of the last minute began.
    began: VecDeque<Instant>,
}

/// The right to make one test, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    organization: OrgId,
}

impl Turns {
    pub(super) fn new(allowance: Allowance) -> Arc<Self> {
        Arc::new(Self {
            allowance,
            organizations: Mutex::default(),
        })
    }

    /// A turn, or how long to wait for one.
    pub(super) fn take(
        self: &Arc<Self>,
        organization: OrgId,
        now: Instant,
    ) -> Result<Turn, Duration> {
        let mut counts = self.counts();
        counts.retain(|_, count| {
            count.forget(now);
            count.running > 0 || !count.began.is_empty()
        });
        let count = counts.entry(organization).or_default();
        if count.began.len() >= self.allowance.a_minute {
            let oldest = count.began.front().copied().unwrap_or(now);
            return Err((oldest + MINUTE).saturating_duration_since(now));
        }
        if count.running >= self.allowance.at_once {
            return Err(Duration::from_secs(1));
        }
        count.running += 1;
        count.began.push_back(now);
        Ok(Turn {
            turns: Arc::clone(self),
            organization,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<OrgId, Count>> {
        // Each change of a count is complete by itself.
        self.organizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn forget(&mut self, now: Instant) {
        while self
            .began
            .front()
            .is_some_and(|began| now.duration_since(*began) >= MINUTE)
        {
            self.began.pop_front();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(count) = self.turns.counts().get_mut(&self.organization) {
            count.running = count.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_four_at_once_and_ten_a_minute_and_others_are_not_held_up() {
        let turns = Turns::new(Allowance::default());
        let (one, other) = (OrgId::mint(), OrgId::mint());
        let start = Instant::now();
        let mut held: Vec<Turn> = (0..4).map(|_| turns.take(one, start).unwrap()).collect();
        assert_eq!(turns.take(one, start).unwrap_err(), Duration::from_secs(1));
        turns.take(other, start).unwrap();
        held.clear();
        for _ in 4..10 {
            turns.take(one, start + Duration::from_secs(10)).unwrap();
        }
        let wait = turns
            .take(one, start + Duration::from_secs(20))
            .unwrap_err();
        assert_eq!(wait, Duration::from_secs(40));
        turns.take(other, start + Duration::from_secs(20)).unwrap();
        // The first four are a minute old.
        let later = start + Duration::from_mins(1);
        for _ in 0..4 {
            turns.take(one, later).unwrap();
        }
        assert_eq!(turns.take(one, later).unwrap_err(), Duration::from_secs(10));
    }
}

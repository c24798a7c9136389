//! A race that is run until every outcome was seen often enough.
//!
//! Who comes first depends on the machine and on what else it does, so no fixed delays fit everywhere. Here they follow
//! the outcomes: a first call that won starts a little later in the next round, one that lost a little earlier.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::Draw;
use crate::support::*;

pub(super) type Call<'a> = Box<dyn Fn() -> Reply + Send + Sync + 'a>;

/// Each call waits a part of this that the seed draws, in microseconds.
const JITTER: u64 = 3_000;

/// By how much one round moves the start of the first call, in microseconds.
const STEP: u64 = 400;

/// More rounds than this many times what was asked for are no race any more.
const PATIENCE: u64 = 12;

pub(super) struct Contest {
    rounds: u64,
    round: u64,
    /// What the first call waits beyond its part of the jitter; the others wait the second.
    late: [u64; 2],
}

impl Contest {
    pub(super) fn new(rounds: u64) -> Self {
        Self {
            rounds,
            round: 0,
            late: [0; 2],
        }
    }

    /// The seed of the next round: at least so many rounds, and more of them until what was seen is enough.
    #[track_caller]
    pub(super) fn next_round(&mut self, enough: bool, seen: &dyn std::fmt::Debug) -> Option<u64> {
        if self.round >= self.rounds && enough {
            return None;
        }
        assert!(
            self.round < self.rounds * PATIENCE,
            "this was no race after {} rounds: {seen:?}",
            self.round
        );
        self.round += 1;
        Some(self.round - 1)
    }

    /// Sends all of them at once, each after a small delay of its own.
    pub(super) fn race(&self, calls: &[Call<'_>]) -> Vec<Reply> {
        let mut draw = Draw(self.round);
        let barrier = Barrier::new(calls.len());
        let delays: Vec<u64> = (0..calls.len())
            .map(|n| self.late[n.min(1)] + draw.below(JITTER))
            .collect();
        thread::scope(|scope| {
            let running: Vec<_> = calls
                .iter()
                .zip(delays)
                .map(|(call, delay)| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        wait(delay);
                        call()
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|running| running.join().unwrap())
                .collect()
        })
    }

    /// How many calls found that the first had come before them, and how many that it came after them.
    pub(super) fn saw(&mut self, before: usize, after: usize) {
        let [first, others] = self.late;
        self.late = match before.cmp(&after) {
            std::cmp::Ordering::Greater if others > 0 => [0, others.saturating_sub(STEP)],
            std::cmp::Ordering::Greater => [first + STEP, 0],
            std::cmp::Ordering::Less if first > 0 => [first.saturating_sub(STEP), 0],
            std::cmp::Ordering::Less => [0, others + STEP],
            std::cmp::Ordering::Equal => self.late,
        };
    }
}

/// Sleeping is too coarse for what is drawn here.
fn wait(microseconds: u64) {
    let until = Instant::now() + Duration::from_micros(microseconds);
    while Instant::now() < until {
        thread::yield_now();
    }
}

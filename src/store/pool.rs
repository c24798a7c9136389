//! What a pool of connections tells of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::conn::Manager;

/// The connections of one pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolUse {
    /// Whose they are.
    pub name: &'static str,
    /// Those at work.
    pub in_use: u32,
    /// Those that wait for work.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
    /// How often somebody waited for one and got none.
    pub timeouts: u64,
}

impl PoolUse {
    pub(super) fn of(
        name: &'static str,
        pool: &r2d2::Pool<Manager>,
        Timeouts(timeouts): &Timeouts,
    ) -> Self {
        let state = pool.state();
        Self {
            name,
            in_use: state.connections.saturating_sub(state.idle_connections),
            idle: state.idle_connections,
            most: pool.max_size(),
            timeouts: timeouts.load(Ordering::Relaxed),
        }
    }
}

/// Counts who waited for a connection in vain.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeouts(Arc<AtomicU64>);

impl r2d2::HandleEvent for Timeouts {
    fn handle_timeout(&self, _: r2d2::event::TimeoutEvent) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

//! Looks into the database for a scrape: one at a time, and seldom.
//!
//! A look has a connection of its own, so that it neither takes one from requests nor waits behind them: when the pool is
//! exhausted, its figures are what an operator wants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::service::purge::{AFTER_A_HOLD, AFTER_A_USE};
use crate::store::figures::Figures;
use crate::store::{Store, StoreResult};

/// How long a scrape waits for a look; less than Prometheus waits for a scrape.
const PATIENCE: Duration = Duration::from_secs(5);
/// Looks take no more than one part in so many of the time, however long one lasts.
const SHARE: u32 = 20;
/// How long a look that failed counts.
const KEPT_FAILURE: Duration = Duration::from_secs(1);

pub(super) struct Looks {
    kept: Duration,
    /// Whoever looks holds it, also after the scrape that asked has given up.
    last: Arc<Mutex<Option<Look>>>,
}

struct Look {
    ended: Instant,
    fresh_for: Duration,
    found: Option<Arc<Figures>>,
}

impl Looks {
    pub(super) fn new(kept: Duration) -> Self {
        Self {
            kept,
            last: Arc::default(),
        }
    }

    /// What is in the database, as of a moment ago; `None` if it does not say in time.
    pub(super) async fn figures(&self, store: &Store) -> Option<Arc<Figures>> {
        let (last, store, kept) = (Arc::clone(&self.last), store.clone(), self.kept);
        let looked = async move {
            let mut last = last.lock_owned().await;
            if let Some(look) = last.as_ref()
                && look.ended.elapsed() < look.fresh_for
            {
                return look.found.clone();
            }
            let looking =
                spawn_blocking(move || last.insert(Look::now(&store, kept)).found.clone());
            looking.await.ok().flatten()
        };
        timeout(PATIENCE, looked).await.ok().flatten()
    }
}

impl Look {
    fn now(store: &Store, kept: Duration) -> Self {
        let began = Instant::now();
        let figures: StoreResult<Figures> = store.connect().and_then(|mut conn| {
            let now = conn.now()?;
            conn.figures(now, now.plus(-AFTER_A_HOLD), now.plus(-AFTER_A_USE))
        });
        let (found, fresh_for) = match figures {
            Ok(figures) => (
                Some(Arc::new(figures)),
                kept.max(began.elapsed().saturating_mul(SHARE)),
            ),
            Err(error) => {
                tracing::warn!(%error, "a scrape of the metrics found no database");
                (None, KEPT_FAILURE)
            }
        };
        Self {
            ended: Instant::now(),
            fresh_for,
            found,
        }
    }
}

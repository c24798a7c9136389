//! The writer of the shred log: copies what was shredded from the database's table into this process's own file.
//!
//! Only committed rows are read, so nothing that was rolled back is ever logged. What must stay true: nobody says that
//! something is erased before [`ShredWriter::cover`] has logged its shred; what a killed process left out, and what
//! other replicas shredded, gets into the log as well, since the table keeps a week.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::clock::Ts;
use crate::domain::ids::{JobId, RecordId};
use crate::secrets::shred_log::{Cursor, ShredLog, ShredLogError};
use crate::store::rows::{ErasureJobRow, ShredRow};
use crate::store::{Store, StoreError};

/// How long rows are kept in the table, at least: a replica that was away for longer takes a copy of another's log.
pub const KEPT_FOR: chrono::Duration = chrono::Duration::days(7);
/// How often the whole table is gone through, for transactions that took longer than [`OVERLAP`].
const WHOLE: Duration = Duration::from_hours(1);
/// What other replicas shredded is looked for so far back: a transaction commits later than its own moment.
const OVERLAP: chrono::Duration = chrono::Duration::minutes(15);
/// The same for what this process was told of a moment ago.
const SHORT_OVERLAP: chrono::Duration = chrono::Duration::seconds(5);
/// Rows that are read and written at a time.
const PAGE: i64 = 10_000;

/// Why the log is not complete.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file.
    #[error(transparent)]
    Log(#[from] ShredLogError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes one log. One thread at a time does; the others wait.
#[derive(Debug)]
pub struct ShredWriter {
    log: ShredLog,
    state: Mutex<State>,
    applied: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    cursor: Cursor,
    /// Those of the table's rows that the log has.
    known: HashSet<RecordId>,
    /// Open erasure jobs whose shreds the log has.
    covered: HashSet<JobId>,
    newest: Option<Ts>,
    /// When the whole table was gone through; not yet, or the folder was missing since.
    whole: Option<Instant>,
}

impl ShredWriter {
    /// A writer that knows nothing of its log yet.
    pub fn new(log: ShredLog) -> Self {
        Self {
            log,
            state: Mutex::default(),
            applied: AtomicBool::new(false),
        }
    }

    /// The writer of a service whose folder this is.
    #[cfg(test)]
    pub(crate) fn of_tests(folder: &std::path::Path) -> std::sync::Arc<Self> {
        let keys = crate::secrets::KeySource::Folder(folder.join("keys"));
        std::sync::Arc::new(Self::new(ShredLog::beside(&keys, folder)))
    }

    /// The log.
    pub fn log(&self) -> &ShredLog {
        &self.log
    }

    /// Whether the database has been brought up to the log.
    pub fn is_applied(&self) -> bool {
        self.applied.load(Ordering::Acquire)
    }

    /// Says that it has.
    pub fn set_applied(&self) {
        self.applied.store(true, Ordering::Release);
    }

    /// Logs the shreds of these erasure jobs, all the open ones. Without the folder of the log there is nothing to
    /// wait for: getting rid of secrets needs no keyring (promise 12), and the table keeps what is to be logged.
    pub fn cover(&self, store: &Store, open: &[ErasureJobRow]) -> Result<(), WriteError> {
        let mut state = self.state();
        let new = open.iter().filter(|job| !state.covered.contains(&job.id));
        // A shred has the moment of its job: they are written in one transaction.
        let Some(oldest) = new.map(|job| job.created_at).min() else {
            return Ok(());
        };
        if self.pass(store, &mut state, Some(oldest))? {
            state.covered = open.iter().map(|job| job.id).collect();
        }
        Ok(())
    }

    /// Logs what was committed a moment ago.
    pub fn write_newest(&self, store: &Store) -> Result<(), WriteError> {
        let mut state = self.state();
        let since = state.newest.map(|newest| newest.plus(-SHORT_OVERLAP));
        self.pass(store, &mut state, since).map(drop)
    }

    /// Logs what other processes shredded, and what is left of all others' and our own.
    pub fn catch_up(&self, store: &Store) -> Result<(), WriteError> {
        let mut state = self.state();
        let whole = state.whole.is_none_or(|at| at.elapsed() >= WHOLE);
        let since = (!whole).then(|| Ts::now().plus(-OVERLAP));
        if self.pass(store, &mut state, since)? && whole {
            state.whole = Some(Instant::now());
        }
        Ok(())
    }

    /// Forgets rows that are old enough, unless this process's own log may lack some of them.
    pub fn drop_old(&self, store: &Store) -> Result<(), StoreError> {
        if self.state().whole.is_none() {
            return Ok(());
        }
        store.write(|conn| {
            let before = conn.now()?.plus(-KEPT_FOR);
            conn.drop_shreds(before).map(drop)
        })
    }

    /// Goes through the rows since a moment, or through all; false if there is no folder to write to.
    fn pass(
        &self,
        store: &Store,
        state: &mut State,
        since: Option<Ts>,
    ) -> Result<bool, WriteError> {
        if !self.log.has_folder() {
            state.whole = None;
            return Ok(false);
        }
        let mut seen = HashSet::new();
        let mut after = None;
        loop {
            let page = store.read(|conn| conn.shreds_since(since, after, PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some((last.shredded_at, last.record_id));
            state.newest = state.newest.max(Some(last.shredded_at));
            let new: Vec<ShredRow> = page
                .iter()
                .filter(|row| !state.known.contains(&row.record_id))
                .copied()
                .collect();
            if !new.is_empty() {
                self.log.append(&mut state.cursor, &new)?;
                state.known.extend(new.iter().map(|row| row.record_id));
            }
            if since.is_none() {
                seen.extend(page.iter().map(|row| row.record_id));
            }
        }
        if since.is_none() {
            // The rest has left the table.
            state.known = seen;
        }
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

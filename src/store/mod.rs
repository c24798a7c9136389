//! The database: one API for SQLite and PostgreSQL.
//!
//! [`Conn`] is a plain two-variant connection. What the diesel DSL can say on both backends stands once in
//! `queries/` and is compiled once for each ([`sqlite`], [`postgres`]); what differs stands in those two files.
//! `dispatch.rs` lists every store function once and writes the two-armed `match`.
//!
//! What must stay true: store functions never open a transaction (the caller owns the unit of work), take the
//! organization first, and never let a row travel through the service when it moves to or from the trash.

mod cascade;
pub mod checks;
mod conn;
mod dispatch;
mod due;
mod error;
pub mod figures;
pub mod filters;
pub mod migrate;
mod pool;
#[expect(
    clippy::duplicate_mod,
    reason = "the queries are compiled once for each backend"
)]
mod postgres;
pub mod records;
mod residue;
pub mod rows;
pub mod schema;
#[expect(
    clippy::duplicate_mod,
    reason = "the queries are compiled once for each backend"
)]
mod sqlite;
mod statement;
pub mod types;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use conn::{Conn, DatabaseUrl, DatabaseUrlError};
pub use error::{StoreError, StoreResult};
pub use pool::PoolUse;
pub use statement::Binds;

use conn::Manager;
use pool::Timeouts;

/// How long a request waits for a connection before it is told to come back (docs/security.md, "The process").
const POOL_WAIT: Duration = Duration::from_secs(2);
/// Foreign-key plans cached while a table was empty scan it when it is full: no session lives for ever.
const SESSION_LIFETIME: Duration = Duration::from_mins(30);

/// The database with its connections: one writer and several readers on SQLite, one pool on PostgreSQL.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    url: DatabaseUrl,
    writers: r2d2::Pool<Manager>,
    readers: r2d2::Pool<Manager>,
    timeouts: [Timeouts; 2],
}

impl Store {
    /// Opens the database at `url` with at most `size` connections. On SQLite the file and its folder are made if missing.
    pub fn open(url: DatabaseUrl, size: u32) -> StoreResult<Self> {
        if let DatabaseUrl::Sqlite(path) = &url {
            sqlite::prepare_file(path)?;
            // The change to WAL needs the file alone and does not wait for it: it is made before two pools race for it.
            drop(Conn::open(&url)?);
        }
        let timeouts: [Timeouts; 2] = Default::default();
        let [of_writers, of_readers] = &timeouts;
        let pool = |size: u32, timeouts: &Timeouts| {
            r2d2::Pool::builder()
                .max_size(size)
                .min_idle(Some(1))
                .connection_timeout(POOL_WAIT)
                .max_lifetime(Some(SESSION_LIFETIME))
                .test_on_check_out(false)
                .error_handler(Box::new(LogPoolErrors))
                .event_handler(Box::new(timeouts.clone()))
                .build_unchecked(Manager::new(url.clone()))
        };
        let (writers, readers) = match &url {
            DatabaseUrl::Sqlite(_) => (pool(1, of_writers), pool(size.max(1), of_readers)),
            DatabaseUrl::Postgres(_) => {
                let pool = pool(size.max(2), of_writers);
                (pool.clone(), pool)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                url,
                writers,
                readers,
                timeouts,
            }),
        })
    }

    /// Which database this is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// The SQLite file, if it is one.
    pub fn sqlite_file(&self) -> Option<&PathBuf> {
        match &self.inner.url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// How many requests may use the database at once before they wait for a connection.
    pub fn capacity(&self) -> u32 {
        self.inner.readers.max_size()
    }

    /// What the connections of the pools do: of writers and readers on SQLite, of one for all on PostgreSQL.
    pub fn pools(&self) -> Vec<PoolUse> {
        let Inner {
            writers, readers, ..
        } = &*self.inner;
        let [of_writers, of_readers] = &self.inner.timeouts;
        match &self.inner.url {
            DatabaseUrl::Sqlite(_) => vec![
                PoolUse::of("writers", writers, of_writers),
                PoolUse::of("readers", readers, of_readers),
            ],
            DatabaseUrl::Postgres(_) => vec![PoolUse::of("all", writers, of_writers)],
        }
    }

    /// Reads: each statement sees what was committed when it began.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pooled = self.inner.readers.get().map_err(StoreError::from)?;
        let result = work(&mut pooled.conn);
        if result.is_err() {
            pooled.note_loss();
        }
        result
    }

    /// Reads of several statements that must agree with each other.
    pub fn read_snapshot<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pooled = self.inner.readers.get().map_err(StoreError::from)?;
        pooled.begin(Conn::begin_snapshot)?;
        let result = work(&mut pooled.conn);
        pooled.conn.rollback()?;
        result
    }

    /// One unit of work: commits what `work` did when it answers `Ok`, else nothing happened.
    ///
    /// On SQLite it begins IMMEDIATE on the one writer: a deferred transaction that reads and then writes
    /// fails at once under load, whatever the busy timeout.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pooled = self.inner.writers.get().map_err(StoreError::from)?;
        pooled.begin(Conn::begin_write)?;
        match work(&mut pooled.conn) {
            Ok(value) => {
                pooled.conn.commit()?;
                Ok(value)
            }
            Err(error) => {
                // A connection that can't roll back is broken and leaves the pool; the first error is the one to tell.
                if let Err(rollback) = pooled.conn.rollback() {
                    tracing::warn!(error = %rollback, "rollback failed");
                }
                Err(error)
            }
        }
    }

    /// Writes a copy of an SQLite database, as of one moment, into an empty file; `None` on PostgreSQL, which has tools of
    /// its own. Writers go on meanwhile.
    pub fn copy_into(&self, file: &Path) -> StoreResult<Option<()>> {
        match self.connect()? {
            Conn::Sqlite(mut conn) => Ok(Some(sqlite::copy_into(&mut conn, file)?)),
            Conn::Pg(_) => Ok(None),
        }
    }

    /// Opens an SQLite file that nobody writes to, for reading.
    pub fn open_copy(file: &Path) -> StoreResult<Conn> {
        sqlite::open_copy(file).map(Conn::Sqlite)
    }

    /// A connection of its own outside the pool, for work that must not hold up requests.
    pub fn connect(&self) -> StoreResult<Conn> {
        Conn::open(&self.inner.url)
    }
}

/// r2d2 reports through the `log` facade by default, which nobody listens to here.
#[derive(Debug)]
struct LogPoolErrors;

impl r2d2::HandleError<StoreError> for LogPoolErrors {
    fn handle_error(&self, error: StoreError) {
        tracing::warn!(%error, "the database can't be reached");
    }
}

//! The HTTP face: who may call, what came in, how answers and problems look.
//!
//! A handler names its scope by the type of its [`auth::Auth`] argument, parses, makes one call into
//! `service`, and renders. No SQL here.

pub mod answer;
pub mod api;
pub mod auth;
pub mod body;
pub mod console;
pub mod dialects;
pub mod fallback;
mod form;
pub mod input;
pub mod metrics;
pub mod middleware;
pub mod openapi;
mod probing;
pub mod problem;
pub mod reentry;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::web;
use tokio::sync::Semaphore;
use url::Url;

use crate::domain::codes::Code;
use crate::metrics::Work;
use crate::service::Services;
use crate::service::error::{Error, Problem, Result};

/// How long a read waits for its turn at the database.
const WAIT: Duration = Duration::from_secs(2);
/// How long a change does: a large deletion may go first, and SQLite has one writer.
const WRITE_WAIT: Duration = Duration::from_secs(5);

/// How many files may arrive at once, and how many may leave.
const TRANSFERS: usize = 4;

/// What every handler can reach.
pub struct State {
    /// The services.
    pub services: Services,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// The largest file to import.
    pub max_import_bytes: u64,
    /// How people reach the service from outside.
    pub public_url: Url,
    /// Turns of files that arrive, and of files that leave: each may be large.
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) downloads: Arc<Semaphore>,
    /// What the dialects go by.
    pub dialects: dialects::Settings,
    pub(crate) limits: dialects::Limits,
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl State {
    /// The state of a server.
    pub fn new(
        services: Services,
        body_timeout: Duration,
        max_import_bytes: u64,
        public_url: Url,
        dialects: dialects::Settings,
    ) -> Self {
        let permits = |count: u32| Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(1)));
        let readers = permits(services.store.capacity());
        // SQLite has one writer: whoever waits for it must not keep a reader's turn meanwhile.
        let writers = if services.store.sqlite_file().is_some() {
            permits(1)
        } else {
            Arc::clone(&readers)
        };
        Self {
            services,
            body_timeout,
            max_import_bytes,
            public_url,
            limits: dialects::Limits::new(dialects.requests_per_minute),
            dialects,
            uploads: Arc::new(Semaphore::new(TRANSFERS)),
            downloads: Arc::new(Semaphore::new(TRANSFERS)),
            readers,
            writers,
            stopping: AtomicBool::new(false),
        }
    }

    /// The same as links begin: without a slash at its end.
    pub fn public_base(&self) -> String {
        self.public_url.as_str().trim_end_matches('/').to_owned()
    }

    /// From now on `/readyz` says that no more requests should come.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is on its way out.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Runs blocking work that reads.
    pub async fn run<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Services) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turns = Arc::clone(&self.readers);
        self.in_turn(Work::Read, turns, WAIT, work).await
    }

    /// Runs blocking work that changes something.
    pub async fn run_write<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Services) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turns = Arc::clone(&self.writers);
        self.in_turn(Work::Write, turns, WRITE_WAIT, work).await
    }

    /// Waiting for a turn happens here, where it can time out, and not on a blocking thread.
    async fn in_turn<T: Send + 'static>(
        self: Arc<Self>,
        kind: Work,
        turns: Arc<Semaphore>,
        wait: Duration,
        work: impl FnOnce(&Services) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let began = Instant::now();
        let permit = tokio::time::timeout(wait, turns.acquire_owned()).await;
        let metrics = &self.services.metrics;
        metrics.waited(kind, began.elapsed(), matches!(permit, Ok(Ok(_))));
        let Ok(Ok(permit)) = permit else {
            return Err(busy());
        };
        let done = web::block(move || {
            let result = work(&self.services);
            drop(permit);
            result
        })
        .await;
        done.unwrap_or_else(|_| Err(busy()))
    }
}

pub(crate) fn busy() -> Error {
    Problem::new(
        Code::Busy,
        "The service has more to do than it can; try again shortly.",
    )
    .into()
}

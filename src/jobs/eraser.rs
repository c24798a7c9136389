//! The eraser: makes sure that no byte of what was shredded is left in the database's files (promise 4).
//!
//! SQLite: right after each shred, again every second while a reader is in the way. PostgreSQL: a cycle on a
//! timer (one hour by default), since it rewrites the table of secrets. A job is done only after the checkpoint, and after
//! what was shredded is in the shred log, which this thread writes.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::shred_writer::{ShredWriter, WriteError};
use crate::store::{Conn, Store, StoreResult};

/// How soon an erasure that could not be completed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// PostgreSQL: how soon a failed cycle is tried again; each takes an exclusive lock.
const RETRY_CYCLE: Duration = Duration::from_mins(10);
/// How often what other replicas shredded is looked for.
const LOG_PERIOD: Duration = Duration::from_mins(1);
/// PostgreSQL: how long nudges are gathered before they are logged together.
const GATHER: Duration = Duration::from_millis(100);

/// A handle to ask for an erasure soon.
#[derive(Clone, Default)]
pub struct Eraser {
    nudges: Option<SyncSender<Signal>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    Shredded,
    Stop,
}

/// The running eraser.
pub struct Running {
    stop: SyncSender<Signal>,
    thread: JoinHandle<()>,
}

/// What one round came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Jobs that are done now.
    pub finished: usize,
    /// Why the rest is not, if some are left.
    pub problem: Option<String>,
}

impl Eraser {
    /// A handle without a thread behind it: the command line erases by itself.
    pub fn idle() -> Self {
        Self::default()
    }

    /// Says that something was shredded. Never waits: one nudge in the queue stands for all.
    pub fn nudge(&self) {
        if let Some(nudges) = &self.nudges {
            let _ = nudges.try_send(Signal::Shredded);
        }
    }

    /// Starts the eraser's thread. `cycle` is how often PostgreSQL's table is rewritten.
    pub fn start(
        store: Store,
        writer: Arc<ShredWriter>,
        cycle: Duration,
    ) -> std::io::Result<(Self, Running)> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("eraser".to_owned())
            .spawn(move || run(&store, &writer, &receiver, cycle))?;
        Ok((
            Self {
                nudges: Some(sender.clone()),
            },
            Running {
                stop: sender,
                thread,
            },
        ))
    }
}

impl Running {
    /// Ends the thread after the round it is in.
    pub fn stop(self) {
        // Blocks only while one nudge is in the queue, which the thread takes out at once.
        let _ = self.stop.send(Signal::Stop);
        let _ = self.thread.join();
    }
}

fn run(store: &Store, writer: &ShredWriter, signals: &mpsc::Receiver<Signal>, cycle: Duration) {
    let at_once = store.sqlite_file().is_some();
    let (period, retry) = if at_once {
        (Duration::from_secs(30), RETRY)
    } else {
        (cycle, RETRY_CYCLE.min(cycle))
    };
    told(writer.catch_up(store));
    let mut log_due = Instant::now() + LOG_PERIOD;
    let mut due = Instant::now() + if at_once { Duration::ZERO } else { retry };
    loop {
        let wait = due.min(log_due).saturating_duration_since(Instant::now());
        match signals.recv_timeout(wait) {
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => {
                told(writer.catch_up(store));
                return;
            }
            Ok(Signal::Shredded) if !at_once => {
                std::thread::sleep(GATHER);
                told(writer.write_newest(store));
            }
            Ok(Signal::Shredded) => due = Instant::now(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if log_due <= Instant::now() {
            told(writer.catch_up(store));
            log_due = Instant::now() + LOG_PERIOD;
        }
        if due <= Instant::now() {
            let wait = match round(store, writer) {
                Ok(Round { problem: None, .. }) => period,
                Ok(Round {
                    problem: Some(problem),
                    ..
                }) => {
                    if at_once {
                        tracing::debug!(problem, "erasure is pending");
                    } else {
                        tracing::warn!(problem, "erasure is pending");
                    }
                    retry
                }
                Err(error) => {
                    tracing::warn!(%error, "the eraser could not work; it tries again");
                    retry
                }
            };
            due = Instant::now() + wait;
        }
    }
}

fn told(written: Result<(), WriteError>) {
    if let Err(error) = written {
        tracing::warn!(%error, "what was shredded could not be logged; it is tried again");
    }
}

/// Erases once: what was shredded before it began is done when it succeeds, and is in the shred log.
pub fn round(store: &Store, writer: &ShredWriter) -> StoreResult<Round> {
    let jobs = store.read(Conn::open_erasure_jobs)?;
    if jobs.is_empty() {
        return Ok(Round {
            finished: 0,
            problem: None,
        });
    }
    let logged = writer.cover(store, &jobs);
    let mut conn = store.connect()?;
    conn.prepare_eraser()?;
    // Whatever became of the log: the bytes must go.
    let erased = conn.erase()?;
    drop(conn);
    let outcome = match logged {
        Err(error) => Err(error.to_string()),
        Ok(()) => erased,
    };
    if let Err(problem) = outcome {
        store.write(|conn| conn.note_erasure_problem(&problem))?;
        return Ok(Round {
            finished: 0,
            problem: Some(problem),
        });
    }
    store.write(|conn| {
        let at = conn.now()?;
        for job in &jobs {
            conn.finish_erasure_job(job.org_id, job.id, job.entry_id, at)?;
        }
        StoreResult::Ok(())
    })?;
    Ok(Round {
        finished: jobs.len(),
        problem: None,
    })
}

impl std::fmt::Debug for Eraser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Eraser")
    }
}

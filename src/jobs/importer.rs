//! The importer: a thread that imports, one file after the other, what arrived through the API.
//!
//! What must stay true: one import of an organization at a time and a few of all; whoever looks knows how far it is;
//! a stop rolls back the one that runs and says of the others that they were interrupted.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::codes::Code;
use crate::domain::ids::{ImportId, OrgId};
use crate::domain::kinds::{ImportSource, ImportState};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Problem, Result};
use crate::service::transfer::{self, Stage, Stop, Watch};
use crate::store::StoreError;

/// How many imports may be known at once, the one that runs among them: each has its file on the disk.
const PLACES: usize = 8;
/// How often the database hears that an import goes on.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often an import that found the database busy is tried, and how long is waited before each.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// A handle to hand imports to the thread.
#[derive(Clone, Default)]
pub struct Importer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    active: Mutex<BTreeMap<OrgId, Active>>,
    queue: Mutex<Option<Sender<Job>>>,
    stopping: AtomicBool,
}

/// An import that has arrived and is not done.
#[derive(Clone, Copy)]
struct Active {
    id: ImportId,
    progress: Progress,
}

/// How far an import is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is being done.
    pub state: ImportState,
    /// Rows, or while the file is validated bytes, that are through.
    pub done: i64,
    /// Of so many, if that is known.
    pub total: Option<i64>,
}

/// A file to import.
pub struct Job {
    /// Who sent it.
    pub caller: Caller,
    /// Its record.
    pub id: ImportId,
    /// What it is.
    pub source: ImportSource,
    /// Whether only to say what would happen.
    pub validate_only: bool,
    /// The file itself.
    pub file: File,
}

/// The running importer.
pub struct Running {
    importer: Importer,
    thread: JoinHandle<()>,
}

impl Importer {
    /// Starts the thread.
    pub fn start(&self, services: Services) -> std::io::Result<Running> {
        let (sender, receiver) = mpsc::channel();
        *locked(&self.0.queue) = Some(sender);
        let importer = self.clone();
        let thread = std::thread::Builder::new()
            .name("importer".to_owned())
            .spawn(move || importer.work(&services, &receiver))?;
        Ok(Running {
            importer: self.clone(),
            thread,
        })
    }

    /// Keeps the place of an organization for an import; the same one may ask again.
    pub fn reserve(&self, org: OrgId, id: ImportId) -> Result<()> {
        let mut active = locked(&self.0.active);
        match active.get(&org) {
            Some(other) if other.id == id => return Ok(()),
            Some(other) => {
                let detail = "An import of this organization is running or waiting for its turn.";
                return Err(Problem::new(Code::ImportRunning, detail)
                    .with("import_id", other.id)
                    .into());
            }
            None => {}
        }
        if active.len() >= PLACES || self.0.stopping.load(Ordering::Relaxed) {
            return Err(Problem::new(
                Code::Busy,
                "Too many imports are waiting; send it again later.",
            )
            .into());
        }
        let progress = Progress {
            state: ImportState::Waiting,
            done: 0,
            total: None,
        };
        active.insert(org, Active { id, progress });
        Ok(())
    }

    /// Gives up a place.
    pub fn release(&self, org: OrgId, id: ImportId) {
        let mut active = locked(&self.0.active);
        if active.get(&org).is_some_and(|active| active.id == id) {
            active.remove(&org);
        }
    }

    /// Hands over a file whose place was kept.
    pub fn submit(&self, services: &Services, job: Job) {
        let refused = match locked(&self.0.queue).as_ref() {
            Some(queue) => queue.send(job).map_err(|error| error.0),
            None => Err(job),
        };
        if let Err(job) = refused {
            self.give_up(services, &job);
        }
    }

    /// How far this import is, if it is this process that has it.
    pub fn progress(&self, org: OrgId, id: ImportId) -> Option<Progress> {
        let active = locked(&self.0.active);
        let active = active.get(&org)?;
        (active.id == id).then_some(active.progress)
    }

    fn work(&self, services: &Services, jobs: &Receiver<Job>) {
        // Ends when the sender is dropped and what was sent is through.
        while let Ok(job) = jobs.recv() {
            if self.0.stopping.load(Ordering::Relaxed) {
                self.give_up(services, &job);
                continue;
            }
            let (alive, silence) = mpsc::channel();
            std::thread::scope(|scope| {
                // On SQLite the import has the one writer, and nobody else has to know that it goes on.
                if services.store.sqlite_file().is_none() {
                    scope.spawn(move || self.say_that_they_go_on(services, &silence));
                }
                self.import(services, &job);
                drop(alive);
            });
            self.release(job.caller.org, job.id);
        }
    }

    /// Those that wait for their turn, too.
    fn say_that_they_go_on(&self, services: &Services, silence: &Receiver<()>) {
        while silence.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
            let active = locked(&self.0.active).clone();
            for (org, Active { id, progress }) in active {
                if let Err(error) = transfer::touch(services, org, id, progress) {
                    tracing::warn!(import = %id, %error, "the progress of an import could not be written down");
                }
            }
        }
    }

    fn import(&self, services: &Services, job: &Job) {
        let mut attempt = 1;
        let outcome = loop {
            match self.try_import(services, job) {
                Err(Stop::Failed(Error::Store(StoreError::Unavailable(cause))))
                    if attempt < ATTEMPTS =>
                {
                    tracing::info!(import = %job.id, cause, attempt, "the database is busy; the import tries again");
                    attempt += 1;
                    if self.pause() {
                        break Err(Stop::Interrupted);
                    }
                }
                outcome => break outcome,
            }
        };
        match outcome {
            Ok(()) => tracing::info!(import = %job.id, "an import is done"),
            Err(stop) => self.fail(services, job, stop),
        }
    }

    fn try_import(&self, services: &Services, job: &Job) -> std::result::Result<(), Stop> {
        let watch = Looking {
            importer: self,
            org: job.caller.org,
        };
        let finish = |tx: &mut crate::service::unit::Tx<'_>,
                      report: &serde_json::Value,
                      rows: u64| { transfer::close(tx, job.id, report, rows) };
        let (caller, file, only) = (&job.caller, &job.file, job.validate_only);
        let (report, rows) = match job.source {
            ImportSource::Ndjson => {
                let done =
                    transfer::import_ndjson(services, caller, job.id, file, only, &watch, &finish)?;
                (serde_json::to_value(&done), done.counts.values().sum())
            }
            ImportSource::Superset => {
                let done = transfer::import_superset(
                    services, caller, job.id, file, only, &watch, &finish,
                )?;
                (serde_json::to_value(&done), 0)
            }
        };
        if only {
            transfer::close_validated(services, caller, job.id, &report.unwrap_or_default(), rows)?;
        }
        Ok(())
    }

    fn give_up(&self, services: &Services, job: &Job) {
        self.fail(services, job, Stop::Interrupted);
        self.release(job.caller.org, job.id);
    }

    fn fail(&self, services: &Services, job: &Job, stop: Stop) {
        for _ in 0..ATTEMPTS {
            // Its record stays open only while the database is away: the next start closes it.
            let stop = match &stop {
                Stop::Refused(faults) => Stop::Refused(faults.clone()),
                Stop::Interrupted => Stop::Interrupted,
                Stop::Failed(Error::Problem(problem)) => {
                    Stop::Failed(Error::Problem(problem.clone()))
                }
                Stop::Failed(error) => Stop::Failed(Error::Internal(error.to_string())),
            };
            match transfer::fail(services, &job.caller, job.id, stop) {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(import = %job.id, %error, "the end of an import could not be written down");
                    if self.pause() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits a little; answers whether to stop.
    fn pause(&self) -> bool {
        let step = Duration::from_millis(100);
        let mut waited = Duration::ZERO;
        while waited < PAUSE && !self.0.stopping.load(Ordering::Relaxed) {
            std::thread::sleep(step);
            waited += step;
        }
        self.0.stopping.load(Ordering::Relaxed)
    }
}

impl Running {
    /// Stops: what runs is rolled back, what waits is given up.
    pub fn stop(self) {
        self.importer.0.stopping.store(true, Ordering::Relaxed);
        *locked(&self.importer.0.queue) = None;
        let _ = self.thread.join();
    }
}

/// Takes down how far an import is.
struct Looking<'a> {
    importer: &'a Importer,
    org: OrgId,
}

impl Watch for Looking<'_> {
    fn at(&self, stage: Stage, done: u64, total: Option<u64>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        if let Some(active) = locked(&self.importer.0.active).get_mut(&self.org) {
            active.progress = Progress {
                state: stage.into(),
                done: number(done),
                total: total.map(number),
            };
        }
    }

    fn stopped(&self) -> bool {
        self.importer.0.stopping.load(Ordering::Relaxed)
    }
}

/// A thread that panicked while it held this left it as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Importer")
    }
}

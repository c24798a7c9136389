//! The revoker: asks the source to revoke what a committed deletion has shredded.
//!
//! What must stay true: nobody waits for it; a token is held for a minute at most, whatever the source does, and then
//! overwritten; no more tokens than there are places are in memory at once, and one organization can't take all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connectors::revocation::{self, Again, Source, Token};
use crate::domain::ids::OrgId;
use crate::domain::kinds::RevocationOutcome;
use crate::outbound::Dialer;
use crate::service::Services;
use crate::service::probe::Prober;
use crate::service::revoke::{self, Subject, Ticket};

/// How often the end of one is written down while the database is away, and how long is waited in between.
const WRITES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// How much there is of each.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at once, and those of one organization.
    pub at_once: [usize; 2],
    /// Owners whose tokens are in memory at once, and those of one organization. What is beyond fails.
    pub held: [usize; 2],
    /// From the commit to the end, tries and waits together.
    pub total: Duration,
    /// What is waited before the second and the third try, if the source does not say how long.
    pub pauses: [Duration; 2],
    /// What those that run get when the service stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: [8, 4],
            held: [256, 128],
            total: Duration::from_mins(1),
            pauses: [Duration::from_secs(2), Duration::from_secs(10)],
            grace: Duration::from_secs(3),
        }
    }
}

/// A handle to hand over what is to be revoked. Cheap to clone; its thread begins with the first.
#[derive(Clone)]
pub struct Revoker(Arc<Shared>);

struct Shared {
    dialer: Dialer,
    limits: Limits,
    turns: Semaphore,
    organizations: Mutex<HashMap<OrgId, Organization>>,
    thread: Mutex<Thread>,
    stopping: watch::Sender<bool>,
}

/// What one organization takes up.
struct Organization {
    held: usize,
    turns: Arc<Semaphore>,
}

#[derive(Default)]
struct Thread {
    running: Option<(mpsc::UnboundedSender<Job>, JoinHandle<()>)>,
    stopped: bool,
}

struct Job {
    services: Services,
    ticket: Ticket,
    deadline: Instant,
}

/// Room for the tokens of one owner, until it is dropped.
pub struct Place {
    shared: Arc<Shared>,
    org: OrgId,
}

impl Default for Revoker {
    /// What reaches public addresses and nothing else.
    fn default() -> Self {
        Self::new(Prober::default().dialer().clone(), Limits::default())
    }
}

impl Revoker {
    /// A revoker that reaches what the dialer does.
    pub fn new(dialer: Dialer, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            dialer,
            limits,
            turns: Semaphore::new(limits.at_once[0]),
            organizations: Mutex::default(),
            thread: Mutex::default(),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Room for the tokens of one owner, if there is some left.
    pub fn reserve(&self, org: OrgId) -> Option<Place> {
        let [all, of_one] = self.0.limits.held;
        let mut organizations = locked(&self.0.organizations);
        let held: usize = organizations.values().map(|one| one.held).sum();
        let own = organizations.get(&org).map_or(0, |one| one.held);
        if held >= all || own >= of_one {
            return None;
        }
        let turns = || Arc::new(Semaphore::new(self.0.limits.at_once[1]));
        let one = organizations.entry(org).or_insert_with(|| Organization {
            held: 0,
            turns: turns(),
        });
        one.held += 1;
        Some(Place {
            shared: Arc::clone(&self.0),
            org,
        })
    }

    /// Revokes these soon; does not wait for it.
    pub fn submit(&self, services: &Services, tickets: Vec<Ticket>) {
        if tickets.is_empty() {
            return;
        }
        let deadline = Instant::now() + self.0.limits.total;
        let mut given_up = Vec::new();
        {
            let mut thread = locked(&self.0.thread);
            let queue = self.queue(&mut thread);
            for ticket in tickets {
                let subject = ticket.subject;
                let job = Job {
                    services: services.clone(),
                    ticket,
                    deadline,
                };
                if queue.as_ref().is_none_or(|queue| queue.send(job).is_err()) {
                    given_up.push(subject);
                }
            }
        }
        for subject in given_up {
            if let Err(error) = revoke::settle(services, subject, RevocationOutcome::Interrupted, 0)
            {
                tracing::warn!(owner = %subject.owner, %error, "the end of a revocation could not be written down");
            }
        }
    }

    fn queue(&self, thread: &mut Thread) -> Option<mpsc::UnboundedSender<Job>> {
        if thread.stopped {
            return None;
        }
        if let Some((queue, _)) = &thread.running {
            return Some(queue.clone());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Arc::clone(&self.0);
        let started = std::thread::Builder::new()
            .name("revoker".to_owned())
            .spawn(move || work(&shared, receiver));
        match started {
            Ok(handle) => {
                thread.running = Some((sender.clone(), handle));
                Some(sender)
            }
            Err(error) => {
                tracing::warn!(%error, "nothing can be revoked at the source: no thread");
                None
            }
        }
    }

    /// Waits for all that was handed over: a command that ends, and its tokens with it.
    pub fn finish(&self) {
        let running = locked(&self.0.thread).running.take();
        if let Some((queue, handle)) = running {
            drop(queue);
            let _ = handle.join();
        }
    }

    /// Takes nothing more; what runs has a few seconds, and is given up then.
    pub fn stop(&self) {
        locked(&self.0.thread).stopped = true;
        self.0.stopping.send_replace(true);
        self.finish();
    }

    fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }
}

/// Runs until the queue is closed and empty.
fn work(shared: &Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Job>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            // What is in the queue is closed as interrupted before long.
            tracing::warn!(%error, "nothing can be revoked at the source: no runtime");
            return;
        }
    };
    runtime.block_on(async {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                job = queue.recv() => match job {
                    Some(job) => {
                        running.spawn(run(Arc::clone(shared), job));
                    }
                    None => break,
                },
                Some(_) = running.join_next() => {}
            }
        }
        while running.join_next().await.is_some() {}
    });
}

async fn run(shared: Arc<Shared>, job: Job) {
    let Job {
        services,
        ticket,
        deadline,
    } = job;
    let subject = ticket.subject;
    let progress = Progress::default();
    let ended = tokio::select! {
        ended = timeout_at(deadline, attempt(&shared, ticket, deadline, &progress)) => ended.ok(),
        () = given_up(&shared) => Some(RevocationOutcome::Interrupted),
    };
    // The tokens are overwritten by now, whatever becomes of the record.
    let outcome = ended
        .or(*locked(&progress.last))
        .unwrap_or(RevocationOutcome::OutOfTime);
    let tries = progress.tries.load(Ordering::Relaxed);
    tracing::info!(entry = %subject.entry, owner = %subject.owner, %outcome, tries, "a revocation has ended");
    let written = spawn_blocking(move || write_down(&services, subject, outcome, tries)).await;
    if let Err(error) = written {
        tracing::warn!(%error, "the end of a revocation could not be written down");
    }
}

/// How far a revocation is, for when it is cut off.
#[derive(Default)]
struct Progress {
    tries: AtomicI32,
    last: Mutex<Option<RevocationOutcome>>,
}

/// Revokes each token, with three tries in all. One that is refused keeps the others from nothing, but is what counts.
async fn attempt(
    shared: &Shared,
    mut ticket: Ticket,
    deadline: Instant,
    progress: &Progress,
) -> RevocationOutcome {
    let turns = locked(&shared.organizations)
        .get(&ticket.subject.org)
        .map(|one| Arc::clone(&one.turns));
    let mut pauses = shared.limits.pauses.iter();
    let mut worst = None;
    progress.tries.store(1, Ordering::Relaxed);
    while let Some((field, value)) = ticket.tokens.front() {
        let source = Source {
            dialer: &shared.dialer,
            connector: ticket.connector,
            settings: &ticket.settings,
            client: &ticket.client,
        };
        let asked = {
            let _own = match &turns {
                Some(turns) => turns.acquire().await.ok(),
                None => None,
            };
            let _turn = shared.turns.acquire().await.ok();
            revocation::revoke(&source, &Token { field, value }).await
        };
        if let Err(failure) = asked {
            *locked(&progress.last) = Some(failure.outcome);
            if let Again::After(wait) = failure.again
                && let Some(pause) = pauses.next()
                && Instant::now() + wait.unwrap_or(*pause) < deadline
            {
                sleep(wait.unwrap_or(*pause)).await;
                progress.tries.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            worst = worst.or(Some(failure.outcome));
        }
        ticket.tokens.pop_front();
    }
    worst.unwrap_or(RevocationOutcome::Revoked)
}

async fn given_up(shared: &Shared) {
    let mut stopping = shared.stopping.subscribe();
    let _ = stopping.wait_for(|stopping| *stopping).await;
    sleep(shared.limits.grace).await;
}

fn write_down(services: &Services, subject: Subject, outcome: RevocationOutcome, tries: i32) {
    for left in (0..WRITES).rev() {
        match revoke::settle(services, subject, outcome, tries) {
            Ok(()) => return,
            Err(error) => {
                // Its record stays open only while the database is away: housekeeping closes it.
                tracing::warn!(owner = %subject.owner, %error, "the end of a revocation could not be written down");
            }
        }
        if left == 0 || services.revoker.is_stopping() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut organizations = locked(&self.shared.organizations);
        if let Some(one) = organizations.get_mut(&self.org) {
            one.held = one.held.saturating_sub(1);
            if one.held == 0 {
                organizations.remove(&self.org);
            }
        }
    }
}

/// Each change of what is guarded is complete by itself.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Revoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoker")
    }
}

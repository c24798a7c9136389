//! The keykeeper: looks at the keyring every few seconds, says which keys this service has, and does what is due to them:
//! a rotation every 30 days, what is unfinished of one, the destruction of retired keys.
//!
//! Every replica runs one. What must stay true: it decides by the database's clock, and not at all while that has jumped;
//! a round may fail or die anywhere, the next one goes on (`service::rotation`).

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::ReplicaId;
use crate::secrets::KeySource;
use crate::service::caller::Caller;
use crate::service::rotation::{self, KeysError, Progress};
use crate::service::{Services, alarms};
use crate::store::rows::KeyReplicaRow;
use crate::store::{Conn, StoreResult};

/// How long a retired key is kept, unless told otherwise.
pub const GRACE: Duration = Duration::from_hours(7 * 24);
/// How often the keyring is looked at.
pub const LOOK: Duration = Duration::from_secs(5);
/// How often the service says that it runs; three of these are missed before it counts as stopped.
const BEAT: Duration = Duration::from_secs(20);
/// A switch that waits longer than this raises an alarm.
const PATIENCE: chrono::Duration = chrono::Duration::minutes(10);
/// How long a service that stopped without a word stays in the list.
const FORGET: chrono::Duration = chrono::Duration::hours(1);

/// When keys are made and destroyed.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long an epoch is the primary one before the next rotation; never, if none.
    pub rotation: Option<Duration>,
    /// How long after its retirement a key is destroyed; never by itself, if none.
    pub destruction: Option<Duration>,
    /// How often the keyring is looked at.
    pub look: Duration,
}

/// The running keykeeper.
pub struct Running {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Ends the thread after the step it is in.
    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// Starts the keykeeper's thread. `address` is where the service listens: with the host it is its name.
pub fn start(services: Services, address: &str, times: Times) -> std::io::Result<Running> {
    let mut keeper = Keeper {
        services,
        name: format!("{} {address}", host()),
        id: ReplicaId::mint(),
        times,
        beaten: None,
        told: None,
        stuck: None,
    };
    if times.rotation.is_some() && matches!(keeper.services.vault.source(), KeySource::File(_)) {
        tracing::warn!(
            "a key that is given as one file (--key-file) is never rotated: name a folder with --keys instead"
        );
    }
    // Before the first request: a rotation must not overlook this service.
    if let Err(error) = keeper.beat() {
        tracing::warn!(%error, "the keykeeper could not say that it runs; it tries again");
    }
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("keykeeper".to_owned())
        .spawn(move || {
            while stopped.recv_timeout(keeper.times.look) == Err(RecvTimeoutError::Timeout) {
                keeper.round();
            }
            keeper.leave();
        })?;
    Ok(Running { stop, thread })
}

/// The name of this machine, as far as it is known.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "host".to_owned(), |name| name.trim().to_owned())
}

struct Keeper {
    services: Services,
    name: String,
    id: ReplicaId,
    times: Times,
    /// What was said last, and when.
    beaten: Option<(String, Option<String>, Instant)>,
    /// The last thing that went wrong: said once and not with every round.
    told: Option<String>,
    /// Why a rotation does not get on, as the alarm has it.
    stuck: Option<String>,
}

impl Keeper {
    fn round(&mut self) {
        let wrong = match self.work() {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        if wrong != self.told {
            if let Some(wrong) = &wrong {
                tracing::warn!(
                    problem = wrong,
                    "the keykeeper could not work; it tries again"
                );
            }
            self.told = wrong;
        }
    }

    fn work(&mut self) -> Result<(), KeysError> {
        let services = &self.services;
        // What is wrong with the keyring is told by the beat; a database that is away fails the next step.
        let reloaded = services.vault.reload(&services.store);
        self.beat()?;
        reloaded?;
        let services = &self.services;
        services.vault.sweep(&services.store)?;
        if services.vault.problem().is_some() {
            return Ok(());
        }
        let in_folder = matches!(services.vault.source(), KeySource::Folder(_));
        let mut stuck = None;
        if let Some(interval) = self.times.rotation
            && in_folder
            && rotation::is_due(services, interval)?
            && self.clock_is_right()?
        {
            match rotation::begin(services) {
                Ok(begun) => tracing::info!(?begun, "the encryption keys are rotated"),
                Err(KeysError::Keyring(error)) => {
                    stuck = Some(format!(
                        "{}: the next key can't be made: {error}",
                        self.name
                    ));
                }
                Err(error) => return Err(error),
            }
            self.beat()?;
        }
        let services = &self.services;
        let progress = rotation::go_on(services, Caller::service)?;
        if progress.rewrapped > 0 {
            tracing::info!(
                secrets = progress.rewrapped,
                "secrets were wrapped under the new key"
            );
        }
        let now = services.store.read(Conn::now)?;
        self.tell_what_is_stuck(stuck.or_else(|| what_is_stuck(&progress, now)))?;
        if let Some(grace) = self.times.destruction {
            let overdue = rotation::overdue(&self.services, grace)?;
            if !overdue.is_empty() && self.clock_is_right()? {
                for epoch in overdue {
                    rotation::destroy(&self.services, epoch, grace, Caller::service)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the database's clock can be believed; no jump of it destroys a key.
    fn clock_is_right(&self) -> StoreResult<bool> {
        let purging = &self.services.purging;
        self.services.store.write(|conn| {
            let believed = purging.guard.tick(conn, purging.limits.max_downtime)?;
            Ok(believed && !conn.is_alarm_open(alarms::SERVICE, AlarmCode::ClockJump)?)
        })
    }

    /// Says that this service runs and which keys it has, and raises or ends the alarm about them.
    fn beat(&mut self) -> StoreResult<()> {
        let vault = &self.services.vault;
        let epochs: Vec<String> = vault.epochs().iter().map(ToString::to_string).collect();
        let (epochs, problem, trouble) = (epochs.join(" "), vault.problem(), vault.trouble());
        if let Some((said, complained, at)) = &self.beaten
            && *said == epochs
            && *complained == trouble
            && at.elapsed() < BEAT
        {
            return Ok(());
        }
        self.services.store.write(|conn| {
            let now = conn.now()?;
            conn.beat(&KeyReplicaRow {
                id: self.id,
                name: self.name.clone(),
                epochs: epochs.clone(),
                problem: trouble.clone(),
                started_at: now,
                seen_at: now,
            })?;
            match &problem {
                Some(problem) => {
                    let detail = format!("{}: {problem}", self.name);
                    alarms::raise(conn, None, AlarmCode::KeyMissing, &self.name, &detail)?;
                }
                None => {
                    alarms::resolve(conn, None, AlarmCode::KeyMissing, &self.name)?;
                }
            }
            // Of an SQLite file this is the only service: whoever else is in the list was killed, or is in it from a copy.
            let alone = conn.is_sqlite();
            for gone in conn.list_replicas()? {
                if gone.id != self.id && (alone || gone.seen_at.plus(FORGET) < now) {
                    conn.drop_replica(gone.id)?;
                    alarms::resolve(conn, None, AlarmCode::KeyMissing, &gone.name)?;
                }
            }
            StoreResult::Ok(())
        })?;
        self.beaten = Some((epochs, trouble, Instant::now()));
        Ok(())
    }

    /// A stopped service is not waited for.
    fn leave(&self) {
        let left = self.services.store.write(|conn| {
            alarms::resolve(conn, None, AlarmCode::KeyMissing, &self.name)?;
            conn.drop_replica(self.id)
        });
        if let Err(error) = left {
            tracing::warn!(%error, "a rotation takes this service for running for a minute more");
        }
    }

    /// Raises the alarm about a rotation that does not get on, or ends it.
    fn tell_what_is_stuck(&mut self, stuck: Option<String>) -> StoreResult<()> {
        let (store, code) = (&self.services.store, AlarmCode::RotationWaits);
        match &stuck {
            Some(detail) if self.stuck != stuck => {
                store.write(|conn| alarms::raise(conn, None, code, "", detail).map(drop))?;
            }
            None if store.read(|conn| conn.is_alarm_open(alarms::SERVICE, code))? => {
                store.write(|conn| alarms::resolve(conn, None, code, "").map(drop))?;
            }
            _ => {}
        }
        self.stuck = stuck;
        Ok(())
    }
}

/// Why a rotation does not get on, if it has not for long enough to say so.
fn what_is_stuck(progress: &Progress, now: Ts) -> Option<String> {
    match &progress.waits {
        Some(waiting) if waiting.since.plus(PATIENCE) < now => Some(format!(
            "key epoch {} was made {}; still without its key: {}",
            waiting.epoch,
            waiting.since,
            waiting.lacking.join(", ")
        )),
        _ if !progress.unreadable.is_empty() => Some(format!(
            "{} stored secrets do not open, so their key can't be retired; `reprieve keys retire` names them",
            progress.unreadable.len()
        )),
        _ => None,
    }
}

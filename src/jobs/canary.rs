//! Makes the standing check when it is due. Every replica looks; the database gives the turn to one of them.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::service::Services;
use crate::service::canary::{self, Check, Wait};

/// How long after its start a service looks first: a start has enough to do, and one that only runs for a moment needs no
/// check.
const FIRST: Duration = Duration::from_mins(5);
/// How often it looks whether a check is due.
const LOOK: Duration = Duration::from_mins(1);
/// How often it looks whether the erasure is done.
const PAUSE: Duration = Duration::from_secs(1);
/// How much longer than a cycle an erasure may take; there is an alarm for what takes longer.
const LONGER: Duration = Duration::from_mins(15);

/// The running job.
pub struct Running {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Ends the thread. A check that waits for the erasure is given up, and made again by whoever comes next.
    pub fn stop(self) {
        let _ = self.stop.try_send(());
        let _ = self.thread.join();
    }
}

/// Starts the thread. `every` is how often a check is made, `cycle` how often PostgreSQL's table of secrets is rewritten.
pub fn start(services: Services, every: Duration, cycle: Duration) -> std::io::Result<Running> {
    let (stop, stopped) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("canary".to_owned())
        .spawn(move || work(&services, every, cycle + LONGER, &stopped))?;
    Ok(Running { stop, thread })
}

fn work(services: &Services, every: Duration, patience: Duration, stopped: &mpsc::Receiver<()>) {
    let goes_on = |wait: Duration| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
    let mut is_locked = false;
    let mut wait = FIRST.min(every);
    while goes_on(wait) {
        wait = LOOK.min(every);
        let mut stop = false;
        let check = canary::check(
            services,
            Some(every),
            Wait {
                patience,
                pause: &mut || {
                    stop = !goes_on(PAUSE);
                    !stop
                },
            },
        );
        let was_locked = std::mem::replace(&mut is_locked, matches!(check, Ok(Check::Locked(_))));
        match check {
            Ok(Check::Made(report)) if report.residue() == 0 => {
                tracing::info!("the standing check found no residue of a deleted secret");
            }
            Ok(Check::Locked(problem)) if !was_locked => {
                tracing::warn!(problem, "the standing check for residue is not made");
            }
            Ok(Check::Overdue) => {
                tracing::warn!("the standing check for residue waited too long for the erasure");
            }
            // Residue and a broken check have their alarms, which are logged.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the standing check for residue could not be made; it is tried again");
            }
        }
        if stop {
            return;
        }
    }
}

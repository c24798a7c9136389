//! The purger: purges on its schedule, goes on with large entries, and watches the clock and what else raises alarms.
//!
//! Any number of them may run at once, in this process or others: what is safe, and why, stands in `service::purge`.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::Schedule;
use crate::domain::clock::Ts;
use crate::service::error::Result;
use crate::service::purge::{self, Ask};
use crate::service::{Services, watch};

/// How often the clocks are compared.
const TICK: Duration = Duration::from_mins(1);
/// How often it is looked for what nobody may notice otherwise: some statements for each organization.
const WATCH: Duration = Duration::from_mins(5);

/// The running purger.
pub struct Running {
    services: Services,
    stop: SyncSender<()>,
    nudges: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Ends the thread after the transaction it is in.
    pub fn stop(self) {
        self.services.purging.halt();
        let _ = self.stop.try_send(());
        let _ = self.nudges.try_send(());
        let _ = self.thread.join();
    }
}

/// Starts the purger's thread, once the clocks have been compared. Without a schedule it purges nothing by itself, but
/// goes on with what was begun.
pub fn start(services: Services, schedule: Option<Schedule>) -> std::io::Result<Running> {
    let (nudges, woken) = mpsc::sync_channel(1);
    let (stop, stopped) = mpsc::sync_channel(1);
    services.purging.listen(nudges.clone());
    tell("compare the clocks", tick(&services));
    tell("look around", watch::round(&services));
    let own = services.clone();
    let thread = std::thread::Builder::new()
        .name("purger".to_owned())
        .spawn(move || work(&services, schedule.as_ref(), &woken, &stopped))?;
    Ok(Running {
        services: own,
        stop,
        nudges,
        thread,
    })
}

fn work(
    services: &Services,
    schedule: Option<&Schedule>,
    nudges: &mpsc::Receiver<()>,
    stopped: &mpsc::Receiver<()>,
) {
    let next = || {
        let wait = schedule.and_then(|schedule| schedule.wait_from(Ts::now()));
        wait.and_then(|wait| Instant::now().checked_add(wait))
    };
    tell(
        "go on with what was begun",
        purge::go_on(services).map(|_| ()),
    );
    let mut run_at = next();
    let mut tick_at = Instant::now() + TICK;
    let mut watch_at = Instant::now() + WATCH;
    loop {
        let wake = run_at.map_or(tick_at, |run_at| run_at.min(tick_at));
        let woken = nudges.recv_timeout(wake.saturating_duration_since(Instant::now()));
        if stopped.try_recv().is_ok() {
            return;
        }
        match woken {
            Ok(()) => tell(
                "go on with what was begun",
                purge::go_on(services).map(|_| ()),
            ),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = Instant::now();
        if run_at.is_some_and(|run_at| now >= run_at) {
            tell("purge", run(services));
            run_at = next();
        }
        if now >= tick_at {
            tell("compare the clocks", tick(services));
            tick_at = now + TICK;
        }
        if now >= watch_at {
            tell("look around", watch::round(services));
            watch_at = now + WATCH;
        }
    }
}

fn tick(services: &Services) -> Result<()> {
    let purging = &services.purging;
    services
        .store
        .write(|conn| purging.guard.tick(conn, purging.limits.max_downtime))?;
    Ok(())
}

fn run(services: &Services) -> Result<()> {
    let report = purge::run(services, None, &Ask::default(), &|_| ())?;
    if report.purged > 0 || !report.failed.is_empty() {
        tracing::info!(
            purged = report.purged,
            rows = report.rows,
            failed = report.failed.len(),
            "purged what was due"
        );
    }
    Ok(())
}

fn tell(what: &str, result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the purger could not {what}; it tries again");
    }
}

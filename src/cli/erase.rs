//! `reprieve erase`: erases from the files what was shredded, now.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::open;
use super::output::{complain, count, say};
use crate::config::Config;
use crate::jobs::eraser;
use crate::service::Services;
use crate::store::{Conn, StoreError, StoreResult};

/// How long a reader may be in the way.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let services = open(config)?;
    let store = &services.store;
    let due = store.read(Conn::open_erasure_jobs)?.len();
    if due == 0 {
        say("Nothing waits to be erased.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let problem = erase(&services, Instant::now() + PATIENCE)?;
    let pending = store.read(Conn::open_erasure_jobs)?.len();
    let done = due.saturating_sub(pending);
    if done > 0 {
        say(&format!(
            "{} done.",
            count(done, "erasure is", "erasures are")
        ))?;
    }
    match problem {
        None => Ok(ExitCode::SUCCESS),
        Some(problem) => {
            complain(&format!(
                "{} pending: {problem}",
                count(pending, "erasure is", "erasures are")
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Tries until nothing is in the way; answers what still is at the deadline.
fn erase(services: &Services, deadline: Instant) -> StoreResult<Option<String>> {
    loop {
        let problem = match eraser::round(&services.store, &services.shreds) {
            Ok(round) => round.problem,
            Err(StoreError::Unavailable(problem)) => Some(problem),
            Err(error) => return Err(error),
        };
        if problem.is_none() || Instant::now() + PAUSE > deadline {
            return Ok(problem);
        }
        sleep(PAUSE);
    }
}

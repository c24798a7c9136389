//! Entries that can't be purged: written down with a code, and tried again by themselves, more and more rarely.

use chrono::Duration;

use super::super::Services;
use super::super::error::{Error, Result};
use super::run::{Failed, Report};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::PurgeProblem;
use crate::metrics::{Fact, Purge};
use crate::store::StoreError;
use crate::store::rows::PurgeFailureRow;

/// After a first failure an entry is tried again in so long, then in twice as long, up to a day.
const FIRST_RETRY: Duration = Duration::minutes(15);
const LAST_RETRY: Duration = Duration::days(1);

/// Whether it is the entry that fails and not the database as a whole.
pub(super) fn is_of_an_entry(error: &Error) -> bool {
    problem(error).is_some()
}

fn problem(error: &Error) -> Option<PurgeProblem> {
    match error {
        Error::Problem(problem) if problem.code == Code::ConcurrentChange => {
            Some(PurgeProblem::RefusedByDatabase)
        }
        Error::Store(StoreError::ForeignKey | StoreError::Unique(_) | StoreError::Conflict) => {
            Some(PurgeProblem::RefusedByDatabase)
        }
        Error::Store(StoreError::Internal(_)) => Some(PurgeProblem::DatabaseError),
        Error::Store(StoreError::Unavailable(text))
            if text.contains("statement timeout") || text.contains("lock timeout") =>
        {
            Some(PurgeProblem::OutOfTime)
        }
        Error::Problem(_) | Error::Store(_) | Error::Internal(_) => None,
    }
}

/// Writes down that an entry could not be purged, and when it is tried again.
pub(super) fn failed(
    services: &Services,
    org: OrgId,
    entry: EntryId,
    error: &Error,
    report: &mut Report,
) -> Result<()> {
    let problem = problem(error).unwrap_or(PurgeProblem::DatabaseError);
    tracing::warn!(%error, %org, %entry, code = %problem, "an entry can't be purged; it is tried again later");
    services.store.write(|conn| {
        let now = conn.now()?;
        let before = conn.purge_failures_of(org, Some(&[entry]), 1)?;
        let attempts = before.first().map_or(0, |failure| failure.attempts) + 1;
        conn.put_purge_failure(&PurgeFailureRow {
            org_id: org,
            entry_id: entry,
            code: problem,
            attempts,
            failed_at: now,
            retry_at: next_try(now, attempts),
        })
    })?;
    services.metrics.count(&[Fact::Purge(Purge::Failed)]);
    report.failed.push(Failed {
        org,
        entry,
        problem,
    });
    Ok(())
}

fn next_try(now: Ts, attempts: i64) -> Ts {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    let wait = FIRST_RETRY
        .checked_mul(2_i32.saturating_pow(doublings))
        .map_or(LAST_RETRY, |wait| wait.min(LAST_RETRY));
    now.plus(wait)
}

//! One run of the purge.

use std::collections::VecDeque;
use std::thread::sleep;
use std::time::Duration as Wait;

use chrono::Duration;

use super::super::Services;
use super::super::alarms;
use super::super::caller::Caller;
use super::super::error::{Error, Result};
use super::super::unit::Tx;
use super::{Ask, due, is_valid, record, remove, size};
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::{EntryState, PurgeProblem};
use crate::metrics::{Fact, Purge};
use crate::store::rows::{OrganizationRow, PurgeFailureRow};
use crate::store::{Conn, StoreError};

/// Between two transactions, so that others get their turn.
const PAUSE: Wait = Wait::from_millis(2);
/// How many entries that wait for their batches are gone on with in one run.
const UNFINISHED: i64 = 1_000;
/// After a first failure an entry is tried again in so long, then in twice as long, up to a day.
const FIRST_RETRY: Duration = Duration::minutes(15);
const LAST_RETRY: Duration = Duration::days(1);

/// What a run came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Entries that are gone.
    pub purged: u64,
    /// Rows that went with them.
    pub rows: u64,
    /// Entries that could not be purged in this run.
    pub failed: Vec<Failed>,
    /// Why nothing more was purged of an organization, or of any (then without one).
    pub stopped: Vec<(Option<OrgId>, Stop)>,
}

/// An entry that could not be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// Its organization.
    pub org: OrgId,
    /// The entry.
    pub entry: EntryId,
    /// Why.
    pub problem: PurgeProblem,
}

/// What stops a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The database's clock jumped.
    ClockJump,
    /// The organization's retention is not valid.
    RetentionInvalid,
    /// Somebody has paused the purge of the organization.
    Paused,
    /// As many entries as may go within an hour are gone.
    HourlyLimit,
    /// As many entries as this run may take are gone.
    RunLimit,
}

impl Stop {
    /// Whether an alarm stands behind it.
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::ClockJump | Self::RetentionInvalid)
    }
}

/// An organization whose turn comes again and again until nothing of it is due: a large one never keeps the others
/// waiting.
struct Turn {
    org: OrgId,
    left: u64,
}

/// Purges what is due. `caller` is who asked; without one the service itself. `watch` hears how many are gone so far.
pub fn run(
    services: &Services,
    caller: Option<&Caller>,
    ask: &Ask,
    watch: &dyn Fn(u64),
) -> Result<Report> {
    let mut report = Report::default();
    if !is_clock_right(services)? {
        report.stopped.push((None, Stop::ClockJump));
        return Ok(report);
    }
    let organizations = organizations(services, ask.organization)?;
    if caller.is_none() {
        go_on_with(services, &organizations, &mut report)?;
    }
    let mut turns = VecDeque::new();
    for organization in organizations {
        match may_purge(services, &organization)? {
            Ok(0) => report
                .stopped
                .push((Some(organization.id), Stop::HourlyLimit)),
            Ok(left) => turns.push_back(Turn {
                org: organization.id,
                left,
            }),
            Err(stop) => report.stopped.push((Some(organization.id), stop)),
        }
    }
    let limits = &services.purging.limits;
    let limit = ask.limit.unwrap_or(limits.run).min(limits.run);
    while let Some(mut turn) = turns.pop_front() {
        if services.purging.is_halted() {
            break;
        }
        let left = limit.saturating_sub(report.purged);
        if left == 0 {
            // Somebody may be left over; the plan says who.
            report.stopped.push((None, Stop::RunLimit));
            break;
        }
        let before = report.purged;
        match take_batch(services, caller, ask, &turn, left, &mut report)? {
            Batch::ClockJump => {
                report.stopped.push((None, Stop::ClockJump));
                break;
            }
            Batch::Nothing => {}
            Batch::Some => {
                turn.left = turn.left.saturating_sub(report.purged - before);
                if turn.left == 0 {
                    report.stopped.push((Some(turn.org), Stop::HourlyLimit));
                } else {
                    turns.push_back(turn);
                }
            }
        }
        watch(report.purged);
        sleep(PAUSE);
    }
    Ok(report)
}

/// Goes on with the large entries that are being purged already, whatever the clock says.
pub fn go_on(services: &Services) -> Result<Report> {
    let mut report = Report::default();
    let organizations = organizations(services, None)?;
    go_on_with(services, &organizations, &mut report)?;
    Ok(report)
}

fn go_on_with(
    services: &Services,
    organizations: &[OrganizationRow],
    report: &mut Report,
) -> Result<()> {
    for organization in organizations {
        let waiting = services
            .store
            .read(|conn| conn.purging_entries(organization.id, UNFINISHED))?;
        for entry in waiting {
            finish(services, None, organization.id, entry, report)?;
        }
    }
    Ok(())
}

fn is_clock_right(services: &Services) -> Result<bool> {
    let purging = &services.purging;
    Ok(services
        .store
        .write(|conn| purging.guard.tick(conn, purging.limits.max_downtime))?)
}

/// The organizations a purge is about.
pub(in crate::service) fn organizations(
    services: &Services,
    one: Option<OrgId>,
) -> Result<Vec<OrganizationRow>> {
    if let Some(org) = one {
        let found = services.store.read(|conn| conn.find_organization(org))?;
        return Ok(found.into_iter().collect());
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = services
            .store
            .read(|conn| conn.list_organizations(after, 200))?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(last.id);
        all.extend(page);
    }
}

/// How many more entries of an organization may go now, or why none may. Raises or ends the alarm of its retention.
fn may_purge(
    services: &Services,
    organization: &OrganizationRow,
) -> Result<std::result::Result<u64, Stop>> {
    let (org, code) = (organization.id, AlarmCode::RetentionInvalid);
    let (allowed, is_open) = services.store.read(|conn| {
        let allowed = allowance(conn, services, organization)?;
        Result::Ok((allowed, conn.is_alarm_open(org, code)?))
    })?;
    if !is_valid(organization) {
        let detail = format!(
            "The retention is {} days; it goes from 1 to 3650.",
            organization.retention_days
        );
        services
            .store
            .write(|conn| alarms::raise(conn, Some(org), code, "", &detail))?;
    } else if is_open {
        services
            .store
            .write(|conn| alarms::resolve(conn, Some(org), code, ""))?;
    }
    Ok(allowed)
}

/// The same without a word to anybody, for a plan.
pub(super) fn allowance(
    conn: &mut Conn,
    services: &Services,
    organization: &OrganizationRow,
) -> Result<std::result::Result<u64, Stop>> {
    let org = organization.id;
    if !is_valid(organization) {
        return Ok(Err(Stop::RetentionInvalid));
    }
    if organization.purge_paused_at.is_some() {
        return Ok(Err(Stop::Paused));
    }
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let hour_ago = conn.now()?.plus(-Duration::hours(1));
    let gone = count(conn.count_purged_since(org, hour_ago)?);
    let most = match services.purging.limits.hourly {
        Some(limit) => limit,
        // As many as there were an hour ago, as far as the purge knows.
        None => ((count(conn.count_in_trash(org)?) + gone) / 10).max(1_000),
    };
    Ok(Ok(most.saturating_sub(gone)))
}

enum Batch {
    /// Some entries went, or could not.
    Some,
    /// Nothing was due.
    Nothing,
    /// The clock jumped since the run began.
    ClockJump,
}

/// What one transaction did.
enum Taken {
    ClockJump,
    Nothing,
    /// Everything claimed was put on hold a moment before.
    Again,
    Gone {
        entries: u64,
        rows: u64,
    },
    Large(EntryId),
}

fn take_batch(
    services: &Services,
    caller: Option<&Caller>,
    ask: &Ask,
    turn: &Turn,
    left: u64,
    report: &mut Report,
) -> Result<Batch> {
    let limits = &services.purging.limits;
    let most = i64::try_from(left.min(turn.left))
        .unwrap_or(i64::MAX)
        .min(limits.batch);
    match take(services, caller, turn.org, ask.ids.as_deref(), most) {
        Ok(taken) => note(services, caller, turn.org, taken, report),
        Err(error) if is_of_an_entry(&error) => {
            tracing::debug!(%error, org = %turn.org, "a batch could not be purged; its entries are tried one by one");
            one_by_one(services, caller, ask, turn.org, most, report)
        }
        Err(error) => Err(error),
    }
}

fn note(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    taken: Taken,
    report: &mut Report,
) -> Result<Batch> {
    match taken {
        Taken::ClockJump => return Ok(Batch::ClockJump),
        Taken::Nothing => return Ok(Batch::Nothing),
        Taken::Again => {}
        Taken::Gone { entries, rows } => {
            report.purged += entries;
            report.rows += rows;
        }
        // Whoever waits for an answer does not wait for a million rows.
        Taken::Large(_) if caller.is_some() => services.purging.nudge(),
        Taken::Large(entry) => finish(services, caller, org, entry, report)?,
    }
    Ok(Batch::Some)
}

/// After a batch failed: each entry alone, so that one bad entry never stops the rest.
fn one_by_one(
    services: &Services,
    caller: Option<&Caller>,
    ask: &Ask,
    org: OrgId,
    most: i64,
    report: &mut Report,
) -> Result<Batch> {
    let entries = services.store.read(|conn| {
        let now = conn.now()?;
        let due = due(conn, org, now)?;
        conn.peek_due(org, &due, ask.ids.as_deref(), most)
    })?;
    for entry in entries {
        match take(services, caller, org, Some(&[entry.id]), 1) {
            Ok(taken) => {
                if let Batch::ClockJump = note(services, caller, org, taken, report)? {
                    return Ok(Batch::ClockJump);
                }
            }
            Err(error) if is_of_an_entry(&error) => {
                failed(services, org, entry.id, &error, report)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Batch::Some)
}

fn take(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    ids: Option<&[EntryId]>,
    most: i64,
) -> Result<Taken> {
    let limits = &services.purging.limits;
    services.write_once(&acting(caller, org), |tx| {
        let now = tx.conn.now()?;
        if !services.purging.guard.believes(now) {
            return Ok(Taken::ClockJump);
        }
        tx.conn.allow_long_statements()?;
        let due = due(tx.conn, org, now)?;
        let mut rows = tx.conn.claim_due(org, &due, ids, most)?;
        if rows.is_empty() {
            return Ok(Taken::Nothing);
        }
        // Behind the lock and in a statement of its own: whoever puts an entry on hold locks it first, so no hold can
        // come any more, and every hold that came is seen.
        let claimed: Vec<EntryId> = rows.iter().map(|row| row.id).collect();
        let held = tx.conn.held_among(org, &claimed, due.held_since)?;
        rows.retain(|row| !held.contains(&row.id));
        let Some(first) = rows.first() else {
            return Ok(Taken::Again);
        };
        if size(first) > limits.large {
            let entry = first.id;
            remove(
                tx,
                rows.get(..1).unwrap_or_default(),
                EntryState::Purging,
                now,
                false,
            )?;
            return Ok(Taken::Large(entry));
        }
        let mut sum = 0;
        rows.retain(|row| {
            sum += size(row);
            sum <= limits.large
        });
        let gone = remove(tx, &rows, EntryState::Purged, now, false)?;
        Ok(Taken::Gone {
            entries: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            rows: u64::try_from(gone).unwrap_or(u64::MAX),
        })
    })
}

/// Goes on with an entry that is being purged, until nothing is left of it or somebody else works on it.
fn finish(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    entry: EntryId,
    report: &mut Report,
) -> Result<()> {
    loop {
        match finish_some(services, caller, org, entry) {
            Ok(Progress::Rows(rows)) => report.rows += rows,
            Ok(Progress::Done) => {
                report.purged += 1;
                return Ok(());
            }
            Ok(Progress::Elsewhere) => return Ok(()),
            Err(error) if is_of_an_entry(&error) => {
                return failed(services, org, entry, &error, report);
            }
            Err(error) => return Err(error),
        }
        if services.purging.is_halted() {
            return Ok(());
        }
        sleep(PAUSE);
    }
}

enum Progress {
    Rows(u64),
    Done,
    /// Somebody else works on it, or it is to be tried again later.
    Elsewhere,
}

fn finish_some(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    entry: EntryId,
) -> Result<Progress> {
    services.write_once(&acting(caller, org), |tx: &mut Tx<'_>| {
        let now = tx.conn.now()?;
        let waits = tx.conn.purge_failures_of(org, Some(&[entry]), 1)?;
        if waits.first().is_some_and(|failure| failure.retry_at > now) {
            return Ok(Progress::Elsewhere);
        }
        let Some(row) = tx.conn.claim_purging(org, entry)? else {
            return Ok(Progress::Elsewhere);
        };
        tx.conn.allow_long_statements()?;
        let rows = services.purging.limits.batch_rows;
        let gone = tx.conn.purge_some_rows(org, entry, rows)?;
        if gone > 0 {
            return Ok(Progress::Rows(u64::try_from(gone).unwrap_or(u64::MAX)));
        }
        tx.conn.finish_purging(org, entry)?;
        record(tx, &row, EntryState::Purged, false)?;
        Ok(Progress::Done)
    })
}

fn acting(caller: Option<&Caller>, org: OrgId) -> Caller {
    caller.map_or_else(|| Caller::service(org), Clone::clone)
}

/// Whether it is the entry that fails and not the database as a whole.
fn is_of_an_entry(error: &Error) -> bool {
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
fn failed(
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

//! One run of the purge.

use std::collections::{BTreeMap, VecDeque};
use std::thread::sleep;
use std::time::Duration as Wait;

use chrono::Duration;

use super::super::Services;
use super::super::alarms;
use super::super::caller::Caller;
use super::super::error::Result;
use super::failures::{failed, is_of_an_entry};
use super::large::{finish, go_on_with};
use super::{Ask, due, is_valid, remove, size};
use crate::domain::alarms::AlarmCode;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::{EntryState, PurgeProblem};
use crate::store::Conn;
use crate::store::rows::OrganizationRow;

/// Between two transactions, so that others get their turn.
pub(super) const PAUSE: Wait = Wait::from_millis(2);

/// What a run came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Entries that are gone.
    pub purged: u64,
    /// Their rows, links aside.
    pub rows: u64,
    /// The same for each organization of which anything went.
    pub organizations: BTreeMap<OrgId, Gone>,
    /// Entries that could not be purged in this run.
    pub failed: Vec<Failed>,
    /// Why nothing more was purged of an organization, or of any (then without one).
    pub stopped: Vec<(Option<OrgId>, Stop)>,
}

/// What is gone of an organization.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Entries.
    pub entries: u64,
    /// Their rows, links aside.
    pub rows: u64,
}

impl Report {
    pub(super) fn add(&mut self, org: OrgId, entries: u64, rows: u64) {
        self.purged += entries;
        self.rows += rows;
        let gone = self.organizations.entry(org).or_default();
        gone.entries += entries;
        gone.rows += rows;
    }
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

/// What stops a purge, the worst first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema,
)]
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
    /// Everything claimed was put on hold, or used, a moment before.
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
        Taken::Gone { entries, rows } => report.add(org, entries, rows),
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
        let used = tx.conn.used_among(org, &claimed, due.used_since)?;
        rows.retain(|row| !held.contains(&row.id) && !used.contains(&row.id));
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
        remove(tx, &rows, EntryState::Purged, now, false)?;
        Ok(Taken::Gone {
            entries: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            rows: u64::try_from(rows.iter().map(size).sum::<i64>()).unwrap_or(0),
        })
    })
}

pub(super) fn acting(caller: Option<&Caller>, org: OrgId) -> Caller {
    caller.map_or_else(|| Caller::service(org), Clone::clone)
}

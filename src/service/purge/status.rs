//! What the purge is about to do, and the purge on demand: for programs that schedule it and people who watch it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Services;
use super::super::bulk::{BulkFilter, check_ids, choose, parse_filter};
use super::super::caller::Caller;
use super::super::error::{Error, Problem, Result};
use super::super::retention::PauseView;
use super::super::unit::Once;
use super::run::{self, run};
use super::{Ask, Stop, due, plan, size};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::{EntryState, PurgeProblem};
use crate::domain::scopes::Scope;
use crate::store::Conn;
use crate::store::filters::{EntryFilter, EntryOrder};
use crate::store::rows::PurgeFailureRow;

/// The most entries that one call takes.
const MOST: u32 = 1_000;
/// The blocked entries that are told one by one.
const TOLD: i64 = 50;

/// What the purge of the organization is about to do.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeStatusView {
    /// When this server purges by itself: an interval or a cron expression; `null` if it does not.
    pub schedule: Option<String>,
    /// The pause switch.
    pub pause: PauseView,
    /// Why nothing goes, or not all of it.
    pub stopped: Option<Stop>,
    /// Entries that the next run would purge.
    pub would_purge: u64,
    /// Entries past their date, whatever keeps them.
    pub past_date: u64,
    /// Of those, held, or held until less than a day ago.
    pub held: u64,
    /// Of those, kept by a brake.
    pub braked: u64,
    /// Of those, kept since they were used within a day, where the organization says so.
    pub used: u64,
    /// The earliest date that has passed.
    pub oldest: Option<Ts>,
    /// Entries that are being purged in batches.
    pub purging: Vec<EntryId>,
    /// Entries that could not be purged, the latest first; up to 50.
    pub blocked: Vec<BlockedView>,
    /// How many of them there are.
    pub blocked_count: u64,
}

/// An entry that could not be purged.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockedView {
    /// The entry.
    pub entry_id: EntryId,
    /// Why.
    pub code: PurgeProblem,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was tried last.
    pub failed_at: Ts,
    /// When it is tried again.
    pub retry_at: Ts,
}

impl From<PurgeFailureRow> for BlockedView {
    fn from(row: PurgeFailureRow) -> Self {
        Self {
            entry_id: row.entry_id,
            code: row.code,
            attempts: row.attempts,
            failed_at: row.failed_at,
            retry_at: row.retry_at,
        }
    }
}

/// A purge of what is due.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeDue {
    /// Only these, all of which must be in the trash; up to 1000.
    pub ids: Option<Vec<EntryId>>,
    /// Only those that fit all of its fields.
    pub filter: Option<BulkFilter>,
    /// No more than so many; 1000 at most.
    pub limit: Option<u32>,
    /// Only says what would happen.
    #[serde(default)]
    pub validate_only: bool,
}

/// What a purge came to, or would.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeDueView {
    /// Whether anything was purged, or this only says what would be.
    pub validate_only: bool,
    /// Entries that are gone (a large one may still be losing its rows), or would be.
    pub purged: u64,
    /// Their rows, links aside.
    pub rows: u64,
    /// Entries that could not be purged.
    pub failed: Vec<FailedView>,
    /// Why nothing more was purged.
    pub stopped: Option<Stop>,
}

/// An entry that could not be purged.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailedView {
    /// The entry.
    pub entry_id: EntryId,
    /// Why.
    pub code: PurgeProblem,
}

/// What the purge of the caller's organization is about to do.
pub fn status(services: &Services, caller: &Caller) -> Result<PurgeStatusView> {
    caller.require(Scope::RetentionRead)?;
    let org = caller.org;
    let ask = Ask {
        organization: Some(org),
        ..Ask::default()
    };
    let plan = plan(services, &ask)?;
    let found = plan.organizations.first();
    let number = |read: fn(&super::OrganizationPlan) -> u64| found.map_or(0, read);
    services.store.read_snapshot(|conn| {
        let row = conn
            .find_organization(org)?
            .ok_or_else(|| Error::not_found("organization"))?;
        let blocked = conn.purge_failures_of(org, None, TOLD)?;
        Ok(PurgeStatusView {
            schedule: services.purging.schedule.clone(),
            pause: PauseView::of(&row),
            stopped: match found {
                Some(found) => found.stopped,
                None if plan.clock_jump => Some(Stop::ClockJump),
                None if !super::is_valid(&row) => Some(Stop::RetentionInvalid),
                None => row.purge_paused_at.map(|_| Stop::Paused),
            },
            would_purge: number(|found| found.would_purge),
            past_date: number(|found| found.past_date),
            held: number(|found| found.held),
            braked: number(|found| found.braked),
            used: number(|found| found.used),
            oldest: found.and_then(|found| found.oldest),
            purging: conn.purging_entries(org, TOLD)?,
            blocked: blocked.into_iter().map(BlockedView::from).collect(),
            blocked_count: u64::try_from(conn.count_purge_failures(org)?).unwrap_or(0),
        })
    })
}

/// Purges what is due of the caller's organization. What is not due stays, whoever asks: before its date an entry is
/// purged alone, by its name. A repetition goes on with the same entries and answers alike.
pub fn purge_due(
    services: &Services,
    caller: &Caller,
    once: Option<&Once>,
    request: &PurgeDue,
) -> Result<(PurgeDueView, bool)> {
    let (chosen, replayed) = choose(services, caller, once, |tx| {
        chosen(tx.conn, tx.caller, request)
    })?;
    let ask = Ask {
        organization: Some(caller.org),
        limit: u64::try_from(chosen.ids.len()).ok(),
        ids: Some(chosen.ids.clone()),
    };
    let report = if chosen.ids.is_empty() {
        run::Report::default()
    } else {
        run(services, Some(caller), &ask, &|_| ())?
    };
    let after = services
        .store
        .read(|conn| conn.entries_among(caller.org, &chosen.ids))?;
    let gone = after
        .iter()
        .filter(|entry| matches!(entry.state, EntryState::Purged | EntryState::Purging));
    let view = PurgeDueView {
        validate_only: false,
        purged: u64::try_from(gone.clone().count()).unwrap_or(u64::MAX),
        rows: u64::try_from(gone.map(size).sum::<i64>()).unwrap_or(0),
        failed: report
            .failed
            .iter()
            .map(|failed| FailedView {
                entry_id: failed.entry,
                code: failed.problem,
            })
            .collect(),
        stopped: report
            .stopped
            .iter()
            .map(|(_, stop)| *stop)
            .find(|stop| *stop != Stop::RunLimit),
    };
    Ok((view, replayed))
}

/// What [`purge_due`] would do; nothing is changed.
pub fn plan_due(services: &Services, caller: &Caller, request: &PurgeDue) -> Result<PurgeDueView> {
    let chosen = services
        .store
        .read_snapshot(|conn| chosen(conn, caller, request))?;
    let ask = Ask {
        organization: Some(caller.org),
        limit: u64::try_from(chosen.ids.len()).ok(),
        ids: Some(chosen.ids),
    };
    let plan = plan(services, &ask)?;
    Ok(PurgeDueView {
        validate_only: true,
        purged: plan.would_purge,
        rows: plan.rows,
        failed: Vec::new(),
        stopped: plan.organizations.first().and_then(|found| found.stopped),
    })
}

/// The entries a call is about.
#[derive(Debug, Serialize, Deserialize)]
struct Chosen {
    ids: Vec<EntryId>,
}

/// Those that are due; of those asked for by id all must be in the trash, since a stale list must not purge anything by
/// halves.
fn chosen(conn: &mut Conn, caller: &Caller, request: &PurgeDue) -> Result<Chosen> {
    caller.require(Scope::TrashPurge)?;
    let limit = request.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::field(
            "/limit",
            "out_of_range",
            "It goes from 1 to 1000.",
        ));
    }
    let now = conn.now()?;
    let asked = match (&request.ids, &request.filter) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(Error::field(
                "/filter",
                "contradiction",
                "Name entries by `ids` or by `filter`, not by both.",
            ));
        }
        (Some(ids), None) => Some(in_trash(conn, caller, ids)?),
        (None, Some(filter)) => {
            let filter = parse_filter(filter)?;
            let filter = EntryFilter {
                purge_before: Some(filter.purge_before.map_or(now, |at| at.min(now))),
                ..filter
            };
            let order = EntryOrder::PurgeAt(None);
            let rows = conn.list_entries(caller.org, &filter, order, now, i64::from(MOST))?;
            Some(rows.into_iter().map(|row| row.id).collect())
        }
    };
    let due = due(conn, caller.org, now)?;
    let rows = conn.peek_due(caller.org, &due, asked.as_deref(), i64::from(limit))?;
    Ok(Chosen {
        ids: rows.into_iter().map(|row| row.id).collect(),
    })
}

fn in_trash(conn: &mut Conn, caller: &Caller, ids: &[EntryId]) -> Result<Vec<EntryId>> {
    check_ids(ids)?;
    let found = conn.entries_among(caller.org, ids)?;
    let is_there = |id: &EntryId| {
        found
            .iter()
            .any(|entry| entry.id == *id && entry.state == EntryState::InTrash)
    };
    let elsewhere: Vec<EntryId> = ids.iter().filter(|id| !is_there(id)).copied().collect();
    if elsewhere.is_empty() {
        return Ok(ids.to_vec());
    }
    let detail = format!(
        "{} of the ids are not of entries in the trash.",
        elsewhere.len()
    );
    Err(Problem::new(Code::NotInTrash, detail)
        .with("ids", elsewhere)
        .into())
}

//! The brake on mass deletion: whoever gets hold of a key and deletes everything does not also get it purged.
//!
//! Above so many connections, and so many percent of all, deleted within an hour an alarm is raised, and the purge clock
//! of what was deleted since then stands still until somebody releases the brake. Deletions go on, unless the
//! organization has them refused.

use chrono::Duration;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::alarms;
use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::Page;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{BrakeId, RootId};
use crate::domain::scopes::Scope;
use crate::store::Conn;
use crate::store::rows::{BrakeRow, EntryRow, OrganizationRow};

/// What counts as at once.
const WINDOW: Duration = Duration::hours(1);
/// Of so many deletions within the window each is counted.
const COUNTED: i64 = 2_000;

/// A brake.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrakeView {
    /// Its id.
    pub id: BrakeId,
    /// When it came on.
    pub started_at: Ts,
    /// What was deleted from this moment on is not purged.
    pub covers_from: Ts,
    /// How many connections had been deleted within an hour.
    pub connections: i64,
    /// Of how many that the organization had.
    pub of_connections: i64,
    /// When it was released.
    pub released_at: Option<Ts>,
    /// By whom.
    pub released_by: Option<String>,
}

impl From<BrakeRow> for BrakeView {
    fn from(row: BrakeRow) -> Self {
        Self {
            id: row.id,
            started_at: row.started_at,
            covers_from: row.covers_from,
            connections: row.connections,
            of_connections: row.of_connections,
            released_at: row.released_at,
            released_by: row.released_by,
        }
    }
}

/// Before a deletion: refuses it while a brake is on, where the organization wants that.
pub(super) fn refuse(tx: &mut Tx<'_>, organization: &OrganizationRow) -> Result<()> {
    if !organization.brake_refuses {
        return Ok(());
    }
    match tx.conn.open_brake(organization.id)? {
        None => Ok(()),
        Some(brake) => Err(Problem::new(
            Code::DeletionBrake,
            "Much of this organization was deleted within an hour: deletions are stopped until somebody looks.",
        )
        .with("brake_id", brake.id)
        .into()),
    }
}

/// After a deletion: puts the brake on if it was one too many.
pub(super) fn watch(
    tx: &mut Tx<'_>,
    organization: &OrganizationRow,
    entry: &EntryRow,
) -> Result<()> {
    if entry.connections_count == 0 {
        return Ok(());
    }
    let (org, now) = (organization.id, entry.deleted_at);
    let (few, percent) = (
        i64::from(organization.brake_deletions),
        i64::from(organization.brake_percent).max(1),
    );
    // Of very many deletions only every so many counts them all: a count for each would slow down all.
    let most = if entry.id.0.as_bytes().ends_with(&[0]) {
        i64::MAX
    } else {
        COUNTED
    };
    let mut covers_from = now.plus(-WINDOW);
    let count = |tx: &mut Tx<'_>, since| -> Result<i64> {
        let counts = tx.conn.connections_deleted_since(org, since, most)?;
        Ok(counts.into_iter().sum())
    };
    let mut deleted = count(tx, covers_from)?;
    if deleted <= few {
        return Ok(());
    }
    // What somebody has looked at and released counts no more.
    let last = tx.conn.list_brakes(org, None, 1)?;
    if let Some(released) = last.first().and_then(|brake| brake.released_at)
        && released > covers_from
    {
        covers_from = released;
        deleted = count(tx, covers_from)?;
        if deleted <= few {
            return Ok(());
        }
    }
    // The part is too large where fewer are left than this: that many are looked at, and not all of them.
    let left = deleted
        .saturating_mul(100 - percent)
        .saturating_add(percent - 1)
        .div_euclid(percent);
    if percent == 100 || tx.conn.has_more_connections(org, left.saturating_sub(1))? {
        return Ok(());
    }
    let all = deleted.saturating_add(tx.conn.count_connections(org)?);
    let brake = BrakeRow {
        org_id: org,
        id: BrakeId::mint(),
        started_at: now,
        covers_from,
        connections: deleted,
        of_connections: all,
        released_at: None,
        released_by: None,
    };
    if tx.conn.insert_brake(&brake)? == 0 {
        return Ok(());
    }
    let detail = format!(
        "{deleted} of {all} connections were deleted within an hour, the last of them by {}. Nothing deleted since {covers_from} is purged until the brake {} is released.",
        entry
            .deleted_by_name
            .as_deref()
            .unwrap_or(&entry.deleted_by),
        brake.id
    );
    alarms::raise(tx.conn, Some(org), AlarmCode::Brake, "", &detail)?;
    tx.record(
        "brake.started",
        "brake",
        RootId(brake.id.0),
        None,
        &json!({ "connections": deleted, "of_connections": all }),
    )
}

/// A page of the brakes of the caller's organization, newest first, released ones with them.
pub fn list(conn: &mut Conn, caller: &Caller, page: &PageQuery) -> Result<Page<BrakeView>> {
    caller.require(Scope::RetentionRead)?;
    let cursor: Option<Cursor<BrakeId>> = page.cursor("brakes", &())?;
    let mut rows = conn.list_brakes(caller.org, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next("brakes", &(), more, last),
        data: rows.into_iter().map(BrakeView::from).collect(),
    })
}

/// Releases a brake: the purge clock of what it covered goes on from where it stood.
pub fn release(tx: &mut Tx<'_>, id: BrakeId) -> Result<BrakeView> {
    tx.caller.require(Scope::RetentionWrite)?;
    let org = tx.caller.org;
    let mut brake = tx
        .conn
        .find_brake(org, id)?
        .ok_or_else(|| Error::not_found("brake"))?;
    let now = tx.conn.now()?;
    let by = tx.caller.actor.id.clone();
    if brake.released_at.is_none() && tx.conn.release_brake(org, id, now, &by)? > 0 {
        tx.conn.allow_long_statements()?;
        let stood = now.utc().signed_duration_since(brake.started_at.utc());
        // Whole seconds, rather one more: never earlier.
        let seconds = stood.num_seconds().max(0) + 1;
        let entries = tx.conn.shift_purge_dates(org, brake.covers_from, seconds)?;
        alarms::resolve(tx.conn, Some(org), AlarmCode::Brake, "")?;
        tx.record(
            "brake.released",
            "brake",
            RootId(id.0),
            None,
            &json!({ "entries": entries, "put_off_seconds": seconds }),
        )?;
        (brake.released_at, brake.released_by) = (Some(now), Some(by));
    }
    Ok(brake.into())
}

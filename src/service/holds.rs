//! Holds: reasons an entry must not be purged, each with its owner and perhaps an end; and moving a purge date.
//!
//! What must stay true: whoever puts an entry on hold locks it first, so a purge either was before or sees the hold;
//! a hold that has ended is kept, since what it held may not go within a day.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{Error, Problem, Result};
use super::purge::LONGEST_RETENTION_DAYS;
use super::trash::{self, lock_open};
use super::unit::Tx;
use super::views::EntryView;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, HoldId};
use crate::domain::merge_patch::not_null;
use crate::domain::scopes::Scope;
use crate::domain::text::Reason;
use crate::store::rows::HoldRow;

/// Holds of one entry that have not ended; more are nobody's wish.
const MOST_HOLDS: usize = 100;

/// A hold to put on an entry.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Why the entry must not be purged.
    pub reason: String,
    /// When it ends by itself (RFC 3339); without it somebody has to end it.
    #[serde(default, deserialize_with = "not_null")]
    pub ends_at: Option<String>,
}

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// Its id.
    pub id: HoldId,
    /// The entry it is on.
    pub entry_id: EntryId,
    /// The id of the actor who put it there.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends, or ended. What it held is not purged within a day of that.
    pub ends_at: Option<Ts>,
    /// Whether it holds.
    pub active: bool,
    /// Since when.
    pub created_at: Ts,
}

impl HoldView {
    pub(super) fn new(row: HoldRow, now: Ts) -> Self {
        Self {
            id: row.id,
            entry_id: row.entry_id,
            owner: row.owner,
            reason: row.reason,
            active: row.ends_at.is_none_or(|end| end > now),
            ends_at: row.ends_at,
            created_at: row.created_at,
        }
    }
}

/// Another purge date for an entry.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryPatch {
    /// When it is to be purged (RFC 3339). Later needs `trash:hold`; sooner `trash:purge`, and no protection.
    pub purge_at: String,
}

/// Puts an entry on hold.
pub fn hold(tx: &mut Tx<'_>, entry: EntryId, new: &NewHold) -> Result<HoldView> {
    tx.caller.require(Scope::TrashHold)?;
    let reason = Reason::parse(&new.reason).map_err(|problem| problem.at("/reason"))?;
    if reason.as_str().trim().is_empty() {
        return Err(Error::field(
            "/reason",
            "required",
            "Say why it must not be purged.",
        ));
    }
    let row = lock_open(tx, entry)?;
    let now = tx.conn.now()?;
    let ends_at = new
        .ends_at
        .as_deref()
        .map(|text| moment("/ends_at", text))
        .transpose()?;
    if ends_at.is_some_and(|end| end <= now) {
        return Err(Error::field(
            "/ends_at",
            "out_of_range",
            "It is in the past.",
        ));
    }
    let open = tx
        .conn
        .holds_of(tx.caller.org, entry)?
        .into_iter()
        .filter(|hold| hold.ends_at.is_none_or(|end| end > now))
        .count();
    if open >= MOST_HOLDS {
        return Err(Error::field(
            "",
            "too_many",
            "An entry takes 100 holds at once.",
        ));
    }
    let hold = HoldRow {
        org_id: tx.caller.org,
        id: HoldId::mint(),
        entry_id: entry,
        owner: tx.caller.actor.id.clone(),
        reason: reason.into_string(),
        ends_at,
        created_at: now,
    };
    tx.conn.insert_hold(&hold)?;
    tx.record(
        "trash.held",
        row.root_kind.as_str(),
        row.root_id,
        Some(entry),
        &json!({ "hold_id": hold.id, "owner": hold.owner, "reason": hold.reason, "ends_at": hold.ends_at }),
    )?;
    Ok(HoldView::new(hold, now))
}

/// Ends a hold. The entry is not purged within a day.
pub fn release(tx: &mut Tx<'_>, entry: EntryId, id: HoldId) -> Result<HoldView> {
    tx.caller.require(Scope::TrashHold)?;
    let org = tx.caller.org;
    let row = tx
        .conn
        .lock_entry(org, entry)?
        .ok_or_else(|| Error::not_found("trash entry"))?;
    let found = tx.conn.find_hold(org, id)?;
    let mut hold = found
        .filter(|hold| hold.entry_id == entry)
        .ok_or_else(|| Error::not_found("hold"))?;
    let now = tx.conn.now()?;
    // Ended before: nothing changes, and the day after it is not made longer.
    if hold.ends_at.is_none_or(|end| end > now) {
        hold.ends_at = Some(now);
        tx.conn.end_hold(org, id, now)?;
        tx.record(
            "trash.hold_released",
            row.root_kind.as_str(),
            row.root_id,
            Some(entry),
            &json!({ "hold_id": id, "owner": hold.owner, "reason": hold.reason }),
        )?;
    }
    Ok(HoldView::new(hold, now))
}

/// Moves the purge date of one entry.
pub fn reschedule(tx: &mut Tx<'_>, id: EntryId, patch: &EntryPatch) -> Result<EntryView> {
    let wanted = moment("/purge_at", &patch.purge_at)?;
    // Who may do neither learns nothing of the entry.
    if !tx.caller.may(Scope::TrashHold) && !tx.caller.may(Scope::TrashPurge) {
        tx.caller.require(Scope::TrashHold)?;
    }
    let row = lock_open(tx, id)?;
    let now = tx.conn.now()?;
    if wanted >= row.purge_at {
        tx.caller.require(Scope::TrashHold)?;
        if wanted > now.plus(Duration::days(i64::from(LONGEST_RETENTION_DAYS))) {
            return Err(Error::field(
                "/purge_at",
                "out_of_range",
                "It is more than 3650 days from now.",
            ));
        }
    } else {
        tx.caller.require(Scope::TrashPurge)?;
        trash::refuse_protected(tx.conn, &row, now)?;
        trash::refuse_below_floor(&tx.purging.limits, &row, wanted)?;
        if wanted < now {
            return Err(Error::field(
                "/purge_at",
                "out_of_range",
                "It is in the past; purge the entry instead.",
            ));
        }
    }
    if wanted != row.purge_at {
        tx.conn.set_purge_at(tx.caller.org, id, wanted)?;
        tx.record(
            "trash.rescheduled",
            row.root_kind.as_str(),
            row.root_id,
            Some(id),
            &json!({ "from": row.purge_at, "to": wanted }),
        )?;
    }
    trash::get(tx.conn, tx.caller, id)
}

fn moment(pointer: &str, text: &str) -> Result<Ts> {
    Ts::parse(text).filter(|at| *at < Ts::FAR).ok_or_else(|| {
        Error::field(
            pointer,
            "invalid",
            "Expected a moment such as 2026-12-31T12:00:00Z.",
        )
    })
}

/// The problem of an entry that a hold keeps.
pub(super) fn held() -> Problem {
    Problem::new(Code::Held, "A hold keeps this entry.")
}

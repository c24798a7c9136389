//! What keeps an entry from being purged by hand: asked before a purge, and by pages that say why there is no button for it.

use chrono::Duration;

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Error, Problem, Result};
use super::super::holds;
use super::super::purge::Limits;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::kinds::EntryState;
use crate::store::Conn;
use crate::store::rows::EntryRow;

/// Why [`super::purge`] would refuse an entry that is in the trash, whoever types its name; `None` if nothing keeps it.
pub fn why_kept(
    services: &Services,
    conn: &mut Conn,
    caller: &Caller,
    id: EntryId,
) -> Result<Option<Problem>> {
    let row = conn.find_entry(caller.org, id)?;
    let Some(row) = row.filter(|row| row.state == EntryState::InTrash) else {
        return Ok(None);
    };
    let now = conn.now()?;
    match refuse_kept(conn, &services.purging.limits, &row, now) {
        Ok(()) => Ok(None),
        Err(Error::Problem(problem)) => Ok(Some(*problem)),
        Err(other) => Err(other),
    }
}

/// Refuses to purge by hand what something keeps.
pub(super) fn refuse_kept(conn: &mut Conn, limits: &Limits, row: &EntryRow, now: Ts) -> Result<()> {
    if !conn.held_among(row.org_id, &[row.id], now)?.is_empty() {
        return Err(holds::held().into());
    }
    if row.purge_at > now {
        refuse_protected(conn, row, now)?;
    }
    refuse_below_floor(limits, row, now)?;
    if let Some(brake) = conn.open_brake(row.org_id)?
        && row.deleted_at >= brake.covers_from
    {
        return Err(Problem::new(
            Code::Braked,
            "Much of this organization was deleted within an hour: nothing of that is purged until somebody looks.",
        )
        .with("brake_id", brake.id)
        .into());
    }
    Ok(())
}

/// Refuses to let an entry go before its date where nobody may.
pub(in crate::service) fn refuse_protected(conn: &mut Conn, row: &EntryRow, now: Ts) -> Result<()> {
    // Also by what the organization says now: protection is on for everything at once.
    let organization = conn.find_organization(row.org_id)?;
    let protected = row.purge_protected
        || organization.is_some_and(|organization| organization.purge_protection);
    if !protected || row.purge_at <= now {
        return Ok(());
    }
    Err(Problem::new(
        Code::PurgeProtected,
        "Nobody may purge this entry before its date.",
    )
    .with("purge_at", row.purge_at)
    .into())
}

/// Refuses to let an entry go at `at`, if that is sooner after its deletion than the service allows anybody.
pub(in crate::service) fn refuse_below_floor(
    limits: &Limits,
    row: &EntryRow,
    at: Ts,
) -> Result<()> {
    let floor = limits.min_retention_days;
    let until = row.deleted_at.plus(Duration::days(i64::from(floor)));
    if floor == 0 || at >= until {
        return Ok(());
    }
    Err(Problem::new(
        Code::MinRetention,
        format!("This service keeps everything for {floor} days at least."),
    )
    .with("keep_until", until)
    .into())
}

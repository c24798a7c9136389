//! Whose turn the standing check for residue is, and what the last one found.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{JobId, OrgId};
use crate::store::rows::CanaryRow;
use crate::store::schema::canary_checks;

pub(in crate::store) fn find_canary(conn: &mut Conn, org: OrgId) -> QueryResult<Option<CanaryRow>> {
    canary_checks::table
        .find(org)
        .select(CanaryRow::as_select())
        .first(conn)
        .optional()
}

/// Takes the turn, if a check is due and nobody works on one: of several replicas one gets it, by this one statement.
/// `stale` is when somebody who works on one must have said so last, `due` when the last one must have ended.
pub(in crate::store) fn claim_canary(
    conn: &mut Conn,
    org: OrgId,
    run: JobId,
    now: Ts,
    stale: Ts,
    due: Ts,
) -> QueryResult<usize> {
    use canary_checks as c;
    diesel::insert_into(c::table)
        .values((c::org_id.eq(org), c::residue.eq(0)))
        .on_conflict_do_nothing()
        .execute(conn)?;
    diesel::update(
        c::table
            .find(org)
            .filter(c::run_id.is_null().or(c::seen_at.lt(stale)))
            .filter(c::ended_at.is_null().or(c::ended_at.le(due))),
    )
    .set((c::run_id.eq(run), c::seen_at.eq(now)))
    .execute(conn)
}

/// Says that the check goes on; 0 if somebody else has taken over.
pub(in crate::store) fn beat_canary(
    conn: &mut Conn,
    org: OrgId,
    run: JobId,
    now: Ts,
) -> QueryResult<usize> {
    diesel::update(
        canary_checks::table
            .find(org)
            .filter(canary_checks::run_id.eq(run)),
    )
    .set(canary_checks::seen_at.eq(now))
    .execute(conn)
}

/// Gives the turn back. `ended` is when the check ended, none if it is to be made again soon; `found` is what it found, none
/// if it could not tell.
pub(in crate::store) fn end_canary(
    conn: &mut Conn,
    org: OrgId,
    run: JobId,
    ended: Option<Ts>,
    found: Option<i64>,
) -> QueryResult<usize> {
    use canary_checks as c;
    let mine = c::table.find(org).filter(c::run_id.eq(run));
    if let Some((residue, ended)) = found.zip(ended) {
        diesel::update(mine)
            .set((c::residue.eq(residue), c::checked_at.eq(ended)))
            .execute(conn)?;
    }
    if let Some(ended) = ended {
        diesel::update(mine)
            .set(c::ended_at.eq(ended))
            .execute(conn)?;
    }
    diesel::update(mine)
        .set(c::run_id.eq(None::<JobId>))
        .execute(conn)
}

//! What became of the credentials of each owner at the source.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId, RootId};
use crate::domain::kinds::{OwnerKind, RevocationOutcome};
use crate::store::rows::RevocationRow;
use crate::store::schema::revocations;

pub(in crate::store) fn insert_revocations(
    conn: &mut Conn,
    rows: &[RevocationRow],
) -> QueryResult<usize> {
    diesel::insert_into(revocations::table)
        .values(rows)
        .execute(conn)
}

/// Whoever took it for interrupted meanwhile was first: then nothing is written here.
pub(in crate::store) fn finish_revocation(
    conn: &mut Conn,
    row: &RevocationRow,
) -> QueryResult<usize> {
    let key = (row.org_id, row.entry_id, row.owner_kind, row.owner_id);
    diesel::update(
        revocations::table
            .find(key)
            .filter(revocations::finished_at.is_null()),
    )
    .set((
        revocations::outcome.eq(row.outcome),
        revocations::tries.eq(row.tries),
        revocations::finished_at.eq(row.finished_at),
    ))
    .execute(conn)
}

pub(in crate::store) fn count_revocations(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
) -> QueryResult<Vec<(EntryId, RevocationOutcome, i64)>> {
    let grouped = (revocations::entry_id, revocations::outcome);
    revocations::table
        .filter(revocations::org_id.eq(org))
        .filter(revocations::entry_id.eq_any(entries))
        .group_by(grouped)
        .order(grouped)
        .select((
            revocations::entry_id,
            revocations::outcome,
            diesel::dsl::count_star(),
        ))
        .load(conn)
}

pub(in crate::store) fn revocations_of_many(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    kind: OwnerKind,
    owners: &[RootId],
) -> QueryResult<Vec<RevocationRow>> {
    revocations::table
        .filter(revocations::org_id.eq(org))
        .filter(revocations::entry_id.eq(entry))
        .filter(revocations::owner_kind.eq(kind))
        .filter(revocations::owner_id.eq_any(owners))
        .select(RevocationRow::as_select())
        .load(conn)
}

pub(in crate::store) fn stale_revocations(
    conn: &mut Conn,
    before: Ts,
) -> QueryResult<Vec<RevocationRow>> {
    revocations::table
        .filter(revocations::finished_at.is_null())
        .filter(revocations::created_at.lt(before))
        .order((
            revocations::org_id,
            revocations::entry_id,
            revocations::owner_id,
        ))
        .limit(1_000)
        .select(RevocationRow::as_select())
        .load(conn)
}

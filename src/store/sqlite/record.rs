//! The seals of audit records on SQLite: one writer at a time, so whatever is visible may be numbered.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::OrgId;
use crate::store::rows::{AuditRow, SealRow, Sealed};
use crate::store::schema::{audit_events as a, audit_seals as s};

/// Adds the seals of new records, without a number yet.
pub(in crate::store) fn insert_seals(conn: &mut Conn, rows: &[AuditRow]) -> QueryResult<usize> {
    for row in rows {
        diesel::insert_into(s::table)
            .values(SealRow {
                org_id: row.org_id,
                record_id: row.id,
                announced: row.announced,
                tx_id: 0,
                recorded_at: Ts::now(),
                seq: None,
                hash: None,
            })
            .execute(conn)?;
    }
    Ok(rows.len())
}

/// Records without a number, oldest first.
pub(in crate::store) fn unsealed(
    conn: &mut Conn,
    org: OrgId,
    limit: i64,
) -> QueryResult<Vec<AuditRow>> {
    s::table
        .inner_join(a::table.on(a::org_id.eq(s::org_id).and(a::id.eq(s::record_id))))
        .filter(s::org_id.eq(org))
        .filter(s::seq.is_null())
        .order((s::recorded_at, s::record_id))
        .limit(limit)
        .select(AuditRow::as_select())
        .load(conn)
}

/// Gives records their numbers; answers how many had none.
pub(in crate::store) fn put_seals(
    conn: &mut Conn,
    org: OrgId,
    seals: &[Sealed],
) -> QueryResult<usize> {
    let mut put = 0;
    for seal in seals {
        put += diesel::update(s::table.find((org, seal.record)).filter(s::seq.is_null()))
            .set((s::seq.eq(seal.seq), s::hash.eq(&seal.hash)))
            .execute(conn)?;
    }
    Ok(put)
}

//! The seals of audit records on PostgreSQL: many transactions write at once, so a record can be numbered only when nothing
//! older can commit any more.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use super::Conn;
use crate::domain::ids::{OrgId, RecordId};
use crate::store::rows::{AuditRow, Sealed};
use crate::store::schema::{audit_events as a, audit_seals as s};
use crate::store::types::{Id, Moment};

diesel::define_sql_function! {
    /// The 64-bit number of this transaction (the older name: `pg_current_xact_id` has a type of its own).
    fn txid_current() -> BigInt;
}
diesel::define_sql_function! {
    /// The moment of the statement, not of the transaction's begin.
    fn clock_timestamp() -> Moment;
}

/// In one statement with the rows, and so of the same snapshot.
const SETTLED: &str = "(tx_id < txid_snapshot_xmin(txid_current_snapshot()) \
    OR tx_id >= txid_snapshot_xmax(txid_current_snapshot()))";

/// Adds the seals of new records, without a number yet.
pub(in crate::store) fn insert_seals(conn: &mut Conn, rows: &[AuditRow]) -> QueryResult<usize> {
    let seal = |row: &AuditRow| {
        (
            s::org_id.eq(row.org_id),
            s::record_id.eq(row.id),
            s::announced.eq(row.announced),
            s::tx_id.eq(txid_current()),
            s::recorded_at.eq(clock_timestamp()),
        )
    };
    match rows {
        [row] => diesel::insert_into(s::table)
            .values(seal(row))
            .execute(conn),
        rows => {
            let seals: Vec<_> = rows.iter().map(seal).collect();
            diesel::insert_into(s::table).values(seals).execute(conn)
        }
    }
}

/// Records without a number that are older than every running transaction, oldest first. A number that no transaction of
/// this server has had yet came with a dump from another: then it is committed, too.
pub(in crate::store) fn unsealed(
    conn: &mut Conn,
    org: OrgId,
    limit: i64,
) -> QueryResult<Vec<AuditRow>> {
    s::table
        .inner_join(a::table.on(a::org_id.eq(s::org_id).and(a::id.eq(s::record_id))))
        .filter(s::org_id.eq(org))
        .filter(s::seq.is_null())
        .filter(diesel::dsl::sql::<Bool>(SETTLED))
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
    let records: Vec<RecordId> = seals.iter().map(|seal| seal.record).collect();
    let numbers: Vec<i64> = seals.iter().map(|seal| seal.seq).collect();
    let hashes: Vec<&str> = seals.iter().map(|seal| seal.hash.as_str()).collect();
    diesel::sql_query(
        "UPDATE audit_seals s SET seq = n.seq, hash = n.hash FROM unnest($1, $2, $3) AS n(record_id, seq, hash) \
         WHERE s.org_id = $4 AND s.record_id = n.record_id AND s.seq IS NULL",
    )
    .bind::<Array<Id>, _>(records)
    .bind::<Array<BigInt>, _>(numbers)
    .bind::<Array<Text>, _>(hashes)
    .bind::<Id, _>(org)
    .execute(conn)
}

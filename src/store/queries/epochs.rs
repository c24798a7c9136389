//! Key epochs, the secrets under them, and the running services that have their keys.
//!
//! Epochs are the whole database's, so some of this spans organizations; none of it serves a request.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, ReplicaId};
use crate::store::rows::{KeyEpochRow, KeyReplicaRow, SecretRow};
use crate::store::schema::{key_epochs, key_replicas, secrets};

pub(in crate::store) fn list_key_epochs(conn: &mut Conn) -> QueryResult<Vec<KeyEpochRow>> {
    key_epochs::table
        .order(key_epochs::epoch)
        .select(KeyEpochRow::as_select())
        .load(conn)
}

pub(in crate::store) fn insert_key_epoch(conn: &mut Conn, row: &KeyEpochRow) -> QueryResult<usize> {
    diesel::insert_into(key_epochs::table)
        .values(row)
        .execute(conn)
}

/// One after the other: at no moment two rows are the primary one, which an index forbids.
pub(in crate::store) fn switch_primary(
    conn: &mut Conn,
    from: i32,
    to: i32,
    at: Ts,
) -> QueryResult<usize> {
    let epoch = |epoch: i32| key_epochs::table.filter(key_epochs::epoch.eq(epoch));
    let left = diesel::update(epoch(from).filter(key_epochs::is_primary.eq(true)))
        .set(key_epochs::is_primary.eq(false))
        .execute(conn)?;
    if left == 0 {
        return Ok(0);
    }
    diesel::update(epoch(to).filter(key_epochs::destroyed_at.is_null()))
        .set((
            key_epochs::is_primary.eq(true),
            key_epochs::primary_since.eq(at),
        ))
        .execute(conn)
}

/// Whether a secret of any organization is under the epoch.
pub(in crate::store) fn epoch_in_use(conn: &mut Conn, epoch: i32) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        secrets::table.filter(secrets::key_epoch.eq(epoch)),
    ))
    .get_result(conn)
}

pub(in crate::store) fn retire_epoch(conn: &mut Conn, epoch: i32, at: Ts) -> QueryResult<usize> {
    diesel::update(
        key_epochs::table
            .filter(key_epochs::epoch.eq(epoch))
            .filter(key_epochs::is_primary.eq(false))
            .filter(key_epochs::retired_at.is_null())
            .filter(key_epochs::destroyed_at.is_null())
            .filter(diesel::dsl::not(diesel::dsl::exists(
                secrets::table.filter(secrets::key_epoch.eq(epoch)),
            ))),
    )
    .set(key_epochs::retired_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn mark_epoch_destroyed(
    conn: &mut Conn,
    epoch: i32,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(
        key_epochs::table
            .filter(key_epochs::epoch.eq(epoch))
            .filter(key_epochs::is_primary.eq(false))
            .filter(key_epochs::destroyed_at.is_null())
            .filter(diesel::dsl::not(diesel::dsl::exists(
                secrets::table.filter(secrets::key_epoch.eq(epoch)),
            ))),
    )
    .set(key_epochs::destroyed_at.eq(at))
    .execute(conn)
}

pub(in crate::store) fn count_secrets_by_epoch(conn: &mut Conn) -> QueryResult<Vec<(i32, i64)>> {
    secrets::table
        .group_by(secrets::key_epoch)
        .order(secrets::key_epoch)
        .select((secrets::key_epoch, diesel::dsl::count_star()))
        .load(conn)
}

pub(in crate::store) fn organizations_under(
    conn: &mut Conn,
    epoch: i32,
) -> QueryResult<Vec<OrgId>> {
    secrets::table
        .filter(secrets::key_epoch.eq(epoch))
        .order(secrets::org_id)
        .select(secrets::org_id)
        .distinct()
        .load(conn)
}

/// A page of the secrets of an organization under an epoch, in the order of their slots.
pub(in crate::store) fn secrets_under(
    conn: &mut Conn,
    org: OrgId,
    epoch: i32,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<SecretRow>> {
    secrets::table
        .filter(secrets::org_id.eq(org))
        .filter(secrets::key_epoch.eq(epoch))
        .filter(secrets::slot_id.gt(after))
        .order(secrets::slot_id)
        .limit(limit)
        .select(SecretRow::as_select())
        .load(conn)
}

pub(in crate::store) fn beat(conn: &mut Conn, row: &KeyReplicaRow) -> QueryResult<usize> {
    diesel::insert_into(key_replicas::table)
        .values(row)
        .on_conflict(key_replicas::id)
        .do_update()
        .set((
            key_replicas::epochs.eq(&row.epochs),
            key_replicas::problem.eq(&row.problem),
            key_replicas::seen_at.eq(row.seen_at),
        ))
        .execute(conn)
}

pub(in crate::store) fn list_replicas(conn: &mut Conn) -> QueryResult<Vec<KeyReplicaRow>> {
    key_replicas::table
        .order(key_replicas::id)
        .select(KeyReplicaRow::as_select())
        .load(conn)
}

pub(in crate::store) fn drop_replica(conn: &mut Conn, id: ReplicaId) -> QueryResult<usize> {
    diesel::delete(key_replicas::table.filter(key_replicas::id.eq(id))).execute(conn)
}

//! What is known of secrets, and the slots that hold their sealed records.
//!
//! Nothing of the trash reads the slots. How a slot is emptied differs by backend (`shred_slots`).

use diesel::prelude::*;

use super::Conn;
use crate::domain::ids::{EntryId, OrgId, RootId};
use crate::domain::kinds::OwnerKind;
use crate::store::rows::{SecretRow, ShreddedRow};
use crate::store::schema::{secret_slots, secrets, shredded_secrets};

pub(in crate::store) fn secrets_of(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owner: RootId,
) -> QueryResult<Vec<SecretRow>> {
    secrets::table
        .filter(secrets::org_id.eq(org))
        .filter(secrets::owner_kind.eq(kind))
        .filter(secrets::owner_id.eq(owner))
        .order(secrets::field)
        .select(SecretRow::as_select())
        .load(conn)
}

/// The secrets of several owners at once, for a page of a list.
pub(in crate::store) fn secrets_of_many(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owners: &[RootId],
) -> QueryResult<Vec<SecretRow>> {
    secrets::table
        .filter(secrets::org_id.eq(org))
        .filter(secrets::owner_kind.eq(kind))
        .filter(secrets::owner_id.eq_any(owners))
        .order((secrets::owner_id, secrets::field))
        .select(SecretRow::as_select())
        .load(conn)
}

pub(in crate::store) fn insert_secret(conn: &mut Conn, row: &SecretRow) -> QueryResult<usize> {
    diesel::insert_into(secrets::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn set_source_hint(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owner: RootId,
    field: &str,
    hint: Option<&str>,
) -> QueryResult<usize> {
    diesel::update(secrets::table.find((org, kind, owner, field)))
        .set(secrets::source_hint.eq(hint))
        .execute(conn)
}

pub(in crate::store) fn delete_secrets(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owner: RootId,
    fields: &[&str],
) -> QueryResult<usize> {
    diesel::delete(
        secrets::table
            .filter(secrets::org_id.eq(org))
            .filter(secrets::owner_kind.eq(kind))
            .filter(secrets::owner_id.eq(owner))
            .filter(secrets::field.eq_any(fields)),
    )
    .execute(conn)
}

/// The shape of the secrets that these owners lost with an entry they were not the root of.
pub(in crate::store) fn shredded_of_many(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    kind: OwnerKind,
    owners: &[RootId],
) -> QueryResult<Vec<ShreddedRow>> {
    use shredded_secrets as s;
    s::table
        .filter(s::org_id.eq(org))
        .filter(s::entry_id.eq(entry))
        .filter(s::owner_kind.eq(kind))
        .filter(s::owner_id.eq_any(owners))
        .order((s::owner_id, s::field))
        .select(ShreddedRow::as_select())
        .load(conn)
}

pub(in crate::store) fn read_slot(
    conn: &mut Conn,
    org: OrgId,
    slot: i64,
) -> QueryResult<Option<Vec<u8>>> {
    secret_slots::table
        .filter(secret_slots::org_id.eq(org))
        .filter(secret_slots::id.eq(slot))
        .filter(secret_slots::free.eq(false))
        .select(secret_slots::record)
        .first(conn)
        .optional()
}

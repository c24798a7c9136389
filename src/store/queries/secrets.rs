//! What is known of secrets, and the slots that hold their sealed records.
//!
//! Nothing of the trash reads the slots. How a slot is emptied differs by backend (`shred_slots`).

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId, RootId};
use crate::domain::kinds::OwnerKind;
use crate::store::rows::{SecretRow, ShreddedRow};
use crate::store::schema::{secret_slots, secrets, shredded_secrets, shreds};
use crate::store::types::Moment;

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

/// Shreds single fields of an owner: notes it for the shred log, empties the slots, forgets the secrets.
pub(in crate::store) fn shred_fields(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owner: RootId,
    fields: &[&str],
    at: Ts,
) -> QueryResult<usize> {
    let own = || {
        secrets::table
            .filter(secrets::org_id.eq(org))
            .filter(secrets::owner_kind.eq(kind))
            .filter(secrets::owner_id.eq(owner))
            .filter(secrets::field.eq_any(fields))
    };
    diesel::insert_into(shreds::table)
        .values(own().select((
            secrets::org_id,
            secrets::record_id,
            secrets::key_epoch,
            at.into_sql::<Moment>(),
        )))
        .into_columns((
            shreds::org_id,
            shreds::record_id,
            shreds::key_epoch,
            shreds::shredded_at,
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    super::super::shred_slots(conn, org, kind, owner, fields)?;
    diesel::delete(own()).execute(conn)
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

/// Forgets the re-entry sessions, connect tokens and stored answers that an organization has from before a moment.
pub(in crate::store) fn drop_open_before(
    conn: &mut Conn,
    org: OrgId,
    before: Ts,
) -> QueryResult<(usize, usize)> {
    use crate::store::schema::{connect_sessions as c, connect_tokens as t, idempotency_keys as i};
    let tokens = diesel::delete(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::created_at.lt(before)),
    )
    .execute(conn)?;
    let sessions = diesel::delete(
        c::table
            .filter(c::org_id.eq(org))
            .filter(c::created_at.lt(before)),
    )
    .execute(conn)?;
    let answers = diesel::delete(
        i::table
            .filter(i::org_id.eq(org))
            .filter(i::created_at.lt(before)),
    )
    .execute(conn)?;
    Ok((sessions + tokens, answers))
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

//! The record: audit records, their seals, and what is read of them as events.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, EntryId, KeyId, OrgId, RecordId, RootId};
use crate::domain::kinds::{EntryState, RootKind};
use crate::store::filters::AuditFilter;
use crate::store::rows::{AuditRow, EntryRow};
use crate::store::schema::{
    api_keys, audit_events as a, audit_seals as s, connections, holds, purge_warnings,
    trash_entries,
};

/// A record with its number and hash.
type Numbered = (AuditRow, Option<i64>, Option<String>);

pub(in crate::store) fn insert_audit(conn: &mut Conn, row: &AuditRow) -> QueryResult<usize> {
    insert_audits(conn, std::slice::from_ref(row))
}

pub(in crate::store) fn insert_audits(conn: &mut Conn, rows: &[AuditRow]) -> QueryResult<usize> {
    if let [row] = rows {
        // As one row, which is a statement that is prepared once.
        diesel::insert_into(a::table).values(row).execute(conn)?;
    } else {
        diesel::insert_into(a::table).values(rows).execute(conn)?;
    }
    super::super::insert_seals(conn, rows)
}

/// The organizations with records that have no number yet.
pub(in crate::store) fn unsealed_organizations(conn: &mut Conn) -> QueryResult<Vec<OrgId>> {
    s::table
        .filter(s::seq.is_null())
        .select(s::org_id)
        .distinct()
        .load(conn)
}

/// How many records of an organization have no number yet.
pub(in crate::store) fn count_unsealed(conn: &mut Conn, org: OrgId) -> QueryResult<i64> {
    s::table
        .filter(s::org_id.eq(org))
        .filter(s::seq.is_null())
        .count()
        .get_result(conn)
}

/// The number and the hash of the record that was sealed last.
pub(in crate::store) fn audit_head(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Option<(i64, String)>> {
    let head: Option<(Option<i64>, Option<String>)> = s::table
        .filter(s::org_id.eq(org))
        .filter(s::seq.is_not_null())
        .order(s::seq.desc())
        .select((s::seq, s::hash))
        .first(conn)
        .optional()?;
    Ok(head.and_then(|(seq, hash)| seq.zip(hash)))
}

/// Sealed records after a number, in their order.
pub(in crate::store) fn sealed_after(
    conn: &mut Conn,
    org: OrgId,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Numbered>> {
    s::table
        .inner_join(a::table.on(a::org_id.eq(s::org_id).and(a::id.eq(s::record_id))))
        .filter(s::org_id.eq(org))
        .filter(s::seq.gt(after))
        .order(s::seq)
        .limit(limit)
        .select((AuditRow::as_select(), s::seq, s::hash))
        .load(conn)
}

/// Events after a number, in their order.
pub(in crate::store) fn events_after(
    conn: &mut Conn,
    org: OrgId,
    after: i64,
    types: Option<&[String]>,
    limit: i64,
) -> QueryResult<Vec<Numbered>> {
    let mut query = s::table
        .inner_join(a::table.on(a::org_id.eq(s::org_id).and(a::id.eq(s::record_id))))
        .filter(s::org_id.eq(org))
        .filter(s::seq.gt(after))
        .filter(s::announced)
        .order(s::seq)
        .limit(limit)
        .select((AuditRow::as_select(), s::seq, s::hash))
        .into_boxed();
    if let Some(types) = types {
        query = query.filter(a::action.eq_any(types));
    }
    query.load(conn)
}

/// One record that is an event.
pub(in crate::store) fn find_event(
    conn: &mut Conn,
    org: OrgId,
    id: RecordId,
) -> QueryResult<Option<Numbered>> {
    s::table
        .inner_join(a::table.on(a::org_id.eq(s::org_id).and(a::id.eq(s::record_id))))
        .filter(s::org_id.eq(org))
        .filter(s::record_id.eq(id))
        .filter(s::announced)
        .select((AuditRow::as_select(), s::seq, s::hash))
        .first(conn)
        .optional()
}

/// Records, newest first.
pub(in crate::store) fn list_audit(
    conn: &mut Conn,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<RecordId>,
    limit: i64,
) -> QueryResult<Vec<Numbered>> {
    let mut query = a::table
        .left_join(s::table.on(s::org_id.eq(a::org_id).and(s::record_id.eq(a::id))))
        .filter(a::org_id.eq(org))
        .order(a::id.desc())
        .limit(limit)
        .select((AuditRow::as_select(), s::seq.nullable(), s::hash.nullable()))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(a::id.lt(before));
    }
    if let Some(actions) = &filter.actions {
        query = query.filter(a::action.eq_any(actions));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(a::actor_id.eq(actor));
    }
    if let Some(outcome) = &filter.outcome {
        query = query.filter(a::outcome.eq(outcome));
    }
    if let Some(subject) = filter.subject {
        query = query.filter(a::subject_id.eq(subject));
    }
    if let Some(entry) = filter.entry {
        query = query.filter(a::entry_id.eq(entry));
    }
    if let Some(request) = &filter.request_id {
        query = query.filter(a::request_id.eq(request));
    }
    if let Some(at) = filter.after {
        query = query.filter(a::at.ge(at));
    }
    if let Some(at) = filter.before {
        query = query.filter(a::at.lt(at));
    }
    query.load(conn)
}

/// Entries that are purged before `until`, that live longer than the warning goes ahead, that no hold keeps, and of which
/// this warning was not given.
pub(in crate::store) fn unwarned_entries(
    conn: &mut Conn,
    org: OrgId,
    days: i32,
    now: Ts,
    until: Ts,
    limit: i64,
) -> QueryResult<Vec<EntryRow>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.gt(now))
        .filter(t::purge_at.le(until))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            holds::table
                .filter(holds::org_id.eq(t::org_id))
                .filter(holds::entry_id.eq(t::id))
                .filter(
                    holds::ends_at
                        .is_null()
                        .or(holds::ends_at.gt(t::purge_at.nullable())),
                ),
        )))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            purge_warnings::table
                .filter(purge_warnings::org_id.eq(t::org_id))
                .filter(purge_warnings::entry_id.eq(t::id))
                .filter(purge_warnings::days.eq(days))
                .filter(purge_warnings::purge_at.eq(t::purge_at)),
        )))
        .order((t::purge_at, t::id))
        .limit(limit)
        .select(EntryRow::as_select())
        .load(conn)
}

/// Notes a warning; 0 if somebody else has given it.
pub(in crate::store) fn insert_purge_warning(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    days: i32,
    purge_at: Ts,
) -> QueryResult<usize> {
    diesel::insert_into(purge_warnings::table)
        .values((
            purge_warnings::org_id.eq(org),
            purge_warnings::entry_id.eq(entry),
            purge_warnings::days.eq(days),
            purge_warnings::purge_at.eq(purge_at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
}

/// What those of these connections that are live are called.
pub(in crate::store) fn names_of_connections(
    conn: &mut Conn,
    org: OrgId,
    ids: &[ConnectionId],
) -> QueryResult<Vec<(ConnectionId, String)>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::id.eq_any(ids))
        .select((connections::id, connections::name))
        .load(conn)
}

/// What these keys are called.
pub(in crate::store) fn names_of_keys(
    conn: &mut Conn,
    org: OrgId,
    ids: &[KeyId],
) -> QueryResult<Vec<(KeyId, String)>> {
    api_keys::table
        .filter(api_keys::org_id.eq(org))
        .filter(api_keys::id.eq_any(ids))
        .select((api_keys::id, api_keys::name))
        .load(conn)
}

/// The entries of these roots, whatever their state, with the names of the roots; the newest of a root comes last.
pub(in crate::store) fn entries_of_roots(
    conn: &mut Conn,
    org: OrgId,
    kind: RootKind,
    roots: &[RootId],
) -> QueryResult<Vec<(RootId, EntryId, String)>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::root_id.eq_any(roots))
        .filter(t::root_kind.eq(kind))
        .order(t::id)
        .select((t::root_id, t::id, t::root_name))
        .load(conn)
}

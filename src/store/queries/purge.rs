//! What the purge takes, what keeps entries from it, and what it remembers. Claiming entries differs by database.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{BrakeId, ConnectionId, EntryId, HoldId, OrgId, RootId};
use crate::domain::kinds::EntryState;
use crate::store::due::{due_entries, due_entries_among};
use crate::store::filters::Due;
use crate::store::rows::{BrakeRow, EntryRow, HoldRow, PurgeFailureRow};
use crate::store::schema::{
    brakes, connections, holds, purge_failures, shredded_secrets, trash_connections, trash_content,
    trash_entries, trash_integrations, trash_links, trash_models,
};

/// What the purge would take, with how many rows: no more than `limit`. Nothing is locked.
pub(in crate::store) fn peek_due(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
    ids: Option<&[EntryId]>,
    limit: i64,
) -> QueryResult<Vec<EntryRow>> {
    match ids {
        Some(ids) => due_entries_among!(org, due, ids, limit).load(conn),
        None => due_entries!(org, due, limit).load(conn),
    }
}

/// How many entries are past their date, and the earliest date among them, whatever keeps them.
pub(in crate::store) fn count_past_date(
    conn: &mut Conn,
    org: OrgId,
    now: Ts,
) -> QueryResult<(i64, Option<Ts>)> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.le(now))
        .select((diesel::dsl::count_star(), diesel::dsl::min(t::purge_at)))
        .first(conn)
}

/// How many of them a hold keeps, or one that ended less than a day ago.
pub(in crate::store) fn count_held_past_date(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
) -> QueryResult<i64> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.le(due.now))
        .filter(exists(
            holds::table
                .filter(holds::org_id.eq(t::org_id))
                .filter(holds::entry_id.eq(t::id))
                .filter(
                    holds::ends_at
                        .is_null()
                        .or(holds::ends_at.gt(due.held_since)),
                ),
        ))
        .count()
        .get_result(conn)
}

/// How many of them a brake keeps and no hold.
pub(in crate::store) fn count_braked_past_date(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
) -> QueryResult<i64> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.le(due.now))
        .filter(t::deleted_at.ge(due.braked_from))
        .filter(not(exists(
            holds::table
                .filter(holds::org_id.eq(t::org_id))
                .filter(holds::entry_id.eq(t::id))
                .filter(
                    holds::ends_at
                        .is_null()
                        .or(holds::ends_at.gt(due.held_since)),
                ),
        )))
        .count()
        .get_result(conn)
}

/// Removes the rows of these entries for good, children first. Answers how many there were.
pub(in crate::store) fn purge_rows_of(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
) -> QueryResult<usize> {
    let mut gone = 0;
    macro_rules! remove {
        ($($table:ident),+) => {$(
            gone += diesel::delete(
                $table::table
                    .filter($table::org_id.eq(org))
                    .filter($table::entry_id.eq_any(entries)),
            )
            .execute(conn)?;
        )+};
    }
    remove!(
        trash_links,
        trash_content,
        trash_models,
        trash_connections,
        trash_integrations,
        shredded_secrets,
        purge_failures
    );
    Ok(gone)
}

/// Removes some of the rows of an entry that is being purged, children first; 0 when none is left.
pub(in crate::store) fn purge_some_rows(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    limit: i64,
) -> QueryResult<usize> {
    // Links have no id of their own and are small: they go with the piece of content that comes first.
    macro_rules! remove {
        ($($table:ident by $key:ident),+) => {$(
            let some = $table::table
                .filter($table::org_id.eq(org))
                .filter($table::entry_id.eq(entry))
                .order($table::$key)
                .limit(limit)
                .select($table::$key)
                .load::<RootId>(conn)?;
            if !some.is_empty() {
                return diesel::delete(
                    $table::table
                        .filter($table::org_id.eq(org))
                        .filter($table::entry_id.eq(entry))
                        .filter($table::$key.eq_any(some)),
                )
                .execute(conn);
            }
        )+};
    }
    remove!(
        trash_links by from_id,
        trash_content by id,
        trash_models by id,
        trash_connections by id,
        trash_integrations by id,
        shredded_secrets by owner_id
    );
    Ok(0)
}

/// Brings entries from one state into another. What leaves the trash is written down with when and by whom.
pub(in crate::store) fn close_entries(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
    state: EntryState,
    at: Ts,
    by: &str,
    by_name: Option<&str>,
) -> QueryResult<usize> {
    use trash_entries as t;
    diesel::update(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::id.eq_any(entries))
            .filter(t::state.eq(EntryState::InTrash)),
    )
    .set((
        t::state.eq(state),
        t::closed_at.eq(at),
        t::closed_by.eq(by),
        t::closed_by_name.eq(by_name),
    ))
    .execute(conn)
}

/// The end of an entry that is being purged.
pub(in crate::store) fn finish_purging(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<usize> {
    use trash_entries as t;
    diesel::delete(purge_failures::table.find((org, entry))).execute(conn)?;
    diesel::update(
        t::table
            .find((org, entry))
            .filter(t::state.eq(EntryState::Purging)),
    )
    .set(t::state.eq(EntryState::Purged))
    .execute(conn)
}

/// Entries that are being purged: what a kill left behind is gone on with first.
pub(in crate::store) fn purging_entries(
    conn: &mut Conn,
    org: OrgId,
    limit: i64,
) -> QueryResult<Vec<EntryId>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::Purging))
        .order((t::purge_at, t::id))
        .limit(limit)
        .select(t::id)
        .load(conn)
}

/// How many entries have been purged since, whoever asked.
pub(in crate::store) fn count_purged_since(
    conn: &mut Conn,
    org: OrgId,
    since: Ts,
) -> QueryResult<i64> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::closed_at.gt(since))
        .filter(t::state.eq_any([EntryState::Purging, EntryState::Purged]))
        .count()
        .get_result(conn)
}

pub(in crate::store) fn count_in_trash(conn: &mut Conn, org: OrgId) -> QueryResult<i64> {
    trash_entries::table
        .filter(trash_entries::org_id.eq(org))
        .filter(trash_entries::state.eq(EntryState::InTrash))
        .count()
        .get_result(conn)
}

// Failures

pub(in crate::store) fn put_purge_failure(
    conn: &mut Conn,
    row: &PurgeFailureRow,
) -> QueryResult<usize> {
    use purge_failures as f;
    diesel::insert_into(f::table)
        .values(row)
        .on_conflict((f::org_id, f::entry_id))
        .do_update()
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn purge_failures_of(
    conn: &mut Conn,
    org: OrgId,
    entries: Option<&[EntryId]>,
    limit: i64,
) -> QueryResult<Vec<PurgeFailureRow>> {
    let mut query = purge_failures::table
        .filter(purge_failures::org_id.eq(org))
        .select(PurgeFailureRow::as_select())
        .into_boxed();
    if let Some(entries) = entries {
        query = query.filter(purge_failures::entry_id.eq_any(entries));
    }
    query
        .order((purge_failures::failed_at.desc(), purge_failures::entry_id))
        .limit(limit)
        .load(conn)
}

pub(in crate::store) fn count_purge_failures(conn: &mut Conn, org: OrgId) -> QueryResult<i64> {
    purge_failures::table
        .filter(purge_failures::org_id.eq(org))
        .count()
        .get_result(conn)
}

// Dates and protection

pub(in crate::store) fn set_purge_at(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(trash_entries::table.find((org, entry)))
        .set(trash_entries::purge_at.eq(at))
        .execute(conn)
}

/// Protects all that is in the trash.
pub(in crate::store) fn protect_entries(conn: &mut Conn, org: OrgId) -> QueryResult<usize> {
    use trash_entries as t;
    diesel::update(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::state.eq(EntryState::InTrash))
            .filter(t::purge_protected.eq(false)),
    )
    .set(t::purge_protected.eq(true))
    .execute(conn)
}

// Brakes

/// Adds a brake, unless one is on.
pub(in crate::store) fn insert_brake(conn: &mut Conn, row: &BrakeRow) -> QueryResult<usize> {
    diesel::insert_into(brakes::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)
}

pub(in crate::store) fn open_brake(conn: &mut Conn, org: OrgId) -> QueryResult<Option<BrakeRow>> {
    brakes::table
        .filter(brakes::org_id.eq(org))
        .filter(brakes::released_at.is_null())
        .select(BrakeRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn find_brake(
    conn: &mut Conn,
    org: OrgId,
    id: BrakeId,
) -> QueryResult<Option<BrakeRow>> {
    brakes::table
        .find((org, id))
        .select(BrakeRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_brakes(
    conn: &mut Conn,
    org: OrgId,
    after: Option<BrakeId>,
    limit: i64,
) -> QueryResult<Vec<BrakeRow>> {
    let mut query = brakes::table
        .filter(brakes::org_id.eq(org))
        .select(BrakeRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(brakes::id.lt(after));
    }
    query.order(brakes::id.desc()).limit(limit).load(conn)
}

pub(in crate::store) fn release_brake(
    conn: &mut Conn,
    org: OrgId,
    id: BrakeId,
    at: Ts,
    by: &str,
) -> QueryResult<usize> {
    diesel::update(
        brakes::table
            .find((org, id))
            .filter(brakes::released_at.is_null()),
    )
    .set((brakes::released_at.eq(at), brakes::released_by.eq(by)))
    .execute(conn)
}

/// How many connections each of the newest deletions since took along, those that were restored aside.
pub(in crate::store) fn connections_deleted_since(
    conn: &mut Conn,
    org: OrgId,
    since: Ts,
    limit: i64,
) -> QueryResult<Vec<i64>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq_any([EntryState::InTrash, EntryState::Purging, EntryState::Purged]))
        .filter(t::deleted_at.gt(since))
        .filter(t::connections_count.gt(0))
        .order(t::deleted_at.desc())
        .limit(limit)
        .select(t::connections_count)
        .load(conn)
}

/// Whether more than so many connections are live. Looks at no more than those.
pub(in crate::store) fn has_more_connections(
    conn: &mut Conn,
    org: OrgId,
    number: i64,
) -> QueryResult<bool> {
    let next: Option<ConnectionId> = connections::table
        .filter(connections::org_id.eq(org))
        .order(connections::id)
        .select(connections::id)
        .offset(number)
        .first(conn)
        .optional()?;
    Ok(next.is_some())
}

pub(in crate::store) fn count_connections(conn: &mut Conn, org: OrgId) -> QueryResult<i64> {
    connections::table
        .filter(connections::org_id.eq(org))
        .count()
        .get_result(conn)
}

// Holds

pub(in crate::store) fn insert_hold(conn: &mut Conn, row: &HoldRow) -> QueryResult<usize> {
    diesel::insert_into(holds::table).values(row).execute(conn)
}

pub(in crate::store) fn find_hold(
    conn: &mut Conn,
    org: OrgId,
    id: HoldId,
) -> QueryResult<Option<HoldRow>> {
    holds::table
        .find((org, id))
        .select(HoldRow::as_select())
        .first(conn)
        .optional()
}

/// All holds of an entry, those that have ended with them; oldest first.
pub(in crate::store) fn holds_of(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<Vec<HoldRow>> {
    holds::table
        .filter(holds::org_id.eq(org))
        .filter(holds::entry_id.eq(entry))
        .order(holds::id)
        .select(HoldRow::as_select())
        .load(conn)
}

/// Ends a hold. It is kept: what it held may not go within a day.
pub(in crate::store) fn end_hold(
    conn: &mut Conn,
    org: OrgId,
    id: HoldId,
    at: Ts,
) -> QueryResult<usize> {
    diesel::update(holds::table.find((org, id)))
        .set(holds::ends_at.eq(at))
        .execute(conn)
}

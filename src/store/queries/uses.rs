//! Use after delete: who still calls for what is in the trash.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;

use super::super::{earlier, later};
use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::EntryState;
use crate::store::filters::Due;
use crate::store::rows::UseRow;
use crate::store::schema::{holds, trash_entries, trash_uses};
use crate::store::types::Moment;

/// Adds what a caller used to what is known of it: replicas write down what each of them saw, in any order.
pub(in crate::store) fn add_use(conn: &mut Conn, row: &UseRow) -> QueryResult<usize> {
    use trash_uses as u;
    diesel::insert_into(u::table)
        .values(row)
        .on_conflict((u::org_id, u::entry_id, u::actor_id))
        .do_update()
        .set((
            u::uses.eq(u::uses + excluded(u::uses)),
            u::first_used_at.eq(earlier(u::first_used_at, excluded(u::first_used_at))),
            u::last_used_at.eq(later(u::last_used_at, excluded(u::last_used_at))),
            u::actor_name.eq(excluded(u::actor_name)),
            u::key_id.eq(excluded(u::key_id)),
        ))
        .execute(conn)
}

/// How often these entries were used, and when last; those that were not are left out.
pub(in crate::store) fn count_uses(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
) -> QueryResult<Vec<(EntryId, i64, Ts)>> {
    use trash_uses as u;
    u::table
        .filter(u::org_id.eq(org))
        .filter(u::entry_id.eq_any(entries))
        .group_by(u::entry_id)
        .select((
            u::entry_id,
            diesel::dsl::sql::<BigInt>("CAST(sum(uses) AS bigint)"),
            diesel::dsl::sql::<Moment>("max(last_used_at)"),
        ))
        .load(conn)
}

/// Who used an entry, the latest first.
pub(in crate::store) fn uses_of(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    limit: i64,
) -> QueryResult<Vec<UseRow>> {
    use trash_uses as u;
    u::table
        .filter(u::org_id.eq(org))
        .filter(u::entry_id.eq(entry))
        .order((u::last_used_at.desc(), u::actor_id))
        .limit(limit)
        .select(UseRow::as_select())
        .load(conn)
}

/// Which of these entries were used after a moment.
pub(in crate::store) fn used_among(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
    since: Ts,
) -> QueryResult<Vec<EntryId>> {
    use trash_uses as u;
    u::table
        .filter(u::org_id.eq(org))
        .filter(u::entry_id.eq_any(entries))
        .filter(u::last_used_at.gt(since))
        .select(u::entry_id)
        .distinct()
        .load(conn)
}

/// How many entries past their date a use keeps, and neither a hold nor a brake.
pub(in crate::store) fn count_used_past_date(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
) -> QueryResult<i64> {
    use diesel::dsl::{exists, not};
    use {holds as h, trash_entries as t, trash_uses as u};
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.le(due.now))
        .filter(t::deleted_at.lt(due.braked_from))
        .filter(not(exists(
            h::table
                .filter(h::org_id.eq(t::org_id))
                .filter(h::entry_id.eq(t::id))
                .filter(h::ends_at.is_null().or(h::ends_at.gt(due.held_since))),
        )))
        .filter(exists(
            u::table
                .filter(u::org_id.eq(t::org_id))
                .filter(u::entry_id.eq(t::id))
                .filter(u::last_used_at.gt(due.used_since)),
        ))
        .count()
        .get_result(conn)
}

//! What is due to be purged, and to be delivered, said once for the look and for the claim of both databases: macros, since only a query that
//! is not boxed can be locked.
//!
//! What must stay true (promise 6): every condition stands in the statement that claims the row.

/// The entries of an organization that the purge takes at the moment `due`, next to go first.
macro_rules! due_entries {
    ($org:expr, $due:expr, $limit:expr) => {{
        use $crate::domain::kinds::EntryState;
        use $crate::store::schema::{
            holds as h, purge_failures as f, trash_entries as t, trash_uses as u,
        };
        t::table
            .filter(t::org_id.eq($org))
            .filter(t::state.eq(EntryState::InTrash))
            .filter(t::purge_at.le($due.now))
            .filter(t::deleted_at.lt($due.braked_from))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                h::table
                    .filter(h::org_id.eq(t::org_id))
                    .filter(h::entry_id.eq(t::id))
                    .filter(h::ends_at.is_null().or(h::ends_at.gt($due.held_since))),
            )))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                u::table
                    .filter(u::org_id.eq(t::org_id))
                    .filter(u::entry_id.eq(t::id))
                    .filter(u::last_used_at.gt($due.used_since)),
            )))
            .filter(diesel::dsl::not(diesel::dsl::exists(
                f::table
                    .filter(f::org_id.eq(t::org_id))
                    .filter(f::entry_id.eq(t::id))
                    .filter(f::retry_at.gt($due.now)),
            )))
            .order((t::purge_at, t::id))
            .limit($limit)
            .select(EntryRow::as_select())
    }};
}
pub(super) use due_entries;

/// The same of these entries alone.
macro_rules! due_entries_among {
    ($org:expr, $due:expr, $ids:expr, $limit:expr) => {
        $crate::store::due::due_entries!($org, $due, $limit)
            .filter($crate::store::schema::trash_entries::id.eq_any($ids))
    };
}
pub(super) use due_entries_among;

/// The deliveries to webhook endpoints that are due at the moment `now` and that nobody sends.
macro_rules! due_deliveries {
    ($now:expr) => {{
        use $crate::store::schema::webhook_deliveries as d;
        d::table
            .filter(d::finished_at.is_null())
            .filter(d::next_attempt_at.le($now))
            .filter(d::leased_until.is_null().or(d::leased_until.le($now)))
    }};
}
pub(super) use due_deliveries;

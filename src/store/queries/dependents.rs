//! Models and content: two tables of one shape, so one set of queries made for each.

use diesel::QueryResult;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId};
use crate::domain::kinds::DependentKind;
use crate::store::filters::DependentFilter;
use crate::store::rows::{DependentHead, DependentRow, Place};

/// How many rows one INSERT carries: 12 binds a row stay far below SQLite's 32,766.
const BATCH: usize = 500;

macro_rules! dependent_queries {
    ($live:ident, $trash:ident, $parent:ident) => {
        use diesel::prelude::*;
        use diesel::sql_types::Nullable;

        use super::{BATCH, Conn, DependentFilter, DependentHead, DependentRow, Place};
        use crate::domain::clock::Ts;
        use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId};
        use crate::domain::kinds::EntryState;
        use crate::store::schema::{trash_entries, $live as live, $trash as trash};
        use crate::store::types::Id;

        pub(super) fn insert(conn: &mut Conn, rows: &[&DependentRow]) -> QueryResult<usize> {
            let mut done = 0;
            for chunk in rows.chunks(BATCH) {
                let values: Vec<_> = chunk
                    .iter()
                    .map(|row| {
                        (
                            live::org_id.eq(row.org_id),
                            live::id.eq(row.id),
                            live::connection_id.eq(row.connection_id),
                            live::$parent.eq(row.parent),
                            live::name.eq(&row.name),
                            live::kind.eq(&row.kind),
                            live::external_id.eq(&row.external_id),
                            live::body.eq(&row.body),
                            live::deletion_protection.eq(row.deletion_protection),
                            live::created_at.eq(row.created_at),
                            live::updated_at.eq(row.updated_at),
                            live::version.eq(row.version),
                        )
                    })
                    .collect();
                done += diesel::insert_into(live::table)
                    .values(&values)
                    .execute(conn)?;
            }
            Ok(done)
        }

        /// Writes nothing if the row has another version than the one before: who read it without a lock learns
        /// that somebody else was faster.
        pub(super) fn update(conn: &mut Conn, row: &DependentRow) -> QueryResult<usize> {
            diesel::update(
                live::table
                    .find((row.org_id, row.id))
                    .filter(live::version.eq(row.version - 1)),
            )
            .set((
                live::$parent.eq(row.parent),
                live::name.eq(&row.name),
                live::kind.eq(&row.kind),
                live::external_id.eq(&row.external_id),
                live::body.eq(&row.body),
                live::deletion_protection.eq(row.deletion_protection),
                live::updated_at.eq(row.updated_at),
                live::version.eq(row.version),
            ))
            .execute(conn)
        }

        type Columns = (
            live::org_id,
            live::id,
            live::connection_id,
            live::$parent,
            live::name,
            live::kind,
            live::external_id,
            live::body,
            live::deletion_protection,
            live::created_at,
            live::updated_at,
            live::version,
        );

        const COLUMNS: Columns = (
            live::org_id,
            live::id,
            live::connection_id,
            live::$parent,
            live::name,
            live::kind,
            live::external_id,
            live::body,
            live::deletion_protection,
            live::created_at,
            live::updated_at,
            live::version,
        );

        pub(super) fn find(
            conn: &mut Conn,
            org: OrgId,
            id: DependentId,
        ) -> QueryResult<Option<DependentRow>> {
            live::table
                .find((org, id))
                .select(COLUMNS)
                .first(conn)
                .optional()
        }

        pub(super) fn find_by_external_ids(
            conn: &mut Conn,
            org: OrgId,
            connection: ConnectionId,
            external_ids: &[&str],
        ) -> QueryResult<Vec<(DependentId, Option<String>)>> {
            live::table
                .filter(live::org_id.eq(org))
                .filter(live::connection_id.eq(connection))
                .filter(live::external_id.eq_any(external_ids))
                .select((live::id, live::external_id))
                .load(conn)
        }

        /// The whole live rows with any of these external ids in any of these connections. In no order: asked for
        /// one, both databases read a connection's rows in it instead of looking the few up.
        pub(super) fn rows_by_external_ids(
            conn: &mut Conn,
            org: OrgId,
            connections: &[ConnectionId],
            external_ids: &[&str],
        ) -> QueryResult<Vec<DependentRow>> {
            live::table
                .filter(live::org_id.eq(org))
                .filter(live::connection_id.eq_any(connections))
                .filter(live::external_id.eq_any(external_ids))
                .select(COLUMNS)
                .load(conn)
        }

        /// Raises the version of rows of which something changed that is not in their columns.
        pub(super) fn touch(
            conn: &mut Conn,
            org: OrgId,
            ids: &[DependentId],
            at: Ts,
        ) -> QueryResult<usize> {
            diesel::update(
                live::table
                    .filter(live::org_id.eq(org))
                    .filter(live::id.eq_any(ids)),
            )
            .set((live::version.eq(live::version + 1), live::updated_at.eq(at)))
            .execute(conn)
        }

        pub(super) fn connections_of(
            conn: &mut Conn,
            org: OrgId,
            ids: &[DependentId],
        ) -> QueryResult<Vec<(DependentId, ConnectionId)>> {
            live::table
                .filter(live::org_id.eq(org))
                .filter(live::id.eq_any(ids))
                .select((live::id, live::connection_id))
                .load(conn)
        }

        pub(super) fn list(
            conn: &mut Conn,
            org: OrgId,
            filter: &DependentFilter,
            after: Option<DependentId>,
            limit: i64,
        ) -> QueryResult<Vec<DependentHead>> {
            let mut query = live::table
                .filter(live::org_id.eq(org))
                .select((
                    live::id,
                    live::connection_id,
                    live::$parent,
                    live::name,
                    live::kind,
                    live::external_id,
                    live::deletion_protection,
                    live::created_at,
                    live::updated_at,
                    live::version,
                ))
                .into_boxed();
            if let Some(connection) = filter.connection_id {
                query = query.filter(live::connection_id.eq(connection));
            }
            if let Some(parent) = filter.parent {
                query = query.filter(live::$parent.eq(parent));
            }
            if let Some(kind) = &filter.kind {
                query = query.filter(live::kind.eq(kind));
            }
            if let Some(name) = &filter.name {
                query = query.filter(live::name.eq(name));
            }
            if let Some(external_id) = &filter.external_id {
                query = query.filter(live::external_id.eq(external_id));
            }
            if let Some(after) = after {
                query = query.filter(live::id.gt(after));
            }
            query.order(live::id).limit(limit).load(conn)
        }

        /// One statement: of two looks, a restore between them could be missed by both.
        pub(super) fn place(
            conn: &mut Conn,
            org: OrgId,
            id: DependentId,
        ) -> QueryResult<Option<Place>> {
            let live = live::table
                .find((org, id))
                .select(None::<EntryId>.into_sql::<Nullable<Id>>());
            let trashed = trash::table
                .find((org, id))
                .select(trash::entry_id.nullable());
            let entries: Vec<Option<EntryId>> = live.union_all(trashed).load(conn)?;
            Ok(entries.into_iter().next().map(Place::from))
        }

        pub(super) fn trashed_row(
            conn: &mut Conn,
            org: OrgId,
            id: DependentId,
        ) -> QueryResult<Option<DependentRow>> {
            trash::table
                .find((org, id))
                .select((
                    trash::org_id,
                    trash::id,
                    trash::connection_id,
                    trash::$parent,
                    trash::name,
                    trash::kind,
                    trash::external_id,
                    trash::body,
                    trash::deletion_protection,
                    trash::created_at,
                    trash::updated_at,
                    trash::version,
                ))
                .first(conn)
                .optional()
        }

        /// Which of these external ids trashed rows of these connections have. By way of the entries: trashed rows have
        /// no index but that on their entry.
        pub(super) fn trashed_external_ids(
            conn: &mut Conn,
            org: OrgId,
            connections: &[ConnectionId],
            external_ids: &[&str],
        ) -> QueryResult<Vec<Option<String>>> {
            let entries = trash_entries::table
                .filter(trash_entries::org_id.eq(org))
                .filter(trash_entries::state.eq_any([EntryState::InTrash, EntryState::Purging]))
                .filter(trash_entries::connection_id.eq_any(connections))
                .select(trash_entries::id);
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::entry_id.eq_any(entries))
                .filter(trash::external_id.eq_any(external_ids))
                .select(trash::external_id)
                .load(conn)
        }

        /// The external ids of trashed rows.
        pub(super) fn external_ids_in_trash(
            conn: &mut Conn,
            org: OrgId,
            ids: &[DependentId],
        ) -> QueryResult<Vec<(DependentId, Option<String>)>> {
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::id.eq_any(ids))
                .select((trash::id, trash::external_id))
                .load(conn)
        }

        pub(super) fn items(
            conn: &mut Conn,
            org: OrgId,
            entry: EntryId,
            after: Option<DependentId>,
            limit: i64,
        ) -> QueryResult<Vec<DependentHead>> {
            let mut query = trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::entry_id.eq(entry))
                .select((
                    trash::id,
                    trash::connection_id,
                    trash::$parent,
                    trash::name,
                    trash::kind,
                    trash::external_id,
                    trash::deletion_protection,
                    trash::created_at,
                    trash::updated_at,
                    trash::version,
                ))
                .into_boxed();
            if let Some(after) = after {
                query = query.filter(trash::id.gt(after));
            }
            query.order(trash::id).limit(limit).load(conn)
        }

        /// The first row of an entry whose external id a live row of the same connection has meanwhile.
        pub(super) fn external_id_conflict(
            conn: &mut Conn,
            org: OrgId,
            entry: EntryId,
            connection: ConnectionId,
            except: Option<DependentId>,
        ) -> QueryResult<Option<DependentId>> {
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::entry_id.eq(entry))
                .filter(trash::id.ne(except.unwrap_or(DependentId(uuid::Uuid::nil()))))
                .filter(trash::external_id.is_not_null())
                .filter(diesel::dsl::exists(
                    live::table
                        .filter(live::org_id.eq(org))
                        .filter(live::connection_id.eq(connection))
                        .filter(live::external_id.eq(trash::external_id)),
                ))
                .order(trash::id)
                .select(trash::id)
                .first(conn)
                .optional()
        }

        /// The first row of an entry whose external id a row of these other entries has, all of one connection.
        pub(super) fn external_id_conflict_in_trash(
            conn: &mut Conn,
            org: OrgId,
            entry: EntryId,
            others: &[EntryId],
            except: Option<DependentId>,
        ) -> QueryResult<Option<DependentId>> {
            let beside = diesel::alias!(trash as beside);
            let taken = beside
                .filter(beside.field(trash::org_id).eq(org))
                .filter(beside.field(trash::entry_id).eq_any(others))
                .filter(beside.field(trash::connection_id).eq(trash::connection_id))
                .filter(beside.field(trash::external_id).eq(trash::external_id));
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::entry_id.eq(entry))
                .filter(trash::id.ne(except.unwrap_or(DependentId(uuid::Uuid::nil()))))
                .filter(diesel::dsl::exists(taken))
                .order(trash::id)
                .select(trash::id)
                .first(conn)
                .optional()
        }

        /// The row of these entries that has an external id.
        pub(super) fn per_connection(
            conn: &mut Conn,
            org: OrgId,
            connections: &[ConnectionId],
        ) -> QueryResult<Vec<(ConnectionId, i64)>> {
            live::table
                .filter(live::org_id.eq(org))
                .filter(live::connection_id.eq_any(connections))
                .group_by(live::connection_id)
                .select((live::connection_id, diesel::dsl::count_star()))
                .load(conn)
        }

        pub(super) fn with_external_id_in_entries(
            conn: &mut Conn,
            org: OrgId,
            entries: &[EntryId],
            external_id: &str,
            except: DependentId,
        ) -> QueryResult<Option<DependentId>> {
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::entry_id.eq_any(entries))
                .filter(trash::external_id.eq(external_id))
                .filter(trash::id.ne(except))
                .order(trash::id)
                .select(trash::id)
                .first(conn)
                .optional()
        }

        /// Re-attaches all rows of an entry to another connection.
        pub(super) fn retarget(
            conn: &mut Conn,
            org: OrgId,
            entry: EntryId,
            connection: ConnectionId,
        ) -> QueryResult<usize> {
            diesel::update(
                trash::table
                    .filter(trash::org_id.eq(org))
                    .filter(trash::entry_id.eq(entry)),
            )
            .set(trash::connection_id.eq(connection))
            .execute(conn)
        }

        /// Writes what a restore changes on the root, just before it moves back.
        pub(super) fn update_trashed(conn: &mut Conn, row: &DependentRow) -> QueryResult<usize> {
            diesel::update(trash::table.find((row.org_id, row.id)))
                .set((
                    trash::$parent.eq(row.parent),
                    trash::name.eq(&row.name),
                    trash::external_id.eq(&row.external_id),
                    trash::updated_at.eq(row.updated_at),
                    trash::version.eq(row.version),
                ))
                .execute(conn)
        }
    };
}

mod on_models {
    dependent_queries!(models, trash_models, base_model_id);
}

mod on_content {
    dependent_queries!(content, trash_content, model_id);
}

macro_rules! by_kind {
    ($($(#[$doc:meta])* fn $name:ident => $inner:ident($($arg:ident: $ty:ty),*) -> $out:ty;)+) => {$(
        $(#[$doc])*
        pub(in crate::store) fn $name(conn: &mut Conn, kind: DependentKind, $($arg: $ty),*) -> QueryResult<$out> {
            match kind {
                DependentKind::Model => on_models::$inner(conn, $($arg),*),
                DependentKind::Content => on_content::$inner(conn, $($arg),*),
            }
        }
    )+};
}

by_kind! {
    fn insert_dependents_by_ref => insert(rows: &[&DependentRow]) -> usize;
    fn update_dependent => update(row: &DependentRow) -> usize;
    fn find_dependent => find(org: OrgId, id: DependentId) -> Option<DependentRow>;
    fn dependents_by_external_ids => find_by_external_ids(org: OrgId, connection: ConnectionId, external_ids: &[&str]) -> Vec<(DependentId, Option<String>)>;
    fn connections_of_dependents => connections_of(org: OrgId, ids: &[DependentId]) -> Vec<(DependentId, ConnectionId)>;
    fn list_dependents => list(org: OrgId, filter: &DependentFilter, after: Option<DependentId>, limit: i64) -> Vec<DependentHead>;
    fn place_of_dependent => place(org: OrgId, id: DependentId) -> Option<Place>;
    fn trashed_dependent_row => trashed_row(org: OrgId, id: DependentId) -> Option<DependentRow>;
    fn trashed_external_ids => trashed_external_ids(org: OrgId, connections: &[ConnectionId], external_ids: &[&str]) -> Vec<Option<String>>;
    fn external_ids_in_trash => external_ids_in_trash(org: OrgId, ids: &[DependentId]) -> Vec<(DependentId, Option<String>)>;
    fn dependent_rows_by_external_ids => rows_by_external_ids(org: OrgId, connections: &[ConnectionId], external_ids: &[&str]) -> Vec<DependentRow>;
    fn touch_dependents => touch(org: OrgId, ids: &[DependentId], at: Ts) -> usize;
    fn dependents_of_entry => items(org: OrgId, entry: EntryId, after: Option<DependentId>, limit: i64) -> Vec<DependentHead>;
    fn external_id_conflict => external_id_conflict(org: OrgId, entry: EntryId, connection: ConnectionId, except: Option<DependentId>) -> Option<DependentId>;
    fn external_id_conflict_in_trash => external_id_conflict_in_trash(org: OrgId, entry: EntryId, others: &[EntryId], except: Option<DependentId>) -> Option<DependentId>;
    fn dependents_per_connection => per_connection(org: OrgId, connections: &[ConnectionId]) -> Vec<(ConnectionId, i64)>;
    fn with_external_id_in_entries => with_external_id_in_entries(org: OrgId, entries: &[EntryId], external_id: &str, except: DependentId) -> Option<DependentId>;
    fn retarget_dependents => retarget(org: OrgId, entry: EntryId, connection: ConnectionId) -> usize;
    fn update_trashed_dependent => update_trashed(row: &DependentRow) -> usize;
}

pub(in crate::store) fn insert_dependents(
    conn: &mut Conn,
    kind: DependentKind,
    rows: &[DependentRow],
) -> QueryResult<usize> {
    insert_dependents_by_ref(conn, kind, &rows.iter().collect::<Vec<_>>())
}

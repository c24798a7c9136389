//! Models and content, live and in the trash, in any order, and trashed connections: for lists that show both.
//!
//! Each side is a statement of its own; the caller reads both in one snapshot and merges them. Only the connection is
//! indexed for it: whoever sorts or narrows by something else makes the database read all rows of the organization.

use diesel::prelude::*;
use diesel::sql_types::Nullable;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, OrgId};
use crate::domain::kinds::DependentKind;
use crate::store::filters::Listing;
use crate::store::rows::{ConnectionRow, DependentHead};
use crate::store::schema::{trash_connections, trash_entries};
use crate::store::types::Id;

diesel::define_sql_function! {
    /// The id, or another where there is none.
    #[sql_name = "coalesce"]
    fn id_or(id: Nullable<Id>, other: Id) -> Id;
}

/// Sorts by a column and the id, beginning after what is told.
macro_rules! sorted {
    ($query:ident, $column:expr, $after:expr, $descending:expr) => {{
        let mut query = $query;
        if let Some((value, id)) = $after {
            query = if $descending {
                query.filter($column.lt(value).or($column.eq(value).and(t::id.lt(id))))
            } else {
                query.filter($column.gt(value).or($column.eq(value).and(t::id.gt(id))))
            };
        }
        if $descending {
            query.order(($column.desc(), t::id.desc()))
        } else {
            query.order(($column.asc(), t::id.asc()))
        }
    }};
}

/// Narrows a query, which is boxed.
macro_rules! narrowed {
    ($query:expr, $listing:expr, $parent:ident) => {{
        let mut query = $query;
        if let Some(id) = $listing.id {
            query = query.filter(t::id.eq(id));
        }
        if let Some(connection) = $listing.connection_id {
            query = query.filter(t::connection_id.eq(connection));
        }
        if let Some(parent) = $listing.parent {
            query = query.filter(t::$parent.eq(parent));
        }
        if let Some(kind) = &$listing.kind {
            query = query.filter(t::kind.eq(kind));
        }
        if let Some(name) = &$listing.name {
            query = query.filter(t::name.eq(name));
        }
        query
    }};
}

macro_rules! listing {
    ($module:ident, $table:ident, $parent:ident, $from:expr, $deleted_at:expr) => {
        mod $module {
            use diesel::dsl::count_star;
            use diesel::prelude::*;

            use super::id_or;
            use super::{Conn, DependentHead, Listing, OrgId, Ts};
            use crate::store::filters::{NO_PARENT, Sort};
            use crate::store::schema::$table as t;

            pub(super) fn page(
                conn: &mut Conn,
                org: OrgId,
                listing: &Listing,
                limit: i64,
            ) -> QueryResult<Vec<(DependentHead, Option<Ts>)>> {
                let all = $from
                    .filter(t::org_id.eq(org))
                    .select((
                        (
                            t::id,
                            t::connection_id,
                            t::$parent,
                            t::name,
                            t::kind,
                            t::external_id,
                            t::deletion_protection,
                            t::created_at,
                            t::updated_at,
                            t::version,
                        ),
                        $deleted_at,
                    ))
                    .into_boxed();
                let query = narrowed!(all, listing, $parent);
                let down = listing.descending;
                let query = match &listing.sort {
                    Sort::Name(after) => sorted!(query, t::name, after, down),
                    Sort::Kind(after) => sorted!(query, t::kind, after, down),
                    Sort::Connection(after) => sorted!(query, t::connection_id, *after, down),
                    Sort::Parent(after) => {
                        sorted!(query, id_or(t::$parent, NO_PARENT), *after, down)
                    }
                    Sort::CreatedAt(after) => sorted!(query, t::created_at, *after, down),
                    Sort::UpdatedAt(after) => sorted!(query, t::updated_at, *after, down),
                };
                query.limit(limit).load(conn)
            }

            pub(super) fn count(
                conn: &mut Conn,
                org: OrgId,
                listing: &Listing,
            ) -> QueryResult<i64> {
                let all = t::table
                    .filter(t::org_id.eq(org))
                    .select(count_star())
                    .into_boxed();
                narrowed!(all, listing, $parent).get_result(conn)
            }
        }
    };
}

macro_rules! live {
    ($module:ident, $table:ident, $parent:ident) => {
        listing!(
            $module,
            $table,
            $parent,
            t::table,
            None::<Ts>.into_sql::<diesel::sql_types::Nullable<crate::store::types::Moment>>()
        );
    };
}

macro_rules! trashed {
    ($module:ident, $table:ident, $parent:ident) => {
        listing!(
            $module,
            $table,
            $parent,
            t::table.inner_join(
                super::trash_entries::table.on(super::trash_entries::org_id
                    .eq(t::org_id)
                    .and(super::trash_entries::id.eq(t::entry_id)))
            ),
            super::trash_entries::deleted_at.nullable()
        );
    };
}

live!(live_models, models, base_model_id);
live!(live_content, content, model_id);
trashed!(trashed_models, trash_models, base_model_id);
trashed!(trashed_content, trash_content, model_id);

pub(in crate::store) fn live_listing(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    listing: &Listing,
    limit: i64,
) -> QueryResult<Vec<(DependentHead, Option<Ts>)>> {
    match kind {
        DependentKind::Model => live_models::page(conn, org, listing, limit),
        DependentKind::Content => live_content::page(conn, org, listing, limit),
    }
}

pub(in crate::store) fn trashed_listing(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    listing: &Listing,
    limit: i64,
) -> QueryResult<Vec<(DependentHead, Option<Ts>)>> {
    match kind {
        DependentKind::Model => trashed_models::page(conn, org, listing, limit),
        DependentKind::Content => trashed_content::page(conn, org, listing, limit),
    }
}

pub(in crate::store) fn count_live_listing(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    listing: &Listing,
) -> QueryResult<i64> {
    match kind {
        DependentKind::Model => live_models::count(conn, org, listing),
        DependentKind::Content => live_content::count(conn, org, listing),
    }
}

pub(in crate::store) fn count_trashed_listing(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    listing: &Listing,
) -> QueryResult<i64> {
    match kind {
        DependentKind::Model => trashed_models::count(conn, org, listing),
        DependentKind::Content => trashed_content::count(conn, org, listing),
    }
}

pub(in crate::store) fn dependents_with_external_id(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    external_id: &str,
    limit: i64,
) -> QueryResult<Vec<DependentId>> {
    use crate::store::schema::{content, models};
    match kind {
        DependentKind::Model => models::table
            .filter(models::org_id.eq(org))
            .filter(models::external_id.eq(external_id))
            .order(models::id)
            .limit(limit)
            .select(models::id)
            .load(conn),
        DependentKind::Content => content::table
            .filter(content::org_id.eq(org))
            .filter(content::external_id.eq(external_id))
            .order(content::id)
            .limit(limit)
            .select(content::id)
            .load(conn),
    }
}

pub(in crate::store) fn trashed_connections(
    conn: &mut Conn,
    org: OrgId,
    only: Option<ConnectionId>,
    after: Option<ConnectionId>,
    limit: i64,
) -> QueryResult<Vec<(ConnectionRow, Ts)>> {
    use trash_connections as t;
    let mut query = t::table
        .inner_join(
            trash_entries::table.on(trash_entries::org_id
                .eq(t::org_id)
                .and(trash_entries::id.eq(t::entry_id))),
        )
        .filter(t::org_id.eq(org))
        .select((super::connections::TRASHED, trash_entries::deleted_at))
        .into_boxed();
    if let Some(only) = only {
        query = query.filter(t::id.eq(only));
    }
    if let Some(after) = after {
        query = query.filter(t::id.gt(after));
    }
    query.order(t::id).limit(limit).load(conn)
}

//! Trash entries: the record of each deletion. Their rows are moved by the backends' own statements.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId, RootId};
use crate::domain::kinds::{EntryState, RootKind};
use crate::store::filters::{EntryFilter, EntryOrder};
use crate::store::rows::{EntryRow, LinkRow};
use crate::store::schema::{content, holds, links, trash_content, trash_entries, trash_links};

/// Whether an entry can be restored as it stands: nothing took its name or an external id of its rows, and its
/// parents are live. Fixed text without input; the CASE keeps it from looking at the rows of a connection's entry,
/// which nothing live can be in conflict with.
const RESTORABLE: &str = "(trash_entries.state = 'in_trash' AND CASE trash_entries.root_kind \
    WHEN 'integration' THEN NOT EXISTS (SELECT 1 FROM integrations i WHERE i.org_id = trash_entries.org_id \
        AND i.key = trash_entries.integration) \
        AND NOT EXISTS (SELECT 1 FROM trash_connections x JOIN connections c ON c.org_id = x.org_id \
            AND c.integration = x.integration AND (c.name_key = x.name_key OR c.external_id = x.external_id) \
            WHERE x.org_id = trash_entries.org_id AND x.entry_id = trash_entries.id) \
    WHEN 'connection' THEN EXISTS (SELECT 1 FROM trash_connections x LEFT JOIN integrations i ON i.org_id = x.org_id \
            AND i.id = x.integration_id WHERE x.org_id = trash_entries.org_id AND x.id = trash_entries.root_id \
            AND (x.integration_id IS NULL OR i.id IS NOT NULL) \
            AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.org_id = x.org_id AND c.integration = coalesce(i.key, x.integration) \
                AND (c.name_key = x.name_key OR c.external_id = x.external_id))) \
    ELSE EXISTS (SELECT 1 FROM connections c WHERE c.org_id = trash_entries.org_id AND c.id = trash_entries.connection_id) \
        AND (trash_entries.model_id IS NULL OR EXISTS (SELECT 1 FROM models m \
            WHERE m.org_id = trash_entries.org_id AND m.connection_id = trash_entries.connection_id \
            AND m.id = trash_entries.model_id)) \
        AND NOT EXISTS (SELECT 1 FROM trash_models x JOIN models m ON m.org_id = x.org_id \
            AND m.connection_id = x.connection_id AND m.external_id = x.external_id \
            WHERE x.org_id = trash_entries.org_id AND x.entry_id = trash_entries.id) \
        AND NOT EXISTS (SELECT 1 FROM trash_content x JOIN content m ON m.org_id = x.org_id \
            AND m.connection_id = x.connection_id AND m.external_id = x.external_id \
            WHERE x.org_id = trash_entries.org_id AND x.entry_id = trash_entries.id) END)";

pub(in crate::store) fn insert_entry(conn: &mut Conn, row: &EntryRow) -> QueryResult<usize> {
    diesel::insert_into(trash_entries::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn find_entry(
    conn: &mut Conn,
    org: OrgId,
    id: EntryId,
) -> QueryResult<Option<EntryRow>> {
    trash_entries::table
        .find((org, id))
        .select(EntryRow::as_select())
        .first(conn)
        .optional()
}

/// These entries, as far as they are there.
pub(in crate::store) fn entries_among(
    conn: &mut Conn,
    org: OrgId,
    ids: &[EntryId],
) -> QueryResult<Vec<EntryRow>> {
    trash_entries::table
        .filter(trash_entries::org_id.eq(org))
        .filter(trash_entries::id.eq_any(ids))
        .select(EntryRow::as_select())
        .load(conn)
}

/// The newest entry of this root, whatever its state. A model may have the id of its connection.
pub(in crate::store) fn newest_entry_of_root(
    conn: &mut Conn,
    org: OrgId,
    kind: RootKind,
    root: RootId,
) -> QueryResult<Option<EntryRow>> {
    trash_entries::table
        .filter(trash_entries::org_id.eq(org))
        .filter(trash_entries::root_id.eq(root))
        .filter(trash_entries::root_kind.eq(kind))
        .order(trash_entries::id.desc())
        .select(EntryRow::as_select())
        .first(conn)
        .optional()
}

/// Which of these entries a hold is on.
pub(in crate::store) fn held_among(
    conn: &mut Conn,
    org: OrgId,
    ids: &[EntryId],
    now: Ts,
) -> QueryResult<Vec<EntryId>> {
    holds::table
        .filter(holds::org_id.eq(org))
        .filter(holds::entry_id.eq_any(ids))
        .filter(holds::ends_at.is_null().or(holds::ends_at.gt(now)))
        .select(holds::entry_id)
        .distinct()
        .load(conn)
}

pub(in crate::store) fn list_entries(
    conn: &mut Conn,
    org: OrgId,
    filter: &EntryFilter,
    order: EntryOrder,
    now: Ts,
    limit: i64,
) -> QueryResult<Vec<EntryRow>> {
    use trash_entries as t;
    let mut query = t::table
        .filter(t::org_id.eq(org))
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(t::state.eq(state));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(t::root_kind.eq(kind));
    }
    if let Some(q) = &filter.q {
        query = query.filter(super::super::position_in(t::root_name_key, q).gt(0));
    }
    if let Some(by) = &filter.deleted_by {
        query = query.filter(t::deleted_by.eq(by));
    }
    if let Some(at) = filter.deleted_after {
        query = query.filter(t::deleted_at.ge(at));
    }
    if let Some(at) = filter.deleted_before {
        query = query.filter(t::deleted_at.lt(at));
    }
    if let Some(at) = filter.purge_before {
        query = query.filter(t::purge_at.lt(at));
    }
    if let Some(held) = filter.held {
        let hold = holds::table
            .filter(holds::org_id.eq(org))
            .filter(holds::entry_id.eq(t::id))
            .filter(holds::ends_at.is_null().or(holds::ends_at.gt(now)));
        // Nothing holds an entry that has left the trash.
        query = if held {
            query
                .filter(t::state.eq(EntryState::InTrash))
                .filter(diesel::dsl::exists(hold))
        } else {
            query.filter(
                t::state
                    .ne(EntryState::InTrash)
                    .or(diesel::dsl::not(diesel::dsl::exists(hold))),
            )
        };
    }
    if let Some(restorable) = filter.restorable {
        let as_it_stands = diesel::dsl::sql::<diesel::sql_types::Bool>(RESTORABLE);
        query = if restorable {
            query.filter(as_it_stands)
        } else {
            query.filter(diesel::dsl::not(as_it_stands))
        };
    }
    match order {
        EntryOrder::DeletedAt(after) => {
            if let Some((at, id)) = after {
                // `le` says nothing new, but without it PostgreSQL begins at the first page.
                query = query.filter(t::deleted_at.le(at)).filter(
                    t::deleted_at
                        .lt(at)
                        .or(t::deleted_at.eq(at).and(t::id.lt(id))),
                );
            }
            query
                .order((t::deleted_at.desc(), t::id.desc()))
                .limit(limit)
                .load(conn)
        }
        EntryOrder::PurgeAt(after) => {
            if let Some((at, id)) = after {
                // The same.
                query = query
                    .filter(t::purge_at.ge(at))
                    .filter(t::purge_at.gt(at).or(t::purge_at.eq(at).and(t::id.gt(id))));
            }
            query
                .order((t::purge_at.asc(), t::id.asc()))
                .limit(limit)
                .load(conn)
        }
    }
}

/// Which of these entries a restore without overrides would bring back.
pub(in crate::store) fn restorable_among(
    conn: &mut Conn,
    org: OrgId,
    ids: &[EntryId],
) -> QueryResult<Vec<EntryId>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::id.eq_any(ids))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(RESTORABLE))
        .select(t::id)
        .load(conn)
}

/// Which of these connections, live or not, have anything in the trash.
pub(in crate::store) fn connections_with_trash(
    conn: &mut Conn,
    org: OrgId,
    connections: &[ConnectionId],
) -> QueryResult<Vec<Option<ConnectionId>>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq_any([EntryState::InTrash, EntryState::Purging]))
        .filter(t::connection_id.eq_any(connections))
        .select(t::connection_id)
        .distinct()
        .load(conn)
}

/// Entries in the trash by kind of root.
pub(in crate::store) fn count_entries(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Vec<(RootKind, i64)>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .group_by(t::root_kind)
        .select((t::root_kind, diesel::dsl::count_star()))
        .load(conn)
}

/// Ids and names of those who deleted the newest entries in the trash, entry by entry.
pub(in crate::store) fn newest_deleters(
    conn: &mut Conn,
    org: OrgId,
    limit: i64,
) -> QueryResult<Vec<(String, Option<String>)>> {
    use trash_entries as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .order((t::deleted_at.desc(), t::id.desc()))
        .select((t::deleted_by, t::deleted_by_name))
        .limit(limit)
        .load(conn)
}

/// How many entries are in the trash, of all kinds or of one, counted no further than `most`.
pub(in crate::store) fn count_entries_up_to(
    conn: &mut Conn,
    org: OrgId,
    kind: Option<RootKind>,
    most: i64,
) -> QueryResult<usize> {
    use trash_entries as t;
    let mut query = t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .select(1.into_sql::<Integer>())
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(t::root_kind.eq(kind));
    }
    let found: Vec<i32> = query.limit(most).load(conn)?;
    Ok(found.len())
}

/// On which days (UTC) entries in the trash have their date before `before`: the first date of the day, and how many.
pub(in crate::store) fn purge_days(
    conn: &mut Conn,
    org: OrgId,
    before: Ts,
) -> QueryResult<Vec<(Option<Ts>, i64)>> {
    use trash_entries as t;
    let first = diesel::dsl::min(t::purge_at);
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.lt(before))
        .group_by(diesel::dsl::sql::<Text>(super::super::PURGE_DAY))
        .order(first)
        .select((first, diesel::dsl::count_star()))
        .load(conn)
}

/// The entries that a hold is on, each with its date if it is in the trash and that is before `before`. It begins at the
/// holds, of which there are few; a join lets SQLite begin at the entries.
pub(in crate::store) fn held_dates(
    conn: &mut Conn,
    org: OrgId,
    before: Ts,
    now: Ts,
) -> QueryResult<Vec<(EntryId, Option<Ts>)>> {
    use trash_entries as t;
    let date = t::table
        .filter(t::org_id.eq(holds::org_id))
        .filter(t::id.eq(holds::entry_id))
        .filter(t::state.eq(EntryState::InTrash))
        .filter(t::purge_at.lt(before))
        .select(t::purge_at)
        .single_value();
    holds::table
        .filter(holds::org_id.eq(org))
        .filter(holds::ends_at.is_null().or(holds::ends_at.gt(now)))
        .select((holds::entry_id, date))
        .distinct()
        .load(conn)
}

// Links

pub(in crate::store) fn insert_links(conn: &mut Conn, rows: &[LinkRow]) -> QueryResult<usize> {
    let mut done = 0;
    for chunk in rows.chunks(1_000) {
        done += diesel::insert_into(links::table)
            .values(chunk)
            .execute(conn)?;
    }
    Ok(done)
}

/// Forgets all links of a piece of content, also those in the trash: its owner now states the whole list, so a
/// later restore must not bring back what was re-pointed meanwhile.
pub(in crate::store) fn delete_links_from(
    conn: &mut Conn,
    org: OrgId,
    from: DependentId,
) -> QueryResult<usize> {
    diesel::delete(
        trash_links::table
            .filter(trash_links::org_id.eq(org))
            .filter(trash_links::from_id.eq(from)),
    )
    .execute(conn)?;
    diesel::delete(
        links::table
            .filter(links::org_id.eq(org))
            .filter(links::from_id.eq(from)),
    )
    .execute(conn)
}

/// How many links would be live again if these entries were: both ends are live or in one of them.
pub(in crate::store) fn links_to_return(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
) -> QueryResult<i64> {
    use diesel::dsl::exists;
    use {trash_content as t, trash_links as l};
    let live = || content::table.filter(content::org_id.eq(org));
    let trashed = || {
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::entry_id.eq_any(entries))
    };
    l::table
        .filter(l::org_id.eq(org))
        .filter(l::entry_id.eq_any(entries))
        .filter(
            exists(live().filter(content::id.eq(l::from_id)))
                .or(exists(trashed().filter(t::id.eq(l::from_id)))),
        )
        .filter(
            exists(live().filter(content::id.eq(l::to_id)))
                .or(exists(trashed().filter(t::id.eq(l::to_id)))),
        )
        .count()
        .get_result(conn)
}

/// The links from any of this content, as pairs of ids.
pub(in crate::store) fn links_from(
    conn: &mut Conn,
    org: OrgId,
    from: &[DependentId],
) -> QueryResult<Vec<(DependentId, DependentId)>> {
    links::table
        .filter(links::org_id.eq(org))
        .filter(links::from_id.eq_any(from))
        .select((links::from_id, links::to_id))
        .load(conn)
}

/// The same in the trash: links to content that is there.
pub(in crate::store) fn trashed_links_from(
    conn: &mut Conn,
    org: OrgId,
    from: &[DependentId],
) -> QueryResult<Vec<(DependentId, DependentId)>> {
    trash_links::table
        .filter(trash_links::org_id.eq(org))
        .filter(trash_links::from_id.eq_any(from))
        .select((trash_links::from_id, trash_links::to_id))
        .load(conn)
}

/// Forgets single links of a piece of content, also those in the trash.
pub(in crate::store) fn delete_links(
    conn: &mut Conn,
    org: OrgId,
    from: DependentId,
    to: &[DependentId],
) -> QueryResult<usize> {
    use trash_links as t;
    diesel::delete(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::from_id.eq(from))
            .filter(t::to_id.eq_any(to)),
    )
    .execute(conn)?;
    diesel::delete(
        links::table
            .filter(links::org_id.eq(org))
            .filter(links::from_id.eq(from))
            .filter(links::to_id.eq_any(to)),
    )
    .execute(conn)
}

/// The links of a piece of content: to others (`outgoing`) or from others, with the other end's name.
pub(in crate::store) fn list_links(
    conn: &mut Conn,
    org: OrgId,
    content_id: DependentId,
    outgoing: bool,
    after: Option<DependentId>,
    limit: i64,
) -> QueryResult<Vec<(DependentId, String, ConnectionId)>> {
    let columns = (content::id, content::name, content::connection_id);
    let after = after.unwrap_or(DependentId(uuid::Uuid::nil()));
    if outgoing {
        links::table
            .inner_join(
                content::table.on(content::org_id
                    .eq(links::org_id)
                    .and(content::id.eq(links::to_id))),
            )
            .filter(links::org_id.eq(org))
            .filter(links::from_id.eq(content_id))
            .filter(links::to_id.gt(after))
            .order(links::to_id)
            .limit(limit)
            .select(columns)
            .load(conn)
    } else {
        links::table
            .inner_join(
                content::table.on(content::org_id
                    .eq(links::org_id)
                    .and(content::id.eq(links::from_id))),
            )
            .filter(links::org_id.eq(org))
            .filter(links::to_id.eq(content_id))
            .filter(links::from_id.gt(after))
            .order(links::from_id)
            .limit(limit)
            .select(columns)
            .load(conn)
    }
}

/// Links of an entry that its deletion broke: from content that stayed, with its name.
pub(in crate::store) fn broken_links(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<Vec<(DependentId, String, ConnectionId)>> {
    trash_links::table
        .inner_join(
            content::table.on(content::org_id
                .eq(trash_links::org_id)
                .and(content::id.eq(trash_links::from_id))),
        )
        .filter(trash_links::org_id.eq(org))
        .filter(trash_links::entry_id.eq(entry))
        .order(content::id)
        .select((content::id, content::name, content::connection_id))
        .distinct()
        .limit(10)
        .load(conn)
}

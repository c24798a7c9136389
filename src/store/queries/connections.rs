//! Connections, live and in the trash.

use diesel::prelude::*;
use diesel::sql_types::Nullable;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, EntryId, OrgId};
use crate::domain::json::JsonText;
use crate::domain::kinds::Status;
use crate::store::filters::{ConnectionFilter, ConnectionSearch};
use crate::store::rows::{ConnectionRow, Place};
use crate::store::schema::{connections, trash_connections};
use crate::store::types::Id;

pub(in crate::store) fn insert_connection(
    conn: &mut Conn,
    row: &ConnectionRow,
) -> QueryResult<usize> {
    diesel::insert_into(connections::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn update_connection(
    conn: &mut Conn,
    row: &ConnectionRow,
) -> QueryResult<usize> {
    diesel::update(connections::table.find((row.org_id, row.id)))
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn find_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .find((org, id))
        .select(ConnectionRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn find_connection_by_external_id(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
    external_id: &str,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::integration.eq(integration))
        .filter(connections::external_id.eq(external_id))
        .select(ConnectionRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn find_connection_by_name(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
    name_key: &str,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::integration.eq(integration))
        .filter(connections::name_key.eq(name_key))
        .select(ConnectionRow::as_select())
        .first(conn)
        .optional()
}

/// The names of live connections of one integration that begin alike, to suggest one that is free.
pub(in crate::store) fn name_keys_like(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
) -> QueryResult<Vec<String>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::integration.eq(integration))
        .select(connections::name_key)
        .load(conn)
}

pub(in crate::store) fn list_connections(
    conn: &mut Conn,
    org: OrgId,
    filter: &ConnectionFilter,
    after: Option<ConnectionId>,
    limit: i64,
) -> QueryResult<Vec<ConnectionRow>> {
    let mut query = connections::table
        .filter(connections::org_id.eq(org))
        .select(ConnectionRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(connections::id.gt(after));
    }
    if let Some(name_key) = &filter.name_key {
        query = query.filter(connections::name_key.eq(name_key));
    }
    if let Some(q) = &filter.q {
        query = query.filter(super::super::position_in(connections::name_key, q).gt(0));
    }
    if let Some(connector) = &filter.connector {
        query = query.filter(connections::connector.eq(connector));
    }
    if let Some(integration) = &filter.integration {
        query = query.filter(connections::integration.eq(integration));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(connections::external_id.eq(external_id));
    }
    if let Some(status) = filter.status {
        query = query.filter(connections::status.eq(status));
    }
    if let Some(tag) = &filter.tag {
        query = query.filter(super::super::position_in(connections::tags, tag).gt(0));
    }
    query.order(connections::id).limit(limit).load(conn)
}

/// The newest live connections before one of them.
pub(in crate::store) fn newest_connections(
    conn: &mut Conn,
    org: OrgId,
    search: &ConnectionSearch,
    before: Option<ConnectionId>,
    skip: i64,
    limit: i64,
) -> QueryResult<Vec<ConnectionRow>> {
    let mut query = connections::table
        .filter(connections::org_id.eq(org))
        .select(ConnectionRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(connections::id.lt(before));
    }
    if !search.integrations.is_empty() {
        query = query.filter(connections::integration.eq_any(&search.integrations));
    }
    query = match &search.called {
        Some((external_id, Some(id))) => query.filter(
            connections::external_id
                .eq(external_id)
                .or(connections::external_id
                    .is_null()
                    .and(connections::id.eq(*id))),
        ),
        Some((external_id, None)) => query.filter(connections::external_id.eq(external_id)),
        None => query,
    };
    for tag in &search.tags {
        query = query.filter(super::super::position_in(connections::tags, tag).gt(0));
    }
    query
        .order(connections::id.desc())
        .offset(skip)
        .limit(limit)
        .load(conn)
}

/// The newest entry that holds a connection of an integration with this external id, or with this id and no external one.
pub(in crate::store) fn entry_of_connection_called(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
    external_id: &str,
    id: Option<ConnectionId>,
) -> QueryResult<Option<EntryId>> {
    use trash_connections as t;
    let by_external_id = t::table
        .filter(t::org_id.eq(org))
        .filter(t::integration.eq(integration))
        .filter(t::external_id.eq(external_id))
        .order(t::entry_id.desc())
        .select(t::entry_id)
        .first(conn)
        .optional()?;
    match (by_external_id, id) {
        (None, Some(id)) => t::table
            .find((org, id))
            .filter(t::integration.eq(integration))
            .filter(t::external_id.is_null())
            .select(t::entry_id)
            .first(conn)
            .optional(),
        (found, _) => Ok(found),
    }
}

/// The trashed connections with this external id, with their entries, newest first.
pub(in crate::store) fn trashed_connections_by_external_id(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
    external_id: &str,
) -> QueryResult<Vec<EntryId>> {
    trash_connections::table
        .filter(trash_connections::org_id.eq(org))
        .filter(trash_connections::integration.eq(integration))
        .filter(trash_connections::external_id.eq(external_id))
        .order(trash_connections::entry_id.desc())
        .select(trash_connections::entry_id)
        .load(conn)
}

/// The live connections with any of these external ids in any of these integrations.
pub(in crate::store) fn connections_by_external_ids(
    conn: &mut Conn,
    org: OrgId,
    integrations: &[&str],
    external_ids: &[&str],
) -> QueryResult<Vec<ConnectionRow>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::integration.eq_any(integrations))
        .filter(connections::external_id.eq_any(external_ids))
        .order(connections::id)
        .select(ConnectionRow::as_select())
        .load(conn)
}

/// The same in the trash: external id, id and entry, the newest entry first.
pub(in crate::store) fn trashed_connections_by_external_ids(
    conn: &mut Conn,
    org: OrgId,
    integrations: &[&str],
    external_ids: &[&str],
) -> QueryResult<Vec<(Option<String>, ConnectionId, EntryId)>> {
    use trash_connections as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::integration.eq_any(integrations))
        .filter(t::external_id.eq_any(external_ids))
        .order(t::entry_id.desc())
        .select((t::external_id, t::id, t::entry_id))
        .load(conn)
}

/// The trashed connections with this name, with their entries, newest first.
pub(in crate::store) fn trashed_connections_by_name(
    conn: &mut Conn,
    org: OrgId,
    integration: &str,
    name_key: &str,
) -> QueryResult<Vec<EntryId>> {
    trash_connections::table
        .filter(trash_connections::org_id.eq(org))
        .filter(trash_connections::integration.eq(integration))
        .filter(trash_connections::name_key.eq(name_key))
        .order(trash_connections::entry_id.desc())
        .select(trash_connections::entry_id)
        .load(conn)
}

/// One statement: of two looks, a restore between them could be missed by both.
pub(in crate::store) fn place_of_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<Place>> {
    let live = connections::table
        .find((org, id))
        .select(None::<EntryId>.into_sql::<Nullable<Id>>());
    let trashed = trash_connections::table
        .find((org, id))
        .select(trash_connections::entry_id.nullable());
    let entries: Vec<Option<EntryId>> = live.union_all(trashed).load(conn)?;
    Ok(entries.into_iter().next().map(Place::from))
}

/// The columns of a trashed connection's row, once for their type and once for their values.
macro_rules! trashed_columns {
    () => {
        (
            trash_connections::org_id,
            trash_connections::id,
            trash_connections::name,
            trash_connections::name_key,
            trash_connections::connector,
            trash_connections::integration,
            trash_connections::integration_id,
            trash_connections::external_id,
            trash_connections::settings,
            trash_connections::tags,
            trash_connections::metadata,
            trash_connections::status,
            trash_connections::generation,
            trash_connections::deletion_protection,
            trash_connections::last_test,
            trash_connections::created_at,
            trash_connections::updated_at,
            trash_connections::version,
        )
    };
}

type Trashed = trashed_columns!();

/// What a trashed connection's row is read from.
pub(super) const TRASHED: Trashed = trashed_columns!();

/// A page of the connections of an entry as they stand in the trash, by id.
pub(in crate::store) fn connections_of_entry(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    after: Option<ConnectionId>,
    limit: i64,
) -> QueryResult<Vec<ConnectionRow>> {
    use trash_connections as t;
    let after = after.unwrap_or(ConnectionId(uuid::Uuid::nil()));
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::entry_id.eq(entry))
        .filter(t::id.gt(after))
        .order(t::id)
        .limit(limit)
        .select(TRASHED)
        .load(conn)
}

/// Writes what a restore changes on a trashed connection, just before it moves back.
pub(in crate::store) fn update_trashed_connection(
    conn: &mut Conn,
    row: &ConnectionRow,
) -> QueryResult<usize> {
    use trash_connections as t;
    diesel::update(t::table.find((row.org_id, row.id)))
        .set((
            t::name.eq(&row.name),
            t::name_key.eq(&row.name_key),
            t::integration.eq(&row.integration),
            t::integration_id.eq(row.integration_id),
            t::external_id.eq(&row.external_id),
            t::status.eq(row.status),
            t::generation.eq(row.generation),
            t::last_test.eq(&row.last_test),
            t::updated_at.eq(row.updated_at),
            t::version.eq(row.version),
        ))
        .execute(conn)
}

/// The connectors of the connections of an entry.
pub(in crate::store) fn connectors_of_entry(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<Vec<String>> {
    use trash_connections as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::entry_id.eq(entry))
        .select(t::connector)
        .distinct()
        .load(conn)
}

/// Writes what the restore of an integration changes on its connections of one connector, just before they move back.
pub(in crate::store) fn update_connections_of_entry(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    connector: &str,
    key: &str,
    status: Status,
    at: Ts,
) -> QueryResult<usize> {
    use trash_connections as t;
    diesel::update(
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::entry_id.eq(entry))
            .filter(t::connector.eq(connector)),
    )
    .set((
        t::integration.eq(key),
        t::status.eq(status),
        t::generation.eq(t::generation + 1),
        t::last_test.eq(None::<JsonText>),
        t::updated_at.eq(at),
        t::version.eq(t::version + 1),
    ))
    .execute(conn)
}

//! Integrations, live and in the trash.

use diesel::prelude::*;
use diesel::sql_types::Nullable;

use super::Conn;
use crate::domain::ids::{ConnectionId, EntryId, IntegrationId, OrgId};
use crate::store::rows::{IntegrationRow, Place};
use crate::store::schema::{connections, integrations, trash_connections, trash_integrations};
use crate::store::types::Id;

pub(in crate::store) fn insert_integration(
    conn: &mut Conn,
    row: &IntegrationRow,
) -> QueryResult<usize> {
    diesel::insert_into(integrations::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn update_integration(
    conn: &mut Conn,
    row: &IntegrationRow,
) -> QueryResult<usize> {
    diesel::update(integrations::table.find((row.org_id, row.id)))
        .set(row)
        .execute(conn)
}

pub(in crate::store) fn find_integration(
    conn: &mut Conn,
    org: OrgId,
    id: IntegrationId,
) -> QueryResult<Option<IntegrationRow>> {
    integrations::table
        .find((org, id))
        .select(IntegrationRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn find_integration_by_key(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<IntegrationRow>> {
    integrations::table
        .filter(integrations::org_id.eq(org))
        .filter(integrations::key.eq(key))
        .select(IntegrationRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn list_integrations(
    conn: &mut Conn,
    org: OrgId,
    connector: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<IntegrationRow>> {
    let mut query = integrations::table
        .filter(integrations::org_id.eq(org))
        .select(IntegrationRow::as_select())
        .into_boxed();
    if let Some(connector) = connector {
        query = query.filter(integrations::connector.eq(connector));
    }
    if let Some(after) = after {
        query = query.filter(integrations::key.gt(after));
    }
    query.order(integrations::key).limit(limit).load(conn)
}

/// One statement: of two looks, a restore between them could be missed by both.
pub(in crate::store) fn place_of_integration_key(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<Place>> {
    let live = integrations::table
        .filter(integrations::org_id.eq(org))
        .filter(integrations::key.eq(key))
        .select(None::<EntryId>.into_sql::<Nullable<Id>>());
    let trashed = trash_integrations::table
        .filter(trash_integrations::org_id.eq(org))
        .filter(trash_integrations::key.eq(key))
        .select(trash_integrations::entry_id.nullable());
    let entries: Vec<Option<EntryId>> = live.union_all(trashed).load(conn)?;
    if entries.contains(&None) {
        return Ok(Some(Place::Live));
    }
    Ok(entries.into_iter().max().map(Place::from))
}

/// One statement, for the same reason.
pub(in crate::store) fn place_of_integration(
    conn: &mut Conn,
    org: OrgId,
    id: IntegrationId,
) -> QueryResult<Option<Place>> {
    let live = integrations::table
        .find((org, id))
        .select(None::<EntryId>.into_sql::<Nullable<Id>>());
    let trashed = trash_integrations::table
        .find((org, id))
        .select(trash_integrations::entry_id.nullable());
    let entries: Vec<Option<EntryId>> = live.union_all(trashed).load(conn)?;
    Ok(entries.into_iter().next().map(Place::from))
}

/// The integration of an entry as it stands in the trash.
pub(in crate::store) fn integration_of_entry(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
) -> QueryResult<Option<IntegrationRow>> {
    use trash_integrations as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::entry_id.eq(entry))
        .select((
            t::org_id,
            t::id,
            t::key,
            t::name,
            t::connector,
            t::settings,
            t::created_at,
            t::updated_at,
            t::version,
            t::generation,
            t::deletion_protection,
            t::revoke_on_delete,
        ))
        .first(conn)
        .optional()
}

/// Writes what a restore changes on a trashed integration, just before it moves back.
pub(in crate::store) fn update_trashed_integration(
    conn: &mut Conn,
    row: &IntegrationRow,
) -> QueryResult<usize> {
    use trash_integrations as t;
    diesel::update(t::table.find((row.org_id, row.id)))
        .set((
            t::key.eq(&row.key),
            t::name.eq(&row.name),
            t::generation.eq(row.generation),
            t::updated_at.eq(row.updated_at),
            t::version.eq(row.version),
        ))
        .execute(conn)
}

/// The integration of these entries that has this key.
pub(in crate::store) fn integration_in_entries(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
    key: &str,
) -> QueryResult<Option<IntegrationId>> {
    use trash_integrations as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::key.eq(key))
        .filter(t::entry_id.eq_any(entries))
        .select(t::id)
        .first(conn)
        .optional()
}

/// A connection of these entries under this key that has the external id or else the name; whether it is the name.
pub(in crate::store) fn connection_like_in_entries(
    conn: &mut Conn,
    org: OrgId,
    entries: &[EntryId],
    key: &str,
    name_key: &str,
    external_id: Option<&str>,
) -> QueryResult<Option<(ConnectionId, bool)>> {
    use trash_connections as t;
    let like = || {
        t::table
            .filter(t::org_id.eq(org))
            .filter(t::entry_id.eq_any(entries))
            .filter(t::integration.eq(key))
            .order(t::id)
            .select(t::id)
    };
    if let Some(external_id) = external_id {
        let same_id = like()
            .filter(t::external_id.eq(external_id))
            .first(conn)
            .optional()?;
        if let Some(id) = same_id {
            return Ok(Some((id, false)));
        }
    }
    let same_name: Option<ConnectionId> = like()
        .filter(t::name_key.eq(name_key))
        .first(conn)
        .optional()?;
    Ok(same_name.map(|id| (id, true)))
}

/// The first connection of an entry whose name or external id a live connection under this key has: the trashed
/// one, the live one, and whether it is the name.
pub(in crate::store) fn connection_conflict(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    key: &str,
) -> QueryResult<Option<(ConnectionId, ConnectionId, bool)>> {
    use trash_connections as t;
    let same_name = connections::name_key.eq(t::name_key);
    let same_id = connections::external_id
        .is_not_null()
        .and(t::external_id.is_not_null())
        .and(
            connections::external_id
                .assume_not_null()
                .eq(t::external_id.assume_not_null()),
        );
    t::table
        .inner_join(
            connections::table.on(connections::org_id
                .eq(t::org_id)
                .and(connections::integration.eq(key))
                .and(same_name.or(same_id))),
        )
        .filter(t::org_id.eq(org))
        .filter(t::entry_id.eq(entry))
        .order((t::id, connections::id))
        .select((t::id, connections::id, same_name))
        .first(conn)
        .optional()
}

/// The same with the connections of entries in the place of live ones: what would be live by then.
pub(in crate::store) fn connection_conflict_in_entries(
    conn: &mut Conn,
    org: OrgId,
    entry: EntryId,
    key: &str,
    entries: &[EntryId],
) -> QueryResult<Option<(ConnectionId, ConnectionId, bool)>> {
    use trash_connections as t;
    let other = diesel::alias!(trash_connections as other);
    let same_name = other.field(t::name_key).eq(t::name_key);
    let same_id = other
        .field(t::external_id)
        .is_not_null()
        .and(t::external_id.is_not_null())
        .and(
            other
                .field(t::external_id)
                .assume_not_null()
                .eq(t::external_id.assume_not_null()),
        );
    t::table
        .inner_join(
            other.on(other
                .field(t::org_id)
                .eq(t::org_id)
                .and(other.field(t::integration).eq(key))
                .and(same_name.or(same_id))),
        )
        .filter(t::org_id.eq(org))
        .filter(t::entry_id.eq(entry))
        .filter(other.field(t::entry_id).eq_any(entries))
        .order((t::id, other.field(t::id)))
        .select((t::id, other.field(t::id), same_name))
        .first(conn)
        .optional()
}

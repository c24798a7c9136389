//! Whole rows of every kind, in pages by their key and in batches: what an export reads and an import writes.

use diesel::prelude::*;
use uuid::Uuid;

use super::Conn;
use crate::domain::ids::{
    ConnectionId, DependentId, EntryId, HoldId, IntegrationId, OrgId, RootId,
};
use crate::domain::kinds::{DependentKind, RecordKind};
use crate::store::records::{InUse, Key, Record};
use crate::store::rows::{
    ConnectionRow, EntryRow, HoldRow, IntegrationRow, LinkRow, TrashSecretRow,
};
use crate::store::schema::{
    connections, content, holds, integrations, links, models, shredded_secrets, trash_connections,
    trash_content, trash_entries, trash_integrations, trash_links, trash_models,
};

/// How many rows one INSERT carries: even those of 33 columns stay below SQLite's 32,766 binds.
const BATCH: usize = 500;

pub(in crate::store) fn count_records(
    conn: &mut Conn,
    org: OrgId,
    kinds: &[RecordKind],
) -> QueryResult<i64> {
    macro_rules! count {
        ($table:ident) => {
            $table::table
                .filter($table::org_id.eq(org))
                .count()
                .get_result::<i64>(conn)?
        };
    }
    let mut all = 0;
    for kind in kinds {
        all += match kind {
            RecordKind::Integration => count!(integrations),
            RecordKind::TrashIntegration => count!(trash_integrations),
            RecordKind::TrashSecret => count!(shredded_secrets),
            RecordKind::Connection => count!(connections),
            RecordKind::Model => count!(models),
            RecordKind::Content => count!(content),
            RecordKind::Link => count!(links),
            RecordKind::Entry => count!(trash_entries),
            RecordKind::TrashConnection => count!(trash_connections),
            RecordKind::TrashModel => count!(trash_models),
            RecordKind::TrashContent => count!(trash_content),
            RecordKind::TrashLink => count!(trash_links),
            RecordKind::Hold => count!(holds),
        };
    }
    Ok(all)
}

pub(in crate::store) fn page_records(
    conn: &mut Conn,
    kind: RecordKind,
    org: OrgId,
    after: Option<Key>,
    limit: i64,
) -> QueryResult<Vec<Record>> {
    // No row has the nil id.
    let (after, after_end, after_field) = after.unwrap_or_default();
    let boxed = |(entry, row): (EntryId, ConnectionRow)| (entry, Box::new(row));
    Ok(match kind {
        RecordKind::Integration => integrations::table
            .filter(integrations::org_id.eq(org))
            .filter(integrations::id.gt(IntegrationId(after)))
            .order(integrations::id)
            .limit(limit)
            .select(IntegrationRow::as_select())
            .load(conn)?
            .into_iter()
            .map(Record::Integration)
            .collect(),
        RecordKind::TrashIntegration => page_of_trashed_integrations(conn, org, after, limit)?,
        RecordKind::TrashSecret => {
            page_of_trash_secrets(conn, org, (after, after_end, after_field), limit)?
        }
        RecordKind::Connection => connections::table
            .filter(connections::org_id.eq(org))
            .filter(connections::id.gt(ConnectionId(after)))
            .order(connections::id)
            .limit(limit)
            .select(ConnectionRow::as_select())
            .load(conn)?
            .into_iter()
            .map(|row| Record::Connection(Box::new(row)))
            .collect(),
        RecordKind::Model => on_models::page(conn, org, DependentId(after), limit)?
            .into_iter()
            .map(Record::Model)
            .collect(),
        RecordKind::Content => on_content::page(conn, org, DependentId(after), limit)?
            .into_iter()
            .map(Record::Content)
            .collect(),
        RecordKind::Link => links::table
            .filter(links::org_id.eq(org))
            // Beside what the key says, for the index: one database does not see it in the OR.
            .filter(links::from_id.ge(DependentId(after)))
            .filter(
                links::from_id
                    .gt(DependentId(after))
                    .or(links::to_id.gt(DependentId(after_end))),
            )
            .order((links::from_id, links::to_id))
            .limit(limit)
            .select(LinkRow::as_select())
            .load(conn)?
            .into_iter()
            .map(Record::Link)
            .collect(),
        RecordKind::Entry => trash_entries::table
            .filter(trash_entries::org_id.eq(org))
            .filter(trash_entries::id.gt(EntryId(after)))
            .order(trash_entries::id)
            .limit(limit)
            .select(EntryRow::as_select())
            .load(conn)?
            .into_iter()
            .map(|row| Record::Entry(Box::new(row)))
            .collect(),
        RecordKind::TrashConnection => page_of_trashed_connections(conn, org, after, limit)?
            .into_iter()
            .map(boxed)
            .map(|(entry, row)| Record::TrashConnection(entry, row))
            .collect(),
        RecordKind::TrashModel => on_models::page_of_trash(conn, org, DependentId(after), limit)?
            .into_iter()
            .map(|(entry, row)| Record::TrashModel(entry, row))
            .collect(),
        RecordKind::TrashContent => {
            on_content::page_of_trash(conn, org, DependentId(after), limit)?
                .into_iter()
                .map(|(entry, row)| Record::TrashContent(entry, row))
                .collect()
        }
        RecordKind::TrashLink => page_of_trashed_links(conn, org, (after, after_end), limit)?,
        RecordKind::Hold => holds::table
            .filter(holds::org_id.eq(org))
            .filter(holds::id.gt(HoldId(after)))
            .order(holds::id)
            .limit(limit)
            .select(HoldRow::as_select())
            .load(conn)?
            .into_iter()
            .map(Record::Hold)
            .collect(),
    })
}

fn page_of_trashed_integrations(
    conn: &mut Conn,
    org: OrgId,
    after: Uuid,
    limit: i64,
) -> QueryResult<Vec<Record>> {
    use trash_integrations as t;
    Ok(t::table
        .filter(t::org_id.eq(org))
        .filter(t::id.gt(IntegrationId(after)))
        .order(t::id)
        .limit(limit)
        .select((
            t::entry_id,
            (
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
            ),
        ))
        .load::<(EntryId, IntegrationRow)>(conn)?
        .into_iter()
        .map(|(entry, row)| Record::TrashIntegration(entry, row))
        .collect())
}

fn page_of_trash_secrets(
    conn: &mut Conn,
    org: OrgId,
    (after, after_end, after_field): Key,
    limit: i64,
) -> QueryResult<Vec<Record>> {
    use shredded_secrets as s;
    let (entry, owner) = (EntryId(after), RootId(after_end));
    Ok(s::table
        .filter(s::org_id.eq(org))
        .filter(s::entry_id.ge(entry))
        .filter(
            s::entry_id
                .gt(entry)
                .or(s::owner_id.gt(owner))
                .or(s::owner_id.eq(owner).and(s::field.gt(after_field))),
        )
        .order((s::entry_id, s::owner_id, s::field))
        .limit(limit)
        .select(TrashSecretRow::as_select())
        .load(conn)?
        .into_iter()
        .map(Record::TrashSecret)
        .collect())
}

fn page_of_trashed_links(
    conn: &mut Conn,
    org: OrgId,
    (after, after_end): (Uuid, Uuid),
    limit: i64,
) -> QueryResult<Vec<Record>> {
    use trash_links as t;
    Ok(t::table
        .filter(t::org_id.eq(org))
        .filter(t::from_id.ge(DependentId(after)))
        .filter(
            t::from_id
                .gt(DependentId(after))
                .or(t::to_id.gt(DependentId(after_end))),
        )
        .order((t::from_id, t::to_id))
        .limit(limit)
        .select((
            t::entry_id,
            (t::org_id, t::from_id, t::to_id, t::created_at),
        ))
        .load(conn)?
        .into_iter()
        .map(|(entry, row)| Record::TrashLink(entry, row))
        .collect())
}

fn page_of_trashed_connections(
    conn: &mut Conn,
    org: OrgId,
    after: Uuid,
    limit: i64,
) -> QueryResult<Vec<(EntryId, ConnectionRow)>> {
    use trash_connections as t;
    t::table
        .filter(t::org_id.eq(org))
        .filter(t::id.gt(ConnectionId(after)))
        .order(t::id)
        .limit(limit)
        .select((
            t::entry_id,
            (
                t::org_id,
                t::id,
                t::name,
                t::name_key,
                t::connector,
                t::integration,
                t::integration_id,
                t::external_id,
                t::settings,
                t::tags,
                t::metadata,
                t::status,
                t::generation,
                t::deletion_protection,
                t::last_test,
                t::created_at,
                t::updated_at,
                t::version,
            ),
        ))
        .load(conn)
}

macro_rules! dependent_pages {
    ($live:ident, $trash:ident, $parent:ident) => {
        use diesel::prelude::*;

        use super::Conn;
        use crate::domain::ids::{DependentId, EntryId, OrgId};
        use crate::store::rows::DependentRow;
        use crate::store::schema::{$live as live, $trash as trash};

        pub(super) fn page(
            conn: &mut Conn,
            org: OrgId,
            after: DependentId,
            limit: i64,
        ) -> QueryResult<Vec<DependentRow>> {
            live::table
                .filter(live::org_id.eq(org))
                .filter(live::id.gt(after))
                .order(live::id)
                .limit(limit)
                .select((
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
                ))
                .load(conn)
        }

        pub(super) fn page_of_trash(
            conn: &mut Conn,
            org: OrgId,
            after: DependentId,
            limit: i64,
        ) -> QueryResult<Vec<(EntryId, DependentRow)>> {
            trash::table
                .filter(trash::org_id.eq(org))
                .filter(trash::id.gt(after))
                .order(trash::id)
                .limit(limit)
                .select((
                    trash::entry_id,
                    (
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
                    ),
                ))
                .load(conn)
        }

        pub(super) fn insert_into_trash(
            conn: &mut Conn,
            rows: &[(EntryId, &DependentRow)],
        ) -> QueryResult<usize> {
            let values: Vec<_> = rows
                .iter()
                .map(|(entry, row)| {
                    (
                        trash::org_id.eq(row.org_id),
                        trash::id.eq(row.id),
                        trash::connection_id.eq(row.connection_id),
                        trash::$parent.eq(row.parent),
                        trash::name.eq(&row.name),
                        trash::kind.eq(&row.kind),
                        trash::external_id.eq(&row.external_id),
                        trash::body.eq(&row.body),
                        trash::deletion_protection.eq(row.deletion_protection),
                        trash::created_at.eq(row.created_at),
                        trash::updated_at.eq(row.updated_at),
                        trash::version.eq(row.version),
                        trash::entry_id.eq(*entry),
                    )
                })
                .collect();
            diesel::insert_into(trash::table)
                .values(values)
                .execute(conn)
        }
    };
}

mod on_models {
    dependent_pages!(models, trash_models, base_model_id);
}

mod on_content {
    dependent_pages!(content, trash_content, model_id);
}

/// Adds rows of one kind; those of another kind are not written, which the count of the answer shows.
pub(in crate::store) fn insert_records(
    conn: &mut Conn,
    kind: RecordKind,
    rows: &[Record],
) -> QueryResult<usize> {
    let mut done = 0;
    for chunk in rows.chunks(BATCH) {
        macro_rules! of_kind {
            ($($pattern:pat => $value:expr),+) => {
                chunk.iter().filter_map(|record| match record { $($pattern => Some($value),)+ _ => None }).collect::<Vec<_>>()
            };
        }
        done += match kind {
            RecordKind::Integration => diesel::insert_into(integrations::table)
                .values(of_kind!(Record::Integration(row) => row))
                .execute(conn)?,
            RecordKind::TrashIntegration => {
                use trash_integrations as t;
                let values = of_kind!(Record::TrashIntegration(entry, row) => (
                    t::org_id.eq(row.org_id),
                    t::id.eq(row.id),
                    t::key.eq(&row.key),
                    t::name.eq(&row.name),
                    t::connector.eq(&row.connector),
                    t::settings.eq(&row.settings),
                    t::created_at.eq(row.created_at),
                    t::updated_at.eq(row.updated_at),
                    t::version.eq(row.version),
                    t::generation.eq(row.generation),
                    t::deletion_protection.eq(row.deletion_protection),
                    t::revoke_on_delete.eq(row.revoke_on_delete),
                    t::entry_id.eq(*entry),
                ));
                diesel::insert_into(t::table).values(values).execute(conn)?
            }
            RecordKind::TrashSecret => diesel::insert_into(shredded_secrets::table)
                .values(of_kind!(Record::TrashSecret(row) => row))
                .execute(conn)?,
            RecordKind::Connection => diesel::insert_into(connections::table)
                .values(of_kind!(Record::Connection(row) => row.as_ref()))
                .execute(conn)?,
            RecordKind::Model => {
                let rows = of_kind!(Record::Model(row) => row);
                super::insert_dependents_by_ref(conn, DependentKind::Model, &rows)?
            }
            RecordKind::Content => {
                let rows = of_kind!(Record::Content(row) => row);
                super::insert_dependents_by_ref(conn, DependentKind::Content, &rows)?
            }
            RecordKind::Link => diesel::insert_into(links::table)
                .values(of_kind!(Record::Link(row) => row))
                .execute(conn)?,
            RecordKind::Entry => diesel::insert_into(trash_entries::table)
                .values(of_kind!(Record::Entry(row) => row.as_ref()))
                .execute(conn)?,
            RecordKind::TrashConnection => {
                let rows = of_kind!(Record::TrashConnection(entry, row) => (*entry, row.as_ref()));
                insert_trashed_connections(conn, &rows)?
            }
            RecordKind::TrashModel => {
                let rows = of_kind!(Record::TrashModel(entry, row) => (*entry, row));
                on_models::insert_into_trash(conn, &rows)?
            }
            RecordKind::TrashContent => {
                let rows = of_kind!(Record::TrashContent(entry, row) => (*entry, row));
                on_content::insert_into_trash(conn, &rows)?
            }
            RecordKind::TrashLink => {
                use trash_links as t;
                let values = of_kind!(Record::TrashLink(entry, row) => (
                    t::org_id.eq(row.org_id),
                    t::from_id.eq(row.from_id),
                    t::to_id.eq(row.to_id),
                    t::created_at.eq(row.created_at),
                    t::entry_id.eq(*entry),
                ));
                diesel::insert_into(t::table).values(values).execute(conn)?
            }
            RecordKind::Hold => diesel::insert_into(holds::table)
                .values(of_kind!(Record::Hold(row) => row))
                .execute(conn)?,
        };
    }
    Ok(done)
}

fn insert_trashed_connections(
    conn: &mut Conn,
    rows: &[(EntryId, &ConnectionRow)],
) -> QueryResult<usize> {
    use trash_connections as t;
    let values: Vec<_> = rows
        .iter()
        .map(|(entry, row)| {
            (
                t::org_id.eq(row.org_id),
                t::id.eq(row.id),
                t::name.eq(&row.name),
                t::name_key.eq(&row.name_key),
                t::connector.eq(&row.connector),
                t::integration.eq(&row.integration),
                t::integration_id.eq(row.integration_id),
                t::external_id.eq(&row.external_id),
                t::settings.eq(&row.settings),
                t::tags.eq(&row.tags),
                t::metadata.eq(&row.metadata),
                t::status.eq(row.status),
                t::generation.eq(row.generation),
                t::deletion_protection.eq(row.deletion_protection),
                t::last_test.eq(&row.last_test),
                t::created_at.eq(row.created_at),
                t::updated_at.eq(row.updated_at),
                t::version.eq(row.version),
                t::entry_id.eq(*entry),
            )
        })
        .collect();
    diesel::insert_into(t::table).values(values).execute(conn)
}

/// Links have no ids of their own: both ends of one that an import brings are new.
pub(in crate::store) fn records_in_use(
    conn: &mut Conn,
    kind: RecordKind,
    org: OrgId,
    keys: &[Key],
) -> QueryResult<Vec<(Key, InUse)>> {
    let mut found = Vec::new();
    macro_rules! live {
        ($table:ident, $id:ident) => {
            let ids = $table::table
                .filter($table::org_id.eq(org))
                .filter($table::id.eq_any(keys.iter().map(|key| $id(key.0))))
                .select($table::id)
                .load::<$id>(conn)?;
            found.extend(
                ids.iter()
                    .map(|id| ((id.0, Uuid::nil(), String::new()), InUse::There)),
            );
        };
    }
    macro_rules! trashed {
        ($table:ident, $id:ident) => {
            let ids = $table::table
                .filter($table::org_id.eq(org))
                .filter($table::id.eq_any(keys.iter().map(|key| $id(key.0))))
                .select(($table::id, $table::entry_id))
                .load::<($id, EntryId)>(conn)?;
            found.extend(
                ids.iter().map(|(id, entry)| {
                    ((id.0, Uuid::nil(), String::new()), InUse::InTrash(*entry))
                }),
            );
        };
    }
    match kind {
        RecordKind::Integration | RecordKind::TrashIntegration => {
            live!(integrations, IntegrationId);
            trashed!(trash_integrations, IntegrationId);
        }
        RecordKind::Connection | RecordKind::TrashConnection => {
            live!(connections, ConnectionId);
            trashed!(trash_connections, ConnectionId);
        }
        RecordKind::Model | RecordKind::TrashModel => {
            live!(models, DependentId);
            trashed!(trash_models, DependentId);
        }
        RecordKind::Content | RecordKind::TrashContent => {
            live!(content, DependentId);
            trashed!(trash_content, DependentId);
        }
        RecordKind::Entry => {
            live!(trash_entries, EntryId);
        }
        RecordKind::Hold => {
            live!(holds, HoldId);
        }
        RecordKind::Link | RecordKind::TrashLink | RecordKind::TrashSecret => {}
    }
    Ok(found)
}

pub(in crate::store) fn connections_by_names(
    conn: &mut Conn,
    org: OrgId,
    integrations: &[&str],
    name_keys: &[&str],
) -> QueryResult<Vec<ConnectionRow>> {
    connections::table
        .filter(connections::org_id.eq(org))
        .filter(connections::integration.eq_any(integrations))
        .filter(connections::name_key.eq_any(name_keys))
        .order(connections::id)
        .select(ConnectionRow::as_select())
        .load(conn)
}

/// The live integrations that have any of these keys.
pub(in crate::store) fn integration_keys_in_use(
    conn: &mut Conn,
    org: OrgId,
    keys: &[&str],
) -> QueryResult<Vec<String>> {
    integrations::table
        .filter(integrations::org_id.eq(org))
        .filter(integrations::key.eq_any(keys))
        .select(integrations::key)
        .load(conn)
}

pub(in crate::store) fn set_base_model(
    conn: &mut Conn,
    org: OrgId,
    model: DependentId,
    base: DependentId,
) -> QueryResult<usize> {
    diesel::update(models::table.find((org, model)))
        .set(models::base_model_id.eq(base))
        .execute(conn)
}

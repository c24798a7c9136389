//! Connections: create, read, list, change, upsert.

mod called;
mod change;
mod input;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::restore::{self, RestoreRequest};
use super::secrets;
use super::unit::Tx;
use super::views::{ConnectionView, Page, connector_of, missing_secrets};
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{OnTrashed, OwnerKind, RootKind, Status};
use crate::domain::scopes::Scope;
use crate::domain::tags::Tags;
use crate::domain::text::{ExternalId, Name, suggest_free_name};
use crate::store::filters::{ConnectionFilter, ConnectionSearch};
use crate::store::rows::{ConnectionRow, Place, SecretRow};
use crate::store::{Conn, StoreError};

pub use called::{called, lock_called, name_for, own_id};
pub(super) use change::merge;
pub use change::{Replacement, patch, replace};
pub use input::{ConnectionPatch, NewConnection};

use change::Change;
use input::{Draft, collect};

/// Metadata may not outgrow the body limit of the requests that make it (a merge patch adds to what is there).
pub(super) const MAX_METADATA: usize = 64 * 1024;

/// How many rows a search by text looks through at once.
const LOOKED_THROUGH: i64 = 500;
/// Of how many connections the secrets are asked for at once.
const AT_ONCE: usize = 500;

/// What an upsert came to.
#[derive(Debug)]
pub struct Upserted {
    /// Whether the connection is new.
    pub created: bool,
    /// The connection.
    pub view: ConnectionView,
}

/// Creates a connection.
pub fn create(tx: &mut Tx<'_>, new: &NewConnection) -> Result<ConnectionView> {
    let draft = Draft::parse(tx.conn, tx.caller, new, None)?;
    if !new.secrets.is_empty() {
        tx.caller.require(Scope::SecretsWrite)?;
    }
    match new.on_trashed.unwrap_or(OnTrashed::New) {
        OnTrashed::New => {}
        choice => {
            if let Some(entry) = trashed_twin(tx, &draft)? {
                return twin_in_trash(tx, choice, entry, new);
            }
        }
    }
    insert(tx, &draft, new)
}

/// Creates the connection with this external id in an integration, or changes the one that is there.
pub fn upsert(tx: &mut Tx<'_>, new: &NewConnection) -> Result<Upserted> {
    let Some(external_id) = &new.external_id else {
        return Err(Error::field(
            "/external_id",
            "required",
            "An upsert needs the external id.",
        ));
    };
    let integration = new.integration.as_ref().unwrap_or(&new.connector);
    let found = tx
        .conn
        .find_connection_by_external_id(tx.caller.org, integration, external_id)?;
    let draft = Draft::parse(tx.conn, tx.caller, new, found.as_ref())?;
    let Some(row) = found else {
        return Ok(Upserted {
            created: true,
            view: create(tx, new)?,
        });
    };
    if row.connector != draft.connector.key {
        return Err(Error::field(
            "/connector",
            "immutable",
            "The connector of a connection can't be changed.",
        ));
    }
    let row = lock(tx, row.id)?;
    let change = Change {
        name: new.name.is_some().then(|| draft.name.clone()),
        external_id: None,
        settings: new.settings.is_some().then(|| draft.settings.clone()),
        tags: new.tags.is_some().then(|| draft.tags.clone()),
        metadata: new.metadata.clone(),
        deletion_protection: new.deletion_protection.then_some(true),
    };
    Ok(Upserted {
        created: false,
        view: change.apply(tx, row, &new.secrets, &new.source_hints)?,
    })
}

/// One live connection.
pub fn get(conn: &mut Conn, caller: &Caller, id: ConnectionId) -> Result<ConnectionView> {
    let row = find(conn, caller, id)?;
    ConnectionView::load(conn, row)
}

/// How many live connections the organization has.
pub fn count(conn: &mut Conn, caller: &Caller) -> Result<i64> {
    Ok(conn.count_connections(caller.org)?)
}

/// A page of live connections, oldest first.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &ConnectionFilter,
    page: &PageQuery,
) -> Result<Page<ConnectionView>> {
    let cursor: Option<Cursor<ConnectionId>> = page.cursor("connections", filter)?;
    let mut rows =
        conn.list_connections(caller.org, filter, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| row.id);
    Ok(Page {
        data: views(conn, caller, rows)?,
        next_page_token: page.next("connections", filter, more, last.map(Cursor)),
    })
}

/// Live connections with a text in their external id (without one, in their id) or in one of some tags.
#[derive(Debug)]
pub struct TextSearch {
    /// The text, whatever its case.
    pub text: String,
    /// The tags.
    pub tags: Vec<&'static str>,
}

/// The newest live connections but the first `skip`: at most `take`.
pub fn newest(
    conn: &mut Conn,
    caller: &Caller,
    search: &ConnectionSearch,
    text: Option<&TextSearch>,
    skip: i64,
    take: i64,
) -> Result<Vec<ConnectionView>> {
    let Some(wanted) = text else {
        let rows = conn.newest_connections(caller.org, search, None, skip, take)?;
        return views(conn, caller, rows);
    };
    // Which letters differ in case alone the two databases see differently, so it is not asked of them.
    let wanted = (Name::fold(&wanted.text), &wanted.tags);
    let (mut found, mut before) = (Vec::new(), None);
    let mut left = (skip, take);
    loop {
        let rows = conn.newest_connections(caller.org, search, before, 0, LOOKED_THROUGH)?;
        before = rows.last().map(|row| row.id);
        for row in rows {
            if left.1 == 0 {
                break;
            }
            if !has_text(&row, &wanted.0, wanted.1)? {
                continue;
            }
            if left.0 > 0 {
                left.0 -= 1;
            } else {
                found.push(row);
                left.1 -= 1;
            }
        }
        if before.is_none() || left.1 == 0 {
            return views(conn, caller, found);
        }
    }
}

fn has_text(row: &ConnectionRow, folded: &str, tags: &[&str]) -> Result<bool> {
    let own_id = row.id.to_string();
    let id = row.external_id.as_ref().unwrap_or(&own_id);
    if Name::fold(id).contains(folded) {
        return Ok(true);
    }
    let stored = Tags::parse(&row.tags, "/tags").map_err(|_| damaged(row))?;
    Ok(tags
        .iter()
        .filter_map(|tag| stored.get(tag))
        .any(|value| Name::fold(value).contains(folded)))
}

/// The views of live connections, with what is known of their secrets.
fn views(
    conn: &mut Conn,
    caller: &Caller,
    rows: Vec<ConnectionRow>,
) -> Result<Vec<ConnectionView>> {
    let mut views = Vec::with_capacity(rows.len());
    let mut rows = rows.into_iter();
    loop {
        let some: Vec<ConnectionRow> = rows.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(views);
        }
        let owners: Vec<RootId> = some.iter().map(|row| row.id.into()).collect();
        let mut secrets: BTreeMap<RootId, Vec<SecretRow>> = BTreeMap::new();
        for secret in conn.secrets_of_many(caller.org, OwnerKind::Connection, &owners)? {
            secrets.entry(secret.owner_id).or_default().push(secret);
        }
        for row in some {
            let own = secrets.remove(&row.id.into()).unwrap_or_default();
            views.push(ConnectionView::new(row, &own)?);
        }
    }
}

/// One live connection's row; a trashed one tells its entry to those who may read the trash.
pub(super) fn find(conn: &mut Conn, caller: &Caller, id: ConnectionId) -> Result<ConnectionRow> {
    match conn.find_connection(caller.org, id)? {
        Some(row) => Ok(row),
        None => Err(absent(conn, caller, id)?),
    }
}

/// The same, locked against change until the transaction ends.
pub(super) fn lock(tx: &mut Tx<'_>, id: ConnectionId) -> Result<ConnectionRow> {
    match tx.conn.lock_connection(tx.caller.org, id)? {
        Some(row) => Ok(row),
        None => Err(absent(tx.conn, tx.caller, id)?),
    }
}

/// Why a connection is not live.
pub(super) fn absent(conn: &mut Conn, caller: &Caller, id: ConnectionId) -> Result<Error> {
    Ok(match conn.place_of_connection(caller.org, id)? {
        // Restored since it was looked for: the whole unit of work again.
        Some(Place::Live) => StoreError::Conflict.into(),
        Some(Place::Trash(entry)) => caller.names_trashed("connection", entry),
        None => Error::not_found("connection"),
    })
}

/// `If-Match` against the version that is there.
pub(super) fn check_version(version: i64, if_match: Option<i64>) -> Result<()> {
    match if_match {
        Some(expected) if expected != version => Err(Problem::new(
            Code::VersionMismatch,
            "It has changed since it was read.",
        )
        .with("version", version)
        .into()),
        _ => Ok(()),
    }
}

/// A name that is free now and close to one that is taken.
pub(super) fn free_name(
    conn: &mut Conn,
    caller: &Caller,
    integration: &str,
    name: &Name,
) -> Result<Name> {
    let taken: BTreeSet<String> = conn
        .name_keys_like(caller.org, integration)?
        .into_iter()
        .collect();
    Ok(suggest_free_name(name, |key| taken.contains(key)))
}

/// The refusal of a name that is taken, with one that is free.
pub(super) fn name_taken(
    conn: &mut Conn,
    caller: &Caller,
    integration: &str,
    name: &Name,
) -> Result<Error> {
    let free = free_name(conn, caller, integration, name)?;
    Ok(
        Problem::new(Code::NameTaken, "A live connection has this name.")
            .with("suggested_name", free.as_str())
            .into(),
    )
}

pub(super) fn external_id_taken(id: impl serde::Serialize) -> Error {
    Problem::new(Code::ExternalIdTaken, "A live row has this external id.")
        .with("id", id)
        .into()
}

fn damaged(row: &ConnectionRow) -> Error {
    Error::Internal(format!("connection {} has damaged stored JSON", row.id))
}

fn insert(tx: &mut Tx<'_>, draft: &Draft, new: &NewConnection) -> Result<ConnectionView> {
    check_free(
        tx,
        &draft.integration,
        Some(&draft.name),
        draft.external_id.as_ref(),
        None,
    )?;
    let mut row = ConnectionRow {
        org_id: tx.caller.org,
        id: ConnectionId::mint(),
        name: draft.name.as_str().to_owned(),
        name_key: draft.name.key(),
        connector: draft.connector.key.clone(),
        integration: draft.integration.clone(),
        integration_id: draft.integration_id,
        external_id: draft.external_id.as_ref().map(|id| id.as_str().to_owned()),
        settings: JsonText::from_trusted(draft.settings.to_json()),
        tags: draft.tags.to_json(),
        metadata: new.metadata.clone().unwrap_or_else(JsonText::empty_object),
        status: Status::NeedsCredentials,
        generation: 1,
        deletion_protection: new.deletion_protection,
        last_test: None,
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
    };
    let secrets = secrets::apply(tx, &row, &new.secrets, &new.source_hints)?;
    row.status = secrets::status_of(draft.connector, &secrets);
    tx.conn.insert_connection(&row)?;
    tx.record(
        "connection.created",
        "connection",
        row.id.into(),
        None,
        &json!({ "name": row.name, "connector": row.connector }),
    )?;
    ConnectionView::new(row, &secrets)
}

/// Refuses a name or an external id that another live connection of the integration has.
fn check_free(
    tx: &mut Tx<'_>,
    integration: &str,
    name: Option<&Name>,
    external_id: Option<&ExternalId>,
    own: Option<ConnectionId>,
) -> Result<()> {
    let org = tx.caller.org;
    if let Some(id) = external_id
        && let Some(row) = tx
            .conn
            .find_connection_by_external_id(org, integration, id.as_str())?
        && Some(row.id) != own
    {
        return Err(external_id_taken(row.id));
    }
    if let Some(name) = name
        && let Some(row) = tx
            .conn
            .find_connection_by_name(org, integration, &name.key())?
        && Some(row.id) != own
    {
        return Err(name_taken(tx.conn, tx.caller, integration, name)?);
    }
    Ok(())
}

/// The one trash entry that holds a connection like this draft, if there is one; several are ambiguous.
fn trashed_twin(tx: &mut Tx<'_>, draft: &Draft) -> Result<Option<EntryId>> {
    let org = tx.caller.org;
    let entries = match &draft.external_id {
        Some(id) => {
            tx.conn
                .trashed_connections_by_external_id(org, &draft.integration, id.as_str())?
        }
        None => tx
            .conn
            .trashed_connections_by_name(org, &draft.integration, &draft.name.key())?,
    };
    match entries.as_slice() {
        [] => Ok(None),
        [entry] => Ok(Some(*entry)),
        several => {
            let mut problem = Problem::new(
                Code::Ambiguous,
                "Several trash entries fit this connection.",
            );
            if tx.caller.may(Scope::TrashRead) {
                problem = problem.with("entries", several);
            }
            Err(problem.into())
        }
    }
}

fn twin_in_trash(
    tx: &mut Tx<'_>,
    choice: OnTrashed,
    entry: EntryId,
    new: &NewConnection,
) -> Result<ConnectionView> {
    let went_alone = tx
        .conn
        .find_entry(tx.caller.org, entry)?
        .is_some_and(|row| row.root_kind == RootKind::Connection);
    if choice == OnTrashed::Fail || !went_alone {
        let mut problem = Problem::new(
            Code::AlreadyInTrash,
            if went_alone {
                "A connection like this one is in the trash."
            } else {
                "A connection like this one is in the trash with all of its integration."
            },
        );
        if tx.caller.may(Scope::TrashRead) {
            problem = problem.with("entry_id", entry);
        }
        return Err(problem.into());
    }
    tx.caller.require(Scope::TrashRestore)?;
    // The old name may be taken meanwhile: the one of the request is what counts.
    let request = RestoreRequest {
        name: new.name.clone(),
        ..RestoreRequest::default()
    };
    let restored = restore::restore(tx, entry, &request)?;
    let wanted = ConnectionPatch {
        settings: new.settings.clone(),
        tags: new.tags.clone(),
        metadata: new.metadata.clone(),
        ..ConnectionPatch::default()
    };
    let Some(connection) = restored.connection else {
        // It went with its integration, which came back as a whole: nobody asked for that.
        return Err(Error::Internal(format!(
            "entry {entry} is not of a connection"
        )));
    };
    patch(tx, connection.id, None, &wanted)?;
    let row = lock(tx, connection.id)?;
    let nothing = Change {
        deletion_protection: new.deletion_protection.then_some(true),
        ..Change::default()
    };
    nothing.apply(tx, row, &new.secrets, &new.source_hints)
}

/// The required secrets a connection lacks.
pub(super) fn missing_of(conn: &mut Conn, row: &ConnectionRow) -> Result<Vec<String>> {
    let rows = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    Ok(missing_secrets(connector_of(row)?, &rows))
}

//! Connections: create, read, list, change, upsert.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::pages::{Cursor, PageQuery};
use super::restore::{self, RestoreRequest};
use super::secrets::{self, HintInput, SecretInput};
use super::unit::Tx;
use super::views::{ConnectionView, Page, connector_of, missing_secrets};
use crate::connectors::{self, Connector, Settings};
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, EntryId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{OnTrashed, OwnerKind, Status};
use crate::domain::merge_patch::{self, double_option, not_null};
use crate::domain::scopes::Scope;
use crate::domain::tags::Tags;
use crate::domain::text::{ExternalId, Name, suggest_free_name};
use crate::store::Conn;
use crate::store::filters::ConnectionFilter;
use crate::store::rows::ConnectionRow;

/// Metadata may not outgrow the body limit of the requests that make it (a merge patch adds to what is there).
pub(super) const MAX_METADATA: usize = 64 * 1024;

/// A connection to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// Its name; an upsert without one uses the external id.
    pub name: Option<String>,
    /// The kind of system; see `GET /v1/connectors`.
    pub connector: String,
    /// The key of its integration; the connector's key without one.
    pub integration: Option<String>,
    /// The caller's own id, unique among the live connections of the integration.
    pub external_id: Option<String>,
    /// What the connector declares.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<JsonText>,
    /// Words to find it by: up to 50 strings by key.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub tags: Option<JsonText>,
    /// The caller's own JSON object.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonText>,
    /// Secrets by field; needs `secrets:write`.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    pub secrets: SecretInput,
    /// Where the owner keeps each secret.
    #[serde(default)]
    pub source_hints: HintInput,
    /// Whether no deletion may take it.
    #[serde(default)]
    pub deletion_protection: bool,
    /// What to do when the trash has one of this external id (or, without one, of this name): `new`, `fail` or `restore`.
    pub on_trashed: Option<OnTrashed>,
}

/// A merge patch (RFC 7396) of a connection.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// A new external id; `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Settings to change; `null` removes one. A new destination needs the secrets in the same call.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<JsonText>,
    /// Tags to change; `null` removes one.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub tags: Option<JsonText>,
    /// Metadata to change; `null` removes a member.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonText>,
    /// Secrets by field; needs `secrets:write`.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    pub secrets: SecretInput,
    /// Where the owner keeps each secret.
    #[serde(default)]
    pub source_hints: HintInput,
    /// Lifting it needs `connections:protect`.
    #[serde(default, deserialize_with = "not_null")]
    pub deletion_protection: Option<bool>,
}

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
    let draft = Draft::parse(new)?;
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
    let view = insert(tx, &draft, new)?;
    Ok(view)
}

/// Creates the connection with this external id in an integration, or changes the one that is there.
pub fn upsert(tx: &mut Tx<'_>, new: &NewConnection) -> Result<Upserted> {
    let draft = Draft::parse(new)?;
    let Some(external_id) = &draft.external_id else {
        return Err(Error::field(
            "/external_id",
            "required",
            "An upsert needs the external id.",
        ));
    };
    let found = tx.conn.find_connection_by_external_id(
        tx.caller.org,
        &draft.integration,
        external_id.as_str(),
    )?;
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

/// Changes a connection by a merge patch.
pub fn patch(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    if_match: Option<i64>,
    patch: &ConnectionPatch,
) -> Result<ConnectionView> {
    let row = lock(tx, id)?;
    check_version(row.version, if_match)?;
    let connector = connector_of(&row)?;
    let mut errors = Vec::new();
    let mut keep = |result: std::result::Result<_, FieldError>| {
        result.map_err(|error| errors.push(error)).ok()
    };
    let name = patch
        .name
        .as_deref()
        .and_then(|name| keep(Name::parse(name).map_err(|p| p.at("/name"))));
    let external_id = match &patch.external_id {
        Some(Some(id)) => match ExternalId::parse(id) {
            Ok(id) => Some(Some(id)),
            Err(problem) => {
                errors.push(problem.at("/external_id"));
                None
            }
        },
        Some(None) => Some(None),
        None => None,
    };
    let settings = match &patch.settings {
        Some(settings) => {
            let merged = merge(&row.settings, settings, "/settings", &mut errors)?;
            merged.and_then(|merged| {
                collect(Settings::parse(connector, merged.as_str()), &mut errors)
            })
        }
        None => None,
    };
    let tags = match &patch.tags {
        Some(tags) => {
            let stored = Tags::parse(&row.tags, "/tags").map_err(|_| damaged(&row))?;
            collect(stored.apply_patch(tags), &mut errors)
        }
        None => None,
    };
    let metadata = match &patch.metadata {
        Some(metadata) => merge(&row.metadata, metadata, "/metadata", &mut errors)?,
        None => None,
    };
    if metadata
        .as_ref()
        .is_some_and(|metadata| metadata.len() > MAX_METADATA)
    {
        errors.push(FieldError::new(
            "/metadata",
            "too_long",
            "The metadata may have up to 65536 bytes.",
        ));
    }
    errors.extend(secrets::check(
        connector,
        &patch.secrets,
        &patch.source_hints,
    ));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let change = Change {
        name,
        external_id,
        settings,
        tags,
        metadata,
        deletion_protection: patch.deletion_protection,
    };
    change.apply(tx, row, &patch.secrets, &patch.source_hints)
}

/// One live connection.
pub fn get(conn: &mut Conn, caller: &Caller, id: ConnectionId) -> Result<ConnectionView> {
    let row = find(conn, caller, id)?;
    ConnectionView::load(conn, row)
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
    let owners: Vec<RootId> = rows.iter().map(|row| row.id.into()).collect();
    let secrets = conn.secrets_of_many(caller.org, OwnerKind::Connection, &owners)?;
    let last = rows.last().map(|row| row.id);
    let data = rows
        .into_iter()
        .map(|row| {
            let owner = RootId::from(row.id);
            let own: Vec<_> = secrets
                .iter()
                .filter(|secret| secret.owner_id == owner)
                .cloned()
                .collect();
            ConnectionView::new(row, &own)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Page {
        data,
        next_page_token: page.next("connections", filter, more, last.map(Cursor)),
    })
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
    let entry = if caller.may(Scope::TrashRead) {
        conn.trashed_connection(caller.org, id)?
    } else {
        None
    };
    Ok(match entry {
        Some(entry) => Error::in_trash("connection", entry),
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

fn merge(
    target: &JsonText,
    patch: &JsonText,
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Result<Option<JsonText>> {
    if !patch.is_object() {
        errors.push(FieldError::new(
            pointer,
            "not_an_object",
            "Expected a JSON object.",
        ));
        return Ok(None);
    }
    merge_patch::apply(target, patch)
        .map(Some)
        .map_err(|_| Error::Internal(format!("the stored JSON at {pointer} is damaged")))
}

fn collect<T>(
    result: std::result::Result<T, Vec<FieldError>>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    result.map_err(|found| errors.extend(found)).ok()
}

fn damaged(row: &ConnectionRow) -> Error {
    Error::Internal(format!("connection {} has damaged stored JSON", row.id))
}

/// A new connection whose fields have been checked.
struct Draft {
    name: Name,
    connector: &'static Connector,
    integration: String,
    external_id: Option<ExternalId>,
    settings: Settings,
    tags: Tags,
}

impl Draft {
    fn parse(new: &NewConnection) -> Result<Self> {
        let mut errors = Vec::new();
        let external_id = new.external_id.as_deref().and_then(|id| {
            ExternalId::parse(id)
                .map_err(|problem| errors.push(problem.at("/external_id")))
                .ok()
        });
        let name = if let Some(name) = new.name.as_deref().or(new.external_id.as_deref()) {
            Name::parse(name)
                .map_err(|problem| errors.push(problem.at("/name")))
                .ok()
        } else {
            errors.push(FieldError::new(
                "/name",
                "required",
                "A connection needs a name.",
            ));
            None
        };
        let connector = connectors::find(&new.connector);
        if connector.is_none() {
            errors.push(FieldError::new(
                "/connector",
                "unknown_connector",
                "There is no such connector; see GET /v1/connectors.",
            ));
        }
        if new
            .integration
            .as_ref()
            .is_some_and(|integration| *integration != new.connector)
        {
            errors.push(FieldError::new(
                "/integration",
                "unknown_integration",
                "There is no such integration of this connector.",
            ));
        }
        let no_object = JsonText::empty_object();
        let settings = connector.and_then(|connector| {
            let json = new.settings.as_ref().unwrap_or(&no_object);
            collect(Settings::parse(connector, json.as_str()), &mut errors)
        });
        let tags = collect(
            Tags::parse(new.tags.as_ref().unwrap_or(&no_object), "/tags"),
            &mut errors,
        );
        if new
            .metadata
            .as_ref()
            .is_some_and(|metadata| !metadata.is_object())
        {
            errors.push(FieldError::new(
                "/metadata",
                "not_an_object",
                "Expected a JSON object.",
            ));
        }
        if let Some(connector) = connector {
            errors.extend(secrets::check(connector, &new.secrets, &new.source_hints));
        }
        match (name, connector, settings, tags) {
            (Some(name), Some(connector), Some(settings), Some(tags)) if errors.is_empty() => {
                Ok(Self {
                    name,
                    connector,
                    integration: connector.key.clone(),
                    external_id,
                    settings,
                    tags,
                })
            }
            _ => Err(errors.into()),
        }
    }
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
        integration_id: None,
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
    if choice == OnTrashed::Fail {
        let mut problem = Problem::new(
            Code::AlreadyInTrash,
            "A connection like this one is in the trash.",
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
    patch(tx, restored.connection.id, None, &wanted)?;
    let row = lock(tx, restored.connection.id)?;
    let nothing = Change {
        deletion_protection: new.deletion_protection.then_some(true),
        ..Change::default()
    };
    nothing.apply(tx, row, &new.secrets, &new.source_hints)
}

/// A change whose fields have been checked.
#[derive(Default)]
#[expect(clippy::option_option, reason = "absent and removed differ")]
struct Change {
    name: Option<Name>,
    external_id: Option<Option<ExternalId>>,
    settings: Option<Settings>,
    tags: Option<Tags>,
    metadata: Option<JsonText>,
    deletion_protection: Option<bool>,
}

impl Change {
    fn apply(
        self,
        tx: &mut Tx<'_>,
        before: ConnectionRow,
        secret_input: &SecretInput,
        hints: &HintInput,
    ) -> Result<ConnectionView> {
        if !secret_input.is_empty() || !hints.is_empty() {
            tx.caller.require(Scope::SecretsWrite)?;
        }
        if before.deletion_protection && self.deletion_protection == Some(false) {
            tx.caller.require(Scope::ConnectionsProtect)?;
        }
        let connector = connector_of(&before)?;
        check_free(
            tx,
            &before.integration,
            self.name.as_ref(),
            self.external_id.as_ref().and_then(Option::as_ref),
            Some(before.id),
        )?;
        let mut row = before.clone();
        if let Some(name) = self.name {
            row.name_key = name.key();
            row.name = name.into_string();
        }
        if let Some(external_id) = self.external_id {
            row.external_id = external_id.map(ExternalId::into_string);
        }
        if let Some(settings) = self.settings {
            guard_destination(tx, &before, connector, &settings, secret_input)?;
            let json = JsonText::from_trusted(settings.to_json());
            if json != row.settings {
                row.settings = json;
                row.last_test = None;
                if row.status != Status::NeedsCredentials {
                    row.status = Status::Untested;
                }
            }
        }
        if let Some(tags) = self.tags {
            row.tags = tags.to_json();
        }
        if let Some(metadata) = self.metadata {
            row.metadata = metadata;
        }
        if let Some(protection) = self.deletion_protection {
            row.deletion_protection = protection;
        }
        let secrets = secrets::apply(tx, &row, secret_input, hints)?;
        if !secret_input.is_empty() {
            row.status = secrets::status_of(connector, &secrets);
            row.last_test = None;
        }
        if row == before && secret_input.is_empty() && hints.is_empty() {
            return ConnectionView::new(row, &secrets);
        }
        row.version += 1;
        row.updated_at = tx.at;
        tx.conn.update_connection(&row)?;
        tx.record(
            "connection.updated",
            "connection",
            row.id.into(),
            None,
            &json!({ "changed": changed(&before, &row), "secrets": secret_input.keys().collect::<Vec<_>>() }),
        )?;
        ConnectionView::new(row, &secrets)
    }
}

/// A stored secret leaves only for the destination it was entered for (promise 13): whoever changes the
/// destination enters the required ones again in the same call, and what is not entered again is shredded.
fn guard_destination(
    tx: &mut Tx<'_>,
    row: &ConnectionRow,
    connector: &Connector,
    new: &Settings,
    secret_input: &SecretInput,
) -> Result<()> {
    let old: Settings = serde_json::from_str(row.settings.as_str()).map_err(|_| damaged(row))?;
    if !old.destination_changed(connector, new) {
        return Ok(());
    }
    let stored = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    if stored.is_empty() {
        return Ok(());
    }
    let entered: BTreeSet<String> = secret_input
        .iter()
        .filter(|(_, value)| value.is_some())
        .map(|(field, _)| field.clone())
        .collect();
    let missing: Vec<String> = connector
        .missing_secrets(&entered)
        .into_iter()
        .map(|field| field.key.clone())
        .collect();
    if !missing.is_empty() {
        return Err(Problem::new(
            Code::SecretsRequired,
            "A change of where the secrets are sent needs them again in the same call.",
        )
        .with("missing", missing)
        .into());
    }
    let left: Vec<&str> = stored
        .iter()
        .map(|secret| secret.field.as_str())
        .filter(|field| !entered.contains(*field))
        .collect();
    secrets::shred(tx, row, &left)
}

fn changed(before: &ConnectionRow, after: &ConnectionRow) -> Vec<&'static str> {
    [
        ("name", before.name != after.name),
        ("external_id", before.external_id != after.external_id),
        ("settings", before.settings != after.settings),
        ("tags", before.tags != after.tags),
        ("metadata", before.metadata != after.metadata),
        (
            "deletion_protection",
            before.deletion_protection != after.deletion_protection,
        ),
        ("status", before.status != after.status),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// The required secrets a connection lacks.
pub(super) fn missing_of(conn: &mut Conn, row: &ConnectionRow) -> Result<Vec<String>> {
    let rows = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    Ok(missing_secrets(connector_of(row)?, &rows))
}

//! Models and content: create, read, list, change, upsert; one by one or up to 1,000 at once.
//!
//! The two differ in the name of their parent and in that content has links; everything else is here once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::Caller;
use super::connections::{absent, check_version, external_id_taken};
use super::error::{Error, Result};
use super::links::{self, LinkInput};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::Page;
use crate::domain::FieldError;
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::json::JsonText;
use crate::domain::kinds::DependentKind;
use crate::domain::merge_patch::{self, double_option, not_null};
use crate::domain::scopes::Scope;
use crate::domain::text::{ExternalId, Kind, Name};
use crate::store::Conn;
use crate::store::filters::DependentFilter;
use crate::store::rows::{DependentHead, DependentRow};

/// The largest body of one row.
pub const MAX_BODY: usize = 256 * 1024;
/// The most rows of one batch.
pub const MAX_BATCH: usize = 1_000;

/// A model to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// Its name.
    pub name: String,
    /// The caller's word for what it is; `model` without one.
    pub kind: Option<String>,
    /// The caller's own id, unique among the live models of the connection.
    pub external_id: Option<String>,
    /// The model it extends.
    pub base_model_id: Option<DependentId>,
    /// The same by its external id, which may be one of the same batch that comes before.
    pub base_model_external_id: Option<String>,
    /// Opaque JSON, kept byte for byte.
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Whether no deletion may take it.
    #[serde(default)]
    pub deletion_protection: bool,
}

/// A piece of content to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContent {
    /// Its name.
    pub name: String,
    /// The caller's word for what it is; `content` without one.
    pub kind: Option<String>,
    /// The caller's own id, unique among the live content of the connection.
    pub external_id: Option<String>,
    /// Its model; none if it spans several.
    pub model_id: Option<DependentId>,
    /// The same by its external id.
    pub model_external_id: Option<String>,
    /// Opaque JSON, kept byte for byte.
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Whether no deletion may take it.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Other content it refers to.
    pub links: Option<Vec<LinkInput>>,
}

/// Up to 1,000 rows to create, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch<T> {
    /// The rows.
    pub items: Vec<T>,
}

/// The ids of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    /// One for each item.
    pub data: Vec<BatchItemView>,
}

/// A row that a batch made.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchItemView {
    /// Its id.
    pub id: DependentId,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// A merge patch (RFC 7396) of a model.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// A new kind.
    #[serde(default, deserialize_with = "not_null")]
    pub kind: Option<String>,
    /// A new external id; `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Another model to extend; `null` for none.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<DependentId>)]
    pub base_model_id: Option<Option<DependentId>>,
    /// Changes of the body; `null` removes a member.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Lifting it needs `connections:protect`.
    #[serde(default, deserialize_with = "not_null")]
    pub deletion_protection: Option<bool>,
}

/// A merge patch (RFC 7396) of a piece of content.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// A new kind.
    #[serde(default, deserialize_with = "not_null")]
    pub kind: Option<String>,
    /// A new external id; `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Another model; `null` for none.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<DependentId>)]
    pub model_id: Option<Option<DependentId>>,
    /// Changes of the body; `null` removes a member.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Lifting it needs `connections:protect`.
    #[serde(default, deserialize_with = "not_null")]
    pub deletion_protection: Option<bool>,
    /// All links from now on.
    #[serde(default, deserialize_with = "not_null")]
    pub links: Option<Vec<LinkInput>>,
}

/// A model or a piece of content to create, whichever it is.
#[derive(Debug)]
pub struct New<'a> {
    name: &'a str,
    kind: Option<&'a str>,
    external_id: Option<&'a str>,
    parent_id: Option<DependentId>,
    parent_external_id: Option<&'a str>,
    body: Option<&'a JsonText>,
    deletion_protection: bool,
    links: Option<&'a [LinkInput]>,
}

impl<'a> From<&'a NewModel> for New<'a> {
    fn from(new: &'a NewModel) -> Self {
        Self {
            name: &new.name,
            kind: new.kind.as_deref(),
            external_id: new.external_id.as_deref(),
            parent_id: new.base_model_id,
            parent_external_id: new.base_model_external_id.as_deref(),
            body: new.body.as_ref(),
            deletion_protection: new.deletion_protection,
            links: None,
        }
    }
}

impl<'a> From<&'a NewContent> for New<'a> {
    fn from(new: &'a NewContent) -> Self {
        Self {
            name: &new.name,
            kind: new.kind.as_deref(),
            external_id: new.external_id.as_deref(),
            parent_id: new.model_id,
            parent_external_id: new.model_external_id.as_deref(),
            body: new.body.as_ref(),
            deletion_protection: new.deletion_protection,
            links: new.links.as_deref(),
        }
    }
}

/// A change of a model or a piece of content, whichever it is.
#[derive(Debug, Default)]
#[expect(
    clippy::option_option,
    reason = "absent and null differ in a merge patch"
)]
pub struct Patch<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
    external_id: Option<Option<&'a str>>,
    parent: Option<Option<DependentId>>,
    body: Option<&'a JsonText>,
    deletion_protection: Option<bool>,
    links: Option<&'a [LinkInput]>,
}

impl<'a> From<&'a ModelPatch> for Patch<'a> {
    fn from(patch: &'a ModelPatch) -> Self {
        Self {
            name: patch.name.as_deref(),
            kind: patch.kind.as_deref(),
            external_id: patch.external_id.as_ref().map(Option::as_deref),
            parent: patch.base_model_id,
            body: patch.body.as_ref(),
            deletion_protection: patch.deletion_protection,
            links: None,
        }
    }
}

impl<'a> From<&'a ContentPatch> for Patch<'a> {
    fn from(patch: &'a ContentPatch) -> Self {
        Self {
            name: patch.name.as_deref(),
            kind: patch.kind.as_deref(),
            external_id: patch.external_id.as_ref().map(Option::as_deref),
            parent: patch.model_id,
            body: patch.body.as_ref(),
            deletion_protection: patch.deletion_protection,
            links: patch.links.as_deref(),
        }
    }
}

/// Creates one row.
pub fn create(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    new: New<'_>,
) -> Result<DependentRow> {
    let mut rows = create_all(tx, kind, connection, &[new], &|_| String::new())?;
    rows.pop()
        .ok_or_else(|| Error::Internal("a created row is missing".to_owned()))
}

/// Creates up to 1,000 rows, all or none.
pub fn create_batch(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    items: &[New<'_>],
) -> Result<BatchView> {
    if items.is_empty() || items.len() > MAX_BATCH {
        return Err(Error::field(
            "/items",
            "out_of_range",
            "A batch has 1 to 1000 items.",
        ));
    }
    let rows = create_all(tx, kind, connection, items, &|index| {
        format!("/items/{index}")
    })?;
    let data = rows
        .into_iter()
        .map(|row| BatchItemView {
            id: row.id,
            external_id: row.external_id,
        })
        .collect();
    Ok(BatchView { data })
}

/// Creates the row with this external id, or changes the one that is there; answers whether it is new.
pub fn upsert<'a>(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    external_id: &'a str,
    mut new: New<'a>,
) -> Result<(bool, DependentRow)> {
    if new.external_id.is_some_and(|own| own != external_id) {
        return Err(Error::field(
            "/external_id",
            "mismatch",
            "The external id differs from the one in the path.",
        ));
    }
    new.external_id = Some(external_id);
    let found =
        tx.conn
            .dependents_by_external_ids(kind, tx.caller.org, connection, &[external_id])?;
    let Some((id, _)) = found.into_iter().next() else {
        return Ok((true, create(tx, kind, connection, new)?));
    };
    let parent = resolve_parent(tx, kind, connection, &new, &BTreeMap::new(), "")?;
    let patch = Patch {
        name: Some(new.name),
        kind: new.kind,
        external_id: None,
        parent: parent.map(Some),
        body: None,
        deletion_protection: new.deletion_protection.then_some(true),
        links: new.links,
    };
    Ok((false, change(tx, kind, id, None, &patch, new.body)?))
}

/// Changes one row by a merge patch.
pub fn patch(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    id: DependentId,
    if_match: Option<i64>,
    patch: &Patch<'_>,
) -> Result<DependentRow> {
    change(tx, kind, id, if_match, patch, None)
}

/// One live row.
pub fn get(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    id: DependentId,
) -> Result<DependentRow> {
    match conn.find_dependent(kind, caller.org, id)? {
        Some(row) => Ok(row),
        None => Err(absent_dependent(conn, caller, kind, id)?),
    }
}

/// A page of live rows of a connection, oldest first.
pub fn list<V: From<DependentHead>>(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    connection: ConnectionId,
    filter: DependentFilter,
    page: &PageQuery,
) -> Result<Page<V>> {
    super::connections::find(conn, caller, connection)?;
    let filter = DependentFilter {
        connection_id: Some(connection),
        ..filter
    };
    let cursor: Option<Cursor<DependentId>> = page.cursor(kind.as_str(), &filter)?;
    let mut rows = conn.list_dependents(
        kind,
        caller.org,
        &filter,
        cursor.map(|c| c.0),
        page.limit() + 1,
    )?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    Ok(Page {
        next_page_token: page.next(kind.as_str(), &filter, more, last),
        data: rows.into_iter().map(V::from).collect(),
    })
}

/// Why a model or piece of content is not live.
pub(super) fn absent_dependent(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    id: DependentId,
) -> Result<Error> {
    let entry = if caller.may(Scope::TrashRead) {
        conn.trashed_dependent(kind, caller.org, id)?
    } else {
        None
    };
    Ok(match entry {
        Some(entry) => Error::in_trash(kind.as_str(), entry),
        None => Error::not_found(kind.as_str()),
    })
}

fn create_all(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    items: &[New<'_>],
    at: &dyn Fn(usize) -> String,
) -> Result<Vec<DependentRow>> {
    let org = tx.caller.org;
    // No lock: the foreign key keeps the parent in place, and a parent that goes first means 410 or 404 on the retry.
    if tx.conn.find_connection(org, connection)?.is_none() {
        return Err(absent(tx.conn, tx.caller, connection)?);
    }
    let mut errors = Vec::new();
    let mut rows: Vec<DependentRow> = Vec::with_capacity(items.len());
    let mut by_external_id: BTreeMap<&str, DependentId> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let at = at(index);
        let mut row = checked(tx, kind, connection, item, &at, &mut errors);
        match resolve_parent(tx, kind, connection, item, &by_external_id, &at) {
            Ok(parent) => row.parent = parent,
            Err(Error::Problem(problem)) if !problem.errors.is_empty() => {
                errors.extend(problem.errors);
            }
            Err(other) => return Err(other),
        }
        if let Some(external_id) = item.external_id
            && by_external_id.insert(external_id, row.id).is_some()
        {
            errors.push(FieldError::new(
                format!("{at}/external_id"),
                "duplicate",
                "Another item of this batch has this external id.",
            ));
        }
        rows.push(row);
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let external_ids: Vec<&str> = by_external_id.keys().copied().collect();
    if !external_ids.is_empty()
        && let Some((holder, _)) = tx
            .conn
            .dependents_by_external_ids(kind, org, connection, &external_ids)?
            .into_iter()
            .next()
    {
        return Err(external_id_taken(holder));
    }
    tx.conn.insert_dependents(kind, &rows)?;
    for (index, (item, row)) in items.iter().zip(&rows).enumerate() {
        if let Some(wanted) = item.links {
            links::replace(
                tx,
                connection,
                row.id,
                wanted,
                &format!("{}/links", at(index)),
            )?;
        }
    }
    record_created(tx, kind, connection, &rows)?;
    Ok(rows)
}

/// One record for one row; one for a whole batch, about its connection.
fn record_created(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    rows: &[DependentRow],
) -> Result<()> {
    match rows {
        [row] => tx.record(
            &format!("{kind}.created"),
            kind.as_str(),
            row.id.into(),
            None,
            &json!({ "name": row.name, "connection_id": connection }),
        ),
        rows => tx.record(
            &format!("{kind}.batch_created"),
            "connection",
            connection.into(),
            None,
            &json!({ "count": rows.len(), "first": rows.first().map(|row| row.id), "last": rows.last().map(|row| row.id) }),
        ),
    }
}

fn checked(
    tx: &Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    item: &New<'_>,
    at: &str,
    errors: &mut Vec<FieldError>,
) -> DependentRow {
    let name = match Name::parse(item.name) {
        Ok(name) => name.into_string(),
        Err(problem) => {
            errors.push(problem.at(format!("{at}/name")));
            String::new()
        }
    };
    if let Some(Err(problem)) = item.kind.map(Kind::parse) {
        errors.push(problem.at(format!("{at}/kind")));
    }
    if let Some(Err(problem)) = item.external_id.map(ExternalId::parse) {
        errors.push(problem.at(format!("{at}/external_id")));
    }
    if item.body.is_some_and(|body| body.len() > MAX_BODY) {
        errors.push(body_too_long(at));
    }
    DependentRow {
        org_id: tx.caller.org,
        id: DependentId::mint(),
        connection_id: connection,
        parent: None,
        name,
        kind: item.kind.unwrap_or(kind.as_str()).to_owned(),
        external_id: item.external_id.map(str::to_owned),
        body: item.body.cloned().unwrap_or_else(JsonText::empty_object),
        deletion_protection: item.deletion_protection,
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
    }
}

fn body_too_long(at: &str) -> FieldError {
    FieldError::new(
        format!("{at}/body"),
        "too_long",
        "The body may have up to 262144 bytes.",
    )
}

fn parent_field(kind: DependentKind) -> &'static str {
    match kind {
        DependentKind::Model => "base_model_id",
        DependentKind::Content => "model_id",
    }
}

/// The model an item hangs on: by id, or by an external id of this batch or of the connection.
fn resolve_parent(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    item: &New<'_>,
    in_batch: &BTreeMap<&str, DependentId>,
    at: &str,
) -> Result<Option<DependentId>> {
    let field = parent_field(kind);
    match (item.parent_id, item.parent_external_id) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::field(
            format!("{at}/{field}"),
            "ambiguous",
            "Give the id or the external id, not both.",
        )),
        (Some(id), None) => check_parent(tx, kind, connection, id, at).map(Some),
        (None, Some(external_id)) => {
            if kind == DependentKind::Model
                && let Some(id) = in_batch.get(external_id)
            {
                return Ok(Some(*id));
            }
            let found = tx.conn.dependents_by_external_ids(
                DependentKind::Model,
                tx.caller.org,
                connection,
                &[external_id],
            )?;
            let Some((id, _)) = found.into_iter().next() else {
                let pointer = format!("{at}/{}_external_id", field.trim_end_matches("_id"));
                return Err(no_such_model(tx, connection, &pointer)?);
            };
            Ok(Some(id))
        }
    }
}

fn check_parent(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    connection: ConnectionId,
    id: DependentId,
    at: &str,
) -> Result<DependentId> {
    let found = tx
        .conn
        .connections_of_dependents(DependentKind::Model, tx.caller.org, &[id])?;
    if found.iter().any(|(_, of)| *of == connection) {
        Ok(id)
    } else {
        Err(no_such_model(
            tx,
            connection,
            &format!("{at}/{}", parent_field(kind)),
        )?)
    }
}

/// Why there is no such model: it may have gone with its connection since that was looked at.
fn no_such_model(tx: &mut Tx<'_>, connection: ConnectionId, pointer: &str) -> Result<Error> {
    if tx
        .conn
        .find_connection(tx.caller.org, connection)?
        .is_none()
    {
        return absent(tx.conn, tx.caller, connection);
    }
    Ok(Error::field(
        pointer,
        "unknown_model",
        "The connection has no live model like this.",
    ))
}

fn change(
    tx: &mut Tx<'_>,
    kind: DependentKind,
    id: DependentId,
    if_match: Option<i64>,
    patch: &Patch<'_>,
    new_body: Option<&JsonText>,
) -> Result<DependentRow> {
    let Some(before) = tx.conn.lock_dependent(kind, tx.caller.org, id)? else {
        return Err(absent_dependent(tx.conn, tx.caller, kind, id)?);
    };
    check_version(before.version, if_match)?;
    if before.deletion_protection && patch.deletion_protection == Some(false) {
        tx.caller.require(Scope::ConnectionsProtect)?;
    }
    let mut row = before.clone();
    let mut errors = Vec::new();
    if let Some(name) = patch.name {
        match Name::parse(name) {
            Ok(name) => row.name = name.into_string(),
            Err(problem) => errors.push(problem.at("/name")),
        }
    }
    if let Some(word) = patch.kind {
        match Kind::parse(word) {
            Ok(word) => row.kind = word.into_string(),
            Err(problem) => errors.push(problem.at("/kind")),
        }
    }
    match patch.external_id {
        Some(Some(external_id)) => match ExternalId::parse(external_id) {
            Ok(external_id) => row.external_id = Some(external_id.into_string()),
            Err(problem) => errors.push(problem.at("/external_id")),
        },
        Some(None) => row.external_id = None,
        None => {}
    }
    if let Some(body) = new_body {
        row.body = body.clone();
    }
    if let Some(body) = patch.body {
        // `null` removes the member (RFC 7396): what is left is what a row without a body has.
        row.body = if body.as_str() == "null" {
            JsonText::empty_object()
        } else {
            merge_patch::apply(&row.body, body)
                .map_err(|_| Error::Internal(format!("{kind} {id} has a damaged stored body")))?
        };
    }
    if row.body.len() > MAX_BODY {
        errors.push(body_too_long(""));
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    if let Some(protection) = patch.deletion_protection {
        row.deletion_protection = protection;
    }
    if let Some(parent) = patch.parent {
        if let Some(parent) = parent {
            check_parent(tx, kind, row.connection_id, parent, "")?;
            if kind == DependentKind::Model {
                refuse_cycle(tx, id, parent)?;
            }
        }
        row.parent = parent;
    }
    if row.external_id != before.external_id
        && let Some(external_id) = row.external_id.as_deref()
        && let Some((holder, _)) = tx
            .conn
            .dependents_by_external_ids(kind, row.org_id, row.connection_id, &[external_id])?
            .into_iter()
            .next()
    {
        return Err(external_id_taken(holder));
    }
    if let Some(wanted) = patch.links {
        links::replace(tx, row.connection_id, id, wanted, "/links")?;
    }
    if row == before && patch.links.is_none() {
        return Ok(row);
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_dependent(kind, &row)?;
    tx.record(
        &format!("{kind}.updated"),
        kind.as_str(),
        id.into(),
        None,
        &json!({ "connection_id": row.connection_id, "version": row.version }),
    )?;
    Ok(row)
}

/// A model may not extend itself, however far around.
fn refuse_cycle(tx: &mut Tx<'_>, id: DependentId, parent: DependentId) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut next = Some(parent);
    while let Some(current) = next {
        if current == id || !seen.insert(current) {
            return Err(Error::field(
                "/base_model_id",
                "cycle",
                "A model can't extend itself, directly or through others.",
            ));
        }
        next = tx
            .conn
            .find_dependent(DependentKind::Model, tx.caller.org, current)?
            .and_then(|row| row.parent);
    }
    Ok(())
}

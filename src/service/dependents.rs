//! Models and content: create, read, list, change, upsert; one by one or up to 1,000 at once.
//!
//! The two differ in the name of their parent and in that content has links; everything else is here once.

mod change;
mod input;

use std::collections::BTreeMap;

use serde_json::json;

use super::caller::Caller;
use super::connections::{absent, external_id_taken};
use super::error::{Error, Problem, Result};
use super::links::{self};
use super::pages::{Cursor, PageQuery};
use super::unit::Tx;
use super::views::Page;
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::json::JsonText;
use crate::domain::kinds::DependentKind;
use crate::domain::text::{ExternalId, Kind, Name};
use crate::store::filters::DependentFilter;
use crate::store::rows::{DependentHead, DependentRow, Place};
use crate::store::{Conn, StoreError};

pub use change::patch;
pub use input::{
    Batch, BatchItemView, BatchView, ContentPatch, ModelPatch, New, NewContent, NewModel, Patch,
};

use change::change;

/// The largest body of one row.
pub const MAX_BODY: usize = 256 * 1024;

/// The most rows of one batch.
pub const MAX_BATCH: usize = 1_000;

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

/// One live row, if it is there; locked against change until the transaction ends.
pub fn lock(tx: &mut Tx<'_>, kind: DependentKind, id: DependentId) -> Result<Option<DependentRow>> {
    Ok(tx.conn.lock_dependent(kind, tx.caller.org, id)?)
}

/// The live row, in whichever connection, that an external id or an id means; none if it means several: whichever was
/// taken might be the wrong one.
pub fn called(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    reference: &str,
) -> Result<DependentId> {
    let org = caller.org;
    let mut found = conn.dependents_with_external_id(kind, org, reference, 2)?;
    if let Some(id) = DependentId::parse(reference)
        && !found.contains(&id)
        && (found.is_empty() || conn.find_dependent(kind, org, id)?.is_some())
    {
        found.push(id);
    }
    match found.as_slice() {
        [] => Err(Error::not_found(kind.as_str())),
        [id] => Ok(*id),
        _ => Err(Problem::new(
            Code::Ambiguous,
            "Several of them are called so: name it by its id.",
        )
        .into()),
    }
}

/// How many models and pieces of content each of these connections has.
pub fn per_connection(
    conn: &mut Conn,
    caller: &Caller,
    connections: &[ConnectionId],
) -> Result<BTreeMap<ConnectionId, (i64, i64)>> {
    let mut counts: BTreeMap<ConnectionId, (i64, i64)> = BTreeMap::new();
    for (id, count) in
        conn.dependents_per_connection(DependentKind::Model, caller.org, connections)?
    {
        counts.entry(id).or_default().0 = count;
    }
    for (id, count) in
        conn.dependents_per_connection(DependentKind::Content, caller.org, connections)?
    {
        counts.entry(id).or_default().1 = count;
    }
    Ok(counts)
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
    Ok(match conn.place_of_dependent(kind, caller.org, id)? {
        // Restored since it was looked for: the whole unit of work again.
        Some(Place::Live) => StoreError::Conflict.into(),
        Some(Place::Trash(entry)) => caller.names_trashed(kind.as_str(), entry),
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
    for id in items.iter().filter_map(|item| item.id) {
        refuse_used_id(tx, kind, id)?;
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

/// An id that is or was another row's of the kind is never given out again: its entry answers for it.
fn refuse_used_id(tx: &mut Tx<'_>, kind: DependentKind, id: DependentId) -> Result<()> {
    let org = tx.caller.org;
    let place = tx.conn.place_of_dependent(kind, org, id)?;
    if place.is_none()
        && tx
            .conn
            .newest_entry_of_root(org, kind.into(), id.into())?
            .is_none()
    {
        return Ok(());
    }
    Err(Problem::new(
        Code::AlreadyInTrash,
        format!("There is a {kind} with this id, or there was one and it was deleted."),
    )
    .into())
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
        id: item.id.unwrap_or_else(DependentId::mint),
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

//! Changing a model or a piece of content by a merge patch.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::connections::{check_version, external_id_taken};
use super::super::error::{Error, Result};
use super::super::links::{self};
use super::super::unit::Tx;
use super::{MAX_BODY, Patch, absent_dependent, body_too_long, check_parent};
use crate::domain::ids::DependentId;
use crate::domain::json::JsonText;
use crate::domain::kinds::DependentKind;
use crate::domain::merge_patch::{self};
use crate::domain::scopes::Scope;
use crate::domain::text::{ExternalId, Kind, Name};
use crate::store::rows::DependentRow;

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

pub(super) fn change(
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
pub(super) fn refuse_cycle(tx: &mut Tx<'_>, id: DependentId, parent: DependentId) -> Result<()> {
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

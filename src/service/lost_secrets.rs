//! What the last deletion of a connection left of its secrets: which there were, and where to find them again.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Result;
use super::secrets::{HintInput, SecretInput};
use crate::domain::kinds::{OwnerKind, RootKind};
use crate::store::Conn;
use crate::store::rows::ConnectionRow;

/// The hints of a change, and those that were lost with the values it brings back: whoever enters one again need not say
/// again where it is kept.
pub(super) fn with_lost_hints(
    conn: &mut Conn,
    row: &ConnectionRow,
    secrets: &SecretInput,
    hints: &HintInput,
) -> Result<HintInput> {
    let mut hints = hints.clone();
    // What is of its first generation was never deleted.
    if row.generation == 1 || secrets.is_empty() {
        return Ok(hints);
    }
    let stored = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
    let comes_back = |field: &String| {
        matches!(secrets.get(field), Some(Some(_))) && stored.iter().all(|row| row.field != *field)
    };
    if !secrets.keys().any(comes_back) {
        return Ok(hints);
    }
    for (field, hint) in lost(conn, row)? {
        if hint.is_some() && comes_back(&field) {
            hints.entry(field).or_insert(hint);
        }
    }
    Ok(hints)
}

/// What is left of a secret in the shape that an entry keeps.
#[derive(Deserialize)]
struct Shape {
    set: bool,
    source_hint: Option<String>,
}

/// The secrets that the last deletion of a connection shredded, with the hints where to find them: of its own entry, or
/// of the one of its integration.
pub(super) fn lost(conn: &mut Conn, row: &ConnectionRow) -> Result<HintInput> {
    let org = row.org_id;
    let own = conn.newest_entry_of_root(org, RootKind::Connection, row.id.into())?;
    let above = match row.integration_id {
        Some(id) => conn.newest_entry_of_root(org, RootKind::Integration, id.into())?,
        None => None,
    };
    let mut found = Vec::new();
    if let Some(entry) = own {
        // A help and no more: one that can't be read helps nobody, and stops nobody.
        let shape: BTreeMap<String, Shape> =
            serde_json::from_str(entry.secret_shape.as_str()).unwrap_or_default();
        let fields = shape.into_iter().filter(|(_, shape)| shape.set);
        found.push((
            entry.id,
            fields
                .map(|(key, shape)| (key, shape.source_hint))
                .collect(),
        ));
    }
    if let Some(entry) = above {
        let rows = conn.shredded_of_many(org, entry.id, OwnerKind::Connection, &[row.id.into()])?;
        found.push((
            entry.id,
            rows.into_iter()
                .map(|row| (row.field, row.source_hint))
                .collect::<BTreeMap<_, _>>(),
        ));
    }
    // The newer one decides, unless it found no secret to shred.
    found.sort_by_key(|(id, fields)| (!fields.is_empty(), *id));
    Ok(found.pop().map(|(_, fields)| fields).unwrap_or_default())
}

//! Changing an integration: merge patches and secrets.

use serde_json::json;

use super::super::connections::{check_version, merge};
use super::super::error::{Error, Problem, Result};
use super::super::secrets::{self, HintInput, PutSecrets, SecretInput};
use super::super::unit::Tx;
use super::super::views::{IntegrationView, connector_named};
use super::{IntegrationPatch, absent};
use crate::connectors::{Connector, Settings};
use crate::domain::codes::Code;
use crate::domain::json::JsonText;
use crate::domain::kinds::OwnerKind;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::store::rows::IntegrationRow;

/// Changes an integration by a merge patch.
pub fn patch(
    tx: &mut Tx<'_>,
    key: &str,
    if_match: Option<i64>,
    patch: &IntegrationPatch,
) -> Result<IntegrationView> {
    let before = lock(tx, key)?;
    check_version(before.version, if_match)?;
    let connector = connector_named(&before.connector)?;
    let mut row = before.clone();
    let mut errors = Vec::new();
    if let Some(name) = &patch.name {
        match Name::parse(name) {
            Ok(name) => row.name = name.into_string(),
            Err(problem) => errors.push(problem.at("/name")),
        }
    }
    let mut settings = None;
    if let Some(changes) = &patch.settings
        && let Some(merged) = merge(&before.settings, changes, "/settings", &mut errors)?
    {
        match Settings::parse_partial(connector, merged.as_str()) {
            Ok(parsed) => settings = Some(parsed),
            Err(found) => errors.extend(found),
        }
    }
    errors.extend(secrets::check(
        connector,
        OwnerKind::Integration,
        &patch.secrets,
        &patch.source_hints,
    ));
    if !errors.is_empty() {
        return Err(errors.into());
    }
    if before.deletion_protection && patch.deletion_protection == Some(false) {
        tx.caller.require(Scope::ConnectionsProtect)?;
    }
    if let Some(protection) = patch.deletion_protection {
        row.deletion_protection = protection;
    }
    if let Some(revoke) = patch.revoke_on_delete {
        row.revoke_on_delete = revoke;
    }
    if let Some(settings) = settings {
        guard_destination(tx, &before, connector, &settings, &patch.secrets)?;
        row.settings = JsonText::from_trusted(settings.to_json());
    }
    write(tx, &before, row, &patch.secrets, &patch.source_hints)
}

/// Enters secrets of a live integration.
pub fn put_secrets(
    tx: &mut Tx<'_>,
    key: &str,
    if_match: Option<i64>,
    input: &PutSecrets,
) -> Result<IntegrationView> {
    let row = lock(tx, key)?;
    check_version(row.version, if_match)?;
    let errors = secrets::check(
        connector_named(&row.connector)?,
        OwnerKind::Integration,
        &input.secrets,
        &input.source_hints,
    );
    if !errors.is_empty() {
        return Err(errors.into());
    }
    write(tx, &row, row.clone(), &input.secrets, &input.source_hints)
}

pub(super) fn lock(tx: &mut Tx<'_>, key: &str) -> Result<IntegrationRow> {
    match tx.conn.lock_integration(tx.caller.org, key)? {
        Some(row) => Ok(row),
        None => Err(absent(tx.conn, tx.caller, key)?),
    }
}

fn write(
    tx: &mut Tx<'_>,
    before: &IntegrationRow,
    mut row: IntegrationRow,
    secret_input: &SecretInput,
    hints: &HintInput,
) -> Result<IntegrationView> {
    if !secret_input.is_empty() || !hints.is_empty() {
        tx.caller.require(Scope::SecretsWrite)?;
    }
    let secrets = secrets::apply(tx, &row, secret_input, hints)?;
    if row == *before && secret_input.is_empty() && hints.is_empty() {
        return IntegrationView::new(row, &secrets);
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_integration(&row)?;
    let changed: Vec<&str> = [
        ("name", before.name != row.name),
        ("settings", before.settings != row.settings),
        (
            "deletion_protection",
            before.deletion_protection != row.deletion_protection,
        ),
        (
            "revoke_on_delete",
            before.revoke_on_delete != row.revoke_on_delete,
        ),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect();
    let fields: Vec<&String> = secret_input.keys().collect();
    tx.record(
        "integration.updated",
        "integration",
        row.id.into(),
        None,
        &json!({ "key": row.key, "changed": changed, "secrets": fields }),
    )?;
    IntegrationView::new(row, &secrets)
}

/// A stored secret leaves only for the destination it was entered for (promise 13). No secret of an integration is
/// required, so each that is stored must be entered again, or given up by `null`, in the same call.
fn guard_destination(
    tx: &mut Tx<'_>,
    row: &IntegrationRow,
    connector: &Connector,
    new: &Settings,
    secret_input: &SecretInput,
) -> Result<()> {
    let old: Settings = serde_json::from_str(row.settings.as_str())
        .map_err(|_| Error::Internal(format!("integration {} has damaged stored JSON", row.id)))?;
    if !old.destination_changed(connector, new) {
        return Ok(());
    }
    let missing: Vec<String> = secrets::Owner::from(row)
        .facts(tx)?
        .into_iter()
        .map(|secret| secret.field)
        .filter(|field| !secret_input.contains_key(field))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Code::SecretsRequired,
        "A change of where the secrets are sent needs them again in the same call.",
    )
    .with("missing", missing)
    .into())
}

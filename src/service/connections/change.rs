//! Changing a connection: merge patches, and the rule where a stored secret may go.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::error::{Error, Problem, Result};
use super::super::lost_secrets::with_lost_hints;
use super::super::secrets::{self, HintInput, SecretInput};
use super::super::unit::Tx;
use super::super::views::{ConnectionView, connector_of};
use super::{ConnectionPatch, MAX_METADATA, check_free, check_version, collect, damaged, lock};
use crate::connectors::{Connector, Settings};
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::ConnectionId;
use crate::domain::json::JsonText;
use crate::domain::kinds::{OwnerKind, Status};
use crate::domain::merge_patch::{self};
use crate::domain::scopes::Scope;
use crate::domain::tags::Tags;
use crate::domain::text::{ExternalId, Name};
use crate::store::rows::ConnectionRow;

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
    errors.extend(metadata.as_ref().and_then(too_long));
    errors.extend(secrets::check(
        connector,
        OwnerKind::Connection,
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

/// What replaces parts of a connection as a whole; what is `None` stays as it is.
#[derive(Default)]
pub struct Replacement {
    /// The settings.
    pub settings: Option<JsonText>,
    /// The tags.
    pub tags: Option<JsonText>,
    /// The metadata.
    pub metadata: Option<JsonText>,
    /// Secrets by field; what is not named stays.
    pub secrets: SecretInput,
}

/// Replaces parts of a connection.
pub fn replace(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    replacement: &Replacement,
) -> Result<ConnectionView> {
    let row = lock(tx, id)?;
    let connector = connector_of(&row)?;
    let mut errors = secrets::check(
        connector,
        OwnerKind::Connection,
        &replacement.secrets,
        &HintInput::new(),
    );
    let settings = replacement
        .settings
        .as_ref()
        .and_then(|json| collect(Settings::parse(connector, json.as_str()), &mut errors));
    let tags = replacement
        .tags
        .as_ref()
        .and_then(|tags| collect(Tags::parse(tags, "/tags"), &mut errors));
    if let Some(metadata) = &replacement.metadata {
        if !metadata.is_object() {
            errors.push(not_an_object("/metadata"));
        }
        errors.extend(too_long(metadata));
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let change = Change {
        settings,
        tags,
        metadata: replacement.metadata.clone(),
        ..Change::default()
    };
    change.apply(tx, row, &replacement.secrets, &HintInput::new())
}

fn not_an_object(pointer: &str) -> FieldError {
    FieldError::new(pointer, "not_an_object", "Expected a JSON object.")
}

fn too_long(metadata: &JsonText) -> Option<FieldError> {
    (metadata.len() > MAX_METADATA).then(|| {
        FieldError::new(
            "/metadata",
            "too_long",
            "The metadata may have up to 65536 bytes.",
        )
    })
}

pub(in crate::service) fn merge(
    target: &JsonText,
    patch: &JsonText,
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Result<Option<JsonText>> {
    if !patch.is_object() {
        errors.push(not_an_object(pointer));
        return Ok(None);
    }
    merge_patch::apply(target, patch)
        .map(Some)
        .map_err(|_| Error::Internal(format!("the stored JSON at {pointer} is damaged")))
}

/// A change whose fields have been checked.
#[derive(Default)]
#[expect(clippy::option_option, reason = "absent and removed differ")]
pub(super) struct Change {
    pub(super) name: Option<Name>,
    pub(super) external_id: Option<Option<ExternalId>>,
    pub(super) settings: Option<Settings>,
    pub(super) tags: Option<Tags>,
    pub(super) metadata: Option<JsonText>,
    pub(super) deletion_protection: Option<bool>,
}

impl Change {
    pub(super) fn apply(
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
        let all_hints = with_lost_hints(tx.conn, &row, secret_input, hints)?;
        let secrets = secrets::apply(tx, &row, secret_input, &all_hints)?;
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
            &json!({ "changed": changed(&before, &row), "version": { "before": before.version, "after": row.version }, "secrets": secret_input.keys().collect::<Vec<_>>() }),
        )?;
        ConnectionView::new(row, &secrets)
    }
}

/// A stored secret leaves only for the destination it was entered for (promise 13): whoever changes the
/// destination enters the required ones again in the same call, and what is not entered again is shredded.
pub(super) fn guard_destination(
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

pub(super) fn changed(before: &ConnectionRow, after: &ConnectionRow) -> Vec<&'static str> {
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

//! From a row to its line.

use std::borrow::Cow;

use serde_json::value::RawValue;

use std::collections::BTreeMap;

use super::{
    ConnectionLine, ContentLine, EntryLine, HoldLine, IntegrationLine, LinkLine, ModelLine,
    SecretFacts, TrashSecretLine,
};
use crate::domain::ids::EntryId;
use crate::domain::json::JsonText;
use crate::domain::kinds::RecordKind;
use crate::store::records::Record;
use crate::store::rows::{
    ConnectionRow, DependentRow, EntryRow, IntegrationRow, LinkRow, SecretRow,
};

/// Writes the line of a row, without its end. `secrets` is what is known of those of a live connection.
pub(in super::super) fn write(
    out: &mut Vec<u8>,
    record: &Record,
    secrets: &[SecretRow],
) -> serde_json::Result<()> {
    let kind = record.kind();
    match record {
        Record::Integration(row) => {
            serde_json::to_writer(out, &integration_line(kind, None, row, Some(secrets))?)
        }
        Record::TrashIntegration(entry, row) => {
            serde_json::to_writer(out, &integration_line(kind, Some(*entry), row, None)?)
        }
        Record::TrashSecret(row) => serde_json::to_writer(
            out,
            &TrashSecretLine {
                r#type: kind,
                entry_id: row.entry_id,
                owner_kind: row.owner_kind,
                owner_id: row.owner_id,
                field: row.field.as_str().into(),
                source_hint: row.source_hint.as_deref().map(Cow::from),
                set_at: row.set_at,
                set_by: row.set_by.as_str().into(),
            },
        ),
        Record::Connection(row) => {
            serde_json::to_writer(out, &connection_line(kind, None, row, Some(secrets))?)
        }
        Record::TrashConnection(entry, row) => {
            serde_json::to_writer(out, &connection_line(kind, Some(*entry), row, None)?)
        }
        Record::Model(row) => serde_json::to_writer(out, &ModelLine::of(kind, None, row)?),
        Record::TrashModel(entry, row) => {
            serde_json::to_writer(out, &ModelLine::of(kind, Some(*entry), row)?)
        }
        Record::Content(row) => serde_json::to_writer(out, &ContentLine::of(kind, None, row)?),
        Record::TrashContent(entry, row) => {
            serde_json::to_writer(out, &ContentLine::of(kind, Some(*entry), row)?)
        }
        Record::Link(row) => serde_json::to_writer(out, &link_line(kind, None, row)),
        Record::TrashLink(entry, row) => {
            serde_json::to_writer(out, &link_line(kind, Some(*entry), row))
        }
        Record::Entry(row) => serde_json::to_writer(out, &entry_line(kind, row)?),
        Record::Hold(row) => serde_json::to_writer(
            out,
            &HoldLine {
                r#type: kind,
                id: row.id,
                entry_id: row.entry_id,
                owner: row.owner.as_str().into(),
                reason: row.reason.as_str().into(),
                ends_at: row.ends_at,
                created_at: row.created_at,
            },
        ),
    }
}

fn facts(rows: &[SecretRow]) -> BTreeMap<Cow<'_, str>, SecretFacts<'_>> {
    rows.iter()
        .map(|secret| {
            let facts = SecretFacts {
                source_hint: secret.source_hint.as_deref().map(Cow::from),
                set_at: secret.set_at,
                set_by: secret.set_by.as_str().into(),
            };
            (Cow::from(secret.field.as_str()), facts)
        })
        .collect()
}

fn integration_line<'a>(
    kind: RecordKind,
    entry_id: Option<EntryId>,
    row: &'a IntegrationRow,
    secrets: Option<&'a [SecretRow]>,
) -> serde_json::Result<IntegrationLine<'a>> {
    Ok(IntegrationLine {
        r#type: kind,
        entry_id,
        id: row.id,
        key: row.key.as_str().into(),
        name: row.name.as_str().into(),
        connector: row.connector.as_str().into(),
        settings: serde_json::from_str(row.settings.as_str())?,
        deletion_protection: row.deletion_protection,
        revoke_on_delete: row.revoke_on_delete,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
        secrets: secrets.map(facts),
    })
}

fn connection_line<'a>(
    kind: RecordKind,
    entry_id: Option<EntryId>,
    row: &'a ConnectionRow,
    secrets: Option<&'a [SecretRow]>,
) -> serde_json::Result<ConnectionLine<'a>> {
    let (metadata, metadata_text) = on_one_line(&row.metadata)?;
    Ok(ConnectionLine {
        r#type: kind,
        entry_id,
        id: row.id,
        name: row.name.as_str().into(),
        connector: row.connector.as_str().into(),
        integration: row.integration.as_str().into(),
        integration_id: row.integration_id,
        external_id: row.external_id.as_deref().map(Cow::from),
        settings: serde_json::from_str(row.settings.as_str())?,
        tags: serde_json::from_str(row.tags.as_str())?,
        metadata,
        metadata_text,
        status: row.status,
        deletion_protection: row.deletion_protection,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
        secrets: secrets.map(facts),
    })
}

fn link_line(kind: RecordKind, entry_id: Option<EntryId>, row: &LinkRow) -> LinkLine {
    LinkLine {
        r#type: kind,
        entry_id,
        from_id: row.from_id,
        to_id: row.to_id,
        created_at: row.created_at,
    }
}

fn entry_line(kind: RecordKind, row: &EntryRow) -> serde_json::Result<EntryLine<'_>> {
    Ok(EntryLine {
        r#type: kind,
        id: row.id,
        state: row.state,
        root_kind: row.root_kind,
        root_id: row.root_id,
        root_name: row.root_name.as_str().into(),
        root_external_id: row.root_external_id.as_deref().map(Cow::from),
        connector: row.connector.as_str().into(),
        integration: row.integration.as_str().into(),
        connection_id: row.connection_id,
        model_id: row.model_id,
        deleted_at: row.deleted_at,
        deleted_by: row.deleted_by.as_str().into(),
        deleted_by_name: row.deleted_by_name.as_deref().map(Cow::from),
        reason: row.reason.as_deref().map(Cow::from),
        purge_at: row.purge_at,
        purge_protected: row.purge_protected,
        connections_count: row.connections_count,
        models_count: row.models_count,
        content_count: row.content_count,
        links_count: row.links_count,
        references_count: row.references_count,
        secret_shape: serde_json::from_str(row.secret_shape.as_str())?,
        secrets_shredded: row.secrets_shredded,
        shredded_at: row.shredded_at,
        erased_at: row.erased_at,
        closed_at: row.closed_at,
        closed_by: row.closed_by.as_deref().map(Cow::from),
        closed_by_name: row.closed_by_name.as_deref().map(Cow::from),
    })
}

/// JSON as it stands if it is on one line, else as text: line breaks between its tokens are part of it. `null` too,
/// which as a member would read as none.
fn on_one_line(json: &JsonText) -> serde_json::Result<(Option<&RawValue>, Option<Cow<'_, str>>)> {
    let text = json.as_str();
    if text.contains(['\n', '\r']) || text == "null" {
        return Ok((None, Some(text.into())));
    }
    serde_json::from_str(text).map(|raw| (Some(raw), None))
}

macro_rules! dependent_line {
    ($line:ident, $parent:ident) => {
        impl<'a> $line<'a> {
            fn of(
                kind: RecordKind,
                entry_id: Option<EntryId>,
                row: &'a DependentRow,
            ) -> serde_json::Result<Self> {
                let (body, body_text) = on_one_line(&row.body)?;
                Ok(Self {
                    r#type: kind,
                    entry_id,
                    id: row.id,
                    connection_id: row.connection_id,
                    $parent: row.parent,
                    name: row.name.as_str().into(),
                    kind: row.kind.as_str().into(),
                    external_id: row.external_id.as_deref().map(Cow::from),
                    body,
                    body_text,
                    deletion_protection: row.deletion_protection,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    version: row.version,
                })
            }
        }
    };
}

dependent_line!(ModelLine, base_model_id);
dependent_line!(ContentLine, model_id);

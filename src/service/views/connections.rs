//! Connections and integrations, and what is known of their secrets.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::error::{Error, Result};
use crate::connectors::{self, Connector, SecretField};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, IntegrationId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{OwnerKind, Revocation, Status};
use crate::store::Conn;
use crate::store::rows::{ConnectionRow, IntegrationRow, SecretRow, ShreddedRow};

/// What is known of one secret; never the value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecretView {
    /// What people call it.
    pub label: String,
    /// Whether the connection can't be used without it.
    pub required: bool,
    /// Whether a value is stored.
    pub set: bool,
    /// When it was last entered.
    pub last_set_at: Option<Ts>,
    /// By whom.
    pub last_set_by: Option<String>,
    /// Where its owner keeps it, say a vault path.
    pub source_hint: Option<String>,
}

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionView {
    /// Its id.
    pub id: ConnectionId,
    /// Its name, unique within its integration.
    pub name: String,
    /// The kind of system.
    pub connector: String,
    /// The key of its integration; the connector's key without one.
    pub integration: String,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// What its connector declares.
    #[schema(value_type = Object)]
    pub settings: JsonText,
    /// Words to find it by.
    #[schema(value_type = BTreeMap<String, String>)]
    pub tags: JsonText,
    /// The caller's own JSON object.
    #[schema(value_type = Object)]
    pub metadata: JsonText,
    /// Whether it can be used.
    pub status: Status,
    /// The secrets its connector declares.
    pub secrets: BTreeMap<String, SecretView>,
    /// Whether no deletion may take it.
    pub deletion_protection: bool,
    /// The last test.
    #[schema(value_type = Option<Object>)]
    pub last_test: Option<JsonText>,
    /// In the trash: what became of its credentials at the source, if its connector has a way to revoke them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
    /// The same in a sentence that says what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_detail: Option<String>,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl ConnectionView {
    /// The view of a row, with what is known of its secrets.
    pub fn new(row: ConnectionRow, secrets: &[SecretRow]) -> Result<Self> {
        let connector = connector_of(&row)?;
        Ok(Self {
            id: row.id,
            name: row.name,
            integration: row.integration,
            external_id: row.external_id,
            settings: row.settings,
            tags: row.tags,
            metadata: row.metadata,
            status: row.status,
            secrets: secret_views(connector, secrets),
            connector: row.connector,
            deletion_protection: row.deletion_protection,
            last_test: row.last_test,
            revocation: None,
            revocation_detail: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }

    /// Reads the secrets' facts and makes the view.
    pub fn load(conn: &mut Conn, row: ConnectionRow) -> Result<Self> {
        let secrets = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
        Self::new(row, &secrets)
    }
}

/// The connector of a stored connection: one that the catalogue no longer has is a bug of an upgrade.
pub(in crate::service) fn connector_of(row: &ConnectionRow) -> Result<&'static Connector> {
    connectors::find(&row.connector).ok_or_else(|| {
        Error::Internal(format!(
            "connection {} has the unknown connector {}",
            row.id, row.connector
        ))
    })
}

/// An integration.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntegrationView {
    /// Its id.
    pub id: IntegrationId,
    /// Its key, unique in the organization: how connections and paths name it.
    pub key: String,
    /// A name to show.
    pub name: String,
    /// The kind of system.
    pub connector: String,
    /// What all its connections have in common, of what its connector declares.
    #[schema(value_type = Object)]
    pub settings: JsonText,
    /// Its own secrets, say those of an OAuth client; none of them is required.
    pub secrets: BTreeMap<String, SecretView>,
    /// Whether no deletion may take it.
    pub deletion_protection: bool,
    /// Whether deleting it, or a connection of it, revokes the credentials at the source.
    pub revoke_on_delete: bool,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl IntegrationView {
    /// The view of a row, with what is known of its secrets.
    pub fn new(row: IntegrationRow, secrets: &[SecretRow]) -> Result<Self> {
        let connector = connector_named(&row.connector)?;
        Ok(Self {
            id: row.id,
            key: row.key,
            name: row.name,
            settings: row.settings,
            secrets: integration_secret_views(connector, secrets),
            connector: row.connector,
            deletion_protection: row.deletion_protection,
            revoke_on_delete: row.revoke_on_delete,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }

    /// Reads the secrets' facts and makes the view.
    pub fn load(conn: &mut Conn, row: IntegrationRow) -> Result<Self> {
        let secrets = conn.secrets_of(row.org_id, OwnerKind::Integration, row.id.into())?;
        Self::new(row, &secrets)
    }
}

/// The connector of what is stored: one that the catalogue no longer has is a bug of an upgrade.
pub(in crate::service) fn connector_named(key: &str) -> Result<&'static Connector> {
    connectors::find(key)
        .ok_or_else(|| Error::Internal(format!("a stored row has the unknown connector {key}")))
}

/// The secrets an integration can have: what its connections need, it may have, and none is required of it.
pub(in crate::service) fn integration_secret_views(
    connector: &Connector,
    rows: &[SecretRow],
) -> BTreeMap<String, SecretView> {
    let mut views = views_of(connector, connector.secret_fields().iter(), rows);
    for view in views.values_mut() {
        view.required = false;
    }
    views
}

/// The secrets that a connection in the trash had, as far as they are known.
pub(in crate::service) fn shredded_views(
    connector: &Connector,
    rows: &[&ShreddedRow],
) -> BTreeMap<String, SecretView> {
    let mut views = secret_views(connector, &[]);
    for row in rows {
        let Some(field) = connector.secret_field(&row.field) else {
            continue;
        };
        let view = views.entry(row.field.clone()).or_insert(SecretView {
            label: field.label.clone(),
            required: field.required,
            set: false,
            last_set_at: None,
            last_set_by: None,
            source_hint: None,
        });
        view.last_set_at = Some(row.set_at);
        view.last_set_by = Some(row.set_by.clone());
        view.source_hint.clone_from(&row.source_hint);
    }
    views
}

/// The declared secrets of a connection, those that are set and those that are not; `extra` only when it is set.
pub(in crate::service) fn secret_views(
    connector: &Connector,
    rows: &[SecretRow],
) -> BTreeMap<String, SecretView> {
    views_of(connector, connector.secrets_of_connections(), rows)
}

fn views_of<'a>(
    connector: &Connector,
    fields: impl Iterator<Item = &'a SecretField>,
    rows: &[SecretRow],
) -> BTreeMap<String, SecretView> {
    let present = rows.iter().map(|row| row.field.clone()).collect();
    let missing: Vec<&str> = connector
        .missing_secrets(&present)
        .into_iter()
        .map(|field| field.key.as_str())
        .collect();
    fields
        .filter_map(|field| {
            let row = rows.iter().find(|row| row.field == field.key);
            if row.is_none() && field.key == connectors::EXTRA {
                return None;
            }
            let view = SecretView {
                label: field.label.clone(),
                required: field.required || missing.contains(&field.key.as_str()),
                set: row.is_some(),
                last_set_at: row.map(|row| row.set_at),
                last_set_by: row.map(|row| row.set_by.clone()),
                source_hint: row.and_then(|row| row.source_hint.clone()),
            };
            Some((field.key.clone(), view))
        })
        .collect()
}

/// The required secrets that are not set.
pub(in crate::service) fn missing_secrets(
    connector: &Connector,
    rows: &[SecretRow],
) -> Vec<String> {
    let present = rows.iter().map(|row| row.field.clone()).collect();
    connector
        .missing_secrets(&present)
        .into_iter()
        .map(|field| field.key.clone())
        .collect()
}

//! What a caller sends to create or change a connection, and its checks.

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::error::Result;
use super::super::integrations;
use super::super::secrets::{self, HintInput, SecretInput};
use crate::connectors::{self, Connector, Settings};
use crate::domain::FieldError;
use crate::domain::ids::IntegrationId;
use crate::domain::json::JsonText;
use crate::domain::kinds::{OnTrashed, OwnerKind};
use crate::domain::merge_patch::{double_option, not_null};
use crate::domain::tags::Tags;
use crate::domain::text::{ExternalId, Name};
use crate::store::Conn;
use crate::store::rows::ConnectionRow;

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

pub(super) fn collect<T>(
    result: std::result::Result<T, Vec<FieldError>>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    result.map_err(|found| errors.extend(found)).ok()
}

/// A new connection whose fields have been checked.
pub(super) struct Draft {
    pub(super) name: Name,
    pub(super) connector: &'static Connector,
    pub(super) integration: String,
    pub(super) integration_id: Option<IntegrationId>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) settings: Settings,
    pub(super) tags: Tags,
}

impl Draft {
    /// Checks what was sent; an upsert that sends no settings keeps those that are `stored`.
    pub(super) fn parse(
        conn: &mut Conn,
        caller: &Caller,
        new: &NewConnection,
        stored: Option<&ConnectionRow>,
    ) -> Result<Self> {
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
        let integration = new.integration.as_ref().unwrap_or(&new.connector);
        let mut integration_id = None;
        if let Some(connector) = connector {
            match integrations::home(conn, caller, integration, connector)? {
                Ok(home) => integration_id = home,
                Err(error) => errors.push(error),
            }
        }
        let no_object = JsonText::empty_object();
        let settings = connector.and_then(|connector| {
            let kept = stored.map_or(&no_object, |row| &row.settings);
            let json = new.settings.as_ref().unwrap_or(kept);
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
            errors.extend(secrets::check(
                connector,
                OwnerKind::Connection,
                &new.secrets,
                &new.source_hints,
            ));
        }
        match (name, connector, settings, tags) {
            (Some(name), Some(connector), Some(settings), Some(tags)) if errors.is_empty() => {
                Ok(Self {
                    name,
                    connector,
                    integration: integration.clone(),
                    integration_id,
                    external_id,
                    settings,
                    tags,
                })
            }
            _ => Err(errors.into()),
        }
    }
}

//! What a caller sends to create or change an integration, and its checks.

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::error::Result;
use super::super::secrets::{self, HintInput, SecretInput};
use crate::connectors::{self, Connector, Settings};
use crate::domain::FieldError;
use crate::domain::json::JsonText;
use crate::domain::kinds::OwnerKind;
use crate::domain::merge_patch::not_null;
use crate::domain::text::{IntegrationKey, Name};

/// An integration to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIntegration {
    /// Its key, unique in the organization; it can't be changed. One that is a connector's key as well can only be
    /// given to an integration of that connector: connections made without an integration belong to it from then on.
    pub key: String,
    /// A name to show; the key without one.
    pub name: Option<String>,
    /// The kind of system; see `GET /v1/connectors`.
    pub connector: String,
    /// What all its connections have in common, of what the connector declares. Connections do not inherit it.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<JsonText>,
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
    /// Whether deleting it, or a connection of it, revokes the credentials at the source. `false` if others use them too.
    #[serde(default = "yes")]
    pub revoke_on_delete: bool,
}

fn yes() -> bool {
    true
}

/// A merge patch (RFC 7396) of an integration.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// Settings to change; `null` removes one. A new destination needs the secrets in the same call.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<JsonText>,
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
    /// Whether deleting it, or a connection of it, revokes the credentials at the source.
    #[serde(default, deserialize_with = "not_null")]
    pub revoke_on_delete: Option<bool>,
}

/// A new integration whose fields have been checked.
pub(super) struct Draft {
    pub(super) key: IntegrationKey,
    pub(super) name: Name,
    pub(super) connector: &'static Connector,
    pub(super) settings: Settings,
}

impl Draft {
    pub(super) fn parse(new: &NewIntegration) -> Result<Self> {
        let mut errors = Vec::new();
        let key = IntegrationKey::parse(&new.key)
            .map_err(|problem| errors.push(problem.at("/key")))
            .ok();
        let connector = connectors::find(&new.connector);
        if connector.is_none() {
            errors.push(FieldError::new(
                "/connector",
                "unknown_connector",
                "There is no such connector; see GET /v1/connectors.",
            ));
        }
        if let Err(error) = fits(&new.key, &new.connector) {
            errors.push(error);
        }
        // The name goes by the key if there is none; what is wrong with the key is said once.
        let name = Name::parse(new.name.as_deref().unwrap_or(&new.key))
            .map_err(|problem| {
                if new.name.is_some() {
                    errors.push(problem.at("/name"));
                }
            })
            .ok();
        let no_object = JsonText::empty_object();
        let settings = connector.and_then(|connector| {
            let json = new.settings.as_ref().unwrap_or(&no_object);
            Settings::parse_partial(connector, json.as_str())
                .map_err(|found| errors.extend(found))
                .ok()
        });
        if let Some(connector) = connector {
            errors.extend(secrets::check(
                connector,
                OwnerKind::Integration,
                &new.secrets,
                &new.source_hints,
            ));
        }
        match (key, name, connector, settings) {
            (Some(key), Some(name), Some(connector), Some(settings)) if errors.is_empty() => {
                Ok(Self {
                    key,
                    name,
                    connector,
                    settings,
                })
            }
            _ => Err(errors.into()),
        }
    }
}

/// Refuses the key of another connector: connections without an integration go by their connector's.
pub(in crate::service) fn fits(key: &str, connector: &str) -> std::result::Result<(), FieldError> {
    if key == connector || connectors::find(key).is_none() {
        return Ok(());
    }
    Err(FieldError::new(
        "/key",
        "reserved",
        "This is the key of another connector.",
    ))
}

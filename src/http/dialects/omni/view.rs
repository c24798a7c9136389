//! Connections as Omni shows them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::fields::{Kind, OMNI};
use crate::domain::clock::Ts;
use crate::domain::ids::ConnectionId;
use crate::service::error::{Error, Result};
use crate::store::rows::ConnectionRow;

/// A connection as Omni shows it: always all 14 keys, since its Python client raises an error where one is missing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection {
    id: ConnectionId,
    pub(super) name: String,
    /// The key of its connector.
    pub(super) dialect: String,
    pub(super) database: Option<String>,
    default_schema: Option<String>,
    base_role: Option<String>,
    created_at: Ts,
    updated_at: Ts,
    /// When it was deleted, if it is in the trash.
    deleted_at: Option<Ts>,
    allow_branch_connection_environments: Option<bool>,
    branch_connection_environment_overrides_user_attr: Option<bool>,
    environment_connection_switches_schema_model: Option<bool>,
    user_attribute_name_for_connection_environments: Option<String>,
    user_attribute_values_for_default_environment: Option<Vec<String>>,
}

impl Connection {
    /// Of a row, live or in the trash.
    pub(super) fn of(row: ConnectionRow, deleted_at: Option<Ts>) -> Result<Self> {
        let damaged = |_| Error::Internal(format!("connection {} has damaged stored JSON", row.id));
        let settings: Value = serde_json::from_str(row.settings.as_str()).map_err(damaged)?;
        let metadata: Value = serde_json::from_str(row.metadata.as_str()).map_err(damaged)?;
        // Whoever may write metadata may have put anything there: what does not fit is null.
        let kept = metadata.get(OMNI).cloned().unwrap_or_else(|| json!({}));
        let kind = Kind::find(&row.connector);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let field = |field: &str| match kind.and_then(|kind| kind.ours(field)) {
            Some(ours) => text(settings.get(ours)),
            None => text(kept.get(field)).or_else(|| text(settings.get(field))),
        };
        let flag = |field: &str| kept.get(field).and_then(Value::as_bool);
        let environment = kept.get("environmentUserAttribute");
        let values = environment.and_then(|it| it.get("defaultValues")?.as_array());
        Ok(Self {
            database: field("database"),
            default_schema: field("defaultSchema"),
            base_role: text(kept.get("baseRole")),
            allow_branch_connection_environments: flag("allowBranchConnectionEnvironments"),
            branch_connection_environment_overrides_user_attr: flag(
                "allowBranchConnectionEnvironments",
            ),
            environment_connection_switches_schema_model: flag(
                "environmentConnectionSwitchesSchemaModel",
            ),
            user_attribute_name_for_connection_environments: text(
                environment.and_then(|it| it.get("attributeName")),
            ),
            user_attribute_values_for_default_environment: values.map(|values| {
                let texts = values.iter().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            }),
            id: row.id,
            name: row.name,
            dialect: row.connector,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted_at,
        })
    }
}

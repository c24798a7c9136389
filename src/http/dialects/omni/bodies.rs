//! What requests about connections bring, and what it is in our words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Refusal;
use super::fields::{Kind, OMNI, Secrets};
use crate::connectors::is_url;
use crate::domain::json::JsonText;
use crate::domain::merge_patch::double_option;
use crate::secrets::value::SecretValue;
use crate::service::connections::NewConnection;
use crate::service::error::{Error, Result as ServiceResult};

/// A connection to create. Everything that is neither a setting of the connector nor a secret is kept with it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewOmniConnection {
    #[serde(skip_serializing)]
    dialect: String,
    #[serde(skip_serializing)]
    name: String,
    /// Of `BigQuery` the JSON of the service account. May be left out for a Snowflake key pair.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    password_unencrypted: Option<SecretValue>,
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    private_key: Option<SecretValue>,
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    oauth_client_secret_unencrypted: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_schemas: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_other_catalogs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scratch_schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_billing_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_timezone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_timezone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_oauth_audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_oauth_authorization_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_oauth_token_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wif_audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wif_service_account_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_timeout_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allows_user_specific_timezones: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    always_scope_view_names: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_server_certificate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts_license: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    infer_relationships_from_column_names: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    infer_relationships_from_foreign_keys: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_db_semantic_layer_integration: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_db_semantic_layer_topics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_machine_auth: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offloaded_schemas: Option<OneOrMore>,
}

/// A comma list, or a list.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// What can be changed of a connection: one of these at least.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent and null differ")]
pub(super) struct OmniPatch {
    base_role: Option<String>,
    /// `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<EnvironmentUserAttribute>)]
    environment_user_attribute: Option<Option<EnvironmentUserAttribute>>,
    #[schema(value_type = Option<String>)]
    pub(super) password_unencrypted: Option<SecretValue>,
    #[schema(value_type = Option<String>)]
    pub(super) private_key: Option<SecretValue>,
}

/// The user attribute that chooses the environment.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvironmentUserAttribute {
    attribute_name: String,
    /// Required, but may be null.
    #[serde(deserialize_with = "Option::deserialize")]
    default_values: Option<Vec<String>>,
}

/// How to restore; may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OmniRestore {
    /// Another name, where the old one is taken.
    pub(super) name: Option<String>,
}

/// The row of the table, and the connection in our words or what is wrong with it.
type Ours = (&'static Kind, ServiceResult<NewConnection>);

/// What the service is to create.
pub(super) fn of_body(mut body: NewOmniConnection) -> Result<Ours, Refusal> {
    let Some(kind) = Kind::find(&body.dialect) else {
        return Err(Refusal::bad("dialect", "Invalid enum value"));
    };
    if body.host.is_some() && body.host_override.is_some() {
        return Err(Refusal::bad("hostOverride", "Excludes host"));
    }
    if body
        .query_timeout_seconds
        .is_some_and(|seconds| !(1..=3_600).contains(&seconds))
    {
        return Err(Refusal::bad(
            "queryTimeoutSeconds",
            "Must be from 1 to 3600",
        ));
    }
    for (name, url) in [
        (
            "externalOauthAuthorizationUrl",
            &body.external_oauth_authorization_url,
        ),
        ("externalOauthTokenUrl", &body.external_oauth_token_url),
    ] {
        let wrong = |url: &str| !url.starts_with("https://") || url.contains('@') || !is_url(url);
        if url.as_deref().is_some_and(wrong) {
            return Err(Refusal::bad(name, "Must be an https URL"));
        }
    }
    let key_pair = kind.key == "snowflake" && body.private_key.is_some();
    if body.password_unencrypted.is_none() && !key_pair {
        return Err(Refusal::bad("passwordUnencrypted", "Required"));
    }
    let secrets = Secrets {
        password: body.password_unencrypted.take(),
        private_key: body.private_key.take(),
        oauth: body.oauth_client_secret_unencrypted.take(),
    };
    Ok((kind, ours(kind, &body, secrets)))
}

fn ours(kind: &Kind, body: &NewOmniConnection, secrets: Secrets) -> ServiceResult<NewConnection> {
    let Ok(Value::Object(given)) = serde_json::to_value(body) else {
        return Err(Error::Internal(
            "a create body is no JSON object".to_owned(),
        ));
    };
    let (mut settings, kept) = kind.part(given);
    kind.default_project(&mut settings, secrets.password.as_ref());
    let metadata = if kept.is_empty() {
        Value::Object(serde_json::Map::new())
    } else {
        serde_json::json!({ OMNI: kept })
    };
    Ok(NewConnection {
        name: Some(body.name.clone()),
        connector: kind.key.to_owned(),
        integration: None,
        external_id: None,
        settings: Some(JsonText::from_trusted(Value::Object(settings).to_string())),
        tags: None,
        metadata: Some(JsonText::from_trusted(metadata.to_string())),
        secrets: kind.secrets(secrets)?,
        source_hints: BTreeMap::new(),
        deletion_protection: false,
        on_trashed: None,
    })
}

/// What a patch changes of what is kept with the connection, as a merge patch.
pub(super) fn kept(body: &OmniPatch) -> serde_json::Map<String, Value> {
    let mut kept = serde_json::Map::new();
    if let Some(role) = &body.base_role {
        kept.insert("baseRole".to_owned(), role.as_str().into());
    }
    if let Some(attribute) = &body.environment_user_attribute {
        let value = attribute.as_ref().map_or(Value::Null, |attribute| {
            serde_json::json!({ "attributeName": attribute.attribute_name, "defaultValues": attribute.default_values })
        });
        kept.insert("environmentUserAttribute".to_owned(), value);
    }
    kept
}

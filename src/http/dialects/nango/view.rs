//! Connections as clients of Nango see them.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use super::credentials::Members;
use super::providers;
use super::tags::{self, EndUser};
use crate::connectors::{self, EXTRA};
use crate::domain::clock::Ts;
use crate::domain::ids::ConnectionId;
use crate::domain::json::JsonText;
use crate::domain::kinds::Status;
use crate::service::caller::Caller;
use crate::service::error::Result;
use crate::service::integrations;
use crate::service::secrets::{Plain, SecretsView};
use crate::service::views::{ConnectionView, IntegrationView};
use crate::store::Conn;

/// What stands in the way of using a connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trouble {
    r#type: &'static str,
    /// The connection's id in `/v1`, by which its audit records are found.
    log_id: String,
}

/// What all answers say of a connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Common {
    /// A number made of the connection's id in `/v1`.
    id: u64,
    /// Its external id, else its id in `/v1`.
    connection_id: String,
    /// The key of its integration.
    provider_config_key: String,
    /// Whose API it is.
    provider: String,
    /// Why it can't be used, if it can't.
    errors: Vec<Trouble>,
    end_user: Option<EndUser>,
    #[schema(value_type = BTreeMap<String, String>)]
    tags: JsonText,
    #[schema(value_type = Object)]
    metadata: JsonText,
}

/// A connection in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listed {
    #[serde(flatten)]
    common: Common,
    /// When it was made.
    created: String,
}

/// A connection by itself.
#[derive(Serialize, ToSchema)]
pub(super) struct Full {
    #[serde(flatten)]
    common: Common,
    /// Settings; to those who may read credentials also what is kept as a secret because nobody declared it.
    #[schema(value_type = Object)]
    connection_config: Members,
    /// Always null: webhooks have no address of a connection's own.
    webhook_url_override: Option<String>,
    created_at: String,
    updated_at: String,
    /// Always null: it is in the audit records.
    last_fetched_at: Option<String>,
    /// By `type`; `{}` for those who may not read them.
    #[schema(value_type = Object)]
    credentials: Members,
}

/// The providers of connections, each integration looked up once.
#[derive(Default)]
pub(super) struct Providers(BTreeMap<String, String>);

impl Providers {
    fn of(&mut self, conn: &mut Conn, caller: &Caller, view: &ConnectionView) -> Result<String> {
        if let Some(name) = self.0.get(&view.integration) {
            return Ok(name.clone());
        }
        let declared =
            connectors::find(&view.connector).is_some_and(|connector| connector.declares(PROVIDER));
        // Without an integration it has the connector's key.
        let integration = declared
            .then(|| integrations::get(conn, &caller.deleting(), &view.integration))
            .and_then(Result::ok);
        let name = match integration {
            Some(integration) => provider_of(&integration)?,
            None => view.connector.clone(),
        };
        self.0.insert(view.integration.clone(), name.clone());
        Ok(name)
    }
}

/// The setting in which an integration has its provider.
pub(super) const PROVIDER: &str = "provider";

/// Whose API an integration is of.
pub(super) fn provider_of(integration: &IntegrationView) -> Result<String> {
    let settings = super::credentials::object(integration.settings.as_str())?;
    let named = settings
        .get(PROVIDER)
        .and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    Ok(named.unwrap_or_else(|| integration.connector.clone()))
}

impl Common {
    fn of(
        conn: &mut Conn,
        caller: &Caller,
        view: &ConnectionView,
        known: &mut Providers,
    ) -> Result<Self> {
        let broken = matches!(view.status, Status::NeedsCredentials | Status::Failing);
        let trouble = broken.then(|| Trouble {
            r#type: "auth",
            log_id: view.id.to_string(),
        });
        Ok(Self {
            id: number(view.id),
            connection_id: called(view),
            provider_config_key: view.integration.clone(),
            provider: known.of(conn, caller, view)?,
            errors: trouble.into_iter().collect(),
            end_user: EndUser::of(tags::stored(&view.tags)?),
            tags: view.tags.clone(),
            metadata: view.metadata.clone(),
        })
    }
}

impl Listed {
    /// A connection of a list.
    pub(super) fn of(
        conn: &mut Conn,
        caller: &Caller,
        view: &ConnectionView,
        known: &mut Providers,
    ) -> Result<Self> {
        Ok(Self {
            common: Common::of(conn, caller, view, known)?,
            created: view
                .created_at
                .utc()
                .to_rfc3339_opts(SecondsFormat::Millis, true),
        })
    }
}

impl Full {
    /// A connection with its credentials, if they were read.
    pub(super) fn of(
        conn: &mut Conn,
        caller: &Caller,
        view: &ConnectionView,
        secrets: Option<&SecretsView>,
        refresh_tokens: bool,
    ) -> Result<Self> {
        let common = Common::of(conn, caller, view, &mut Providers::default())?;
        let form = providers::form(&view.connector);
        let extra = secrets
            .and_then(|secrets| secrets.secrets.get(EXTRA))
            .map(Plain::expose);
        let config = match form {
            Some(form) => form.config(&view.settings, extra)?,
            None => super::credentials::object(view.settings.as_str())?,
        };
        let credentials = match (form, secrets) {
            (Some(form), Some(secrets)) => form.show(secrets, &view.settings, refresh_tokens)?,
            _ => Members::new(),
        };
        Ok(Self {
            common,
            connection_config: config,
            webhook_url_override: None,
            created_at: moment(view.created_at),
            updated_at: moment(view.updated_at),
            last_fetched_at: None,
            credentials,
        })
    }
}

/// What a connection is called here: its external id, else its id in `/v1`.
pub(super) fn called(view: &ConnectionView) -> String {
    let own = view.external_id.clone();
    own.unwrap_or_else(|| view.id.to_string())
}

fn moment(at: Ts) -> String {
    at.utc().to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// Clients have ids for numbers: one that every client can hold (53 bits), made of ours. Nothing takes it.
fn number(id: ConnectionId) -> u64 {
    const BITS: u128 = (1 << 53) - 1;
    u64::try_from(id.0.as_u128() & BITS).unwrap_or_default()
}

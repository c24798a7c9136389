//! `/integrations`: connectors of ours configured under a key, each of a provider.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::SecondsFormat;
use serde::Serialize;
use utoipa::ToSchema;

use super::connections::Success;
use super::credentials::{Members, raw_text};
use super::input::{Faults, Object, PROVIDER, PROVIDER_CONFIG_KEY, Query, part};
use super::integration_bodies::{FORWARD, Said, of_integration};
use super::providers::{self, AuthMode};
use super::refusal::StdError;
use super::schemas::{IntegrationBody, IntegrationPatchBody};
use super::sessions::key_or_session;
use super::view::{self, provider_of};
use super::{BODY, Nango, Refusal, needs};
use crate::connectors;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::scopes::Scope;
use crate::http::dialects::{Guest, Stop};
use crate::service::caller::Caller;
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::impact::Target;
use crate::service::integrations::{self, IntegrationPatch, NewIntegration};
use crate::service::pages::PageQuery;
use crate::service::secrets::SecretsView;
use crate::service::views::IntegrationView;
use crate::store::Conn;

/// How many integrations are read at once.
const LARGEST_PAGE: i64 = 200;

/// An integration as clients of Nango see it.
#[derive(Serialize, ToSchema)]
pub(super) struct Integration {
    unique_key: String,
    provider: String,
    display_name: String,
    /// Always empty: there are no pictures.
    logo: &'static str,
    /// What was said; nothing is forwarded.
    forward_webhooks: bool,
    created_at: String,
    updated_at: String,
}

/// One thing.
#[derive(Serialize, ToSchema)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

impl Integration {
    /// What all answers say of an integration.
    pub(super) fn of(view: &IntegrationView) -> ServiceResult<Self> {
        let settings = super::credentials::object(view.settings.as_str())?;
        let forward = settings
            .get(FORWARD)
            .is_none_or(|value| value.get() == "true");
        Ok(Self {
            unique_key: view.key.clone(),
            provider: provider_of(view)?,
            display_name: view.name.clone(),
            logo: "",
            forward_webhooks: forward,
            created_at: moment(view.created_at),
            updated_at: moment(view.updated_at),
        })
    }
}

fn moment(at: Ts) -> String {
    at.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Creates an integration of a provider.
#[utoipa::path(
    operation_id = "createIntegration", tag = "integrations", request_body = IntegrationBody,
    responses(
        (status = 200, body = Data<Integration>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[post("/integrations")]
pub(super) async fn create_integration(
    guest: Guest<Nango, needs::CreateIntegration>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    let named = body.needed("provider", PROVIDER, &mut faults);
    let key = body.needed("unique_key", PROVIDER_CONFIG_KEY, &mut faults);
    let provider = named.and_then(|name| {
        let provider = providers::find(&name);
        if provider.is_none() {
            faults.add("custom", "Invalid provider", &["provider".to_owned()]);
        }
        provider
    });
    let Some((provider, connector)) = provider.and_then(|it| Some((it, it.connector()?))) else {
        faults.refuse("invalid_body")?;
        return Err(Refusal::invalid_body("The provider can't be used."));
    };
    let mut said = Said::take(&mut body, connector, provider.auth_mode(), &mut faults);
    body.end(&mut faults);
    faults.refuse("invalid_body")?;
    if connector.declares(view::PROVIDER) {
        let name = raw_text(&provider.name).map_err(|error| guest.refuse(&error))?;
        said.settings.insert(view::PROVIDER.to_owned(), name);
    }
    let key = key.unwrap_or_default();
    let name = said.name.clone();
    let name = name.unwrap_or_else(|| provider.display_name.clone());
    let connector = connector.key.clone();
    let made = guest
        .write(move |tx| {
            let new = NewIntegration {
                key: key.clone(),
                name: Some(name.clone()),
                connector: connector.clone(),
                settings: Some(said.settings_json()?),
                secrets: said.secrets(),
                source_hints: BTreeMap::new(),
                deletion_protection: false,
                revoke_on_delete: true,
            };
            match integrations::create(tx, &new) {
                Ok(view) => Ok(Integration::of(&view)?),
                Err(error) => Err(taken(error)),
            }
        })
        .await?;
    Ok(HttpResponse::Ok().json(Data { data: made }))
}

/// A key that is taken is a fault of the body.
fn taken(error: Error) -> Stop<Refusal> {
    match &error {
        Error::Problem(problem) if problem.code == Code::ExternalIdTaken => {
            let mut faults = Faults::default();
            faults.add(
                "custom",
                "Unique key already exists",
                &["unique_key".to_owned()],
            );
            match faults.refuse("invalid_body") {
                Err(refusal) => Stop::Wire(refusal),
                Ok(()) => error.into(),
            }
        }
        _ => error.into(),
    }
}

/// All live integrations, by key.
#[utoipa::path(
    operation_id = "listIntegrations", tag = "integrations",
    responses(
        (status = 200, body = Data<Vec<Integration>>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []), ("connectSession" = []))
)]
#[get("/integrations")]
pub(super) async fn list_integrations(
    guest: Guest<Nango, needs::ListIntegrations>,
) -> Result<HttpResponse, Refusal> {
    let (guest, allowed) = key_or_session(guest).await?;
    Query::none(guest.request())?;
    let mut data = guest.read(|conn, caller| Ok(all(conn, caller)?)).await?;
    if let Some(allowed) = allowed {
        data.retain(|integration| allowed.contains(&integration.unique_key));
    }
    Ok(HttpResponse::Ok().json(Data { data }))
}

/// All live integrations, by key.
pub(super) fn all(conn: &mut Conn, caller: &Caller) -> ServiceResult<Vec<Integration>> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = PageQuery::new(Some(LARGEST_PAGE), token)?;
        let page = integrations::list(conn, caller, None, &page)?;
        for view in &page.data {
            found.push(Integration::of(view)?);
        }
        token = page.next_page_token;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Reads an integration, with its credentials if that is asked for by somebody who may read them.
#[utoipa::path(
    operation_id = "getIntegration", tag = "integrations",
    params(
        ("uniqueKey" = String, Path, description = "Its key"),
        ("include" = Option<Vec<String>>, Query, description = "webhook, credentials"),
    ),
    responses(
        (status = 200, body = Data<Whole>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[get("/integrations/{uniqueKey}")]
pub(super) async fn get_integration(
    guest: Guest<Nango, needs::ReadIntegration>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let key = part(guest.request(), "uniqueKey", PROVIDER_CONFIG_KEY)?;
    let mut query = Query::of(guest.request());
    let (mut webhook, mut credentials) = (false, false);
    for (index, what) in query.several("include").into_iter().enumerate() {
        match what.as_str() {
            "webhook" => webhook = true,
            "credentials" => credentials = true,
            _ => query.faults().add(
                "invalid_value",
                "Invalid option: expected one of \"webhook\"|\"credentials\"",
                &["include".to_owned(), index.to_string()],
            ),
        }
    }
    query.end()?;
    let read = if credentials && guest.may(Scope::SecretsRead) {
        guest.closing();
        guest
            .write(move |tx| {
                let view = integrations::get(tx.conn, tx.caller, &key)?;
                let secrets = integrations::read_secrets(tx, &key)?;
                Ok(Whole::of(&view, webhook, Some(&secrets))?)
            })
            .await?
    } else {
        guest
            .read(move |conn, caller| {
                let view = integrations::get(conn, caller, &key)?;
                Ok(Whole::of(&view, webhook, None)?)
            })
            .await?
    };
    Ok(HttpResponse::Ok().json(Data { data: read }))
}

/// An integration with what was asked for.
#[expect(clippy::option_option, reason = "left out and null differ")]
#[derive(Serialize, ToSchema)]
pub(super) struct Whole {
    #[serde(flatten)]
    common: Integration,
    /// Always null: there is no address for webhooks of providers. Only if it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    webhook_url: Option<()>,
    /// By `type`; null if none are kept. Only if they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    credentials: Option<Option<Members>>,
}

impl Whole {
    fn of(
        view: &IntegrationView,
        webhook: bool,
        secrets: Option<&SecretsView>,
    ) -> ServiceResult<Self> {
        Ok(Self {
            common: Integration::of(view)?,
            webhook_url: webhook.then_some(()),
            credentials: secrets
                .map(|secrets| credentials(view, secrets))
                .transpose()?,
        })
    }
}

/// The credentials of an integration, if it has any.
fn credentials(view: &IntegrationView, secrets: &SecretsView) -> ServiceResult<Option<Members>> {
    let Some(form) = providers::form(&view.connector) else {
        return Ok(None);
    };
    let settings = super::credentials::object(view.settings.as_str())?;
    let mut shown = Members::new();
    for (name, _) in of_integration(form.auth_mode) {
        let secret = secrets.secrets.get(*name);
        let value = match (secret, settings.get(*name)) {
            (Some(secret), _) => raw_text(secret.expose())?,
            (None, Some(setting)) => setting.clone(),
            (None, None) => continue,
        };
        shown.insert((*name).to_owned(), value);
    }
    if shown.is_empty() {
        return Ok(None);
    }
    shown.insert("type".to_owned(), raw_text(form.auth_mode.as_str())?);
    Ok(Some(shown))
}

/// Changes an integration. Its key stays.
#[utoipa::path(
    operation_id = "updateIntegration", tag = "integrations", request_body = IntegrationPatchBody,
    params(("uniqueKey" = String, Path, description = "Its key")),
    responses(
        (status = 200, body = Data<Integration>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 413, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[patch("/integrations/{uniqueKey}")]
pub(super) async fn update_integration(
    guest: Guest<Nango, needs::UpdateIntegration>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    let key = part(guest.request(), "uniqueKey", PROVIDER_CONFIG_KEY)?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    let place = body.at("unique_key");
    let asked = body.text("unique_key", &mut faults);
    if asked.is_some_and(|asked| asked != key) {
        faults.add(
            "custom",
            "The key of an integration can't be changed",
            &place,
        );
    }
    // Which members there are depends on the integration.
    let named = key.clone();
    let connector = guest
        .read(move |conn, caller| Ok(integrations::get(conn, caller, &named)?.connector))
        .await?;
    let Some(connector) = connectors::find(&connector) else {
        return Err(Refusal::invalid_body("The connector is not known."));
    };
    let mode = providers::form(&connector.key).map_or(AuthMode::None, |form| form.auth_mode);
    let said = Said::take(&mut body, connector, mode, &mut faults);
    body.end(&mut faults);
    faults.refuse("invalid_body")?;
    let changed = guest
        .write(move |tx| {
            let patch = IntegrationPatch {
                name: said.name.clone(),
                settings: Some(said.settings_json()?),
                secrets: said.secrets(),
                ..IntegrationPatch::default()
            };
            let view = integrations::patch(tx, &key, None, &patch)?;
            Ok(Integration::of(&view)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(Data { data: changed }))
}

/// Deletes an integration: it goes to the trash with all its connections, as one deletion; all their secrets are shredded.
#[utoipa::path(
    operation_id = "deleteIntegration", tag = "integrations",
    params(("uniqueKey" = String, Path, description = "Its key")),
    responses(
        (status = 200, body = Success), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 409, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[delete("/integrations/{uniqueKey}")]
pub(super) async fn delete_integration(
    guest: Guest<Nango, needs::DeleteIntegration>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let key = part(guest.request(), "uniqueKey", PROVIDER_CONFIG_KEY)?;
    Query::none(guest.request())?;
    guest
        .write(move |tx| {
            delete::delete(
                tx,
                &Target::Integration(key.clone()),
                &DeleteRequest::default(),
            )?;
            Ok(())
        })
        .await?;
    Ok(Success::answer())
}

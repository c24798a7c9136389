//! `/providers`: whose APIs integrations can be made of. Any valid key may look.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::credentials::members;
use super::input::{PROVIDER, Query, part};
use super::integrations::Data;
use super::providers::{self, AuthMode, Provider};
use super::refusal::StdError;
use super::sessions::key_or_session;
use super::{Nango, Refusal, needs};
use crate::http::dialects::Guest;

/// A provider as clients of Nango see it.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderView {
    name: &'static str,
    display_name: &'static str,
    auth_mode: AuthMode,
    categories: &'static [String],
    docs: &'static str,
    /// The members that its credentials can have.
    credentials: BTreeMap<&'static str, Described>,
    /// What else its connections are asked for.
    connection_config: BTreeMap<String, Described>,
}

/// A field to fill in.
#[derive(Serialize, ToSchema)]
pub(super) struct Described {
    r#type: &'static str,
    title: &'static str,
    description: &'static str,
    optional: bool,
}

impl ProviderView {
    /// The view of a provider.
    pub(super) fn of(provider: &'static Provider) -> Self {
        let mut view = Self {
            name: &provider.name,
            display_name: &provider.display_name,
            auth_mode: provider.auth_mode(),
            categories: &provider.categories,
            docs: &provider.docs,
            credentials: BTreeMap::new(),
            connection_config: BTreeMap::new(),
        };
        let Some((connector, form)) = provider.connector().zip(provider.form()) else {
            return view;
        };
        let mut taken = Vec::new();
        for member in members(form.auth_mode) {
            let field = form.field(member.name);
            taken.push(field);
            let secret = connector.secret_field(field);
            let setting = connector.settings.iter().find(|it| it.key == field);
            let words = secret
                .map(|field| (&field.label, &field.help))
                .or_else(|| setting.map(|field| (&field.label, &field.help)));
            if let Some((title, description)) = words {
                let described = Described {
                    r#type: "string",
                    title,
                    description,
                    optional: !member.required,
                };
                view.credentials.insert(member.name, described);
            }
        }
        for field in &connector.settings {
            if field.integration_only || taken.contains(&field.key.as_str()) {
                continue;
            }
            let described = Described {
                r#type: "string",
                title: &field.label,
                description: &field.help,
                optional: !field.required,
            };
            view.connection_config
                .insert(form.config_name(&field.key).to_owned(), described);
        }
        view
    }
}

/// Lists providers.
#[utoipa::path(
    operation_id = "listProviders", tag = "providers",
    params(("search" = Option<String>, Query, description = "Part of the name, in any case")),
    responses(
        (status = 200, body = Data<Vec<ProviderView>>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []), ("connectSession" = []))
)]
#[get("/providers")]
pub(super) async fn list_providers(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let (guest, _) = key_or_session(guest).await?;
    let mut query = Query::of(guest.request());
    let search = query.text("search").unwrap_or_default().to_lowercase();
    query.end()?;
    let found = |provider: &&Provider| {
        provider.name.contains(&search) || provider.display_name.to_lowercase().contains(&search)
    };
    let data = providers::all()
        .iter()
        .filter(found)
        .map(ProviderView::of)
        .collect();
    Ok(HttpResponse::Ok().json(Data::<Vec<ProviderView>> { data }))
}

/// Reads a provider.
#[utoipa::path(
    operation_id = "getProvider", tag = "providers",
    params(("provider" = String, Path, description = "Its name")),
    responses(
        (status = 200, body = Data<ProviderView>), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 404, body = StdError), (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []), ("connectSession" = []))
)]
#[get("/providers/{provider}")]
pub(super) async fn get_provider(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let (guest, _) = key_or_session(guest).await?;
    let name = part(guest.request(), "provider", PROVIDER)?;
    Query::none(guest.request())?;
    let provider = providers::find(&name)
        .ok_or_else(|| Refusal::not_found("There is no provider with this name."))?;
    Ok(HttpResponse::Ok().json(Data {
        data: ProviderView::of(provider),
    }))
}

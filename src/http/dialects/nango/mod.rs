//! Nango, at the root: `/connections`, `/connect`, `/integrations`, `/providers`.
//!
//! Its connection id is our external id, else our id; its provider config key is our integration's key. What must stay true:
//! whoever names a connection names exactly one or none (`service::connections::called`), and a `DELETE` without an id
//! deletes nothing.

mod browser;
mod changes;
mod connections;
mod credentials;
mod imports;
mod input;
mod integration_bodies;
mod integrations;
mod needs;
mod provider_routes;
mod providers;
mod refusal;
mod schemas;
mod sessions;
mod tags;
mod view;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use utoipa::openapi::OpenApi;
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{Dialect, Wire};
use crate::service::caller::Caller;
use crate::service::keys::ParsedKey;

pub use browser::open_to_browsers;
pub use refusal::Refusal;

/// The largest body, one connection with metadata and a provider's whole answer.
const BODY: usize = 256 * 1024;

/// The dialect.
pub struct Nango;

impl Wire for Nango {
    const DIALECT: Dialect = Dialect::Nango;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        ParsedKey::parse(bearer(request)?).ok_or_else(Refusal::invalid_secret_key_format)
    }

    /// One limit for all keys of an account.
    fn bucket(caller: &Caller) -> Uuid {
        caller.org.0
    }
}

/// What a body is said to be is looked at first, with a body or without one.
fn must_be_json(request: &HttpRequest) -> Result<(), Refusal> {
    let json = |value: &[u8]| {
        let start = value.get(..APPLICATION_JSON.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(APPLICATION_JSON)
    };
    match request.headers().get(CONTENT_TYPE) {
        Some(value) if !json(value.as_bytes()) => Err(Refusal::invalid_content_type()),
        _ => Ok(()),
    }
}

/// What proves who calls, an API key or the token of a session.
fn bearer(request: &HttpRequest) -> Result<&str, Refusal> {
    must_be_json(request)?;
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .ok_or_else(Refusal::missing_auth_header)?;
    let text = header.to_str().unwrap_or_default();
    let proof = text.rsplit("Bearer ").next().unwrap_or_default().trim();
    // A header ends with what can be seen: without a key the word stands alone.
    if proof.is_empty() || proof == "Bearer" {
        return Err(Refusal::malformed_auth_header());
    }
    Ok(proof)
}

const APPLICATION_JSON: &[u8] = b"application/json";

/// Its routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::list_connections)
        .service(imports::import_connection)
        .route(
            "/connections",
            web::delete().to(connections::remove_nothing),
        )
        .route(
            "/connections/",
            web::delete().to(connections::remove_nothing),
        )
        // Before the paths with an id in that place.
        .service(changes::set_metadata)
        .service(changes::update_metadata)
        .service(connections::get_connection)
        .service(connections::delete_connection)
        .service(changes::patch_connection)
        .service(integrations::list_integrations)
        .service(integrations::create_integration)
        .service(integrations::get_integration)
        .service(integrations::update_integration)
        .service(integrations::delete_integration)
        .service(provider_routes::list_providers)
        .service(provider_routes::get_provider);
    sessions::routes(config);
    old_paths(config);
}

/// The paths of earlier clients. They are not described.
fn old_paths(config: &mut ServiceConfig<'_>) {
    config
        .route("/connection", web::get().to(connections::list))
        .route("/connection", web::delete().to(connections::remove_nothing))
        .route(
            "/connection/",
            web::delete().to(connections::remove_nothing),
        )
        .route("/connection/metadata", web::post().to(changes::set))
        .route("/connection/metadata", web::patch().to(changes::update))
        .route(
            "/connection/{connectionId}",
            web::get().to(connections::read),
        )
        .route(
            "/connection/{connectionId}",
            web::delete().to(connections::remove),
        );
}

/// What its description says beside the routes: how callers prove who they are.
pub(super) fn describe(document: &mut OpenApi) {
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key of Reprieve."))
        .build();
    let session = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token of a connect session."))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("bearerAuth", SecurityScheme::Http(bearer));
    components.add_security_scheme("connectSession", SecurityScheme::Http(session));
}

//! Omni, under `/api/v1`. Its connection id is ours; its documents are our content.
//!
//! One file a resource. [`fields`] is the table that says which of its fields is which of ours. Everything is documented,
//! with what differs from the original and why, in docs/dialects/omni.md.

mod bodies;
mod connections;
mod documents;
mod fields;
mod input;
mod model_bodies;
mod models;
mod pages;
mod refusal;
mod view;
mod whoami;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Dialect, Wire};
use crate::service::keys::ParsedKey;

use refusal::Body as ApiError;
pub use refusal::Refusal;

/// The dialect.
pub struct Omni;

impl Wire for Omni {
    const DIALECT: Dialect = Dialect::Omni;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "))
            .and_then(|key| ParsedKey::parse(key.trim()))
            .ok_or_else(Refusal::unauthenticated)
    }
}

/// Its routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::connections_list)
        .service(connections::connections_get)
        .service(connections::connections_create)
        .service(connections::connections_update)
        .service(connections::connections_delete)
        .service(connections::connections_restore)
        .service(models::models_list)
        .service(models::models_create)
        .service(models::models_update)
        .service(models::models_delete)
        .service(documents::documents_list)
        .service(documents::documents_delete)
        .service(whoami::whoami);
}

/// What its description says beside the routes: how callers prove who they are.
pub(super) fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "bearerAuth",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
}

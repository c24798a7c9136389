//! Omni, under `/api/v1`. Its connection id is ours.

mod refusal;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Dialect, Wire};
use crate::service::keys::ParsedKey;

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
pub(super) fn routes(_config: &mut ServiceConfig<'_>) {}

/// What its description says beside the routes: how callers prove who they are.
pub(super) fn describe(_document: &mut OpenApi) {}

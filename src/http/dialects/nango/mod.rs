//! Nango, at the root: `/connections`, `/connect`, `/integrations`, `/providers`.
//!
//! Its connection id is our external id, else our id; its provider config key is our integration's key.

mod browser;
mod refusal;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Dialect, Wire};
use crate::service::keys::ParsedKey;

pub use browser::open_to_browsers;
pub use refusal::Refusal;

/// The dialect.
pub struct Nango;

impl Wire for Nango {
    const DIALECT: Dialect = Dialect::Nango;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .ok_or_else(Refusal::missing_auth_header)?;
        let text = header.to_str().unwrap_or_default();
        let key = text.rsplit("Bearer ").next().unwrap_or_default().trim();
        if key.is_empty() {
            return Err(Refusal::malformed_auth_header());
        }
        ParsedKey::parse(key).ok_or_else(Refusal::invalid_secret_key_format)
    }
}

/// Its routes.
pub(super) fn routes(_config: &mut ServiceConfig<'_>) {}

/// What its description says beside the routes: how callers prove who they are.
pub(super) fn describe(_document: &mut OpenApi) {}

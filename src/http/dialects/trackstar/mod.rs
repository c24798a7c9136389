//! Trackstar, at the root, told by its headers. Its connection id is ours; which connection a call is about is told by
//! an access token.

mod refusal;

use actix_web::HttpRequest;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Dialect, Wire};
use crate::service::keys::ParsedKey;

pub use refusal::Refusal;

const API_KEY: &str = "x-trackstar-api-key";

/// The dialect.
pub struct Trackstar;

impl Wire for Trackstar {
    const DIALECT: Dialect = Dialect::Trackstar;

    type Refusal = Refusal;

    fn key(request: &HttpRequest) -> Result<ParsedKey, Refusal> {
        let header = request
            .headers()
            .get(API_KEY)
            .ok_or_else(|| Refusal::missing_header(API_KEY))?;
        header
            .to_str()
            .ok()
            .and_then(|key| ParsedKey::parse(key.trim()))
            .ok_or_else(Refusal::unauthenticated)
    }
}

/// Its routes.
pub(super) fn routes(_config: &mut ServiceConfig<'_>) {}

/// What its description says beside the routes: how callers prove who they are.
pub(super) fn describe(_document: &mut OpenApi) {}

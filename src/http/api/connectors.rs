//! `/v1/connectors`: the catalogue.

use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::connectors::{self, Connector};
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;

/// Every connector there is.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectorsView {
    /// By key.
    #[schema(value_type = Vec<Connector>)]
    data: Vec<&'static Connector>,
}

/// Lists the connectors: their settings, which of them decide where a secret is sent, and their secrets.
#[utoipa::path(
    operation_id = "list_connectors", tag = "connectors",
    responses((status = 200, body = ConnectorsView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/connectors")]
pub(super) async fn list_connectors(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |_, _, _| {
        Ok((
            ConnectorsView {
                data: connectors::all().collect(),
            },
            None,
        ))
    })
    .await
}

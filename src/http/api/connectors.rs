//! `/v1/connectors`: the catalogue.

use actix_web::{HttpResponse, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::connectors::{self, Connector};
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::probe::{TestConnector, TestView};

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

/// Tests settings and secrets before there is a connection: nothing of them is stored.
#[utoipa::path(
    operation_id = "test_connector", tag = "connectors",
    params(("connector" = String, Path, description = "The connector's key")),
    request_body = TestConnector,
    responses((status = 200, body = TestView, description = "The test was made; `outcome` says what it came to")),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "not_found", "needs_credentials", "too_many_tests"])))
)]
#[post("/v1/connectors/{connector}/test")]
pub(super) async fn test_connector(
    auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.test_connector().await
}

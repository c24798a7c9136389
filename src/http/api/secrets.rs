//! `/v1/connections/{id}/secrets`: enter and read.

use actix_web::{HttpResponse, get, put};

use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::secrets::{self, PutSecrets, SecretsView};
use crate::service::views::ConnectionView;

/// Reads the secrets of a connection in plain text; every read is audited.
#[utoipa::path(
    operation_id = "get_connection_secrets", tag = "secrets",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = SecretsView)),
    security(("api_key" = ["secrets:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash", "needs_credentials", "locked"])))
)]
#[get("/v1/connections/{id}/secrets")]
pub(super) async fn get_connection_secrets(
    auth: Auth<needs::SecretsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.closing()
        .audited(&[], |tx, input| secrets::read(tx, input.connection()?))
        .await
}

/// Enters any of the secrets that the connector declares; `null` shreds one.
#[utoipa::path(
    operation_id = "put_connection_secrets", tag = "secrets",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body = PutSecrets,
    responses((status = 200, body = ConnectionView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "version_mismatch", "locked"])))
)]
#[put("/v1/connections/{id}/secrets")]
pub(super) async fn put_connection_secrets(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let secrets: PutSecrets = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        secrets::put(tx, input.connection()?, input.if_match()?, &secrets)
    })
    .await
}

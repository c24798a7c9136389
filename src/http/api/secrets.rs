//! `/v1/connections/{id}/secrets`: enter and read.

use actix_web::{HttpResponse, get, post, put};

use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::probe::{ConnectionTestView, EnteredView};
use crate::service::secrets::{self, PutSecrets, SecretsView};

/// Reads the secrets of a connection in plain text; every read is audited.
#[utoipa::path(
    operation_id = "get_connection_secrets", tag = "secrets",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = SecretsView)),
    security(("api_key" = ["secrets:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash", "needs_credentials", "test_required", "locked"])))
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
    responses((status = 200, body = EnteredView, description = "The connection; `test` only if one was asked for")),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "version_mismatch", "too_many_tests", "locked"])))
)]
#[put("/v1/connections/{id}/secrets")]
pub(super) async fn put_connection_secrets(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let secrets: PutSecrets = auth.json(body::JSON).await?;
    if secrets.test {
        return auth.enter_and_test(secrets).await;
    }
    auth.write(&[], move |tx, input| {
        secrets::put(tx, input.connection()?, input.if_match()?, &secrets)
    })
    .await
}

/// Tests a connection: signs in to its system as its settings and secrets say, and writes down what came of it.
#[utoipa::path(
    operation_id = "test_connection", tag = "secrets",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = ConnectionTestView, description = "The test was made; `outcome` says what it came to")),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash", "needs_credentials", "too_many_tests", "locked"])))
)]
#[post("/v1/connections/{id}/test")]
pub(super) async fn test_connection(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.test_connection().await
}

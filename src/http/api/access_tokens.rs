//! `/v1/connections/{id}/access-tokens`: the tokens by which a dialect names a connection.

use actix_web::{HttpResponse, delete, get, post};

use crate::http::answer::CreatedOr;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::PAGE;
use crate::http::problem::ApiError;
use crate::service::access_tokens::{
    self, AccessTokenView, NewAccessToken, NewAccessTokenView, RemovedView,
};
use crate::service::views::Page;

/// Makes a token by which a dialect names this connection, or registers one that a client holds already (200 if it was
/// registered before). It is shown once, stored as a digest, and ends with the deletion of the connection.
#[utoipa::path(
    operation_id = "create_access_token", tag = "secrets", request_body = NewAccessToken,
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = NewAccessTokenView), (status = 201, body = NewAccessTokenView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "token_taken", "secret_already_shown"])))
)]
#[post("/v1/connections/{id}/access-tokens")]
pub(super) async fn create_access_token(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let new: NewAccessToken = auth.json_or_empty(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        access_tokens::create(tx, input.connection()?, &new).map(CreatedOr::from)
    })
    .await
}

/// Lists what is known of a connection's access tokens, oldest first; never a token.
#[utoipa::path(
    operation_id = "list_access_tokens", tag = "secrets",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = Page<AccessTokenView>)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash"])))
)]
#[get("/v1/connections/{id}/access-tokens")]
pub(super) async fn list_access_tokens(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&PAGE, |conn, caller, input| {
        let page = access_tokens::list(conn, caller, input.connection()?, &input.page()?)?;
        Ok((page, None))
    })
    .await
}

/// Removes an access token: it stops working with this answer.
#[utoipa::path(
    operation_id = "remove_access_token", tag = "secrets",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("token" = String, Path, description = "The access token's id"),
    ),
    responses((status = 200, body = RemovedView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[delete("/v1/connections/{id}/access-tokens/{token}")]
pub(super) async fn remove_access_token(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        access_tokens::remove(tx, input.connection()?, input.access_token()?)
    })
    .await
}

//! `/v1/api-keys`: the keys of the caller's organization.

use actix_web::{HttpResponse, delete, get, post};

use crate::domain::ids::KeyId;
use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::PAGE;
use crate::http::problem::ApiError;
use crate::service::keys::{self, NewKey};
use crate::service::views::{ApiKeyView, NewKeyView, Page};

/// Makes a key; its text is in this answer alone.
#[utoipa::path(
    operation_id = "create_api_key", tag = "api keys", request_body = NewKey,
    responses((status = 201, body = NewKeyView)),
    security(("api_key" = ["keys:admin"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_already_shown"])))
)]
#[post("/v1/api-keys")]
pub(super) async fn create_api_key(
    mut auth: Auth<needs::KeysAdmin>,
) -> Result<HttpResponse, ApiError> {
    let new: NewKey = auth.json(body::JSON).await?;
    auth.closing()
        .write(&[], move |tx, _| keys::create(tx, &new).map(Created))
        .await
}

/// Lists the keys, oldest first, revoked ones with them.
#[utoipa::path(
    operation_id = "list_api_keys", tag = "api keys",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = Page<ApiKeyView>)),
    security(("api_key" = ["keys:admin"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/api-keys")]
pub(super) async fn list_api_keys(auth: Auth<needs::KeysAdmin>) -> Result<HttpResponse, ApiError> {
    auth.read(&PAGE, |conn, caller, input| {
        Ok((keys::list(conn, caller, &input.page()?)?, None))
    })
    .await
}

/// Reads what is known of a key.
#[utoipa::path(
    operation_id = "get_api_key", tag = "api keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = ApiKeyView)),
    security(("api_key" = ["keys:admin"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[get("/v1/api-keys/{id}")]
pub(super) async fn get_api_key(auth: Auth<needs::KeysAdmin>) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        Ok((
            keys::get(conn, caller, input.id("API key", KeyId::parse)?)?,
            None,
        ))
    })
    .await
}

/// Revokes a key: it stops working with this answer.
#[utoipa::path(
    operation_id = "revoke_api_key", tag = "api keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, body = ApiKeyView)),
    security(("api_key" = ["keys:admin"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[delete("/v1/api-keys/{id}")]
pub(super) async fn revoke_api_key(auth: Auth<needs::KeysAdmin>) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        keys::revoke(tx, input.id("API key", KeyId::parse)?)
    })
    .await
}

//! `/v1/retention`, `/v1/purge`, `/v1/brakes`: how long deletions are kept, and what becomes of them then.

use actix_web::{HttpResponse, delete, get, put};

use crate::domain::ids::BrakeId;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::PAGE;
use crate::http::problem::ApiError;
use crate::service::brakes::{self, BrakeView};
use crate::service::purge::status::{self, PurgeStatusView};
use crate::service::retention::{self, PauseChange, PauseView, RetentionChange, RetentionView};
use crate::service::views::Page;

/// Reads how long deletions are kept, and what keeps them longer.
#[utoipa::path(
    operation_id = "get_retention", tag = "retention",
    responses((status = 200, body = RetentionView)),
    security(("api_key" = ["retention:read"])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/retention")]
pub(super) async fn get_retention(
    auth: Auth<needs::RetentionRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read_with(&[], |services, conn, caller, _| {
        let view = retention::get(services, conn, caller)?;
        let version = view.version;
        Ok((view, Some(version)))
    })
    .await
}

/// Changes it; what is left out stays as it is. A shorter retention is for deletions from now on.
#[utoipa::path(
    operation_id = "put_retention", tag = "retention", request_body = RetentionChange,
    responses((status = 200, body = RetentionView)),
    security(("api_key" = ["retention:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "version_mismatch"])))
)]
#[put("/v1/retention")]
pub(super) async fn put_retention(
    mut auth: Auth<needs::RetentionWrite>,
) -> Result<HttpResponse, ApiError> {
    let change: RetentionChange = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        retention::put(tx, input.if_match()?, &change)
    })
    .await
}

/// What the purge of the organization is about to do, and what keeps it from that.
#[utoipa::path(
    operation_id = "get_purge", tag = "retention",
    responses((status = 200, body = PurgeStatusView)),
    security(("api_key" = ["retention:read"])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/purge")]
pub(super) async fn get_purge(auth: Auth<needs::RetentionRead>) -> Result<HttpResponse, ApiError> {
    auth.read_beside(&[], |services, caller, _| status::status(services, caller))
        .await
}

/// Pauses the purge of the organization, or lets it go on.
#[utoipa::path(
    operation_id = "put_purge_pause", tag = "retention", request_body = PauseChange,
    responses((status = 200, body = PauseView)),
    security(("api_key" = ["retention:write"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[put("/v1/purge/pause")]
pub(super) async fn put_purge_pause(
    mut auth: Auth<needs::RetentionWrite>,
) -> Result<HttpResponse, ApiError> {
    let change: PauseChange = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, _| retention::pause(tx, &change))
        .await
}

/// Lists brakes on mass deletion, newest first, released ones with them.
#[utoipa::path(
    operation_id = "list_brakes", tag = "retention",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = Page<BrakeView>)),
    security(("api_key" = ["retention:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/brakes")]
pub(super) async fn list_brakes(
    auth: Auth<needs::RetentionRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&PAGE, |conn, caller, input| {
        Ok((brakes::list(conn, caller, &input.page()?)?, None))
    })
    .await
}

/// Releases a brake: the purge clock of what it covered goes on from where it stood.
#[utoipa::path(
    operation_id = "release_brake", tag = "retention",
    params(("id" = String, Path, description = "The brake's id")),
    responses((status = 200, body = BrakeView)),
    security(("api_key" = ["retention:write"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[delete("/v1/brakes/{id}")]
pub(super) async fn release_brake(
    auth: Auth<needs::RetentionWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        brakes::release(tx, input.id("brake", BrakeId::parse)?)
    })
    .await
}

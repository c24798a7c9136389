//! Many at once: `/v1/trash/restore` and `/v1/connections/delete`.

use actix_web::{HttpResponse, post};

use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::bulk::{self, BulkDelete, BulkDeleteView, BulkRestore, BulkRestoreView};

/// Restores up to 1000 entries by id or by a filter (who deleted, when, what), the newest deletion first, each on its
/// own: 200 with an outcome for each. With `validate_only` it answers what it would do.
#[utoipa::path(
    operation_id = "restore_trash_entries", tag = "trash", request_body = BulkRestore,
    responses((status = 200, body = BulkRestoreView)),
    security(("api_key" = ["trash:restore"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[post("/v1/trash/restore")]
pub(super) async fn restore_trash_entries(
    mut auth: Auth<needs::TrashRestore>,
) -> Result<HttpResponse, ApiError> {
    let request: BulkRestore = auth.json(body::JSON).await?;
    if request.validate_only {
        return auth
            .read(&[], move |conn, caller, _| {
                Ok((bulk::plan_restore(conn, caller, &request)?, None))
            })
            .await;
    }
    auth.many(&[], move |services, caller, once| {
        bulk::restore(services, caller, once, &request)
    })
    .await
}

/// Deletes up to 1000 connections, each on its own: 200 with an outcome for each. With `validate_only` it answers the
/// plan; with the plan's token nothing is deleted if any of it has changed since.
#[utoipa::path(
    operation_id = "delete_connections", tag = "deletion", request_body = BulkDelete,
    responses((status = 200, body = BulkDeleteView)),
    security(("api_key" = ["connections:delete"])),
    extensions(("x-error-codes" = json!(["invalid_input", "plan_stale"])))
)]
#[post("/v1/connections/delete")]
pub(super) async fn delete_connections(
    mut auth: Auth<needs::ConnectionsDelete>,
) -> Result<HttpResponse, ApiError> {
    let request: BulkDelete = auth.json(body::JSON).await?;
    if request.validate_only {
        return auth
            .read(&[], move |conn, caller, _| {
                Ok((bulk::plan_delete(conn, caller, &request)?, None))
            })
            .await;
    }
    auth.many(&[], move |services, caller, once| {
        bulk::delete(services, caller, once, &request)
    })
    .await
}

//! `/v1/receipts`, `/v1/receipt-keys`: what became of a deletion, signed, and what to check it with.

use actix_web::{HttpResponse, get};

use crate::domain::ids::EntryId;
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::receipts::{self, ReceiptKeysView, ReceiptView};

/// Reads the receipt of a deletion, signed: what left, what became of its secrets, and what that does not cover. Also after
/// a restore and after a purge. Without the encryption key it is not signed.
#[utoipa::path(
    operation_id = "get_receipt", tag = "receipts",
    params(("id" = String, Path, description = "The deletion's id, which is the trash entry's")),
    responses((status = 200, body = ReceiptView)),
    security(("api_key" = ["trash:read"])),
    extensions(("x-error-codes" = json!(["not_found", "no_receipt"])))
)]
#[get("/v1/receipts/{id}")]
pub(super) async fn get_receipt(auth: Auth<needs::TrashRead>) -> Result<HttpResponse, ApiError> {
    auth.read_beside(&[], |services, caller, input| {
        receipts::get(services, caller, input.id("deletion", EntryId::parse)?)
    })
    .await
}

/// Lists the public keys that receipts of the organization are checked with, those that sign no more with them.
#[utoipa::path(
    operation_id = "list_receipt_keys", tag = "receipts",
    responses((status = 200, body = ReceiptKeysView)),
    security(("api_key" = [])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/receipt-keys")]
pub(super) async fn list_receipt_keys(auth: Auth<needs::AnyKey>) -> Result<HttpResponse, ApiError> {
    auth.read_beside(&[], |services, caller, _| receipts::keys(services, caller))
        .await
}

//! `/v1/webhooks`: endpoints that are told of events, and what was sent to them.

use actix_web::{HttpResponse, delete, get, patch, post};

use crate::domain::ids::{RecordId, WebhookId};
use crate::domain::kinds::DeliveryState;
use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::{Input, PAGE};
use crate::http::problem::ApiError;
use crate::service::error::{Error, Result};
use crate::service::views::Page;
use crate::service::webhooks::deliveries::{self, DeliveryView, ReplayRequest, ReplayView};
use crate::service::webhooks::testing::WebhookTestView;
use crate::service::webhooks::{self, NewWebhook, SignedWebhookView, WebhookPatch, WebhookView};

fn webhook(input: &Input) -> Result<WebhookId> {
    input.id("webhook endpoint", WebhookId::parse)
}

/// Makes a webhook endpoint, which is told of what happens from now on. Its signing secret is in this answer alone.
#[utoipa::path(
    operation_id = "create_webhook", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = SignedWebhookView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_already_shown", "locked"])))
)]
#[post("/v1/webhooks")]
pub(super) async fn create_webhook(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let new: NewWebhook = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, _| webhooks::create(tx, &new).map(Created))
        .await
}

/// Lists the webhook endpoints, oldest first.
#[utoipa::path(
    operation_id = "list_webhooks", tag = "webhooks",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = Page<WebhookView>)),
    security(("api_key" = ["webhooks:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/webhooks")]
pub(super) async fn list_webhooks(
    auth: Auth<needs::WebhooksRead>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.read(&PAGE, |conn, caller, input| {
        Ok((webhooks::list(conn, caller, &input.page()?)?, None))
    })
    .await
}

/// Reads a webhook endpoint.
#[utoipa::path(
    operation_id = "get_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = WebhookView)),
    security(("api_key" = ["webhooks:read"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[get("/v1/webhooks/{id}")]
pub(super) async fn get_webhook(
    auth: Auth<needs::WebhooksRead>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        let view = webhooks::get(conn, caller, webhook(input)?)?;
        let version = view.version;
        Ok((view, Some(version)))
    })
    .await
}

/// Changes a webhook endpoint by a merge patch (RFC 7396). Another address gets another signing secret, which is in this
/// answer alone; an endpoint that is enabled again goes on where it stopped.
#[utoipa::path(
    operation_id = "patch_webhook", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body = WebhookPatch,
    responses((status = 200, body = SignedWebhookView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "version_mismatch", "needs_credentials", "secret_already_shown", "locked"])))
)]
#[patch("/v1/webhooks/{id}")]
pub(super) async fn patch_webhook(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let patch: WebhookPatch = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        webhooks::patch(tx, webhook(input)?, input.if_match()?, &patch)
    })
    .await
}

/// Forgets a webhook endpoint with all that is on its way to it, and shreds its signing secret.
#[utoipa::path(
    operation_id = "delete_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = WebhookView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[delete("/v1/webhooks/{id}")]
pub(super) async fn delete_webhook(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| webhooks::delete(tx, webhook(input)?))
        .await
}

/// Makes a new signing secret, which is in this answer alone. The one before signs too for 24 hours.
#[utoipa::path(
    operation_id = "rotate_webhook_secret", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = SignedWebhookView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["not_found", "secret_already_shown", "locked"])))
)]
#[post("/v1/webhooks/{id}/rotate-secret")]
pub(super) async fn rotate_webhook_secret(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.closing()
        .write(&[], |tx, input| {
            webhooks::rotate_secret(tx, webhook(input)?)
        })
        .await
}

/// Sends one message of the type `webhook.test` now, also to an endpoint that is disabled, and says what came of it.
#[utoipa::path(
    operation_id = "test_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = WebhookTestView, description = "The message was sent; `outcome` says what it came to")),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["not_found", "needs_credentials", "too_many_tests", "locked"])))
)]
#[post("/v1/webhooks/{id}/test")]
pub(super) async fn test_webhook(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    let id = webhook(&auth.input);
    auth.test_webhook(id).await
}

/// Lists what was sent to a webhook endpoint, or waits for it, the newest event first; for 30 days.
#[utoipa::path(
    operation_id = "list_webhook_deliveries", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("state" = Option<DeliveryState>, Query, description = "Those in this state"),
    ),
    responses((status = 200, body = Page<DeliveryView>)),
    security(("api_key" = ["webhooks:read"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found"])))
)]
#[get("/v1/webhooks/{id}/deliveries")]
pub(super) async fn list_webhook_deliveries(
    auth: Auth<needs::WebhooksRead>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.read(
        &["page_size", "page_token", "state"],
        |conn, caller, input| {
            let state = input.parsed(
                "state",
                "pending, delivered or failed",
                DeliveryState::parse,
            )?;
            let page = deliveries::list(conn, caller, webhook(input)?, state, &input.page()?)?;
            Ok((page, None))
        },
    )
    .await
}

/// Sends a delivery again, whatever became of it: under the same id, with the same bytes.
#[utoipa::path(
    operation_id = "replay_webhook_delivery", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("event" = String, Path, description = "The event's id"),
    ),
    responses((status = 200, body = DeliveryView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[post("/v1/webhooks/{id}/deliveries/{event}/replay")]
pub(super) async fn replay_webhook_delivery(
    auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        let id = webhook(input)?;
        let event = RecordId::parse(&input.part("event")?);
        deliveries::replay(tx, id, event.ok_or_else(|| Error::not_found("delivery"))?)
    })
    .await
}

/// Sends again what failed, all of it or since a moment.
#[utoipa::path(
    operation_id = "replay_webhook", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    request_body = ReplayRequest,
    responses((status = 200, body = ReplayView)),
    security(("api_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found"])))
)]
#[post("/v1/webhooks/{id}/replay")]
pub(super) async fn replay_webhook(
    mut auth: Auth<needs::WebhooksWrite>,
) -> std::result::Result<HttpResponse, ApiError> {
    let request: ReplayRequest = auth.json_or_empty(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        deliveries::replay_failed(tx, webhook(input)?, &request)
    })
    .await
}

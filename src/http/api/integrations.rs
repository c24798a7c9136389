//! `/v1/integrations`: connectors configured under a key; `connections` has the upsert below them, `deletion` the delete.

use actix_web::{HttpResponse, get, patch, post, put};

use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::integrations::{self, IntegrationPatch, NewIntegration};
use crate::service::secrets::{PutSecrets, SecretsView};
use crate::service::views::{IntegrationView, Page};

/// Creates an integration.
#[utoipa::path(
    operation_id = "create_integration", tag = "integrations", request_body = NewIntegration,
    responses((status = 201, body = IntegrationView)),
    security(("api_key" = ["integrations:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "external_id_taken", "locked"])))
)]
#[post("/v1/integrations")]
pub(super) async fn create_integration(
    auth: Auth<needs::IntegrationsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let new: NewIntegration = auth.json(body::JSON).await?;
    let auth = auth.closing_if(!new.secrets.is_empty());
    auth.write(&[], move |tx, _| {
        integrations::create(tx, &new).map(Created)
    })
    .await
}

/// Lists live integrations by key.
#[utoipa::path(
    operation_id = "list_integrations", tag = "integrations",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("connector" = Option<String>, Query, description = "The connector's key"),
    ),
    responses((status = 200, body = Page<IntegrationView>)),
    security(("api_key" = ["integrations:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/integrations")]
pub(super) async fn list_integrations(
    auth: Auth<needs::IntegrationsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(
        &["page_size", "page_token", "connector"],
        |conn, caller, input| {
            let connector = input.text("connector");
            let page = integrations::list(conn, caller, connector.as_deref(), &input.page()?)?;
            Ok((page, None))
        },
    )
    .await
}

/// Reads an integration.
#[utoipa::path(
    operation_id = "get_integration", tag = "integrations",
    params(("key" = String, Path, description = "Its key, percent-encoded")),
    responses((status = 200, body = IntegrationView)),
    security(("api_key" = ["integrations:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/integrations/{key}")]
pub(super) async fn get_integration(
    auth: Auth<needs::IntegrationsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        let view = integrations::get(conn, caller, &input.integration()?)?;
        let version = view.version;
        Ok((view, Some(version)))
    })
    .await
}

/// Changes an integration by a merge patch (RFC 7396). A new destination needs the secrets in the same call.
#[utoipa::path(
    operation_id = "patch_integration", tag = "integrations",
    params(
        ("key" = String, Path, description = "Its key, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body(content = IntegrationPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = IntegrationView)),
    security(("api_key" = ["integrations:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "secrets_required", "not_found", "in_trash", "version_mismatch", "locked"])))
)]
#[patch("/v1/integrations/{key}")]
pub(super) async fn patch_integration(
    auth: Auth<needs::IntegrationsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let patch: IntegrationPatch = auth.json(body::JSON).await?;
    let auth = auth.closing_if(!patch.secrets.is_empty());
    auth.write(&[], move |tx, input| {
        integrations::patch(tx, &input.integration()?, input.if_match()?, &patch)
    })
    .await
}

/// Reads the secrets of an integration in plain text; every read is audited.
#[utoipa::path(
    operation_id = "get_integration_secrets", tag = "secrets",
    params(("key" = String, Path, description = "Its key, percent-encoded")),
    responses((status = 200, body = SecretsView)),
    security(("api_key" = ["secrets:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash", "needs_credentials", "locked"])))
)]
#[get("/v1/integrations/{key}/secrets")]
pub(super) async fn get_integration_secrets(
    auth: Auth<needs::SecretsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.closing()
        .audited(&[], |tx, input| {
            integrations::read_secrets(tx, &input.integration()?)
        })
        .await
}

/// Enters any of the secrets that the connector declares; `null` shreds one.
#[utoipa::path(
    operation_id = "put_integration_secrets", tag = "secrets",
    params(
        ("key" = String, Path, description = "Its key, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body = PutSecrets,
    responses((status = 200, body = IntegrationView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "version_mismatch", "locked"])))
)]
#[put("/v1/integrations/{key}/secrets")]
pub(super) async fn put_integration_secrets(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let secrets: PutSecrets = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        integrations::put_secrets(tx, &input.integration()?, input.if_match()?, &secrets)
    })
    .await
}

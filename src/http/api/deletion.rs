//! Deleting integrations, connections, models and content, and what it would take along.

use actix_web::{HttpResponse, delete, get};

use crate::domain::kinds::DependentKind;
use crate::http::auth::{Auth, Needs, needs};
use crate::http::input::Input;
use crate::http::problem::ApiError;
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::Result as ServiceResult;
use crate::service::impact::{self, ImpactView, Target};
use crate::service::views::EntryView;

const DELETE: &[&str] = &["reason", "plan_token", "validate_only"];

type PickTarget = fn(&Input) -> ServiceResult<Target>;

const INTEGRATION: PickTarget = |input| input.integration().map(Target::Integration);
const CONNECTION: PickTarget = |input| input.connection().map(Target::Connection);
const MODEL: PickTarget = |input| dependent(input, DependentKind::Model);
const CONTENT: PickTarget = |input| dependent(input, DependentKind::Content);

fn dependent(input: &Input, kind: DependentKind) -> ServiceResult<Target> {
    input.dependent(kind).map(|id| Target::Dependent(kind, id))
}

async fn impact_of<N: Needs>(auth: Auth<N>, target: PickTarget) -> Result<HttpResponse, ApiError> {
    auth.read(&[], move |conn, caller, input| {
        Ok((impact::of(conn, caller, &target(input)?)?, None))
    })
    .await
}

async fn delete<N: Needs>(auth: Auth<N>, target: PickTarget) -> Result<HttpResponse, ApiError> {
    if auth.input.asks_for("validate_only") {
        return auth
            .read(DELETE, move |conn, caller, input| {
                let view = delete::preview(conn, caller, &target(input)?, &request(input)?)?;
                Ok((view, None))
            })
            .await;
    }
    auth.write(DELETE, move |tx, input| {
        input.flag("validate_only")?;
        delete::delete(tx, &target(input)?, &request(input)?)
    })
    .await
}

fn request(input: &Input) -> ServiceResult<DeleteRequest> {
    Ok(DeleteRequest {
        reason: input.text("reason"),
        plan_token: input.text("plan_token"),
        if_match: input.if_match()?,
        rows_token: None,
    })
}

/// Says what deleting this integration would take along, with a token for exactly that.
#[utoipa::path(
    operation_id = "get_integration_impact", tag = "deletion",
    params(("key" = String, Path, description = "Its key, percent-encoded")),
    responses((status = 200, body = ImpactView)),
    security(("api_key" = ["integrations:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/integrations/{key}/impact")]
pub(super) async fn get_integration_impact(
    auth: Auth<needs::IntegrationsRead>,
) -> Result<HttpResponse, ApiError> {
    impact_of(auth, INTEGRATION).await
}

/// Moves an integration with all its connections, their models and content into the trash as one deletion and
/// shreds all their secrets.
#[utoipa::path(
    operation_id = "delete_integration", tag = "deletion",
    params(
        ("key" = String, Path, description = "Its key, percent-encoded"),
        ("reason" = Option<String>, Query, description = "Why, in your words"),
        ("plan_token" = Option<String>, Query, description = "From the impact: refused if it has changed since"),
        ("validate_only" = Option<bool>, Query, description = "Only answers what would happen (the impact)"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    responses((status = 200, body = EntryView, description = "The trash entry")),
    security(("api_key" = ["integrations:delete"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "deletion_protected", "deletion_brake", "plan_stale", "version_mismatch", "concurrent_change"])))
)]
#[delete("/v1/integrations/{key}")]
pub(super) async fn delete_integration(
    auth: Auth<needs::IntegrationsDelete>,
) -> Result<HttpResponse, ApiError> {
    delete(auth, INTEGRATION).await
}

/// Says what deleting this connection would take along, with a token for exactly that.
#[utoipa::path(
    operation_id = "get_connection_impact", tag = "deletion",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ImpactView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/connections/{id}/impact")]
pub(super) async fn get_connection_impact(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    impact_of(auth, CONNECTION).await
}

/// Moves a connection with its models and content into the trash and shreds its secrets.
#[utoipa::path(
    operation_id = "delete_connection", tag = "deletion",
    params(
        ("id" = String, Path, description = "Its id"),
        ("reason" = Option<String>, Query, description = "Why, in your words"),
        ("plan_token" = Option<String>, Query, description = "From the impact: refused if it has changed since"),
        ("validate_only" = Option<bool>, Query, description = "Only answers what would happen (the impact)"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    responses((status = 200, body = EntryView, description = "The trash entry")),
    security(("api_key" = ["connections:delete"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "deletion_protected", "deletion_brake", "plan_stale", "version_mismatch", "concurrent_change"])))
)]
#[delete("/v1/connections/{id}")]
pub(super) async fn delete_connection(
    auth: Auth<needs::ConnectionsDelete>,
) -> Result<HttpResponse, ApiError> {
    delete(auth, CONNECTION).await
}

/// Says what deleting this model would take along, with a token for exactly that.
#[utoipa::path(
    operation_id = "get_model_impact", tag = "deletion",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ImpactView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/models/{id}/impact")]
pub(super) async fn get_model_impact(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    impact_of(auth, MODEL).await
}

/// Moves a model, the models that extend it and their content into the trash.
#[utoipa::path(
    operation_id = "delete_model", tag = "deletion",
    params(
        ("id" = String, Path, description = "Its id"),
        ("reason" = Option<String>, Query, description = "Why, in your words"),
        ("plan_token" = Option<String>, Query, description = "From the impact: refused if it has changed since"),
        ("validate_only" = Option<bool>, Query, description = "Only answers what would happen (the impact)"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    responses((status = 200, body = EntryView, description = "The trash entry")),
    security(("api_key" = ["connections:delete"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "deletion_protected", "deletion_brake", "plan_stale", "version_mismatch", "concurrent_change"])))
)]
#[delete("/v1/models/{id}")]
pub(super) async fn delete_model(
    auth: Auth<needs::ConnectionsDelete>,
) -> Result<HttpResponse, ApiError> {
    delete(auth, MODEL).await
}

/// Says what deleting this piece of content would take along, with a token for exactly that.
#[utoipa::path(
    operation_id = "get_content_impact", tag = "deletion",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ImpactView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/content/{id}/impact")]
pub(super) async fn get_content_impact(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    impact_of(auth, CONTENT).await
}

/// Moves a piece of content into the trash.
#[utoipa::path(
    operation_id = "delete_content", tag = "deletion",
    params(
        ("id" = String, Path, description = "Its id"),
        ("reason" = Option<String>, Query, description = "Why, in your words"),
        ("plan_token" = Option<String>, Query, description = "From the impact: refused if it has changed since"),
        ("validate_only" = Option<bool>, Query, description = "Only answers what would happen (the impact)"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    responses((status = 200, body = EntryView, description = "The trash entry")),
    security(("api_key" = ["connections:delete"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "deletion_protected", "deletion_brake", "plan_stale", "version_mismatch", "concurrent_change"])))
)]
#[delete("/v1/content/{id}")]
pub(super) async fn delete_content(
    auth: Auth<needs::ConnectionsDelete>,
) -> Result<HttpResponse, ApiError> {
    delete(auth, CONTENT).await
}

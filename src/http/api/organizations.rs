//! `/v1/organizations`: the platform's own administration.

use actix_web::{HttpResponse, get, patch, post};

use crate::domain::ids::OrgId;
use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::PAGE;
use crate::http::problem::ApiError;
use crate::service::organizations::{
    self, NewOrganization, NewOrganizationView, OrganizationPatch,
};
use crate::service::views::{OrganizationView, Page};

/// Makes an organization and its first key, whose text is in this answer alone.
#[utoipa::path(
    operation_id = "create_organization", tag = "organizations", request_body = NewOrganization,
    responses((status = 201, body = NewOrganizationView)),
    security(("api_key" = ["platform:admin"])),
    extensions(("x-error-codes" = json!(["invalid_input", "name_taken", "secret_already_shown"])))
)]
#[post("/v1/organizations")]
pub(super) async fn create_organization(
    mut auth: Auth<needs::PlatformAdmin>,
) -> Result<HttpResponse, ApiError> {
    let new: NewOrganization = auth.json(body::JSON).await?;
    auth.closing()
        .write(&[], move |tx, _| {
            organizations::create(tx, &new).map(Created)
        })
        .await
}

/// Lists the organizations, oldest first.
#[utoipa::path(
    operation_id = "list_organizations", tag = "organizations",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
    ),
    responses((status = 200, body = Page<OrganizationView>)),
    security(("api_key" = ["platform:admin"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/organizations")]
pub(super) async fn list_organizations(
    auth: Auth<needs::PlatformAdmin>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&PAGE, |conn, caller, input| {
        Ok((organizations::list(conn, caller, &input.page()?)?, None))
    })
    .await
}

/// Reads an organization.
#[utoipa::path(
    operation_id = "get_organization", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")),
    responses((status = 200, body = OrganizationView)),
    security(("api_key" = ["platform:admin"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[get("/v1/organizations/{id}")]
pub(super) async fn get_organization(
    auth: Auth<needs::PlatformAdmin>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        let view = organizations::get(conn, caller, input.id("organization", OrgId::parse)?)?;
        let version = view.version;
        Ok((view, Some(version)))
    })
    .await
}

/// Changes an organization by a merge patch (RFC 7396).
#[utoipa::path(
    operation_id = "patch_organization", tag = "organizations",
    params(
        ("id" = String, Path, description = "The organization's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body(content = OrganizationPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = OrganizationView)),
    security(("api_key" = ["platform:admin"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "version_mismatch"])))
)]
#[patch("/v1/organizations/{id}")]
pub(super) async fn patch_organization(
    mut auth: Auth<needs::PlatformAdmin>,
) -> Result<HttpResponse, ApiError> {
    let patch: OrganizationPatch = auth.json(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        organizations::patch(
            tx,
            input.id("organization", OrgId::parse)?,
            input.if_match()?,
            &patch,
        )
    })
    .await
}

//! Health, readiness, the API description, and who calls.

use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::{KeyId, OrgId};
use crate::http::State;
use crate::http::auth::{Auth, needs};
use crate::http::openapi::Document;
use crate::http::problem::ApiError;
use crate::service::caller::Actor;
use crate::service::error::Error;
use crate::service::organizations;
use crate::service::shreds;
use crate::store::migrate;

/// Who calls.
#[derive(Serialize, ToSchema)]
pub(super) struct WhoamiView {
    /// The organization of the key.
    organization: OrganizationName,
    /// The key.
    key_id: Option<KeyId>,
    /// The person behind the call, or the key itself.
    actor: Actor,
    /// What the key may do, as it was given.
    scopes: Vec<String>,
}

/// An organization by id and name.
#[derive(Serialize, ToSchema)]
pub(super) struct OrganizationName {
    id: OrgId,
    name: String,
}

/// Whether the service can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadyView {
    /// Whether requests should come.
    ready: bool,
    /// What is in the way, or works with less: `locked` mode deletes, restores and lists, but enters no secrets.
    problems: Vec<String>,
}

/// Says that the process runs.
#[utoipa::path(
    operation_id = "healthz", tag = "system",
    responses((status = 200, content_type = "text/plain", body = String)),
    security(()), extensions(("x-error-codes" = json!([])))
)]
#[get("/healthz")]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// Says whether the service can do its work: the database answers, its migrations are applied, the keys are there.
#[utoipa::path(
    operation_id = "readyz", tag = "system",
    responses((status = 200, body = ReadyView), (status = 503, body = ReadyView)),
    security(()), extensions(("x-error-codes" = json!([])))
)]
#[get("/readyz")]
pub(super) async fn readyz(state: web::Data<State>) -> HttpResponse {
    let mut problems = Vec::new();
    if state.is_stopping() {
        problems.push("the service is stopping".to_owned());
    }
    let looked = Arc::clone(&state)
        .run(|services| {
            let pending = migrate::pending(&services.store).map_err(Error::from)?;
            Ok((pending, shreds::unlock(services)))
        })
        .await;
    match looked {
        Ok((pending, keys)) => {
            if !pending.is_empty() {
                problems.push("migrations are pending: run `reprieve migrate`".to_owned());
            }
            problems.extend(keys);
        }
        Err(_) => problems.push("the database does not answer".to_owned()),
    }
    let ready = problems.is_empty();
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(ReadyView { ready, problems })
}

/// This description.
#[utoipa::path(
    operation_id = "openapi", tag = "system",
    responses((status = 200, content_type = "application/json", body = String)),
    security(()), extensions(("x-error-codes" = json!([])))
)]
#[get("/openapi.json")]
pub(super) async fn openapi_json(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(document.json.clone())
}

/// Says who calls: the organization, the key, the actor, the scopes.
#[utoipa::path(
    operation_id = "whoami", tag = "system",
    responses((status = 200, body = WhoamiView)),
    security(("api_key" = [])),
    extensions(("x-error-codes" = json!([])))
)]
#[get("/v1/whoami")]
pub(super) async fn whoami(auth: Auth<needs::AnyKey>) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, _| {
        let organization = organizations::own(conn, caller)?;
        let view = WhoamiView {
            organization: OrganizationName {
                id: organization.id,
                name: organization.name,
            },
            key_id: caller.key_id,
            actor: caller.actor.clone(),
            scopes: caller.grants.words().map(str::to_owned).collect(),
        };
        Ok((view, None))
    })
    .await
}

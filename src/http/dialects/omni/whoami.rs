//! `GET /api/v1/whoami`: what Nango and others verify a key with. The original's answer was never seen; this one is ours.

use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiError, Omni, Refusal};
use crate::domain::ids::{KeyId, OrgId};
use crate::http::auth::needs;
use crate::http::dialects::Guest;
use crate::service::organizations;
use crate::store::rows::OrganizationRow;

/// Who calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Whoami {
    organization: Organization,
    key: Key,
}

/// Whose key it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Organization {
    id: OrgId,
    name: String,
}

impl Organization {
    /// Of its row.
    pub(super) fn of(row: &OrganizationRow) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
        }
    }
}

/// The key, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    id: Option<KeyId>,
    scopes: Vec<String>,
}

/// Says whose key this is and what it may do.
#[utoipa::path(
    operation_id = "whoami", tag = "Who Am I",
    responses((status = 200, body = Whoami), (status = 401, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = []))
)]
#[get("/api/v1/whoami")]
pub(super) async fn whoami(guest: Guest<Omni, needs::AnyKey>) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let whoami = guest
        .read(|conn, caller| {
            let organization = organizations::own(conn, caller)?;
            Ok(Whoami {
                organization: Organization::of(&organization),
                key: Key {
                    id: caller.key_id,
                    scopes: caller.grants.words().map(str::to_owned).collect(),
                },
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(whoami))
}

//! `/api/v1/documents`: content, of whichever kind.

use actix_web::{HttpResponse, delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::input::{self, Query};
use super::model_bodies::Success;
use super::pages::{Page, PageInfo};
use super::whoami::Organization;
use super::{ApiError, Omni, Refusal};
use crate::domain::clock::Ts;
use crate::domain::ids::ConnectionId;
use crate::domain::kinds::DependentKind;
use crate::http::auth::needs;
use crate::http::dialects::Guest;
use crate::service::delete::{self, DeleteRequest};
use crate::service::dependents;
use crate::service::impact::Target;
use crate::service::listing::{self, Listed};
use crate::service::organizations;
use crate::store::filters::Listing;

const THING: &str = "Document";
const SEVERAL: &str = "Several documents have this identifier: delete by the id, which is the end of the document's url.";
const KIND: DependentKind = DependentKind::Content;
/// Filters by what Reprieve does not keep: nothing fits them.
const UNKNOWN: &[&str] = &["folderId", "creatorId", "userId", "labels"];
const LIST: &[&str] = &[
    "include",
    "folderId",
    "creatorId",
    "userId",
    "labels",
    "cursor",
    "pageSize",
    "sortField",
    "sortDirection",
];
const INCLUDE: &[&str] = &[
    "_count",
    "labels",
    "includeDeleted",
    "onlyFavorites",
    "onlySharedWithMe",
];

/// A document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// The content's external id, else its id.
    identifier: String,
    name: String,
    connection_id: ConnectionId,
    deleted: bool,
    /// Always null: there are no folders.
    #[schema(value_type = Option<Object>)]
    folder: Option<()>,
    /// Whether it is content of the kind `dashboard`.
    has_dashboard: bool,
    /// The organization: content has no other owner.
    owner: Organization,
    /// Always `organization`.
    scope: &'static str,
    /// Always `document`.
    #[serde(rename = "type")]
    kind: &'static str,
    updated_at: Ts,
    /// Where the content is read through `/v1`.
    url: String,
    #[serde(rename = "_count", skip_serializing_if = "Option::is_none")]
    count: Option<Count>,
    /// Always empty, and only there when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    labels: Option<[(); 0]>,
}

/// What nobody counts here.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Count {
    favorites: u8,
    views: u8,
}

/// Lists documents, newest change first.
#[utoipa::path(
    operation_id = "documents_list", tag = "Documents",
    params(
        ("include" = Option<String>, Query, description = "Some of _count, labels, includeDeleted (needs trash:read), onlyFavorites, onlySharedWithMe"),
        ("folderId" = Option<String>, Query, description = "There are no folders: nothing fits"),
        ("creatorId" = Option<String>, Query, description = "There are no creators: nothing fits"),
        ("userId" = Option<String>, Query, description = "There are no users: nothing fits"),
        ("labels" = Option<String>, Query, description = "There are no labels: nothing fits"),
        ("cursor" = Option<String>, Query, description = "From the page before"),
        ("pageSize" = Option<i64>, Query, description = "1 to 100, default 20"),
        ("sortField" = Option<String>, Query, description = "updatedAt, which is the default, or name; favorites and visits are those of nobody, and sort by updatedAt"),
        ("sortDirection" = Option<String>, Query, description = "asc or desc, which is the default"),
    ),
    responses((status = 200, body = Page<Document>), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:read"]))
)]
#[get("/api/v1/documents")]
pub(super) async fn documents_list(
    guest: Guest<Omni, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let query = Query::of(&guest, LIST)?;
    let base = guest.public_base();
    let page = guest
        .read(move |conn, caller| {
            let include = query.words("include", INCLUDE)?;
            let asks = |word: &str| include.iter().any(|other| other == word);
            let sort = query.choice("sortField", &["updatedAt", "name", "favorites", "visits"])?;
            let listing = Listing {
                id: None,
                connection_id: None,
                parent: None,
                kind: None,
                name: None,
                sort: input::sort(sort),
                descending: query.descending("desc")?,
            };
            let page = query.page()?;
            let nothing =
                query.has_any(UNKNOWN) || asks("onlyFavorites") || asks("onlySharedWithMe");
            let listed = if nothing {
                Listed::default()
            } else {
                listing::dependents(conn, caller, KIND, listing, asks("includeDeleted"), &page)?
            };
            let info = PageInfo::of(&listed, query.size);
            let organization = organizations::own(conn, caller)?;
            let count = Count {
                favorites: 0,
                views: 0,
            };
            let documents = listed.rows.into_iter().map(|(row, deleted_at)| Document {
                url: format!("{base}/v1/content/{}", row.id),
                identifier: row.external_id.unwrap_or_else(|| row.id.to_string()),
                name: row.name,
                connection_id: row.connection_id,
                deleted: deleted_at.is_some(),
                folder: None,
                has_dashboard: row.kind == "dashboard",
                owner: Organization::of(&organization),
                scope: "organization",
                kind: "document",
                updated_at: row.updated_at,
                count: asks("_count").then_some(count),
                labels: asks("labels").then_some([]),
            });
            Ok(Page::new(info, documents.collect()))
        })
        .await?;
    Ok(HttpResponse::Ok().json(page))
}

/// Moves a document to the trash.
#[utoipa::path(
    operation_id = "documents_delete", tag = "Documents",
    params(("identifier" = String, Path, description = "The content's external id, or its id")),
    responses((status = 200, body = Success), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:delete"]))
)]
#[delete("/api/v1/documents/{identifier}")]
pub(super) async fn documents_delete(
    guest: Guest<Omni, needs::ConnectionsDelete>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let identifier = input::part(&guest, "identifier")?;
    let named = identifier.clone();
    guest
        .write(move |tx| {
            let id = dependents::called(tx.conn, tx.caller, KIND, &identifier)?;
            delete::delete(tx, &Target::Dependent(KIND, id), &DeleteRequest::default())?;
            Ok(())
        })
        .await
        .map_err(|refusal| {
            refusal
                .hiding_trash()
                .ambiguous(SEVERAL)
                .about(THING, &named)
        })?;
    Ok(HttpResponse::Ok().json(Success { success: true }))
}

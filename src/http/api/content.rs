//! Content of a connection.

use actix_web::{HttpResponse, get, patch, post, put};

use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::kinds::DependentKind;
use crate::domain::text::Name;
use crate::http::answer::{Created, CreatedOr};
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::dependents::{self, Batch, BatchView, ContentPatch, NewContent};
use crate::service::views::{ContentView, Page};
use crate::store::filters::DependentFilter;

const KIND: DependentKind = DependentKind::Content;
const LIST: &[&str] = &[
    "page_size",
    "page_token",
    "name",
    "kind",
    "external_id",
    "model_id",
];

/// Creates a piece of content of a connection.
#[utoipa::path(
    operation_id = "create_content", tag = "content",
    params(("id" = String, Path, description = "The connection's id")),
    request_body = NewContent,
    responses((status = 201, body = ContentView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "external_id_taken"])))
)]
#[post("/v1/connections/{id}/content")]
pub(super) async fn create_content(
    mut auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let new: NewContent = auth.json(body::DEPENDENT).await?;
    auth.write(&[], move |tx, input| {
        let row = dependents::create(tx, KIND, input.connection()?, (&new).into())?;
        Ok(Created(ContentView::from(row)))
    })
    .await
}

/// Creates up to 1,000 pieces of content of a connection, all or none.
#[utoipa::path(
    operation_id = "create_contents", tag = "content",
    params(("id" = String, Path, description = "The connection's id")),
    request_body = Batch<NewContent>,
    responses((status = 201, body = BatchView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "external_id_taken"])))
)]
#[post("/v1/connections/{id}/content/batch")]
pub(super) async fn create_contents(
    mut auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let batch: Batch<NewContent> = auth.json(body::BATCH).await?;
    auth.write(&[], move |tx, input| {
        let items: Vec<_> = batch.items.iter().map(Into::into).collect();
        dependents::create_batch(tx, KIND, input.connection()?, &items).map(Created)
    })
    .await
}

/// Lists the live pieces of content of a connection, oldest first, without their bodies.
#[utoipa::path(
    operation_id = "list_content", tag = "content",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("name" = Option<String>, Query, description = "The exact name"),
        ("kind" = Option<String>, Query, description = "The kind"),
        ("external_id" = Option<String>, Query, description = "The caller's own id"),
        ("model_id" = Option<DependentId>, Query, description = "Its model"),
    ),
    responses((status = 200, body = Page<ContentView>)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash"])))
)]
#[get("/v1/connections/{id}/content")]
pub(super) async fn list_content(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(LIST, |conn, caller, input| {
        let filter = DependentFilter {
            connection_id: None,
            parent: input.parsed("model_id", "a UUID", DependentId::parse)?,
            kind: input.text("kind"),
            name: input.name("name")?.map(Name::into_string),
            external_id: input.text("external_id"),
        };
        let page = dependents::list::<ContentView>(
            conn,
            caller,
            KIND,
            input.connection()?,
            filter,
            &input.page()?,
        )?;
        Ok((page, None))
    })
    .await
}

/// Creates the piece of content with this external id, or changes the one that is there.
#[utoipa::path(
    operation_id = "upsert_content", tag = "content",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("external_id" = String, Path, description = "The caller's own id, percent-encoded"),
    ),
    request_body = NewContent,
    responses((status = 200, body = ContentView), (status = 201, body = ContentView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "external_id_taken"])))
)]
#[put("/v1/connections/{id}/content/{external_id}")]
pub(super) async fn upsert_content(
    mut auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let new: NewContent = auth.json(body::DEPENDENT).await?;
    auth.write(&[], move |tx, input| {
        let connection: ConnectionId = input.connection()?;
        let (created, row) = dependents::upsert(
            tx,
            KIND,
            connection,
            &input.part("external_id")?,
            (&new).into(),
        )?;
        Ok(CreatedOr {
            created,
            view: ContentView::from(row),
        })
    })
    .await
}

/// Reads a piece of content.
#[utoipa::path(
    operation_id = "get_content", tag = "content",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = ContentView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/content/{id}")]
pub(super) async fn get_content(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        let row = dependents::get(conn, caller, KIND, input.dependent(KIND)?)?;
        let version = row.version;
        Ok((ContentView::from(row), Some(version)))
    })
    .await
}

/// Changes a piece of content by a merge patch (RFC 7396).
#[utoipa::path(
    operation_id = "patch_content", tag = "content",
    params(
        ("id" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body(content = ContentPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = ContentView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "external_id_taken", "version_mismatch"])))
)]
#[patch("/v1/content/{id}")]
pub(super) async fn patch_content(
    mut auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let patch: ContentPatch = auth.json(body::DEPENDENT).await?;
    auth.write(&[], move |tx, input| {
        let row = dependents::patch(
            tx,
            KIND,
            input.dependent(KIND)?,
            input.if_match()?,
            &(&patch).into(),
        )?;
        Ok(ContentView::from(row))
    })
    .await
}

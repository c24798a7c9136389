//! `/v1/connections` and the upsert by external id.

use actix_web::{HttpResponse, get, patch, post, put};

use crate::domain::kinds::Status;
use crate::domain::tags::TagFilter;
use crate::http::answer::{Created, CreatedOr};
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::input::Input;
use crate::http::problem::ApiError;
use crate::service::connections::{self, ConnectionPatch, NewConnection};
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::views::{ConnectionView, Page};
use crate::store::filters::ConnectionFilter;

const LIST: &[&str] = &[
    "page_size",
    "page_token",
    "name",
    "connector",
    "integration",
    "external_id",
    "status",
    "tag",
];

/// Creates a connection.
#[utoipa::path(
    operation_id = "create_connection", tag = "connections", request_body = NewConnection,
    responses((status = 201, body = ConnectionView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "name_taken", "external_id_taken", "already_in_trash", "ambiguous", "locked"])))
)]
#[post("/v1/connections")]
pub(super) async fn create_connection(
    auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let new: NewConnection = auth.json(body::JSON).await?;
    let auth = auth.closing_if(!new.secrets.is_empty());
    auth.write(&[], move |tx, _| connections::create(tx, &new).map(Created))
        .await
}

/// Lists live connections, oldest first.
#[utoipa::path(
    operation_id = "list_connections", tag = "connections",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("name" = Option<String>, Query, description = "The name, whatever its case"),
        ("connector" = Option<String>, Query, description = "The connector's key"),
        ("integration" = Option<String>, Query, description = "The integration's key"),
        ("external_id" = Option<String>, Query, description = "The caller's own id"),
        ("status" = Option<Status>, Query, description = "The status"),
        ("tag" = Option<String>, Query, description = "key=value"),
    ),
    responses((status = 200, body = Page<ConnectionView>)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/connections")]
pub(super) async fn list_connections(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(LIST, |conn, caller, input| {
        let filter = filter(input)?;
        Ok((
            connections::list(conn, caller, &filter, &input.page()?)?,
            None,
        ))
    })
    .await
}

/// Reads a connection.
#[utoipa::path(
    operation_id = "get_connection", tag = "connections",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = ConnectionView)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[get("/v1/connections/{id}")]
pub(super) async fn get_connection(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(&[], |conn, caller, input| {
        let view = connections::get(conn, caller, input.connection()?)?;
        let version = view.version;
        Ok((view, Some(version)))
    })
    .await
}

/// Changes a connection by a merge patch (RFC 7396). A new destination needs the secrets in the same call.
#[utoipa::path(
    operation_id = "patch_connection", tag = "connections",
    params(
        ("id" = String, Path, description = "The connection's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that was read"),
    ),
    request_body(content = ConnectionPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = ConnectionView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "secrets_required", "not_found", "in_trash", "name_taken", "external_id_taken", "version_mismatch", "locked"])))
)]
#[patch("/v1/connections/{id}")]
pub(super) async fn patch_connection(
    auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let patch: ConnectionPatch = auth.json(body::JSON).await?;
    let auth = auth.closing_if(!patch.secrets.is_empty());
    auth.write(&[], move |tx, input| {
        connections::patch(tx, input.connection()?, input.if_match()?, &patch)
    })
    .await
}

/// Creates the connection with this external id, or changes the one that is there.
#[utoipa::path(
    operation_id = "upsert_connection", tag = "connections",
    params(
        ("key" = String, Path, description = "The integration's key; the connector's for connections without one"),
        ("external_id" = String, Path, description = "The caller's own id, percent-encoded"),
    ),
    request_body = NewConnection,
    responses((status = 200, body = ConnectionView), (status = 201, body = ConnectionView)),
    security(("api_key" = ["connections:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "secret_in_settings", "secrets_required", "name_taken", "already_in_trash", "ambiguous", "locked"])))
)]
#[put("/v1/integrations/{key}/connections/{external_id}")]
pub(super) async fn upsert_connection(
    auth: Auth<needs::ConnectionsWrite>,
) -> Result<HttpResponse, ApiError> {
    let mut auth = auth.closing();
    let mut new: NewConnection = auth.json(body::JSON).await?;
    let auth = auth.closing_if(!new.secrets.is_empty());
    let named = name_by_path(&auth.input, &mut new);
    auth.write(&[], move |tx, _| {
        if let Err((pointer, code, detail)) = named {
            return Err(Error::field(pointer, code, detail));
        }
        connections::upsert(tx, &new).map(CreatedOr::from)
    })
    .await
}

/// Puts what the path says into the body; a body that says something else is refused.
fn name_by_path(
    input: &Input,
    new: &mut NewConnection,
) -> Result<(), (&'static str, &'static str, &'static str)> {
    let part = |name| {
        input
            .part(name)
            .map_err(|_| ("", "invalid_value", "The path is not UTF-8."))
    };
    for (name, field, pointer) in [
        ("key", &mut new.integration, "/integration"),
        ("external_id", &mut new.external_id, "/external_id"),
    ] {
        let value = part(name)?;
        if field.as_ref().is_some_and(|own| *own != value) {
            return Err((pointer, "mismatch", "This differs from the path."));
        }
        *field = Some(value);
    }
    Ok(())
}

fn filter(input: &Input) -> ServiceResult<ConnectionFilter> {
    let tag = match input.text("tag").as_deref().map(TagFilter::parse) {
        Some(Ok(tag)) => Some(tag.as_stored()),
        Some(Err(problem)) => return Err(problem.at("tag").into()),
        None => None,
    };
    Ok(ConnectionFilter {
        name_key: input.name("name")?.map(|name| name.key()),
        connector: input.text("connector"),
        integration: input.text("integration"),
        external_id: input.text("external_id"),
        status: input.parsed(
            "status",
            "active, untested, failing or needs_credentials",
            Status::parse,
        )?,
        tag,
        q: None,
    })
}

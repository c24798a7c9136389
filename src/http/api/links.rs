//! `/v1/content/{id}/links`: what a piece of content refers to, and what refers to it.

use actix_web::{HttpResponse, get};

use crate::domain::kinds::DependentKind;
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::links;
use crate::service::views::{LinkView, Page};

/// Lists the links of a piece of content; they are written with the content itself.
#[utoipa::path(
    operation_id = "list_content_links", tag = "content",
    params(
        ("id" = String, Path, description = "The content's id"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("direction" = Option<String>, Query, description = "`to` (the default): content it refers to; `from`: content that refers to it"),
    ),
    responses((status = 200, body = Page<LinkView>)),
    security(("api_key" = ["connections:read"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash"])))
)]
#[get("/v1/content/{id}/links")]
pub(super) async fn list_content_links(
    auth: Auth<needs::ConnectionsRead>,
) -> Result<HttpResponse, ApiError> {
    auth.read(
        &["page_size", "page_token", "direction"],
        |conn, caller, input| {
            let direction = input.parsed("direction", "to or from", |word| match word {
                "to" => Some(true),
                "from" => Some(false),
                _ => None,
            })?;
            let content = input.dependent(DependentKind::Content)?;
            Ok((
                links::list(
                    conn,
                    caller,
                    content,
                    direction.unwrap_or(true),
                    &input.page()?,
                )?,
                None,
            ))
        },
    )
    .await
}

//! `/v1/events`: what happened, as a feed.

use actix_web::{HttpResponse, get};

use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::events::{self, After, Feed};

/// Reads what happened after a cursor, in its order. Nothing ever appears behind a cursor.
#[utoipa::path(
    operation_id = "list_events", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "The cursor of the page before; `now` for what comes from now on; without it from the beginning"),
        ("type" = Option<String>, Query, description = "Types and families (`trash.*`), separated by commas"),
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
    ),
    responses((status = 200, body = Feed)),
    security(("api_key" = ["events:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/events")]
pub(super) async fn list_events(auth: Auth<needs::EventsRead>) -> Result<HttpResponse, ApiError> {
    auth.read(&["after", "type", "page_size"], |conn, caller, input| {
        let after = input.parsed("after", "a cursor of this feed or `now`", After::parse)?;
        let types = input
            .text("type")
            .as_deref()
            .map(events::types)
            .transpose()?;
        let feed = events::feed(
            conn,
            caller,
            after.unwrap_or(After::Seq(0)),
            types.as_deref(),
            &input.page()?,
        )?;
        Ok((feed, None))
    })
    .await
}

//! `/v1/connections/{id}/reentry-session`: links by which someone without an API key enters secrets. The pages that a
//! link leads to are in [`crate::http::reentry`].

use actix_web::{HttpResponse, delete, post};

use crate::http::answer::Created;
use crate::http::auth::{Auth, needs};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::service::reentry::{self, EndedReentryView, NewReentry, NewReentryView};

/// Makes a link by which someone without an API key enters the missing secrets. It works once, for 30 minutes, and ends
/// the connection's link before it; its text is in this answer alone. With a `redirect_uri` the last page leads there.
#[utoipa::path(
    operation_id = "create_reentry_session", tag = "secrets", request_body = NewReentry,
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 201, body = NewReentryView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["invalid_input", "not_found", "in_trash", "secret_already_shown"])))
)]
#[post("/v1/connections/{id}/reentry-session")]
pub(super) async fn create_reentry_session(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    let base = auth.public_base();
    let mut auth = auth.closing();
    let new: NewReentry = auth.json_or_empty(body::JSON).await?;
    auth.write(&[], move |tx, input| {
        reentry::create(tx, input.connection()?, &base, &new).map(Created)
    })
    .await
}

/// Ends the re-entry link of a connection and the session that came of it, if there is one.
#[utoipa::path(
    operation_id = "end_reentry_session", tag = "secrets",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = EndedReentryView)),
    security(("api_key" = ["secrets:write"])),
    extensions(("x-error-codes" = json!(["not_found", "in_trash"])))
)]
#[delete("/v1/connections/{id}/reentry-session")]
pub(super) async fn end_reentry_session(
    auth: Auth<needs::SecretsWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| reentry::end(tx, input.connection()?))
        .await
}

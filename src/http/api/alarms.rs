//! `/v1/alarms`: what somebody has to look at.

use actix_web::{HttpResponse, get, post};

use crate::domain::ids::AlarmId;
use crate::http::auth::{Auth, needs};
use crate::http::problem::ApiError;
use crate::service::alarms::{self, AlarmView};
use crate::service::views::Page;

/// Lists alarms of the organization and of the service itself, newest first.
#[utoipa::path(
    operation_id = "list_alarms", tag = "alarms",
    params(
        ("page_size" = Option<i64>, Query, description = "1 to 200, default 50"),
        ("page_token" = Option<String>, Query, description = "From the page before"),
        ("state" = Option<String>, Query, description = "open (the default), resolved or any"),
    ),
    responses((status = 200, body = Page<AlarmView>)),
    security(("api_key" = ["alarms:read"])),
    extensions(("x-error-codes" = json!(["invalid_input"])))
)]
#[get("/v1/alarms")]
pub(super) async fn list_alarms(auth: Auth<needs::AlarmsRead>) -> Result<HttpResponse, ApiError> {
    auth.read(
        &["page_size", "page_token", "state"],
        |conn, caller, input| {
            let open = input.parsed("state", "open, resolved or any", |word| match word {
                "open" => Some(Some(true)),
                "resolved" => Some(Some(false)),
                "any" => Some(None),
                _ => None,
            })?;
            let open = open.unwrap_or(Some(true));
            Ok((alarms::list(conn, caller, open, &input.page()?)?, None))
        },
    )
    .await
}

/// Takes note of an alarm. Most end by themselves when their cause does; a jump of the clock, and a backup put back, end
/// with this. Alarms of the service itself need `platform:admin` besides.
#[utoipa::path(
    operation_id = "acknowledge_alarm", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    responses((status = 200, body = AlarmView)),
    security(("api_key" = ["alarms:write"])),
    extensions(("x-error-codes" = json!(["not_found"])))
)]
#[post("/v1/alarms/{id}/acknowledge")]
pub(super) async fn acknowledge_alarm(
    auth: Auth<needs::AlarmsWrite>,
) -> Result<HttpResponse, ApiError> {
    auth.write(&[], |tx, input| {
        alarms::acknowledge(tx, input.id("alarm", AlarmId::parse)?)
    })
    .await
}

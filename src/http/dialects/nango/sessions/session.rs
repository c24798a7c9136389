//! Looking at a session and ending it: `GET` and `DELETE /connect/session`, by its own token.

use actix_web::{HttpResponse, delete, get};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::input::{Faults, Object, Query};
use super::super::refusal::StdError;
use super::super::tags::{self, EndUser};
use super::super::{BODY, Nango, Refusal, needs};
use super::Visit;
use crate::domain::codes::Code;
use crate::http::dialects::{Guest, Stop};
use crate::service::error::Error;
use crate::service::{connect, connections};

/// A session as its end user's browser sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    data: SessionView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionView {
    /// Who connects.
    end_user: Option<EndUser>,
    #[serde(rename = "connectUISettings")]
    connect_ui_settings: UiSettings,
    #[serde(
        rename = "allowed_integrations",
        skip_serializing_if = "Option::is_none"
    )]
    allowed_integrations: Option<Vec<String>>,
    #[serde(
        rename = "integrations_config_defaults",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    integrations_config_defaults: Option<Box<RawValue>>,
    /// Whether it is about a connection that is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_reconnecting: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    overrides: Option<Box<RawValue>>,
}

/// How the original's own page looks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UiSettings {
    theme: Themes,
    default_theme: &'static str,
    show_watermark: bool,
}

#[derive(Serialize, ToSchema)]
struct Themes {
    light: Palette,
    dark: Palette,
}

#[derive(Serialize, ToSchema)]
struct Palette {
    primary: &'static str,
}

const UI: UiSettings = UiSettings {
    theme: Themes {
        light: Palette { primary: "#00B2E3" },
        dark: Palette { primary: "#00B2E3" },
    },
    default_theme: "system",
    show_watermark: false,
};

/// Reads the session of the token.
#[utoipa::path(
    operation_id = "getConnectSession", tag = "connect",
    responses(
        (status = 200, body = SessionAnswer), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 404, body = StdError), (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("connectSession" = []))
)]
#[get("/connect/session")]
pub(super) async fn get_connect_session(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let visit = alone(Visit::by_header(guest).await?).await?;
    let (connection, said) = (visit.session.connection, visit.context.tags);
    let tags = visit
        .guest
        .read(move |conn, caller| match (said, connection) {
            (Some(tags), _) => Ok(tags),
            (None, Some(id)) => Ok(tags::stored(&connections::get(conn, caller, id)?.tags)?),
            (None, None) => Ok(tags::Tags::new()),
        })
        .await?;
    Ok(HttpResponse::Ok().json(SessionAnswer {
        data: SessionView {
            end_user: EndUser::of(tags),
            connect_ui_settings: UI,
            allowed_integrations: visit.context.allowed_integrations,
            integrations_config_defaults: visit.context.integrations_config_defaults,
            is_reconnecting: connection.is_some(),
            overrides: visit.context.overrides,
        },
    }))
}

/// Ends the session of the token.
#[utoipa::path(
    operation_id = "deleteConnectSession", tag = "connect",
    responses(
        (status = 204, description = "The session is over"), (status = 400, body = StdError),
        (status = 401, body = StdError), (status = 404, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    ),
    security(("connectSession" = []))
)]
#[delete("/connect/session")]
pub(super) async fn delete_connect_session(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let visit = alone(Visit::by_header(guest).await?).await?;
    let token = visit.token;
    visit
        .guest
        .write(move |tx| match connect::end(tx, &token) {
            // Of two at once, one comes too late.
            Err(Error::Problem(problem)) if problem.code == Code::Unauthenticated => {
                Err(Stop::Wire(super::unknown()))
            }
            ended => Ok(ended?),
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Refuses a query, a body, and a session whose end user is gone with the connection.
async fn alone(mut visit: Visit) -> Result<Visit, Refusal> {
    Query::none(visit.guest.request())?;
    let bytes = visit.guest.body(BODY).await?;
    let mut faults = Faults::default();
    Object::parse(&bytes, &mut faults)
        .map_err(|error| visit.guest.refuse(&error))?
        .end(&mut faults);
    faults.refuse("invalid_body")?;
    if visit.session.gone {
        return Err(Refusal::not_found(
            "The end user of this session is gone: the connection has been deleted.",
        ));
    }
    Ok(visit)
}

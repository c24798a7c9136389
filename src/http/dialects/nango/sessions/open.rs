//! Opening a session: `POST /connect/sessions`, `POST /connect/sessions/reconnect`.

use actix_web::{HttpResponse, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::input::{CONNECTION_ID, Faults, Object, PROVIDER_CONFIG_KEY, Query};
use super::super::refusal::StdError;
use super::super::schemas::{ConnectSessionBody, ReconnectBody};
use super::super::tags::{self, Tags};
use super::super::{BODY, Nango, Refusal, needs};
use super::PREFIX;
use super::context::Asked;
use crate::domain::clock::Ts;
use crate::http::dialects::Guest;
use crate::service::connect::{self, NewConnectToken};
use crate::service::{connections, reentry};

/// A new session.
#[derive(Serialize, ToSchema)]
pub(super) struct Opened {
    data: Session,
}

/// Its token; the one time it is shown.
#[derive(Serialize, ToSchema)]
struct Session {
    /// What the browser client takes as `connectSessionToken`.
    token: String,
    /// A page of Reprieve's on which the credentials are entered again. New connections have no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_link: Option<String>,
    /// When the token stops working.
    expires_at: Ts,
}

impl Opened {
    fn answer(new: NewConnectToken, connect_link: Option<String>) -> HttpResponse {
        HttpResponse::Created().json(Self {
            data: Session {
                token: new.token,
                connect_link,
                expires_at: new.expires_at,
            },
        })
    }
}

/// Opens a session in which an end user makes connections.
#[utoipa::path(
    operation_id = "createConnectSession", tag = "connect", request_body = ConnectSessionBody,
    responses(
        (status = 201, body = Opened), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[post("/connect/sessions")]
pub(super) async fn create_connect_session(
    guest: Guest<Nango, needs::ConnectSessions>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    if !body.has("tags") {
        body.need("end_user", "object", &mut faults);
    }
    let asked = Asked::take(&mut body, &mut faults).map_err(|error| guest.refuse(&error))?;
    let allowed = body.texts("allowed_integrations", &mut faults);
    body.end(&mut faults);
    faults.refuse("invalid_body")?;
    let context = asked
        .onto(&Tags::new(), allowed)
        .map_err(|error| guest.refuse(&error))?;
    let new = guest
        .write(move |tx| {
            context.check(tx.conn, tx.caller)?;
            Ok(connect::open(tx, None, context.text()?, PREFIX)?)
        })
        .await?;
    Ok(Opened::answer(new, None))
}

/// Opens a session in which an end user enters the credentials of a connection again, also of one that was restored.
#[utoipa::path(
    operation_id = "createReconnectSession", tag = "connect", request_body = ReconnectBody,
    responses(
        (status = 201, body = Opened), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[post("/connect/sessions/reconnect")]
pub(super) async fn create_reconnect_session(
    guest: Guest<Nango, needs::ConnectSessions>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    let id = body.needed("connection_id", CONNECTION_ID, &mut faults);
    let key = body.needed("integration_id", PROVIDER_CONFIG_KEY, &mut faults);
    let asked = Asked::take(&mut body, &mut faults).map_err(|error| guest.refuse(&error))?;
    body.end(&mut faults);
    faults.refuse("invalid_body")?;
    let Some((id, key)) = id.zip(key) else {
        return Err(Refusal::invalid_body("The body is not complete."));
    };
    let known = guest
        .read({
            let (id, key) = (id.clone(), key.clone());
            move |conn, caller| {
                let id = connections::called(conn, caller, &key, &id)?;
                let view = connections::get(conn, caller, id)?;
                Ok((view.id, tags::stored(&view.tags)?))
            }
        })
        .await;
    let (connection, before) = known.map_err(no_connection)?;
    let context = asked
        .onto(&before, Some(vec![key]))
        .map_err(|error| guest.refuse(&error))?;
    let base = guest.public_base();
    let opened = guest
        .write(move |tx| {
            context.check(tx.conn, tx.caller)?;
            let new = connect::open(tx, Some(connection), context.text()?, PREFIX)?;
            let link = reentry::create(tx, connection, &base, &reentry::NewReentry::default())?;
            Ok((new, link.url))
        })
        .await;
    let (new, link) = opened.map_err(no_connection)?;
    Ok(Opened::answer(new, Some(link)))
}

/// The original says so of a connection that is unknown or deleted.
fn no_connection(refusal: Refusal) -> Refusal {
    if refusal.is_not_found() {
        Refusal::invalid_body("There is no such connection in this integration.")
    } else {
        refusal
    }
}

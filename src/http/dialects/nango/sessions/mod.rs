//! Connect sessions: an end user without an API key connects, or enters credentials again after a restore.
//!
//! A session is a connect token of ours (`service::connect`). What must stay true: the calls in a session take its token
//! alone, and no API key; what a session may do is what it was opened for: connections of its integrations, or the
//! credentials of one connection.

mod context;
mod enter;
mod open;
mod session;

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::StatusCode;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Nango, Refusal, bearer, needs};
use crate::domain::codes::Code;
use crate::http::auth::{Needs, request_id};
use crate::http::dialects::{Admitted, Dialect, Guest, Refusal as _};
use crate::service::connect::{self, ConnectSession, ConnectToken};
use crate::service::error::Error;

/// What the text of a token begins with.
const PREFIX: &str = "nango_connect_session_";

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(open::create_connect_session)
        .service(open::create_reconnect_session)
        .service(session::get_connect_session)
        .service(session::delete_connect_session)
        .service(enter::enter_by_api_auth)
        .service(enter::enter_by_auth)
        .service(enter::enter_client_credentials);
}

/// Who calls, by the token of a session, and what for.
struct Visit {
    guest: Admitted<Nango>,
    token: ConnectToken,
    session: ConnectSession,
    context: context::Context,
}

impl Visit {
    /// The session whose token is in the Authorization header.
    async fn by_header(guest: Guest<Nango, needs::AnyKey>) -> Result<Self, Refusal> {
        let token = token(bearer(guest.request())?)?;
        Self::of(guest, token).await
    }

    /// The session of a token, if it is one that works.
    async fn of<N: Needs>(guest: Guest<Nango, N>, token: ConnectToken) -> Result<Self, Refusal> {
        let asked = token.clone();
        let found = Arc::clone(guest.state())
            .run(move |services| services.store.read(|conn| connect::find(conn, &asked)))
            .await;
        let session = match found {
            Ok(session) => session,
            Err(Error::Problem(problem)) if problem.code == Code::Unauthenticated => {
                return Err(unknown());
            }
            Err(error) => return Err(guest.refuse(&error)),
        };
        guest
            .state()
            .limits
            .take(Dialect::Nango, session.org.0, Instant::now())
            .map_err(|limited| Refusal::limited(limited, guest.request()))?;
        let context = context::Context::read(&session).map_err(|error| guest.refuse(&error))?;
        let address = guest.request().peer_addr();
        let caller = session.caller(
            address.map(|address| address.ip().to_string()),
            request_id(guest.request()),
        );
        Ok(Self {
            guest: guest.by(caller),
            token,
            session,
            context,
        })
    }
}

/// Whoever may list integrations and providers: by an API key, or by the token of a session, which sees those that it
/// allows.
pub(super) async fn key_or_session<N: Needs>(
    guest: Guest<Nango, N>,
) -> Result<(Admitted<Nango>, Option<Vec<String>>), Refusal> {
    let text = bearer(guest.request())?;
    if !text.starts_with(PREFIX) {
        return Ok((guest.admit().await?, None));
    }
    let token = token(text)?;
    let visit = Visit::of(guest, token).await?;
    Ok((visit.guest, visit.context.allowed_integrations))
}

fn token(text: &str) -> Result<ConnectToken, Refusal> {
    ConnectToken::parse(PREFIX, text).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "invalid_connect_session_token_format",
            "Authentication failed. What was sent is not the token of a connect session.",
        )
    })
}

/// The refusal of a token that is unknown, expired or ended: one answer for all.
fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "unknown_connect_session_token",
        "Authentication failed. The token does not belong to an open connect session.",
    )
}

//! `/link`: the way by which the secrets of a connection are entered again, and a new access token comes of it.
//!
//! A link token is the code of a re-entry link: whoever asked for one sends the user to `/enter/<link token>`. The last page
//! leads back to `redirect_uri` with the `auth_code` that is exchanged here.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::connections::{CUSTOMER_ID, customer};
use super::views::{Exchanged, LinkToken, ValidationError, tag};
use super::{Refusal, Trackstar, answer, json, query};
use crate::domain::ids::ConnectionId;
use crate::domain::scopes::Scope;
use crate::http::auth::needs;
use crate::http::dialects::{Guest, Stop};
use crate::service::error::{Error, Result};
use crate::service::reentry::{self, AuthCode, NewReentry};
use crate::service::unit::Tx;
use crate::service::views::ConnectionView;
use crate::service::{access_tokens, connections};

/// What a link is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLinkToken {
    /// The connection whose secrets are to be entered again. Needed here: links make no new connections.
    connection_id: Option<String>,
    /// Your own id of the customer, set at once; needs connections:write.
    customer_id: Option<String>,
    /// Where the last page leads, with `auth_code` in the query: https, or http on a loopback address. Not in the original.
    redirect_uri: Option<String>,
}

/// Creates a link token, with which a user enters the secrets of a connection again.
#[utoipa::path(
    operation_id = "post_create_link_token", tag = "Auth", request_body = NewLinkToken,
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope secrets:write"),
    ),
    responses(
        (status = 200, body = LinkToken, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
        (status = 501, body = ValidationError, description = "Without connection_id: links make no new connections"),
    ),
)]
#[post("/link/token")]
pub(super) async fn create_link_token(
    guest: Guest<Trackstar, needs::SecretsWrite>,
) -> std::result::Result<HttpResponse, Refusal> {
    let mut admitted = guest.closing().admit().await?;
    query(&admitted, &[])?;
    let new: NewLinkToken = json(&mut admitted).await?;
    let base = admitted.public_base();
    let link_token = admitted
        .write(move |tx| {
            let Some(id) = &new.connection_id else {
                return Err(Stop::Wire(no_new_connections()));
            };
            let id = ConnectionId::parse(id).ok_or_else(|| Error::not_found("connection"))?;
            let reentry = NewReentry {
                redirect_uri: new.redirect_uri.clone(),
            };
            let link = reentry::create(tx, id, &base, &reentry)?;
            set_customer(tx, id, new.customer_id.as_deref())?;
            Ok(link.code)
        })
        .await?;
    Ok(answer(&LinkToken { link_token }))
}

fn no_new_connections() -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "Linking a new connection is not implemented: make it with POST /v1/connections, and send its connection_id here.",
    )
}

/// What a user has brought back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeAuthCode {
    /// What the last page added to `redirect_uri`.
    auth_code: String,
    /// Your own id of the customer; needs connections:write. Null leaves it as it is.
    #[serde(default)]
    customer_id: Option<String>,
}

/// Exchanges an auth code for an access token.
#[utoipa::path(
    operation_id = "post_exchange_auth_code", tag = "Auth", request_body = ExchangeAuthCode,
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope secrets:write"),
    ),
    responses(
        (status = 200, body = Exchanged, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
    ),
)]
#[post("/link/exchange")]
pub(super) async fn exchange_auth_code(
    guest: Guest<Trackstar, needs::SecretsWrite>,
) -> std::result::Result<HttpResponse, Refusal> {
    let mut admitted = guest.closing().admit().await?;
    query(&admitted, &[])?;
    let sent: ExchangeAuthCode = json(&mut admitted).await?;
    let exchanged = admitted.write(move |tx| Ok(exchange(tx, &sent)?)).await?;
    Ok(answer(&exchanged))
}

fn exchange(tx: &mut Tx<'_>, sent: &ExchangeAuthCode) -> Result<Exchanged> {
    let id = reentry::redeem(tx, &AuthCode::parse(&sent.auth_code))?;
    let (access_token, _) = access_tokens::issue(tx, id)?;
    let view = match set_customer(tx, id, sent.customer_id.as_deref())? {
        Some(view) => view,
        None => connections::get(tx.conn, tx.caller, id)?,
    };
    Ok(Exchanged {
        access_token,
        connection_id: id,
        customer_id: tag(&view, CUSTOMER_ID)?,
        integration_name: view.integration,
        available_actions: [],
        available_endpoints: [],
    })
}

fn set_customer(
    tx: &mut Tx<'_>,
    id: ConnectionId,
    customer_id: Option<&str>,
) -> Result<Option<ConnectionView>> {
    let Some(customer_id) = customer_id else {
        return Ok(None);
    };
    tx.caller.require(Scope::ConnectionsWrite)?;
    connections::patch(tx, id, None, &customer(customer_id)).map(Some)
}

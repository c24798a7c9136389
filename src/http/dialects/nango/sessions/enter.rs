//! What the browser client calls to enter credentials: one call for each type of credentials that a person can enter.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::super::credentials::Entered;
use super::super::imports::{Import, home};
use super::super::input::{Faults, Object, PROVIDER_CONFIG_KEY, Query, part};
use super::super::providers::{self, AuthMode, Form};
use super::super::refusal::StdError;
use super::super::tags::Said;
use super::super::view::called;
use super::super::{BODY, Nango, Refusal, must_be_json, needs};
use super::context::{Context, Members};
use super::{Visit, token};
use crate::connectors::Connector;
use crate::domain::codes::Code;
use crate::http::dialects::{Admitted, Guest, Stop};
use crate::service::error::Error;
use crate::service::{connect, connections};

/// What was connected.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connected {
    connection_id: String,
    provider_config_key: String,
}

/// Enters an API key, or a user name and a password.
#[utoipa::path(
    operation_id = "enterByApiAuth", tag = "connect",
    params(
        ("kind" = String, Path, description = "`api-key` or `basic`"),
        ("providerConfigKey" = String, Path, description = "The integration's key"),
        ("connect_session_token" = String, Query, description = "The session's token"),
        ("params" = Option<BTreeMap<String, String>>, Query, style = DeepObject, explode, description = "The connection_config"),
    ),
    request_body = BTreeMap<String, String>,
    responses(
        (status = 200, body = Connected), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 404, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    )
)]
#[post("/api-auth/{kind}/{providerConfigKey}")]
pub(super) async fn enter_by_api_auth(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let mode = match guest.request().match_info().get("kind") {
        Some("api-key") => AuthMode::ApiKey,
        Some("basic") => AuthMode::Basic,
        _ => return Err(Refusal::not_found("There is nothing at this path.")),
    };
    enter(guest, mode).await
}

/// Enters credentials of another type.
#[utoipa::path(
    operation_id = "enterByAuth", tag = "connect",
    params(
        ("kind" = String, Path, description = "`tba`, `jwt`, `two-step`, `bill`, `signature` or `unauthenticated`"),
        ("providerConfigKey" = String, Path, description = "The integration's key"),
        ("connect_session_token" = String, Query, description = "The session's token"),
        ("params" = Option<BTreeMap<String, String>>, Query, style = DeepObject, explode, description = "The connection_config"),
    ),
    request_body = Option<BTreeMap<String, String>>,
    responses(
        (status = 200, body = Connected), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 404, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    )
)]
#[post("/auth/{kind}/{providerConfigKey}")]
pub(super) async fn enter_by_auth(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    let mode = match guest.request().match_info().get("kind") {
        Some("tba") => AuthMode::Tba,
        Some("jwt") => AuthMode::Jwt,
        Some("two-step") => AuthMode::TwoStep,
        Some("bill") => AuthMode::Bill,
        Some("signature") => AuthMode::Signature,
        Some("unauthenticated") => AuthMode::None,
        _ => return Err(Refusal::not_found("There is nothing at this path.")),
    };
    enter(guest, mode).await
}

/// Enters the client id and secret of an OAuth 2.0 client. No token is asked for with them.
#[utoipa::path(
    operation_id = "enterClientCredentials", tag = "connect",
    params(
        ("providerConfigKey" = String, Path, description = "The integration's key"),
        ("connect_session_token" = String, Query, description = "The session's token"),
        ("params" = Option<BTreeMap<String, String>>, Query, style = DeepObject, explode, description = "The connection_config"),
    ),
    request_body = BTreeMap<String, String>,
    responses(
        (status = 200, body = Connected), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 404, body = StdError), (status = 413, body = StdError), (status = 415, body = StdError),
        (status = 429, body = StdError),
    )
)]
#[post("/oauth2/auth/{providerConfigKey}")]
pub(super) async fn enter_client_credentials(
    guest: Guest<Nango, needs::AnyKey>,
) -> Result<HttpResponse, Refusal> {
    enter(guest, AuthMode::OAuth2Cc).await
}

async fn enter(
    guest: Guest<Nango, needs::AnyKey>,
    mode: AuthMode,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.closing();
    must_be_json(guest.request())?;
    let mut query = Query::of(guest.request());
    let sent = query.text("connect_session_token").ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "missing_connect_session_token",
            "Authentication failed. The request is missing the connect session token.",
        )
    })?;
    let Visit {
        mut guest,
        token,
        session,
        context,
    } = Visit::of(guest, token(&sent)?).await?;
    let key = part(guest.request(), "providerConfigKey", PROVIDER_CONFIG_KEY)?;
    let config = config(query, &context, &key)?;
    if !context.allows(&key) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "integration_not_allowed",
            "The session does not allow this integration.",
        ));
    }
    if session.gone {
        return Err(invalid_connection());
    }
    let (connector, form) = form(&guest, &key, mode).await?;
    let bytes = guest.body(BODY).await?;
    let entered = entered(&bytes, form, &config, &guest)?;
    let id = match session.connection {
        None => uuid::Uuid::new_v4().to_string(),
        Some(connection) => guest
            .read(move |conn, caller| Ok(called(&connections::get(conn, caller, connection)?)))
            .await
            .map_err(|refusal| {
                if refusal.is_not_found() {
                    invalid_connection()
                } else {
                    refusal
                }
            })?,
    };
    let import = Import {
        key,
        id,
        connector,
        form,
        entered,
        said: context.tags.map(Said::whole).unwrap_or_default(),
        metadata: None,
    };
    let answer = guest
        .write(move |tx| {
            let session = connect::locked(tx, &token).map_err(closed_meanwhile)?;
            if session.gone {
                return Err(Stop::Wire(invalid_connection()));
            }
            let view = import.run(tx)?;
            if session.connection.is_some_and(|id| id != view.id) {
                // It is called otherwise meanwhile: nothing else may be entered.
                return Err(Stop::Wire(invalid_connection()));
            }
            Ok(Connected {
                connection_id: called(&view),
                provider_config_key: view.integration,
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(answer))
}

/// What the query says of the connection, over what the session has for it.
fn config(mut query: Query, context: &Context, key: &str) -> Result<Members, Refusal> {
    let mut config = context.config(key);
    for (name, value) in query.members("params") {
        config.insert(name, json(&value)?);
    }
    if query.text("connection_id").is_some() {
        let path = ["connection_id".to_owned()];
        let message = "A connection id can't be given with a connect session token";
        query.faults().add("custom", message, &path);
    }
    // Of the flows that lead through the provider.
    for ignored in ["hmac", "user_scope"] {
        query.text(ignored);
    }
    query.members("authorization_params");
    query.end()?;
    Ok(config)
}

/// How the integration's credentials look, which must be of this type.
async fn form(
    guest: &Admitted<Nango>,
    key: &str,
    mode: AuthMode,
) -> Result<(&'static Connector, &'static Form), Refusal> {
    let wanted = key.to_owned();
    let connector = guest
        .read(move |conn, caller| {
            home(conn, caller, &wanted)?
                .ok_or_else(|| Stop::Wire(Refusal::unknown_provider_config()))
        })
        .await?;
    let form = providers::form(&connector.key).filter(|form| form.auth_mode == mode);
    form.map(|form| (connector, form)).ok_or_else(|| {
        let message = format!(
            "The provider of {key} does not take credentials of type {}.",
            mode.as_str()
        );
        Refusal::new(StatusCode::BAD_REQUEST, "invalid_auth_mode", message)
    })
}

/// Reads the credentials, as the browser client sends them.
fn entered(
    bytes: &[u8],
    form: &Form,
    config: &Members,
    guest: &Admitted<Nango>,
) -> Result<Entered, Refusal> {
    let overrides: Option<Box<RawValue>>;
    let mut faults = Faults::default();
    let mut body = Object::parse(bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    // Said by the path; and of what the original sends to the provider.
    body.take("type");
    body.take("assertionOption");
    if form.auth_mode == AuthMode::Tba {
        overrides = of_client(&mut body);
        if let Some(overrides) = &overrides {
            body.put("config_override", overrides);
        }
    }
    let mut entered = form.enter(body, &mut faults);
    // What nobody says anything about stays as it is.
    if !config.is_empty() {
        let config = serde_json::to_vec(config).unwrap_or_default();
        let config = Object::parse(&config, &mut faults).map_err(|error| guest.refuse(&error))?;
        form.configure(&mut entered, config, &mut faults);
    }
    faults.refuse("invalid_body")?;
    Ok(entered)
}

/// The client's own id and secret, which the type has in an object.
fn of_client(body: &mut Object<'_>) -> Option<Box<RawValue>> {
    let members: BTreeMap<&str, &RawValue> = [
        ("client_id", "oauth_client_id_override"),
        ("client_secret", "oauth_client_secret_override"),
    ]
    .into_iter()
    .filter_map(|(member, sent)| Some((member, body.take(sent)?)))
    .collect();
    (!members.is_empty())
        .then(|| to_raw_value(&members).ok())
        .flatten()
}

fn json(text: &str) -> Result<Box<RawValue>, Refusal> {
    to_raw_value(text).map_err(|_| Refusal::invalid_body("A parameter can't be kept."))
}

/// A session that ended since it was looked at.
fn closed_meanwhile(error: Error) -> Stop<Refusal> {
    match &error {
        Error::Problem(problem) if problem.code == Code::Unauthenticated => {
            Stop::Wire(super::unknown())
        }
        Error::Problem(_) => Stop::Wire(invalid_connection()),
        _ => Stop::Service(error),
    }
}

fn invalid_connection() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "invalid_connection",
        "The connection of this session has been deleted.",
    )
}

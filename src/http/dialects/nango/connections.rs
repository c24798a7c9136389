//! `/connections`: list, read, delete; and the old paths of the same calls.

use actix_web::{HttpResponse, delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::imports::home;
use super::input::{CONNECTION_ID, Faults, PROVIDER_CONFIG_KEY, Query, part};
use super::refusal::StdError;
use super::tags::{self, DISPLAY_NAME, EMAIL, ORGANIZATION_ID, USER_ID};
use super::view::{Full, Listed, Providers};
use super::{Nango, Refusal, needs, providers};
use crate::domain::codes::Code;
use crate::domain::ids::ConnectionId;
use crate::domain::kinds::Status;
use crate::domain::scopes::Scope;
use crate::domain::tags::TagFilter;
use crate::http::dialects::{Admitted, Guest, Stop};
use crate::service::caller::Caller;
use crate::service::connections::{self, TextSearch};
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::{Error, Problem};
use crate::service::impact::Target;
use crate::service::secrets::{self, SecretsView};
use crate::service::unit::Tx;
use crate::service::views::ConnectionView;
use crate::store::Conn;
use crate::store::filters::ConnectionSearch;

/// How many connections a page may have.
const LARGEST_PAGE: i64 = 2_000;
/// How many come without a page.
const WITHOUT_PAGE: i64 = 10_000;

/// It was done.
#[derive(Serialize, ToSchema)]
pub(super) struct Success {
    success: bool,
}

impl Success {
    /// The answer.
    pub(super) fn answer() -> HttpResponse {
        HttpResponse::Ok().json(Self { success: true })
    }
}

/// A list of connections.
#[derive(Serialize, ToSchema)]
pub(super) struct List {
    /// The newest first.
    connections: Vec<Listed>,
}

/// Lists live connections, newest first.
#[utoipa::path(
    operation_id = "listConnections", tag = "connections",
    params(
        ("connectionId" = Option<String>, Query, description = "Exactly this connection id"),
        ("search" = Option<String>, Query, description = "Part of the connection id, the end user's name or e-mail address, in any case"),
        ("endUserId" = Option<String>, Query, description = "The end user's id"),
        ("endUserOrganizationId" = Option<String>, Query, description = "The id of the end user's organization"),
        ("integrationId" = Option<String>, Query, description = "Keys of integrations, separated by commas"),
        ("tags" = Option<std::collections::BTreeMap<String, String>>, Query, style = DeepObject, explode, description = "Tags, all of them"),
        ("limit" = Option<i64>, Query, description = "1 to 2000; without it up to 10000 connections"),
        ("page" = Option<i64>, Query, description = "From 0"),
    ),
    responses(
        (status = 200, body = List), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[get("/connections")]
pub(super) async fn list_connections(
    guest: Guest<Nango, needs::List>,
) -> Result<HttpResponse, Refusal> {
    list(guest).await
}

/// The same at any path.
pub(super) async fn list(guest: Guest<Nango, needs::List>) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let mut query = Query::of(guest.request());
    let mut search = ConnectionSearch {
        called: query
            .filled("connectionId")
            .map(|id| (id.clone(), connections::own_id(&id))),
        ..ConnectionSearch::default()
    };
    let text = query.filled("search").map(|text| TextSearch {
        text,
        tags: vec![DISPLAY_NAME, EMAIL],
    });
    if let Some(keys) = query.filled("integrationId") {
        search.integrations = keys.split(',').map(|key| key.trim().to_owned()).collect();
    }
    let mut wanted = Vec::new();
    for (parameter, tag) in [
        ("endUserId", USER_ID),
        ("endUserOrganizationId", ORGANIZATION_ID),
    ] {
        let value = query.filled(parameter);
        wanted.extend(value.map(|value| (tag.to_owned(), value)));
    }
    for (key, value) in query.members("tags") {
        let path = ["tags".to_owned(), key.chars().take(64).collect()];
        let key = tags::key(&key, &path, query.faults());
        wanted.extend(key.map(|key| (key, value)));
    }
    search.tags = wanted
        .into_iter()
        .map(|(key, value)| TagFilter { key, value }.as_stored())
        .collect();
    let limit = query.number("limit", 1, LARGEST_PAGE);
    let page = query.number("page", 0, i64::from(u32::MAX)).unwrap_or(0);
    query.end()?;
    let take = limit.unwrap_or(WITHOUT_PAGE);
    let found = guest
        .read(move |conn, caller| {
            let views =
                connections::newest(conn, caller, &search, text.as_ref(), page * take, take)?;
            let mut known = Providers::default();
            let mut connections = Vec::with_capacity(views.len());
            for view in &views {
                connections.push(Listed::of(conn, caller, view, &mut known)?);
            }
            Ok(List { connections })
        })
        .await?;
    Ok(HttpResponse::Ok().json(found))
}

/// Reads a connection, with its credentials for those who may read them.
#[utoipa::path(
    operation_id = "getConnection", tag = "connections",
    params(
        ("connectionId" = String, Path, description = "The connection id"),
        ("provider_config_key" = String, Query, description = "The integration's key"),
        ("force_refresh" = Option<bool>, Query, description = "Taken, and without effect: tokens are not refreshed"),
        ("refresh_token" = Option<bool>, Query, description = "Whether refresh tokens are among the credentials"),
        ("refresh_github_app_jwt_token" = Option<bool>, Query, description = "Taken, and without effect"),
    ),
    responses(
        (status = 200, body = Full), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 415, body = StdError),
        (status = 424, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[get("/connections/{connectionId}")]
pub(super) async fn get_connection(
    guest: Guest<Nango, needs::Read>,
) -> Result<HttpResponse, Refusal> {
    read(guest).await
}

/// The same at any path.
pub(super) async fn read(guest: Guest<Nango, needs::Read>) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let mut query = Query::of(guest.request());
    let key = query.needed("provider_config_key", PROVIDER_CONFIG_KEY);
    let with_refresh_token = query.flag("refresh_token");
    let refreshes = query.flag("force_refresh") | query.flag("refresh_github_app_jwt_token");
    query.end()?;
    let named = Named {
        key: key.unwrap_or_default(),
        id: part(guest.request(), "connectionId", CONNECTION_ID)?,
    };
    let full = guest.may(Scope::SecretsRead);
    let asks_more = with_refresh_token || refreshes;
    let found = if full {
        guest.closing();
        guest
            .write(move |tx| {
                let id = named.find(tx.conn, tx.caller)?;
                let view = connections::get(tx.conn, tx.caller, id)?;
                let secrets = credentials(tx, &view)?;
                let (conn, caller) = (&mut *tx.conn, tx.caller);
                Ok(Full::of(
                    conn,
                    caller,
                    &view,
                    secrets.as_ref(),
                    with_refresh_token,
                )?)
            })
            .await?
    } else {
        guest
            .read(move |conn, caller| {
                if asks_more {
                    caller.require(Scope::SecretsRead)?;
                }
                let id = named.find(conn, caller)?;
                let view = connections::get(conn, caller, id)?;
                Ok(Full::of(conn, caller, &view, None, false)?)
            })
            .await?
    };
    Ok(HttpResponse::Ok().json(found))
}

/// The secrets of a connection whose credentials have a form here; audited. What lacks some can't be used.
fn credentials(tx: &mut Tx<'_>, view: &ConnectionView) -> Result<Option<SecretsView>, Error> {
    if providers::form(&view.connector).is_some() {
        return secrets::read(tx, view.id).map(Some);
    }
    if view.status == Status::NeedsCredentials {
        let problem = Problem::new(Code::NeedsCredentials, "Required secrets are missing.");
        return Err(problem.into());
    }
    Ok(None)
}

/// Deletes a connection: it goes to the trash, its secrets are shredded.
#[utoipa::path(
    operation_id = "deleteConnection", tag = "connections",
    params(
        ("connectionId" = String, Path, description = "The connection id used to create the connection."),
        ("provider_config_key" = String, Query, description = "The integration's key used to create the connection."),
    ),
    responses(
        (status = 200, body = Success), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 409, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[delete("/connections/{connectionId}")]
pub(super) async fn delete_connection(
    guest: Guest<Nango, needs::Delete>,
) -> Result<HttpResponse, Refusal> {
    remove(guest).await
}

/// The same at any path.
pub(super) async fn remove(guest: Guest<Nango, needs::Delete>) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let named = Named::of(&guest)?;
    guest
        .write(move |tx| {
            let id = connections::lock_called(tx, &named.key, &named.id, true)?;
            delete::delete(tx, &Target::Connection(id), &DeleteRequest::default())?;
            Ok(())
        })
        .await
        .map_err(|refusal| refusal.gone(guest.settings()))?;
    Ok(Success::answer())
}

/// `DELETE` without an id: nothing is deleted, whatever the query says.
pub(super) async fn remove_nothing(
    guest: Guest<Nango, needs::Delete>,
) -> Result<HttpResponse, Refusal> {
    guest.admit().await?;
    let mut faults = Faults::default();
    faults.wrong_type("string", "undefined", &["connectionId".to_owned()]);
    Err(faults.refusal("invalid_uri_params"))
}

/// How clients name a connection.
#[derive(Clone)]
pub(super) struct Named {
    /// The key of its integration.
    pub(super) key: String,
    /// Its connection id.
    pub(super) id: String,
}

impl Named {
    /// The one that path and query name: the path is looked at first.
    pub(super) fn of(guest: &Admitted<Nango>) -> Result<Self, Refusal> {
        let id = part(guest.request(), "connectionId", CONNECTION_ID)?;
        let mut query = Query::of(guest.request());
        let key = query.needed("provider_config_key", PROVIDER_CONFIG_KEY);
        query.end()?;
        Ok(Self {
            key: key.unwrap_or_default(),
            id,
        })
    }

    /// The live connection; an integration that is not there is told apart.
    pub(super) fn find(
        &self,
        conn: &mut Conn,
        caller: &Caller,
    ) -> Result<ConnectionId, Stop<Refusal>> {
        if !is_integration(conn, caller, &self.key)? {
            // Its connections may be in the trash with it, and are used then.
            let used = connections::called(conn, caller, &self.key, &self.id);
            return Err(match used {
                Ok(_) | Err(Error::Problem(_)) => Stop::Wire(Refusal::unknown_provider_config()),
                Err(error) => error.into(),
            });
        }
        Ok(connections::called(conn, caller, &self.key, &self.id)?)
    }
}

/// Whether connections can have this key: that of an integration, or of a connector for those without one.
pub(super) fn is_integration(conn: &mut Conn, caller: &Caller, key: &str) -> Result<bool, Error> {
    // Nobody uses the integration that was there once: the connection is asked for.
    Ok(home(conn, &caller.deleting(), key)?.is_some())
}

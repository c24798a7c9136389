//! `/api/v1/connections`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use actix_web::{HttpResponse, delete, get, patch, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::{NewOmniConnection, OmniPatch, OmniRestore, kept, of_body};
use super::fields::{Kind, OMNI, Secrets};
use super::input::{self, Query};
use super::view::Connection;
use super::{ApiError, Omni, Refusal};
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::json::JsonText;
use crate::domain::kinds::DependentKind;
use crate::domain::text::Name;
use crate::http::auth::needs;
use crate::http::dialects::{Guest, Stop};
use crate::service::connections::{self, ConnectionPatch};
use crate::service::delete::{self, DeleteRequest};
use crate::service::dependents::{self, New, NewModel};
use crate::service::impact::Target;
use crate::service::listing;
use crate::service::restore::{self, RestoreRequest};

const THING: &str = "Connection";
/// The list of the original has no pages: this many are all that one answer holds.
const MOST: usize = 10_000;
const LIST: &[&str] = &[
    "name",
    "database",
    "dialect",
    "sortField",
    "sortDirection",
    "includeDeleted",
];

/// Every connection there is.
#[derive(Serialize, ToSchema)]
struct Connections {
    connections: Vec<Connection>,
}

/// One connection.
#[derive(Serialize, ToSchema)]
struct OneConnection {
    connection: Connection,
}

/// The id of what was created.
#[derive(Serialize, ToSchema)]
struct Created {
    success: bool,
    data: ConnectionId,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct Done {
    success: bool,
    message: &'static str,
}

/// What a restore brought back.
#[derive(Serialize, ToSchema)]
struct Restored {
    success: bool,
    message: &'static str,
    connection: Connection,
}

/// Lists the connections, without pages.
#[utoipa::path(
    operation_id = "connections_list", tag = "Connections",
    params(
        ("name" = Option<String>, Query, description = "Part of the name, in whichever case"),
        ("database" = Option<String>, Query, description = "Part of the database, in whichever case"),
        ("dialect" = Option<String>, Query, description = "Some of these, separated by commas"),
        ("sortField" = Option<String>, Query, description = "database, dialect or name"),
        ("sortDirection" = Option<String>, Query, description = "asc or desc"),
        ("includeDeleted" = Option<bool>, Query, description = "Those in the trash, too: needs trash:read"),
    ),
    responses((status = 200, body = Connections), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:read"]))
)]
#[get("/api/v1/connections")]
pub(super) async fn connections_list(
    guest: Guest<Omni, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let query = Query::of(&guest, LIST)?;
    let connections = guest
        .read(move |conn, caller| {
            let deleted = query.deleted()?;
            let sort = query.choice("sortField", &["name", "database", "dialect"])?;
            let down = query.descending("asc")?;
            let fits = filter(&query);
            let mut found = Vec::new();
            let mut too_many = false;
            listing::connections(conn, caller, deleted, |row, at| {
                let connection = Connection::of(row, at)?;
                if !fits(&connection) {
                    return Ok(ControlFlow::Continue(()));
                }
                too_many = found.len() == MOST;
                if too_many {
                    return Ok(ControlFlow::Break(()));
                }
                found.push(connection);
                Ok(ControlFlow::Continue(()))
            })?;
            if too_many {
                let detail = format!("There are more than {MOST} connections: narrow the list by name, database or dialect.");
                return Err(Stop::Wire(Refusal::bad("", &detail)));
            }
            // The rows come in the order of their ids, which a stable sort keeps among equals.
            found.sort_by(|a, b| {
                let order = match sort {
                    "database" => a.database.cmp(&b.database),
                    "dialect" => a.dialect.cmp(&b.dialect),
                    _ => a.name.cmp(&b.name),
                };
                if down { order.reverse() } else { order }
            });
            Ok(found)
        })
        .await?;
    Ok(HttpResponse::Ok().json(Connections { connections }))
}

fn filter(query: &Query) -> impl Fn(&Connection) -> bool + use<> {
    let part = |name| query.text(name).map(|text| Name::fold(&text));
    let (name, database) = (part("name"), part("database"));
    let dialects: Option<Vec<String>> = query
        .text("dialect")
        .map(|list| list.split(',').map(|word| word.trim().to_owned()).collect());
    let has = |part: &Option<String>, text: &str| {
        part.as_ref()
            .is_none_or(|part| Name::fold(text).contains(part))
    };
    move |connection| {
        has(&name, &connection.name)
            && has(
                &database,
                connection.database.as_deref().unwrap_or_default(),
            )
            && dialects
                .as_ref()
                .is_none_or(|dialects| dialects.contains(&connection.dialect))
    }
}

/// Reads a connection; a deleted one with its `deletedAt`, if the key may read the trash.
#[utoipa::path(
    operation_id = "connections_get", tag = "Connections",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = OneConnection), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:read"]))
)]
#[get("/api/v1/connections/{id}")]
pub(super) async fn connections_get(
    guest: Guest<Omni, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let id = input::id(&guest, "id", ConnectionId::parse)?;
    let connection = guest
        .read(move |conn, caller| {
            let (row, at) = listing::connection(conn, caller, id)?;
            Ok(Connection::of(row, at)?)
        })
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(OneConnection { connection }))
}

/// Creates a connection with its schema model. Nothing is tested.
#[utoipa::path(
    operation_id = "connections_create", tag = "Connections",
    request_body = NewOmniConnection,
    responses((status = 201, body = Created), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 409, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:write", "secrets:write"]))
)]
#[post("/api/v1/connections")]
pub(super) async fn connections_create(
    guest: Guest<Omni, needs::ConnectionsWrite>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    let body: NewOmniConnection = input::json(&mut guest).await?;
    let (kind, new) = of_body(body)?;
    let (kind, new) = match new {
        Ok(new) => (kind, new),
        Err(error) => return Err(guest.refuse(&error)),
    };
    let id = guest
        .write(move |tx| {
            let view = connections::create(tx, &new).map_err(|error| kind.translate(error))?;
            let schema = NewModel {
                name: view.name,
                kind: Some("schema".to_owned()),
                external_id: None,
                base_model_id: None,
                base_model_external_id: None,
                body: None,
                deletion_protection: false,
            };
            let schema = New::from(&schema).under(DependentId(view.id.0));
            dependents::create(tx, DependentKind::Model, view.id, schema)?;
            Ok(view.id)
        })
        .await?;
    Ok(HttpResponse::Created().json(Created {
        success: true,
        data: id,
    }))
}

/// Changes a connection; how its secrets are entered again after a restore.
#[utoipa::path(
    operation_id = "connections_update", tag = "Connections",
    params(("id" = String, Path, description = "The connection's id")),
    request_body = OmniPatch,
    responses((status = 200, body = Done), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 410, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:write", "secrets:write"]))
)]
#[patch("/api/v1/connections/{id}")]
pub(super) async fn connections_update(
    guest: Guest<Omni, needs::ConnectionsWrite>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.closing().admit().await?;
    let id = input::id(&guest, "id", ConnectionId::parse)?;
    let body: OmniPatch = input::json(&mut guest).await?;
    let kept = kept(&body);
    let has_secrets = body.password_unencrypted.is_some() || body.private_key.is_some();
    if kept.is_empty() && !has_secrets {
        return Err(Refusal::bad("", "At least one field must be provided"));
    }
    // Which of our secret fields they are is known by the connector, which no change can touch.
    let row = guest
        .read(move |conn, caller| Ok(connections::get(conn, caller, id)?))
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    let secrets = Secrets {
        password: body.password_unencrypted,
        private_key: body.private_key,
        oauth: None,
    };
    let secrets = match Kind::find(&row.connector) {
        Some(kind) => kind
            .secrets(secrets)
            .map_err(|error| guest.refuse(&error))?,
        None if has_secrets => {
            let detail = "Enter the secrets of this connection by PUT /v1/connections/{id}/secrets: its connector is not of this dialect";
            return Err(Refusal::bad("passwordUnencrypted", detail));
        }
        None => BTreeMap::new(),
    };
    let metadata = (!kept.is_empty())
        .then(|| JsonText::from_trusted(serde_json::json!({ OMNI: kept }).to_string()));
    let patch = ConnectionPatch {
        metadata,
        secrets,
        ..ConnectionPatch::default()
    };
    guest
        .write(move |tx| Ok(connections::patch(tx, id, None, &patch)?))
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(Done {
        success: true,
        message: "Connection updated.",
    }))
}

/// Moves a connection with its models and documents to the trash and shreds its secrets.
#[utoipa::path(
    operation_id = "connections_delete", tag = "Connections",
    params(("id" = String, Path, description = "The connection's id")),
    responses((status = 200, body = Done), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError, description = "It is in the trash already"), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:delete"]))
)]
#[delete("/api/v1/connections/{id}")]
pub(super) async fn connections_delete(
    guest: Guest<Omni, needs::ConnectionsDelete>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let id = input::id(&guest, "id", ConnectionId::parse)?;
    guest
        .write(move |tx| {
            delete::delete(tx, &Target::Connection(id), &DeleteRequest::default())?;
            Ok(())
        })
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(Done {
        success: true,
        message: "Connection moved to trash.",
    }))
}

/// Brings a connection back with the models and documents that its deletion took along, without its secrets. Not of the
/// original.
#[utoipa::path(
    operation_id = "connections_restore", tag = "Connections",
    params(("id" = String, Path, description = "The connection's id")),
    request_body = OmniRestore,
    responses((status = 200, body = Restored), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["trash:restore"]))
)]
#[post("/api/v1/connections/{id}/restore")]
pub(super) async fn connections_restore(
    guest: Guest<Omni, needs::TrashRestore>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.admit().await?;
    let id = input::id(&guest, "id", ConnectionId::parse)?;
    let body: OmniRestore = input::json_or_default(&mut guest).await?;
    let connection = guest
        .write(move |tx| {
            let entry = restore::entry_of_connection(tx.conn, tx.caller, id)?;
            let request = RestoreRequest {
                name: body.name.clone(),
                ..RestoreRequest::default()
            };
            restore::restore(tx, entry, &request)?;
            let (row, at) = listing::connection(tx.conn, tx.caller, id)?;
            Ok(Connection::of(row, at)?)
        })
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(Restored {
        success: true,
        message: "Connection restored. Enter its secrets again: PATCH passwordUnencrypted or privateKey.",
        connection,
    }))
}

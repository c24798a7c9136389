//! `/api/v1/models`.
//!
//! The schema model of a connection has its connection's id. It is made with the connection, always shown under the
//! connection's name, and goes with it.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, patch, post};

use super::input::{self, Query};
use super::model_bodies::{Model, ModelKind, NewName, NewOmniModel, OneModel, Success, Written};
use super::pages::{Page, PageInfo};
use super::{ApiError, Omni, Refusal};
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::kinds::DependentKind;
use crate::http::auth::needs;
use crate::http::dialects::{Guest, Stop};
use crate::service::caller::Caller;
use crate::service::connections;
use crate::service::delete::{self, DeleteRequest};
use crate::service::dependents::{self, ModelPatch, New, NewModel};
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::impact::Target;
use crate::service::listing;
use crate::service::unit::Tx;
use crate::store::Conn;
use crate::store::filters::Listing;
use crate::store::rows::{DependentHead, DependentRow};

const THING: &str = "Model";
const KIND: DependentKind = DependentKind::Model;
const LIST: &[&str] = &[
    "connectionId",
    "baseModelId",
    "modelId",
    "modelKind",
    "name",
    "include",
    "includeDeleted",
    "cursor",
    "pageSize",
    "sortField",
    "sortDirection",
];
const SORT: &[&str] = &[
    "updatedAt",
    "name",
    "modelKind",
    "connectionId",
    "baseModelId",
    "createdAt",
];

/// Whether it is the schema model of its connection.
fn is_schema(id: DependentId, connection: ConnectionId) -> bool {
    id.0 == connection.0
}

fn shown_kind(id: DependentId, connection: ConnectionId, kind: &str) -> String {
    if is_schema(id, connection) {
        "SCHEMA".to_owned()
    } else {
        kind.to_ascii_uppercase()
    }
}

/// The names of the connections whose schema models are among these rows. Their own may be older ones.
fn schema_names<'a>(
    conn: &mut Conn,
    caller: &Caller,
    rows: impl Iterator<Item = &'a DependentHead>,
) -> ServiceResult<BTreeMap<ConnectionId, String>> {
    let mut names = BTreeMap::new();
    for row in rows.filter(|row| is_schema(row.id, row.connection_id)) {
        match listing::connection(conn, caller, row.connection_id) {
            Ok((connection, _)) => {
                names.insert(connection.id, connection.name);
            }
            // Deleted by itself through /v1, it may be in the trash when its connection is gone for good.
            Err(Error::Problem(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

/// Lists models, newest change first.
#[utoipa::path(
    operation_id = "models_list", tag = "Models",
    params(
        ("connectionId" = Option<String>, Query, description = "Those of a connection"),
        ("baseModelId" = Option<String>, Query, description = "Those that extend a model"),
        ("modelId" = Option<String>, Query, description = "The one"),
        ("modelKind" = Option<String>, Query, description = "Those of a kind"),
        ("name" = Option<String>, Query, description = "The exact name"),
        ("include" = Option<String>, Query, description = "activeBranches: answered with none"),
        ("includeDeleted" = Option<String>, Query, description = "1 or true: those in the trash, too; needs trash:read"),
        ("cursor" = Option<String>, Query, description = "From the page before"),
        ("pageSize" = Option<i64>, Query, description = "1 to 100, default 20"),
        ("sortField" = Option<String>, Query, description = "name, modelKind, connectionId, baseModelId, createdAt or updatedAt, which is the default"),
        ("sortDirection" = Option<String>, Query, description = "asc or desc, which is the default"),
    ),
    responses((status = 200, body = Page<Model>), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:read"]))
)]
#[get("/api/v1/models")]
pub(super) async fn models_list(
    guest: Guest<Omni, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let query = Query::of(&guest, LIST)?;
    let page = guest
        .read(move |conn, caller| {
            let branches = !query.words("include", &["activeBranches"])?.is_empty();
            let listing = Listing {
                id: query.uuid("modelId")?,
                connection_id: query.uuid("connectionId")?.map(|id| ConnectionId(id.0)),
                parent: query.uuid("baseModelId")?,
                kind: query
                    .text("modelKind")
                    .map(|kind| kind.to_ascii_lowercase()),
                name: query.text("name"),
                sort: input::sort(query.choice("sortField", SORT)?),
                descending: query.descending("desc")?,
            };
            let deleted = query.deleted()?;
            let listed = listing::dependents(conn, caller, KIND, listing, deleted, &query.page()?)?;
            let names = schema_names(conn, caller, listed.rows.iter().map(|(row, _)| row))?;
            let info = PageInfo::of(&listed, query.size);
            let models = listed.rows.into_iter().map(|(row, deleted_at)| {
                let own = is_schema(row.id, row.connection_id);
                let name = names.get(&row.connection_id).filter(|_| own).cloned();
                Model {
                    kind: shown_kind(row.id, row.connection_id, &row.kind),
                    id: row.id,
                    name: name.unwrap_or(row.name),
                    connection_id: row.connection_id,
                    base_model_id: row.parent,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    deleted_at,
                    branches: branches.then_some([]),
                }
            });
            Ok(Page::new(info, models.collect()))
        })
        .await?;
    Ok(HttpResponse::Ok().json(page))
}

/// Creates a model. The schema model of a connection is there already, and answered.
#[utoipa::path(
    operation_id = "models_create", tag = "Models",
    request_body = NewOmniModel,
    responses((status = 200, body = OneModel), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:write"]))
)]
#[post("/api/v1/models")]
pub(super) async fn models_create(
    guest: Guest<Omni, needs::ConnectionsWrite>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.admit().await?;
    let body: NewOmniModel = input::json(&mut guest).await?;
    let kind = body.model_kind;
    if kind == ModelKind::Schema && body.base_model_id.is_some() {
        return Err(Refusal::bad(
            "baseModelId",
            "A model with kind SCHEMA has none",
        ));
    }
    let needs_base = matches!(kind, ModelKind::SharedExtension | ModelKind::Branch);
    if needs_base && body.base_model_id.is_none() {
        return Err(Refusal::bad("baseModelId", "Required"));
    }
    let connection = body.connection_id.to_string();
    let model = guest
        .write(move |tx| Ok(create(tx, &body).map_err(name_is_model_name)?))
        .await
        .map_err(|refusal| refusal.about("Connection", &connection))?;
    Ok(HttpResponse::Ok().json(OneModel {
        success: true,
        model,
    }))
}

/// What the service says of the name, said of the field that it came in.
fn name_is_model_name(error: Error) -> Error {
    let Error::Problem(mut problem) = error else {
        return error;
    };
    for fault in problem
        .errors
        .iter_mut()
        .filter(|fault| fault.pointer == "/name")
    {
        "/modelName".clone_into(&mut fault.pointer);
    }
    Error::Problem(problem)
}

fn create(tx: &mut Tx<'_>, body: &NewOmniModel) -> ServiceResult<Written> {
    let connection = connections::get(tx.conn, tx.caller, body.connection_id)?;
    let schema = DependentId(connection.id.0);
    let is_schema = body.model_kind == ModelKind::Schema;
    let found = if is_schema {
        dependents::lock(tx, KIND, schema)?
    } else {
        None
    };
    let row = if let Some(row) = found {
        row
    } else {
        let name = body.model_name.clone().filter(|_| !is_schema);
        let new = NewModel {
            name: name.unwrap_or_else(|| connection.name.clone()),
            kind: Some(body.model_kind.ours().to_owned()),
            external_id: None,
            base_model_id: body.base_model_id,
            base_model_external_id: None,
            body: body.kept(),
            deletion_protection: false,
        };
        let new = New::from(&new);
        let new = if is_schema { new.under(schema) } else { new };
        dependents::create(tx, KIND, connection.id, new)?
    };
    Ok(Written {
        id: row.id,
        model_kind: Some(shown_kind(row.id, row.connection_id, &row.kind)),
        name: if is_schema { connection.name } else { row.name },
    })
}

/// Renames a model.
#[utoipa::path(
    operation_id = "models_update", tag = "Models",
    params(("modelId" = String, Path, description = "The model's id")),
    request_body = NewName,
    responses((status = 200, body = OneModel), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 410, body = ApiError), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:write"]))
)]
#[patch("/api/v1/models/{modelId}")]
pub(super) async fn models_update(
    guest: Guest<Omni, needs::ConnectionsWrite>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.admit().await?;
    let id = input::id(&guest, "modelId", DependentId::parse)?;
    let body: NewName = input::json(&mut guest).await?;
    let row = guest
        .write(move |tx| {
            if let Some(row) = dependents::lock(tx, KIND, id)?
                && is_schema(row.id, row.connection_id)
            {
                let detail =
                    "Cannot rename a model with kind SCHEMA: it has the name of its connection";
                return Err(Stop::Wire(Refusal::bad("", detail)));
            }
            let patch = ModelPatch {
                name: Some(body.name.clone()),
                ..ModelPatch::default()
            };
            Ok(dependents::patch(tx, KIND, id, None, &(&patch).into())?)
        })
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(OneModel {
        success: true,
        model: Written {
            id: row.id,
            model_kind: None,
            name: row.name,
        },
    }))
}

/// Moves a shared model or an extension to the trash, with the models that extend it and their documents.
#[utoipa::path(
    operation_id = "models_delete", tag = "Models",
    params(("modelId" = String, Path, description = "The model's id")),
    responses((status = 200, body = Success), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError), (status = 410, body = ApiError, description = "It is in the trash already"), (status = 429, body = ApiError)),
    security(("bearerAuth" = ["connections:delete"]))
)]
#[delete("/api/v1/models/{modelId}")]
pub(super) async fn models_delete(
    guest: Guest<Omni, needs::ConnectionsDelete>,
) -> Result<HttpResponse, Refusal> {
    let guest = guest.admit().await?;
    let id = input::id(&guest, "modelId", DependentId::parse)?;
    guest
        .write(move |tx| {
            // Locked, so that it is still of this kind when it goes.
            let row = dependents::lock(tx, KIND, id)?;
            if let Some(kind) = row.as_ref().and_then(undeletable) {
                let detail = format!("Cannot delete a model with kind {kind}");
                return Err(Stop::Wire(Refusal::bad("", &detail)));
            }
            delete::delete(tx, &Target::Dependent(KIND, id), &DeleteRequest::default())?;
            Ok(())
        })
        .await
        .map_err(|refusal| refusal.about(THING, &id.to_string()))?;
    Ok(HttpResponse::Ok().json(Success { success: true }))
}

/// The kind of a model that this dialect deletes with its connection alone.
fn undeletable(row: &DependentRow) -> Option<String> {
    let kind = shown_kind(row.id, row.connection_id, &row.kind);
    (!matches!(kind.as_str(), "SHARED" | "SHARED_EXTENSION")).then_some(kind)
}

//! `/connections`: delete and change by access token, read by API key.

use actix_web::{HttpResponse, delete, get, patch};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::views::{
    ConnectionObject, DeletedConnection, ListOfConnections, OneConnection, UpdatedConnection,
    ValidationError,
};
use super::{OfConnection, Refusal, Trackstar, answer, json, query};
use crate::domain::ids::ConnectionId;
use crate::domain::json::JsonText;
use crate::domain::merge_patch::{double_option, not_null};
use crate::http::auth::needs;
use crate::http::dialects::Guest;
use crate::service::connections::{self, ConnectionPatch};
use crate::service::delete::{self, DeleteRequest};
use crate::service::error::Error;
use crate::service::impact::Target;
use crate::service::pages::PageQuery;
use crate::store::filters::ConnectionFilter;

/// The tags in which Reprieve keeps what it has no member for.
pub(super) const CUSTOMER_ID: &str = "customer_id";
pub(super) const WEBHOOKS_DISABLED: &str = "webhooks_disabled";

/// Connections on a page.
const PAGE_SIZE: i64 = 200;

/// Deletes the connection associated with your access token.
///
/// It is moved to the trash with all that hangs on it; its secrets and access tokens are gone at once.
#[utoipa::path(
    operation_id = "delete_delete_connection", tag = "Auth",
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope connections:delete"),
        ("x-trackstar-access-token" = String, Header, description = "An access token of the connection"),
    ),
    responses(
        (status = 200, body = DeletedConnection, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
    ),
)]
#[delete("/connections")]
pub(super) async fn delete_connection(
    guest: Guest<OfConnection, needs::ConnectionsDelete>,
) -> Result<HttpResponse, Refusal> {
    let admitted = guest.admit().await?;
    query(&admitted, &[])?;
    let (id, _) = admitted
        .change(|tx, id| delete::delete(tx, &Target::Connection(id), &DeleteRequest::default()))
        .await?;
    Ok(answer(&DeletedConnection::of(id)))
}

/// What can be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent and removed differ")]
pub(super) struct UpdateConnection {
    /// Your own id of the customer; null removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    customer_id: Option<Option<String>>,
    /// Kept and shown; Reprieve has webhooks of its own, which do not look at it.
    #[serde(default, deserialize_with = "not_null")]
    webhooks_disabled: Option<bool>,
}

impl UpdateConnection {
    fn patch(&self) -> ConnectionPatch {
        let mut tags = Map::new();
        if let Some(customer) = &self.customer_id {
            tags.insert(CUSTOMER_ID.to_owned(), customer.as_deref().into());
        }
        if let Some(disabled) = self.webhooks_disabled {
            let value = if disabled { "true".into() } else { Value::Null };
            tags.insert(WEBHOOKS_DISABLED.to_owned(), value);
        }
        tagged(tags)
    }
}

/// A change of tags alone.
fn tagged(tags: Map<String, Value>) -> ConnectionPatch {
    ConnectionPatch {
        tags: Some(JsonText::from_trusted(Value::Object(tags).to_string())),
        ..ConnectionPatch::default()
    }
}

/// A change of the customer alone.
pub(super) fn customer(id: &str) -> ConnectionPatch {
    tagged([(CUSTOMER_ID.to_owned(), id.into())].into_iter().collect())
}

/// Updates the connection associated with your access token.
#[utoipa::path(
    operation_id = "patch_update_connection", tag = "Auth", request_body = UpdateConnection,
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope connections:write"),
        ("x-trackstar-access-token" = String, Header, description = "An access token of the connection"),
    ),
    responses(
        (status = 200, body = UpdatedConnection, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
    ),
)]
#[patch("/connections")]
pub(super) async fn update_connection(
    guest: Guest<OfConnection, needs::ConnectionsWrite>,
) -> Result<HttpResponse, Refusal> {
    let mut admitted = guest.admit().await?;
    query(&admitted, &[])?;
    let update: UpdateConnection = json(&mut admitted).await?;
    let patch = update.patch();
    let (id, _) = admitted
        .change(move |tx, id| connections::patch(tx, id, None, &patch))
        .await?;
    Ok(answer(&UpdatedConnection::of(id)))
}

/// Returns all live connections of the API key's organization, oldest first.
#[utoipa::path(
    operation_id = "get_get_connections", tag = "Auth",
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope connections:read"),
        ("page_token" = Option<String>, Query, description = "next_token of the page before"),
    ),
    responses(
        (status = 200, body = ListOfConnections, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
    ),
)]
#[get("/connections")]
pub(super) async fn get_connections(
    guest: Guest<Trackstar, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let admitted = guest.admit().await?;
    let query = query(&admitted, &["page_token"])?;
    let list = admitted
        .read(move |conn, caller| {
            let token = query.text("page_token").filter(|token| !token.is_empty());
            let page = PageQuery::new(Some(PAGE_SIZE), token)?;
            let page = connections::list(conn, caller, &ConnectionFilter::default(), &page)?;
            let data: Result<Vec<_>, Error> = page.data.iter().map(ConnectionObject::of).collect();
            Ok(ListOfConnections {
                data: data?,
                next_token: page.next_page_token,
                total_count: connections::count(conn, caller)?,
            })
        })
        .await?;
    Ok(answer(&list))
}

/// Returns one live connection.
#[utoipa::path(
    operation_id = "get_get_connection", tag = "Auth",
    params(
        ("x-trackstar-api-key" = String, Header, description = "An API key of Reprieve with the scope connections:read"),
        ("connection_id" = String, Path, description = "The connection's id, which is that of /v1"),
    ),
    responses(
        (status = 200, body = OneConnection, description = "Successful response"),
        (status = 422, body = ValidationError, description = "Validation error"),
    ),
)]
#[get("/connections/{connection_id}")]
pub(super) async fn get_connection(
    guest: Guest<Trackstar, needs::ConnectionsRead>,
) -> Result<HttpResponse, Refusal> {
    let admitted = guest.admit().await?;
    let input = query(&admitted, &[])?;
    let one = admitted
        .read(move |conn, caller| {
            let id = ConnectionId::parse(&input.part("connection_id")?);
            let id = id.ok_or_else(|| Error::not_found("connection"))?;
            let data = ConnectionObject::of(&connections::get(conn, caller, id)?)?;
            Ok(OneConnection { data })
        })
        .await?;
    Ok(answer(&one))
}

//! `PATCH /connections/{connectionId}` and the metadata of connections.

use actix_web::{HttpResponse, patch, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::connections::{Named, Success, is_integration};
use super::input::{CONNECTION_ID, Faults, Object, PROVIDER_CONFIG_KEY, Query};
use super::refusal::StdError;
use super::schemas::{MetadataBody, PatchBody};
use super::tags::{self, Said};
use super::{BODY, Nango, Refusal, needs};
use crate::connectors::is_url;
use crate::domain::json::JsonText;
use crate::domain::merge_patch;
use crate::http::dialects::{Guest, Stop};
use crate::service::connections::{self, Replacement};
use crate::service::error::Error;

/// Changes the end user and the tags of a connection.
#[utoipa::path(
    operation_id = "patchConnection", tag = "connections", request_body = PatchBody,
    params(
        ("connectionId" = String, Path, description = "The connection id"),
        ("provider_config_key" = String, Query, description = "The integration's key"),
    ),
    responses(
        (status = 200, body = Success), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 413, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[patch("/connections/{connectionId}")]
pub(super) async fn patch_connection(
    guest: Guest<Nango, needs::Update>,
) -> Result<HttpResponse, Refusal> {
    let mut guest = guest.admit().await?;
    let named = Named::of(&guest)?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    let said = Said::take(&mut body, &mut faults);
    take_webhook_url(&mut body, &mut faults);
    body.end(&mut faults);
    faults.refuse("invalid_body")?;
    guest
        .write(move |tx| {
            if !is_integration(tx.conn, tx.caller, &named.key)? {
                named.find(tx.conn, tx.caller)?;
            }
            let id = connections::lock_called(tx, &named.key, &named.id, false)?;
            let before = connections::get(tx.conn, tx.caller, id)?;
            let replacement = Replacement {
                tags: said.onto(&tags::stored(&before.tags)?),
                ..Replacement::default()
            };
            connections::replace(tx, id, &replacement)?;
            Ok(())
        })
        .await?;
    Ok(Success::answer())
}

/// The address is checked and not kept: webhooks go to the endpoints of `/v1/webhooks` alone.
pub(super) fn take_webhook_url(body: &mut Object<'_>, faults: &mut Faults) {
    let path = body.at("webhook_url_override");
    let url = body.text("webhook_url_override", faults);
    if url.is_some_and(|url| !url.is_empty() && !is_url(&url)) {
        faults.add("invalid_format", "Invalid URL", &path);
    }
}

/// What was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Echo {
    #[schema(value_type = String)]
    connection_id: OneOrMore,
    provider_config_key: String,
    #[schema(value_type = Object)]
    metadata: JsonText,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Replaces the metadata of one connection or of several: of all or of none.
#[utoipa::path(
    operation_id = "setMetadata", tag = "connections", request_body = MetadataBody,
    responses(
        (status = 201, body = Echo), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 413, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[post("/connections/metadata")]
pub(super) async fn set_metadata(
    guest: Guest<Nango, needs::Update>,
) -> Result<HttpResponse, Refusal> {
    set(guest).await
}

/// The same at any path.
pub(super) async fn set(guest: Guest<Nango, needs::Update>) -> Result<HttpResponse, Refusal> {
    let done = change(guest, false).await?;
    Ok(HttpResponse::Created().json(done))
}

/// Merges into the metadata of one connection or of several, at the top level: into all or none.
#[utoipa::path(
    operation_id = "updateMetadata", tag = "connections", request_body = MetadataBody,
    responses(
        (status = 200, body = Echo), (status = 400, body = StdError), (status = 401, body = StdError),
        (status = 403, body = StdError), (status = 404, body = StdError), (status = 413, body = StdError),
        (status = 415, body = StdError), (status = 429, body = StdError),
    ),
    security(("bearerAuth" = []))
)]
#[patch("/connections/metadata")]
pub(super) async fn update_metadata(
    guest: Guest<Nango, needs::Update>,
) -> Result<HttpResponse, Refusal> {
    update(guest).await
}

/// The same at any path.
pub(super) async fn update(guest: Guest<Nango, needs::Update>) -> Result<HttpResponse, Refusal> {
    let done = change(guest, true).await?;
    Ok(HttpResponse::Ok().json(done))
}

async fn change(guest: Guest<Nango, needs::Update>, merges: bool) -> Result<Echo, Refusal> {
    let mut guest = guest.admit().await?;
    Query::none(guest.request())?;
    let bytes = guest.body(BODY).await?;
    let mut faults = Faults::default();
    let mut body = Object::parse(&bytes, &mut faults).map_err(|error| guest.refuse(&error))?;
    body.need("connection_id", "string", &mut faults);
    let path = body.at("connection_id");
    let asked = body.ids("connection_id", &mut faults);
    let key = body.needed("provider_config_key", PROVIDER_CONFIG_KEY, &mut faults);
    body.need("metadata", "record", &mut faults);
    let metadata = body.json("metadata", &mut faults);
    body.end(&mut faults);
    let mut ids = Vec::new();
    if let Some((texts, several)) = &asked {
        for (index, text) in texts.iter().enumerate() {
            let mut path = path.clone();
            if *several {
                path.push(index.to_string());
            }
            ids.extend(CONNECTION_ID.check(text.clone(), &path, &mut faults));
        }
    }
    faults.refuse("invalid_body")?;
    let Some(((key, metadata), (texts, several))) = key.zip(metadata).zip(asked) else {
        return Err(Refusal::invalid_body("The body is not complete."));
    };
    // In one order, so that two such calls never wait for each other.
    ids.sort_unstable();
    ids.dedup();
    let echo = Echo {
        connection_id: match texts.first() {
            Some(one) if !several => OneOrMore::One(one.clone()),
            _ => OneOrMore::More(texts),
        },
        provider_config_key: key.clone(),
        metadata: metadata.clone(),
    };
    guest
        .write(move |tx| {
            for id in &ids {
                let id = connections::lock_called(tx, &key, id, false)?;
                let metadata = if merges {
                    let before = connections::get(tx.conn, tx.caller, id)?.metadata;
                    merge_patch::assign(&before, &metadata)
                        .map_err(|broken| Stop::from(Error::Internal(broken.to_string())))?
                } else {
                    metadata.clone()
                };
                let replacement = Replacement {
                    metadata: Some(metadata),
                    ..Replacement::default()
                };
                connections::replace(tx, id, &replacement)?;
            }
            Ok(())
        })
        .await
        .map_err(|refusal| refusal.unknown_connection(actix_web::http::StatusCode::NOT_FOUND))?;
    Ok(echo)
}

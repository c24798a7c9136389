//! The receipt of a deletion: what the page shows of it, and the file to keep.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;

use super::entry_of;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, KeyId};
use crate::http::auth::needs;
use crate::http::console::trouble::Trouble;
use crate::http::console::visit::Visit;
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result as ServiceResult};
use crate::service::receipts::{self, ReceiptView, Unsigned};

/// What the page shows of it.
pub(super) struct Shown {
    /// The key that the deletion came through.
    pub(super) api_key: Option<KeyId>,
    /// "SHA-256 over the ids ...", and the digests by kind.
    pub(super) digests: Vec<(&'static str, String)>,
    pub(super) signature: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) unsigned: Option<&'static str>,
}

#[derive(Deserialize)]
struct Parts {
    deletion: Deletion,
    manifest: Manifest,
}

#[derive(Deserialize)]
struct Deletion {
    api_key_id: Option<KeyId>,
}

#[derive(Deserialize)]
struct Manifest {
    connections: String,
    models: String,
    content: String,
}

impl Shown {
    /// Of an entry; none of a deletion that nobody here saw.
    pub(super) fn load(
        services: &Services,
        caller: &Caller,
        id: EntryId,
    ) -> ServiceResult<Option<Self>> {
        match receipts::get(services, caller, id) {
            Ok(view) => Self::of(view).map(Some),
            Err(Error::Problem(problem)) if problem.code == Code::NoReceipt => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(view: ReceiptView) -> ServiceResult<Self> {
        let parts: Parts = serde_json::from_str(view.receipt.as_str())
            .map_err(|error| Error::Internal(format!("a receipt can't be read: {error}")))?;
        let manifest = parts.manifest;
        Ok(Self {
            api_key: parts.deletion.api_key_id,
            digests: vec![
                ("Connections", manifest.connections),
                ("Models", manifest.models),
                ("Content", manifest.content),
            ],
            signature: view.signature,
            key_id: view.key_id.map(|id| id.to_string()),
            unsigned: view.unsigned.map(|why| match why {
                Unsigned::Locked => {
                    "It is not signed: the encryption key is missing. It is signed again when that is back."
                }
                Unsigned::KeyUnreadable => {
                    "It is not signed: the signing key is damaged and can't be opened."
                }
            }),
        })
    }
}

/// The file to keep.
pub(super) async fn download(visit: Visit<needs::TrashRead>) -> Result<HttpResponse, Trouble> {
    let person = visit.passer_by().await?;
    let id = entry_of(&person)?;
    let view = person
        .look(move |services, caller| receipts::get(services, caller, id))
        .await?;
    let text = serde_json::to_string_pretty(&view).map_err(|error| {
        person.trouble(&Error::Internal(format!(
            "a receipt can't be written: {error}"
        )))
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"receipt-{id}.json\""),
        ))
        .body(text))
}

//! Integrations: a connector configured in an organization under a key, with secrets of its own.
//!
//! Connections may belong to one; deleting it takes them along as one deletion. What must stay true: a connection's
//! `integration` is the key of its integration, or the key of its connector if it belongs to none; a key that is also
//! a connector's is only given to an integration of that connector, so that the two never differ in what they mean.

mod change;
mod input;

use serde_json::json;

use super::caller::Caller;
use super::connections::external_id_taken;
use super::error::{Error, Result};
use super::pages::{Cursor, PageQuery};
use super::secrets::{self, SecretsView};
use super::unit::Tx;
use super::views::{IntegrationView, Page};
use crate::connectors::Connector;
use crate::domain::FieldError;
use crate::domain::ids::{IntegrationId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::OwnerKind;
use crate::domain::scopes::Scope;
use crate::store::rows::{IntegrationRow, Place};
use crate::store::{Conn, StoreError};

pub use change::{patch, put_secrets};
pub use input::{IntegrationPatch, NewIntegration};

pub(super) use input::fits;

use input::Draft;

/// Creates an integration.
pub fn create(tx: &mut Tx<'_>, new: &NewIntegration) -> Result<IntegrationView> {
    let draft = Draft::parse(new)?;
    if !new.secrets.is_empty() || !new.source_hints.is_empty() {
        tx.caller.require(Scope::SecretsWrite)?;
    }
    check_free(tx.conn, tx.caller, draft.key.as_str())?;
    let row = IntegrationRow {
        org_id: tx.caller.org,
        id: IntegrationId::mint(),
        key: draft.key.into_string(),
        name: draft.name.into_string(),
        connector: draft.connector.key.clone(),
        settings: JsonText::from_trusted(draft.settings.to_json()),
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
        generation: 1,
        deletion_protection: new.deletion_protection,
        revoke_on_delete: new.revoke_on_delete,
    };
    tx.conn.insert_integration(&row)?;
    let secrets = secrets::apply(tx, &row, &new.secrets, &new.source_hints)?;
    tx.record(
        "integration.created",
        "integration",
        row.id.into(),
        None,
        &json!({ "key": row.key, "name": row.name, "connector": row.connector }),
    )?;
    IntegrationView::new(row, &secrets)
}

/// One live integration.
pub fn get(conn: &mut Conn, caller: &Caller, key: &str) -> Result<IntegrationView> {
    let row = find(conn, caller, key)?;
    IntegrationView::load(conn, row)
}

/// A page of live integrations by key.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    connector: Option<&str>,
    page: &PageQuery,
) -> Result<Page<IntegrationView>> {
    let cursor: Option<Cursor<String>> = page.cursor("integrations", &connector)?;
    let after = cursor.as_ref().map(|cursor| cursor.0.as_str());
    let mut rows = conn.list_integrations(caller.org, connector, after, page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let owners: Vec<RootId> = rows.iter().map(|row| row.id.into()).collect();
    let secrets = conn.secrets_of_many(caller.org, OwnerKind::Integration, &owners)?;
    let last = rows.last().map(|row| Cursor(row.key.clone()));
    let data = rows
        .into_iter()
        .map(|row| {
            let owner = RootId::from(row.id);
            let own: Vec<_> = secrets
                .iter()
                .filter(|secret| secret.owner_id == owner)
                .cloned()
                .collect();
            IntegrationView::new(row, &own)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Page {
        data,
        next_page_token: page.next("integrations", &connector, more, last),
    })
}

/// Reads the secrets of a live integration in plain text; audited. None is required, so none can be missing.
pub fn read_secrets(tx: &mut Tx<'_>, key: &str) -> Result<SecretsView> {
    tx.caller.require(Scope::SecretsRead)?;
    // Three looks: meanwhile nobody may enter or shred one.
    let row = change::lock(tx, key)?;
    let rows = tx
        .conn
        .secrets_of(row.org_id, OwnerKind::Integration, row.id.into())?;
    secrets::open_all(tx, &row, &rows)
}

/// One live integration's row; a trashed one tells its entry to those who may read the trash.
pub(super) fn find(conn: &mut Conn, caller: &Caller, key: &str) -> Result<IntegrationRow> {
    match conn.find_integration_by_key(caller.org, key)? {
        Some(row) => Ok(row),
        None => Err(absent(conn, caller, key)?),
    }
}

/// Why an integration is not live.
pub(super) fn absent(conn: &mut Conn, caller: &Caller, key: &str) -> Result<Error> {
    Ok(match conn.place_of_integration_key(caller.org, key)? {
        // Restored since it was looked for: the whole unit of work again.
        Some(Place::Live) => StoreError::Conflict.into(),
        Some(Place::Trash(entry)) => caller.names_trashed("integration", entry),
        None => Error::not_found("integration"),
    })
}

/// Where a new connection belongs: the live integration with this key, or none if the key is its connector's own.
pub(super) fn home(
    conn: &mut Conn,
    caller: &Caller,
    key: &str,
    connector: &Connector,
) -> Result<std::result::Result<Option<IntegrationId>, FieldError>> {
    Ok(match conn.find_integration_by_key(caller.org, key)? {
        Some(row) if row.connector == connector.key => Ok(Some(row.id)),
        None if key == connector.key => Ok(None),
        _ => Err(FieldError::new(
            "/integration",
            "unknown_integration",
            "There is no such integration of this connector.",
        )),
    })
}

/// Refuses a key that another live integration has.
pub(super) fn check_free(conn: &mut Conn, caller: &Caller, key: &str) -> Result<()> {
    match conn.find_integration_by_key(caller.org, key)? {
        Some(row) => Err(external_id_taken(row.id)),
        None => Ok(()),
    }
}

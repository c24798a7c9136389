//! Connections by what a caller calls them within an integration: their external id, or their id if they have none.

use super::super::caller::Caller;
use super::super::error::{Error, Result};
use super::super::unit::Tx;
use super::free_name;
use crate::domain::ids::ConnectionId;
use crate::domain::text::Name;
use crate::store::rows::ConnectionRow;
use crate::store::{Conn, StoreError};

/// The live connection of an integration that is called so. One in the trash tells its entry to those who may read the
/// trash.
pub fn called(
    conn: &mut Conn,
    caller: &Caller,
    integration: &str,
    reference: &str,
) -> Result<ConnectionId> {
    if let Some(id) = live(conn, caller, integration, reference)? {
        return Ok(id);
    }
    let id = own_id(reference);
    let entry = conn.entry_of_connection_called(caller.org, integration, reference, id)?;
    if let Some(entry) = entry {
        return Err(caller.names_trashed("connection", entry));
    }
    // Restored between the two looks: the whole unit of work again.
    Err(match live(conn, caller, integration, reference)? {
        Some(_) => StoreError::Conflict.into(),
        None => Error::not_found("connection"),
    })
}

/// The same, locked against change until the transaction ends, and called so still. For a deletion what is in the trash
/// already is not used.
pub fn lock_called(
    tx: &mut Tx<'_>,
    integration: &str,
    reference: &str,
    deletes: bool,
) -> Result<ConnectionId> {
    let id = if deletes {
        called(tx.conn, &tx.caller.deleting(), integration, reference)?
    } else {
        called(tx.conn, tx.caller, integration, reference)?
    };
    // Deleted since it was looked for, or called otherwise: the whole unit of work again.
    let Some(row) = tx.conn.lock_connection(tx.caller.org, id)? else {
        return Err(StoreError::Conflict.into());
    };
    if row.integration == integration && is_called(&row, reference) {
        Ok(id)
    } else {
        Err(StoreError::Conflict.into())
    }
}

/// A name for a connection whose owner gives none: its external id, if that can be one and is free, else one close to it.
pub fn name_for(
    conn: &mut Conn,
    caller: &Caller,
    integration: &str,
    external_id: &str,
) -> Result<String> {
    let name = Name::parse(external_id.trim())
        .or_else(|_| Name::parse("connection"))
        .map_err(|problem| Error::Internal(problem.to_string()))?;
    let taken = conn.find_connection_by_name(caller.org, integration, &name.key())?;
    Ok(match taken {
        Some(_) => free_name(conn, caller, integration, &name)?.into_string(),
        None => name.into_string(),
    })
}

fn live(
    conn: &mut Conn,
    caller: &Caller,
    integration: &str,
    reference: &str,
) -> Result<Option<ConnectionId>> {
    let org = caller.org;
    if let Some(row) = conn.find_connection_by_external_id(org, integration, reference)? {
        return Ok(Some(row.id));
    }
    let Some(id) = own_id(reference) else {
        return Ok(None);
    };
    Ok(conn
        .find_connection(org, id)?
        .filter(|row| row.integration == integration && row.external_id.is_none())
        .map(|row| row.id))
}

fn is_called(row: &ConnectionRow, reference: &str) -> bool {
    match &row.external_id {
        Some(external_id) => external_id == reference,
        None => own_id(reference) == Some(row.id),
    }
}

/// An id as we write it; the other forms of a UUID are names like any other.
pub fn own_id(reference: &str) -> Option<ConnectionId> {
    ConnectionId::parse(reference).filter(|id| id.to_string() == reference)
}

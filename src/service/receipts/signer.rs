//! The key that an organization's receipts are signed with: made when it is first needed, its private half kept as a secret
//! like any other, so that a rotation wraps it anew and a lost keyring takes it along.

use std::collections::BTreeMap;

use serde_json::json;

use super::Unsigned;
use crate::domain::codes::Code;
use crate::domain::ids::{OrgId, ReceiptKeyId};
use crate::domain::kinds::OwnerKind;
use crate::secrets::envelope::EnvelopeError;
use crate::secrets::signing::SigningKey;
use crate::secrets::{SecretError, Vault};
use crate::service::Services;
use crate::service::caller::Caller;
use crate::service::error::{Error, Result};
use crate::service::secrets::{self, Opening, Owner};
use crate::service::unit::Tx;
use crate::store::Conn;
use crate::store::rows::ReceiptKeyRow;

/// What the private half is called among the secrets.
const FIELD: &str = "seed";
const SUBJECT: &str = "receipt_key";

/// Makes the key of an organization that has none, if there is a key to seal it under; whether there is one now.
pub(super) fn make_if_open(services: &Services, org: OrgId) -> Result<bool> {
    if services.vault.problem().is_some() {
        return Ok(false);
    }
    match services.write_once(&Caller::service(org), make) {
        Ok(()) => Ok(true),
        Err(Error::Problem(problem)) if problem.code == Code::Locked => Ok(false),
        Err(error) => Err(error),
    }
}

fn make(tx: &mut Tx<'_>) -> Result<()> {
    let org = tx.caller.org;
    // One at a time: of two that find none the second finds the first's.
    tx.conn.lock_organization(org)?;
    if tx.conn.current_receipt_key(org)?.is_some() {
        return Ok(());
    }
    let (seed, public_key) =
        SigningKey::make().map_err(|error| Error::Internal(error.to_string()))?;
    let row = ReceiptKeyRow {
        org_id: org,
        id: ReceiptKeyId::mint(),
        public_key,
        created_at: tx.conn.now()?,
        retired_at: None,
    };
    tx.conn.insert_receipt_key(&row)?;
    let seed = BTreeMap::from([(FIELD.to_owned(), Some(seed))]);
    secrets::apply(tx, &row, &seed, &BTreeMap::new())?;
    tx.record(
        "receipt_key.created",
        SUBJECT,
        row.id.into(),
        None,
        &json!({ "public_key": row.public_key }),
    )
}

/// Ends the use of a key whose private half is lost; what it has signed stays signed.
pub(in crate::service) fn retire(tx: &mut Tx<'_>, row: &ReceiptKeyRow) -> Result<()> {
    let now = tx.conn.now()?;
    tx.conn.retire_receipt_key(row.org_id, row.id, now)?;
    tx.record(
        "receipt_key.retired",
        SUBJECT,
        row.id.into(),
        None,
        &json!({ "public_key": row.public_key }),
    )
}

/// The signature of a payload, or why there is none.
pub(super) fn sign(
    conn: &mut Conn,
    vault: &Vault,
    key: Option<&ReceiptKeyRow>,
    payload: &[u8],
) -> Result<std::result::Result<String, Unsigned>> {
    let Some(key) = key else {
        return Ok(Err(Unsigned::Locked));
    };
    let facts = conn.secrets_of(key.org_id, OwnerKind::Signer, key.id.into())?;
    let Some(fact) = facts.first() else {
        return Ok(Err(Unsigned::KeyUnreadable));
    };
    let seed = match secrets::open(conn, vault, Owner::from(key), fact) {
        Ok(seed) => seed,
        Err(Opening::Secret(
            SecretError::Locked | SecretError::Envelope(EnvelopeError::UnknownEpoch(_)),
        )) => return Ok(Err(Unsigned::Locked)),
        Err(Opening::Secret(error)) => {
            tracing::error!(key = %key.id, %error, "the key that signs receipts does not open");
            return Ok(Err(Unsigned::KeyUnreadable));
        }
        Err(Opening::Other(error)) => return Err(error),
    };
    Ok(match SigningKey::open(&seed, &key.public_key) {
        Ok(signing) => Ok(signing.sign(payload)),
        Err(error) => {
            tracing::error!(key = %key.id, %error, "the key that signs receipts can't be used");
            Err(Unsigned::KeyUnreadable)
        }
    })
}

//! Receipts: what became of a deletion, signed, so that an auditor can check it without trusting or reaching the server.
//!
//! A receipt is made when it is read: of the entry, which answers for ever, and of what the deletion's own transaction
//! wrote into `receipts`. What must stay true: the payload's exact bytes are in the answer and are what is signed; no
//! value of a secret is in it; reading one needs no write but for the first key of an organization.

mod check;
mod claims;
mod signer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::Services;
use super::caller::Caller;
use super::error::{Error, Problem, Result};
use super::revoke;
use super::rotation::{destroyed_by, destroyed_up_to};
use super::unit::to_json;
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{EntryId, ReceiptKeyId};
use crate::domain::json::JsonText;
use crate::store::Conn;
use crate::store::rows::ReceiptKeyRow;

pub use check::{Checked, Refusal, VerifyingKey, check};
pub use claims::Receipt;
pub(super) use signer::retire;

/// What the keys are for.
const ALGORITHM: &str = "ed25519";

/// A receipt, signed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// What is in the payload, to be read.
    #[schema(value_type = Receipt)]
    pub receipt: JsonText,
    /// The bytes that are signed, after the 20 bytes `reprieve-receipt-v1` and a line feed: JSON in Base64. Only what is in
    /// here is vouched for.
    pub payload: String,
    /// The Ed25519 signature of them, in Base64.
    pub signature: Option<String>,
    /// The key that signed, one of `GET /v1/receipt-keys`.
    pub key_id: Option<ReceiptKeyId>,
    /// Why there is no signature, if there is none.
    pub unsigned: Option<Unsigned>,
}

/// Why a receipt is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsigned {
    /// The encryption key is missing: it is signed again when that is back.
    Locked,
    /// The signing key is damaged and can't be opened.
    KeyUnreadable,
}

/// The keys of an organization that receipts are signed with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptKeysView {
    /// All of them, oldest first: also those that sign no more, for the receipts that they have signed.
    pub data: Vec<ReceiptKeyView>,
}

/// The public half of a key that receipts are signed with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptKeyView {
    /// Its id.
    pub id: ReceiptKeyId,
    /// `ed25519`
    pub algorithm: &'static str,
    /// Its 32 bytes in Base64.
    pub public_key: String,
    /// Since when it signs.
    pub created_at: Ts,
    /// Since when it signs no more: its private half is lost.
    pub retired_at: Option<Ts>,
}

impl From<ReceiptKeyRow> for ReceiptKeyView {
    fn from(row: ReceiptKeyRow) -> Self {
        Self {
            id: row.id,
            algorithm: ALGORITHM,
            public_key: row.public_key,
            created_at: row.created_at,
            retired_at: row.retired_at,
        }
    }
}

/// The receipt of a deletion, whatever became of its entry.
pub fn get(services: &Services, caller: &Caller, id: EntryId) -> Result<ReceiptView> {
    let look = || {
        services.store.read_snapshot(|conn| {
            let receipt = describe(services, conn, caller, id)?;
            Ok::<_, Error>((receipt, conn.current_receipt_key(caller.org)?))
        })
    };
    let (mut receipt, mut key) = look()?;
    if key.is_none() && signer::make_if_open(services, caller.org)? {
        // Again: a receipt is not older than its key.
        (receipt, key) = look()?;
    }
    let receipt = to_json(&receipt)?;
    let payload = receipt.as_str().as_bytes();
    let signed = services
        .store
        .read(|conn| signer::sign(conn, &services.vault, key.as_ref(), payload))?;
    let (signature, unsigned) = match signed {
        Ok(signature) => (Some(signature), None),
        Err(unsigned) => (None, Some(unsigned)),
    };
    Ok(ReceiptView {
        payload: STANDARD.encode(payload),
        key_id: key.filter(|_| signature.is_some()).map(|key| key.id),
        receipt,
        signature,
        unsigned,
    })
}

/// The public halves of the keys. The first is made here too, so that an auditor can have it before anything is deleted.
pub fn keys(services: &Services, caller: &Caller) -> Result<ReceiptKeysView> {
    let look = || {
        services
            .store
            .read(|conn| conn.list_receipt_keys(caller.org))
    };
    let mut rows = look()?;
    let in_use = rows.iter().any(|row| row.retired_at.is_none());
    if !in_use && signer::make_if_open(services, caller.org)? {
        rows = look()?;
    }
    Ok(ReceiptKeysView {
        data: rows.into_iter().map(ReceiptKeyView::from).collect(),
    })
}

fn describe(services: &Services, conn: &mut Conn, caller: &Caller, id: EntryId) -> Result<Receipt> {
    let org = caller.org;
    let Some(entry) = conn.find_entry(org, id)? else {
        return Err(Error::not_found("deletion"));
    };
    let Some(row) = conn.find_receipt(org, id)? else {
        return Err(Problem::new(
            Code::NoReceipt,
            "This deletion has no receipt: it was imported, or made before there were receipts. Nobody here saw what it moved.",
        )
        .into());
    };
    let organization = conn
        .find_organization(org)?
        .ok_or_else(|| Error::Internal(format!("organization {org} is missing")))?;
    let epochs = conn.list_key_epochs()?;
    let crypto_erased_at = destroyed_up_to(&epochs, entry.key_epoch);
    let crypto_erase_by = entry
        .key_epoch
        .filter(|_| crypto_erased_at.is_none())
        .map(|epoch| destroyed_by(&epochs, epoch, services.key_times, services.vault.source()));
    let mut revocations = revoke::of_entries(conn, org, std::slice::from_ref(&entry))?;
    let revocation = revocations.remove(&id).unwrap_or_default().told(&entry);
    Receipt::new(claims::Facts {
        entry,
        row,
        organization,
        revocation,
        crypto_erase_by,
        crypto_erased_at,
        now: conn.now()?,
    })
}

//! The check of a receipt: two documents in, what was signed out. Needs neither server nor database.
//!
//! What must stay true: nothing is believed but what the signature covers; the answer comes from the payload, never from
//! the part of the document that is there to be read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::claims::{Receipt, TYPE, VERSION};
use crate::domain::clock::Ts;
use crate::domain::ids::ReceiptKeyId;
use crate::secrets::signing::is_signed;

/// Why a receipt proves nothing. Texts from the documents are as they stand there: whoever shows them sees to that.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The first document is something else.
    #[error("it is no receipt: {0}")]
    NoReceipt(serde_json::Error),
    /// The second document is something else.
    #[error("it is no list of public keys: {0}")]
    NoKeys(serde_json::Error),
    /// There is no signature.
    #[error("this receipt is not signed ({0}), so it proves nothing")]
    Unsigned(String),
    /// Nobody vouches for the key.
    #[error(
        "this receipt says that it is signed with the key {id}, which is not among the {known} public keys given: it is of \
         another organization, forged, or newer than the list of keys"
    )]
    UnknownKey {
        /// The key it names.
        id: ReceiptKeyId,
        /// How many keys there are.
        known: usize,
    },
    /// The key is of another kind, or damaged.
    #[error("the public key {0} is none that this program knows how to use")]
    BadKey(ReceiptKeyId),
    /// What is there is not what was signed.
    #[error(
        "the signature does not fit: this receipt was altered after it was signed, or it was not signed with the key {0}"
    )]
    Altered(ReceiptKeyId),
    /// What is there to be read is not what was signed.
    #[error(
        "the part `receipt`, which is there to be read, says something else than what was signed: it was altered"
    )]
    ReadPartAltered,
    /// Signed, but by rules of later.
    #[error(
        "the signature is good, but what is signed is no receipt that this program knows how to read"
    )]
    UnknownVersion,
    /// Signed, but damaged.
    #[error("the signature is good, but what is signed can't be read: {0}")]
    Unreadable(serde_json::Error),
    /// The moments contradict each other.
    #[error(
        "this receipt says that it was issued {0}: its key was not in use then, so somebody else may have that key"
    )]
    OutsideOfKey(Ts),
}

/// A receipt that is as it was signed.
#[derive(Debug)]
pub struct Checked {
    /// What was signed.
    pub receipt: Receipt,
    /// The key it was signed with.
    pub key: VerifyingKey,
}

/// A public key as `GET /v1/receipt-keys` lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct VerifyingKey {
    /// Its id.
    pub id: ReceiptKeyId,
    algorithm: String,
    public_key: String,
    /// Since when it signs.
    pub created_at: Ts,
    /// Since when it signs no more.
    pub retired_at: Option<Ts>,
}

#[derive(Deserialize)]
struct Keys {
    data: Vec<VerifyingKey>,
}

#[derive(Deserialize)]
struct Kept {
    receipt: Value,
    payload: String,
    signature: Option<String>,
    key_id: Option<ReceiptKeyId>,
    #[serde(default)]
    unsigned: Option<String>,
}

/// Checks a receipt, as `GET /v1/receipts/{id}` answered it, by the keys that `GET /v1/receipt-keys` listed.
pub fn check(receipt: &[u8], keys: &[u8]) -> Result<Checked, Refusal> {
    let kept: Kept = serde_json::from_slice(receipt).map_err(Refusal::NoReceipt)?;
    let keys: Keys = serde_json::from_slice(keys).map_err(Refusal::NoKeys)?;
    let Some((signature, id)) = kept.signature.zip(kept.key_id) else {
        return Err(Refusal::Unsigned(kept.unsigned.unwrap_or_default()));
    };
    let known = keys.data.len();
    let Some(key) = keys.data.into_iter().find(|key| key.id == id) else {
        return Err(Refusal::UnknownKey { id, known });
    };
    if key.algorithm != super::ALGORITHM {
        return Err(Refusal::BadKey(id));
    }
    let public_key = STANDARD
        .decode(&key.public_key)
        .map_err(|_| Refusal::BadKey(id))?;
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| Refusal::Altered(id));
    let payload = decode(&kept.payload)?;
    if !is_signed(&public_key, &payload, &decode(&signature)?) {
        return Err(Refusal::Altered(id));
    }
    let said: Value = serde_json::from_slice(&payload).map_err(Refusal::Unreadable)?;
    let version = said.get("version").and_then(Value::as_u64);
    if said.get("type").and_then(Value::as_str) != Some(TYPE) || version != Some(u64::from(VERSION))
    {
        return Err(Refusal::UnknownVersion);
    }
    if said != kept.receipt {
        return Err(Refusal::ReadPartAltered);
    }
    let receipt: Receipt = serde_json::from_value(said).map_err(Refusal::Unreadable)?;
    if receipt.issued_at < key.created_at || key.retired_at.is_some_and(|at| receipt.issued_at > at)
    {
        return Err(Refusal::OutsideOfKey(receipt.issued_at));
    }
    Ok(Checked { receipt, key })
}

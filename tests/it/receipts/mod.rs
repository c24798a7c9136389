//! Receipts: every deletion has one, it says what happened, and anybody can check it with the public keys alone.

mod contents;
mod keys;
mod signature;
mod ways;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reprieve::service::receipts::{self, Checked, Refusal};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::support::*;

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

fn id(answer: &Value) -> String {
    text(&answer["id"])
}

fn receipt(client: &Client, entry: &str) -> Value {
    client.get(&format!("/v1/receipts/{entry}")).ok(200)
}

fn keys(client: &Client) -> Value {
    client.get("/v1/receipt-keys").ok(200)
}

/// What was signed, and nothing of what stands beside it.
fn payload(receipt: &Value) -> Vec<u8> {
    STANDARD.decode(text(&receipt["payload"])).unwrap()
}

/// What a receipt says; checked with the keys of its organization.
#[track_caller]
fn said(client: &Client, entry: &str) -> Value {
    let receipt = receipt(client, entry);
    checked(&receipt, &keys(client)).unwrap();
    serde_json::from_slice(&payload(&receipt)).unwrap()
}

/// The check that `reprieve receipt verify` makes.
fn checked(receipt: &Value, keys: &Value) -> Result<Checked, Refusal> {
    receipts::check(receipt.to_string().as_bytes(), keys.to_string().as_bytes())
}

/// The check as docs/security.md tells an auditor to make it, by nothing of ours.
fn fits(receipt: &Value, keys: &Value) -> bool {
    let key = keys["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["id"] == receipt["key_id"])
        .unwrap();
    assert_eq!(key["algorithm"], "ed25519");
    let public_key = STANDARD.decode(text(&key["public_key"])).unwrap();
    let signed = [b"reprieve-receipt-v1\n".as_slice(), &payload(receipt)].concat();
    let signature = STANDARD.decode(text(&receipt["signature"])).unwrap();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public_key)
        .verify(&signed, &signature)
        .is_ok()
}

/// The ids of an entry's rows of one kind, as the API lists them.
fn items(client: &Client, entry: &str, kind: &str) -> Vec<Uuid> {
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let page = client
            .get(&format!(
                "/v1/trash/{entry}/items?kind={kind}&page_size=200{token}"
            ))
            .ok(200);
        let rows = page["data"].as_array().unwrap();
        ids.extend(
            rows.iter()
                .map(|row| Uuid::parse_str(row["id"].as_str().unwrap()).unwrap()),
        );
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return ids,
        }
    }
}

/// The hash of a manifest, made as the receipt says how.
fn hash(mut ids: Vec<Uuid>) -> String {
    ids.sort_unstable();
    let bytes: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}

/// The manifest that an auditor makes of what is in the trash, and how many rows each hash is of.
fn manifest(client: &Client, entry: &str) -> (Value, [usize; 4]) {
    let found =
        ["integration", "connection", "model", "content"].map(|kind| items(client, entry, kind));
    let counts = found.each_ref().map(Vec::len);
    let [integrations, connections, models, content] = found.map(hash);
    let manifest = json!({"integrations": integrations, "connections": connections, "models": models, "content": content});
    (manifest, counts)
}

/// The hashes of a receipt.
fn hashes(said: &Value) -> Value {
    let mut manifest = said["manifest"].clone();
    assert!(text(&manifest["algorithm"]).contains("SHA-256"));
    manifest.as_object_mut().unwrap().remove("algorithm");
    manifest
}

//! The chain: a hash over each record and the hash before, so that whoever changes, removes, adds or moves a record breaks
//! everything after it.
//!
//! What must stay true: anybody can compute it from an export with nothing of ours; a change of the form needs another
//! [`FORM`]. The form is described in docs/security.md, "The audit chain".

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::AuditView;
use crate::domain::ids::OrgId;
use crate::service::tokens::hex;

/// What stands in place of a hash before the first record.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The name of the form that is hashed.
const FORM: &str = "reprieve-audit-1";

/// The hash of a record with this number, after one with the hash `before`, in hexadecimal digits.
pub fn hash(before: &str, org: OrgId, seq: i64, record: &AuditView) -> String {
    let mut digest = Sha256::new();
    // Netstrings, `-` for what is not there: no two records read the same.
    let mut field = |value: Option<&str>| match value {
        Some(value) => {
            digest.update(format!("{}:", value.len()));
            digest.update(value);
            digest.update(",");
        }
        None => digest.update("-"),
    };
    field(Some(FORM));
    field(Some(before));
    field(Some(&org.to_string()));
    field(Some(&seq.to_string()));
    field(Some(&record.id.to_string()));
    field(Some(&record.at.to_string()));
    field(Some(&record.actor.id));
    field(record.actor.name.as_deref());
    field(record.key_id.map(|id| id.to_string()).as_deref());
    field(record.address.as_deref());
    field(record.request_id.as_deref());
    field(Some(&record.action));
    field(Some(&record.outcome));
    field(Some(&record.subject.kind));
    field(record.subject.id.map(|id| id.to_string()).as_deref());
    field(record.entry_id.map(|id| id.to_string()).as_deref());
    field(Some(if record.announced { "event" } else { "record" }));
    field(Some(record.detail.as_str()));
    hex(&digest.finalize())
}

/// Goes along a chain, record by record.
#[derive(Debug, Clone)]
pub struct Walk {
    org: OrgId,
    seq: i64,
    hash: String,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The number of the first record that does not fit.
    pub seq: i64,
    /// What is wrong with it.
    pub fault: String,
}

impl Walk {
    /// From the beginning.
    pub fn new(org: OrgId) -> Self {
        Self::after(org, 0, BEGINNING.to_owned())
    }

    /// From after a record that is known.
    pub fn after(org: OrgId, seq: i64, hash: String) -> Self {
        Self { org, seq, hash }
    }

    /// The number of the last record, and its hash.
    pub fn end(&self) -> (i64, &str) {
        (self.seq, &self.hash)
    }

    /// The hash that this record gets as the next one, and goes on from there.
    pub fn append(&mut self, record: &AuditView) -> (i64, String) {
        self.seq += 1;
        self.hash = hash(&self.hash, self.org, self.seq, record);
        (self.seq, self.hash.clone())
    }

    /// Whether this record is the next one.
    pub fn check(&mut self, record: &AuditView) -> Result<(), Break> {
        let next = self.seq + 1;
        let fault = |fault: String| Err(Break { seq: next, fault });
        match record.seq {
            Some(seq) if seq == next => {}
            Some(seq) => return fault(format!("record {next} is missing: record {seq} follows")),
            None => return fault("a record without a number is in the chain".to_owned()),
        }
        let stored = record.hash.clone();
        let (_, computed) = self.append(record);
        if stored.as_ref() == Some(&computed) {
            return Ok(());
        }
        fault(format!(
            "record {next} ({}, {}) does not have its hash: it, or what was before it, was changed",
            record.id, record.action
        ))
    }
}

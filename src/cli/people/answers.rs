//! What the commands read out of the API's documents. Members they do not need are left out, so that an older
//! program works with a newer server.

pub(in crate::cli) mod keeping;
pub(in crate::cli) mod webhooks;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, RootId};
use keeping::{Blocked, Hold};

/// A trash entry.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) id: EntryId,
    pub(in crate::cli) state: String,
    pub(in crate::cli) root: Root,
    pub(in crate::cli) connector: String,
    pub(in crate::cli) integration: String,
    pub(in crate::cli) connection_id: Option<ConnectionId>,
    pub(in crate::cli) deleted_at: Ts,
    pub(in crate::cli) deleted_by: Actor,
    pub(in crate::cli) reason: Option<String>,
    pub(in crate::cli) purge_at: Ts,
    pub(in crate::cli) purge_protected: bool,
    pub(in crate::cli) held: bool,
    pub(in crate::cli) impact: Counts,
    pub(in crate::cli) secrets: Erasure,
    pub(in crate::cli) restorable: bool,
    #[serde(default)]
    pub(in crate::cli) uses: Uses,
    #[serde(default)]
    pub(in crate::cli) blockers: Vec<Blocker>,
    #[serde(default)]
    pub(in crate::cli) broken_links: Vec<Link>,
    #[serde(default)]
    pub(in crate::cli) kept_by: Vec<String>,
    #[serde(default)]
    pub(in crate::cli) holds: Vec<Hold>,
    #[serde(default)]
    pub(in crate::cli) purge_problem: Option<Blocked>,
    pub(in crate::cli) closed_at: Option<Ts>,
    pub(in crate::cli) closed_by: Option<Actor>,
}

impl Entry {
    pub(in crate::cli) fn in_trash(&self) -> bool {
        self.state == "in_trash"
    }
}

/// What was deleted, or would be.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Root {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) id: RootId,
    pub(in crate::cli) name: String,
    pub(in crate::cli) external_id: Option<String>,
}

/// Who did something.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Actor {
    pub(in crate::cli) id: String,
    pub(in crate::cli) name: Option<String>,
}

/// Who still calls for what was deleted.
#[derive(Debug, Default, Deserialize)]
pub(in crate::cli) struct Uses {
    pub(in crate::cli) count: i64,
    pub(in crate::cli) last_used_at: Option<Ts>,
    #[serde(default)]
    pub(in crate::cli) callers: Vec<User>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct User {
    #[serde(flatten)]
    pub(in crate::cli) actor: Actor,
    pub(in crate::cli) count: i64,
    pub(in crate::cli) first_used_at: Ts,
    pub(in crate::cli) last_used_at: Ts,
}

/// Rows by kind.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(in crate::cli) struct Counts {
    #[serde(default)]
    pub(in crate::cli) integrations: i64,
    pub(in crate::cli) connections: i64,
    pub(in crate::cli) models: i64,
    pub(in crate::cli) content: i64,
    pub(in crate::cli) links: i64,
    #[serde(default)]
    pub(in crate::cli) references: i64,
}

/// What became of the secrets of a deletion.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Erasure {
    pub(in crate::cli) shredded: i64,
    pub(in crate::cli) shredded_at: Option<Ts>,
    #[serde(rename = "erasure")]
    pub(in crate::cli) progress: String,
    pub(in crate::cli) erased_at: Option<Ts>,
    #[serde(default)]
    pub(in crate::cli) crypto_erased_at: Option<Ts>,
    #[serde(default)]
    pub(in crate::cli) revocation_detail: Option<String>,
    pub(in crate::cli) shape: BTreeMap<String, Secret>,
}

/// What is known of a secret; never its value.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct Secret {
    pub(in crate::cli) label: String,
    pub(in crate::cli) required: bool,
    pub(in crate::cli) set: bool,
    pub(in crate::cli) last_set_at: Option<Ts>,
    pub(in crate::cli) last_set_by: Option<String>,
    pub(in crate::cli) source_hint: Option<String>,
}

/// What stands in the way of a restore.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Blocker {
    pub(in crate::cli) code: String,
    pub(in crate::cli) detail: String,
    pub(in crate::cli) entry_id: Option<EntryId>,
}

/// Content elsewhere.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Link {
    pub(in crate::cli) content_id: DependentId,
    pub(in crate::cli) name: String,
    pub(in crate::cli) connection_id: ConnectionId,
}

/// A row of an entry; a connection's kind is its connector.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Item {
    pub(in crate::cli) id: DependentId,
    pub(in crate::cli) name: String,
    #[serde(alias = "connector")]
    pub(in crate::cli) kind: String,
    pub(in crate::cli) external_id: Option<String>,
}

/// A live connection.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Connection {
    pub(in crate::cli) id: ConnectionId,
    pub(in crate::cli) name: String,
    pub(in crate::cli) connector: String,
    pub(in crate::cli) integration: String,
    pub(in crate::cli) external_id: Option<String>,
    pub(in crate::cli) settings: BTreeMap<String, Box<RawValue>>,
    pub(in crate::cli) tags: BTreeMap<String, String>,
    pub(in crate::cli) status: String,
    pub(in crate::cli) secrets: BTreeMap<String, Secret>,
    pub(in crate::cli) deletion_protection: bool,
    pub(in crate::cli) created_at: Ts,
    pub(in crate::cli) updated_at: Ts,
    pub(in crate::cli) version: i64,
}

impl Connection {
    /// The fields of the required secrets that are not set.
    pub(in crate::cli) fn missing(&self) -> Vec<&str> {
        self.secrets
            .iter()
            .filter(|(_, secret)| secret.required && !secret.set)
            .map(|(field, _)| field.as_str())
            .collect()
    }
}

/// What a deletion would take along.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Impact {
    pub(in crate::cli) root: Root,
    #[serde(rename = "impact")]
    pub(in crate::cli) counts: Counts,
    pub(in crate::cli) references: i64,
    pub(in crate::cli) sample: Vec<Sample>,
    pub(in crate::cli) references_sample: Vec<Link>,
    pub(in crate::cli) secrets: Vec<String>,
    pub(in crate::cli) plan_token: String,
}

/// A row that would go.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Sample {
    #[serde(rename = "type")]
    pub(in crate::cli) what: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) kind: String,
}

/// What a restore brought back.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Restored {
    /// None for an integration.
    pub(in crate::cli) connection: Option<Connection>,
    #[serde(rename = "restored")]
    pub(in crate::cli) counts: Counts,
    pub(in crate::cli) needs_credentials: Vec<String>,
    #[serde(rename = "not_restored")]
    pub(in crate::cli) lost: Vec<Lost>,
    pub(in crate::cli) ancestors: Vec<EntryId>,
}

/// Something that could not come back.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Lost {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) count: i64,
    pub(in crate::cli) reason: String,
}

/// What a restore would do.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct RestorePlan {
    pub(in crate::cli) name: String,
    pub(in crate::cli) restores: Counts,
    pub(in crate::cli) ancestors: Vec<EntryId>,
}

//! What a receipt says, version 1. Fields are added, never renamed: receipts are kept for years.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, KeyId, OrgId, RootId};
use crate::domain::kinds::{EntryState, Revocation, RootKind};
use crate::service::caller::Actor;
use crate::service::error::{Error, Result};
use crate::service::views::Counts;
use crate::store::rows::{EntryRow, OrganizationRow, ReceiptRow};

/// What a payload is.
pub(super) const TYPE: &str = "reprieve.receipt";
/// The version of what it says.
pub(super) const VERSION: u32 = 1;

const MANIFEST: &str =
    "SHA-256 over the ids that were moved: 16 bytes each, in ascending order, nothing between them";

/// What Reprieve does not vouch for; the same in every receipt.
const NOT_COVERED: [&str; 4] = [
    "The other side: unless `secrets.revocation` is `done`, the credentials that were shredded are valid at their source until \
     they are changed there.",
    "Copies of the database's bytes: PostgreSQL's write-ahead log and its archives, standbys, backups and retired disks hold the \
     sealed secrets until `secrets.crypto_erased_at`, and a copy of an encryption key that somebody kept opens them.",
    "Free text: whatever a caller wrote into names, bodies, metadata and reasons.",
    "What left Reprieve before the deletion: whoever was allowed to read a secret may have kept it.",
];

/// A receipt of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// `reprieve.receipt`
    #[serde(rename = "type")]
    pub type_: String,
    /// 1
    pub version: u32,
    /// When this was said, by the database's clock; the rest is how things stood then.
    pub issued_at: Ts,
    /// Whose deletion it is.
    pub organization: ReceiptOrganization,
    /// The act.
    pub deletion: ReceiptDeletion,
    /// What was to be deleted.
    pub deleted: ReceiptRoot,
    /// Rows that left, by kind.
    pub counts: Counts,
    /// Which rows left.
    pub manifest: ReceiptManifest,
    /// What became of the secrets.
    pub secrets: ReceiptSecrets,
    /// Where the rows are: in the trash, live again, gone for good.
    pub state: EntryState,
    /// When they will be gone for good, or would have been.
    pub purge_at: Ts,
    /// When they left the trash.
    pub closed_at: Option<Ts>,
    /// Who restored or purged them.
    pub closed_by: Option<Actor>,
    /// What this receipt does not vouch for.
    pub not_covered: Vec<String>,
}

/// Whose deletion it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptOrganization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
}

/// The act of deleting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptDeletion {
    /// Its id, which is the trash entry's.
    pub id: EntryId,
    /// When, by the database's clock.
    pub at: Ts,
    /// By whom.
    pub by: Actor,
    /// With which API key.
    pub api_key_id: Option<KeyId>,
    /// Why, in the deleter's words.
    pub reason: Option<String>,
}

/// What was to be deleted; more may have gone along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptRoot {
    /// Its kind.
    pub kind: RootKind,
    /// Its id.
    pub id: RootId,
    /// Its name.
    pub name: String,
    /// The caller's own id; the key of an integration.
    pub external_id: Option<String>,
    /// The connector of the connection concerned.
    pub connector: String,
    /// Its integration.
    pub integration: String,
}

/// Which rows left: as long as they are in the trash, `GET /v1/trash/{id}/items` lists the ids to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptManifest {
    /// How the hashes are made.
    pub algorithm: String,
    /// Of the integration's id.
    pub integrations: String,
    /// Of the connections' ids.
    pub connections: String,
    /// Of the models' ids.
    pub models: String,
    /// Of the content's ids.
    pub content: String,
}

/// What became of the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptSecrets {
    /// How many were shredded.
    pub shredded: i64,
    /// What they were called, each name once.
    pub fields: Vec<String>,
    /// When they were unusable and gone from every table.
    pub shredded_at: Option<Ts>,
    /// Since when no byte of them is in the database's files; `null` while that is pending.
    pub erased_at: Option<Ts>,
    /// The newest key epoch that they were sealed under.
    pub key_epoch: Option<i32>,
    /// When the configured rotation destroys the last key that they were sealed under.
    pub crypto_erase_by: Option<Ts>,
    /// Why nobody can say when.
    pub crypto_erase_unknown: Option<String>,
    /// Since when every such key is destroyed, so that no copy of the database opens them.
    pub crypto_erased_at: Option<Ts>,
    /// What became of the credentials at the source.
    pub revocation: Revocation,
    /// The same in a sentence.
    pub revocation_detail: Option<String>,
}

/// What a receipt is made of.
pub(super) struct Facts {
    pub(super) entry: EntryRow,
    pub(super) row: ReceiptRow,
    pub(super) organization: OrganizationRow,
    pub(super) revocation: (Revocation, Option<String>),
    pub(super) crypto_erase_by: Option<std::result::Result<Ts, &'static str>>,
    pub(super) crypto_erased_at: Option<Ts>,
    pub(super) now: Ts,
}

impl Receipt {
    pub(super) fn new(facts: Facts) -> Result<Self> {
        let Facts {
            entry,
            row,
            organization,
            revocation: (revocation, revocation_detail),
            crypto_erase_by,
            crypto_erased_at,
            now,
        } = facts;
        let fields = serde_json::from_str(row.fields.as_str()).map_err(|error| {
            Error::Internal(format!("the receipt of {} is damaged: {error}", entry.id))
        })?;
        let counts = Counts::of(&entry);
        let actor = |id, name| Actor { id, name };
        Ok(Self {
            type_: TYPE.to_owned(),
            version: VERSION,
            issued_at: now,
            organization: ReceiptOrganization {
                id: organization.id,
                name: organization.name,
            },
            deletion: ReceiptDeletion {
                id: entry.id,
                at: entry.deleted_at,
                by: actor(entry.deleted_by, entry.deleted_by_name),
                api_key_id: entry.key_id,
                reason: entry.reason,
            },
            deleted: ReceiptRoot {
                kind: entry.root_kind,
                id: entry.root_id,
                name: entry.root_name,
                external_id: entry.root_external_id,
                connector: entry.connector,
                integration: entry.integration,
            },
            counts,
            manifest: ReceiptManifest {
                algorithm: MANIFEST.to_owned(),
                integrations: row.integrations_sha256,
                connections: row.connections_sha256,
                models: row.models_sha256,
                content: row.content_sha256,
            },
            secrets: ReceiptSecrets {
                shredded: entry.secrets_shredded,
                fields,
                shredded_at: entry.shredded_at,
                erased_at: entry.erased_at,
                key_epoch: entry.key_epoch,
                crypto_erase_by: crypto_erase_by.and_then(std::result::Result::ok),
                crypto_erase_unknown: crypto_erase_by
                    .and_then(std::result::Result::err)
                    .map(str::to_owned),
                crypto_erased_at,
                revocation,
                revocation_detail,
            },
            state: entry.state,
            purge_at: entry.purge_at,
            closed_at: entry.closed_at,
            closed_by: entry.closed_by.map(|id| actor(id, entry.closed_by_name)),
            not_covered: NOT_COVERED.map(str::to_owned).to_vec(),
        })
    }
}

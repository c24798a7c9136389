//! Trash entries, and what a deletion took along.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Actor;
use super::super::holds::HoldView;
use super::super::purge::status::BlockedView;
use super::super::uses::UsesView;
use super::{LinkView, SecretView};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, EntryId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{EntryState, Keep, Revocation, RootKind};
use crate::store::rows::EntryRow;

/// What a deletion was asked to delete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RootView {
    /// Its kind.
    pub kind: RootKind,
    /// Its id, which it keeps through trash and restore.
    pub id: RootId,
    /// Its name.
    pub name: String,
    /// The caller's own id; the key of an integration.
    pub external_id: Option<String>,
}

/// Rows by kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Integrations.
    pub integrations: i64,
    /// Connections.
    pub connections: i64,
    /// Models.
    pub models: i64,
    /// Content.
    pub content: i64,
    /// Links between content.
    pub links: i64,
}

impl Counts {
    /// The rows of an entry.
    pub(in crate::service) fn of(row: &EntryRow) -> Self {
        Self {
            integrations: i64::from(row.root_kind == RootKind::Integration),
            connections: row.connections_count,
            models: row.models_count,
            content: row.content_count,
            links: row.links_count,
        }
    }
}

/// A trash entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Its id, which is the id of the deletion.
    pub id: EntryId,
    /// Where it stands.
    pub state: EntryState,
    /// What was deleted.
    pub root: RootView,
    /// The connector of the connection concerned.
    pub connector: String,
    /// Its integration.
    pub integration: String,
    /// The connection concerned: the root itself or the one it belonged to; none of an integration.
    pub connection_id: Option<ConnectionId>,
    /// When it was deleted, by the database's clock.
    pub deleted_at: Ts,
    /// By whom.
    pub deleted_by: Actor,
    /// Why, in the deleter's words.
    pub reason: Option<String>,
    /// When it will be purged.
    pub purge_at: Ts,
    /// Whether nobody may purge it before that.
    pub purge_protected: bool,
    /// Whether a hold is on it.
    pub held: bool,
    /// Whether somebody still calls for what is in it.
    pub uses: UsesView,
    /// What went with it.
    pub impact: ImpactCounts,
    /// What became of the secrets.
    pub secrets: ErasureView,
    /// Whether a restore without overrides would bring it back.
    pub restorable: bool,
    /// Why not, if not. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blockers: Option<Vec<Blocker>>,
    /// Content elsewhere that linked to what was deleted. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_links: Option<Vec<LinkView>>,
    /// What keeps it from being purged, besides its date. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<Vec<Keep>>,
    /// Its holds, those that have ended with them. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<Vec<HoldView>>,
    /// Why it could not be purged, if that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge_problem: Option<BlockedView>,
    /// When it left the trash; of one that is being purged, since when there is no way back.
    pub closed_at: Option<Ts>,
    /// Who restored or purged it.
    pub closed_by: Option<Actor>,
}

/// What a deletion took along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImpactCounts {
    /// Rows by kind.
    #[serde(flatten)]
    pub rows: Counts,
    /// Links from content that stayed, which are broken now.
    pub references: i64,
}

/// What became of the secrets of a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureView {
    /// How many were shredded.
    pub shredded: i64,
    /// When.
    pub shredded_at: Option<Ts>,
    /// Whether their bytes are gone from the database's files.
    pub erasure: Erasure,
    /// Since when.
    pub erased_at: Option<Ts>,
    /// What became of the credentials at the source.
    pub revocation: Revocation,
    /// The same in a sentence that says what to do; `null` if there were no secrets.
    pub revocation_detail: Option<String>,
    /// The key epoch they were sealed under; once it is destroyed no backup opens them.
    pub key_epoch: Option<i32>,
    /// Since when that is so: every key that they were under is destroyed.
    pub crypto_erased_at: Option<Ts>,
    /// What each was called, whether it was required, who set it when and where its owner keeps it.
    #[schema(value_type = std::collections::BTreeMap<String, SecretView>)]
    pub shape: JsonText,
}

/// How far the erasure of shredded secrets is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Erasure {
    /// There were no secrets.
    None,
    /// Unusable and gone from every table; their bytes may still be in the database's files.
    Pending,
    /// No byte is left in the database's files.
    Done,
}

/// What stands in the way of a restore.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Blocker {
    /// The code that the restore would answer with.
    pub code: &'static str,
    /// What it is about, in a sentence.
    pub detail: String,
    /// The entry of the parent, if that is what is in the way.
    pub entry_id: Option<EntryId>,
}

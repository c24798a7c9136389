//! What lists are narrowed to.

use serde::{Deserialize, Serialize};

use super::rows::DependentHead;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, RootId};
use crate::domain::kinds::{EntryState, RootKind, Status};

/// What a list of connections is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct ConnectionFilter {
    /// The name, compared case-folded.
    pub name_key: Option<String>,
    /// Part of the name, case-folded.
    pub q: Option<String>,
    /// The connector's key.
    pub connector: Option<String>,
    /// The integration's key.
    pub integration: Option<String>,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// The status.
    pub status: Option<Status>,
    /// A tag as it stands in the stored JSON: `"key":"value"`.
    pub tag: Option<String>,
}

/// What a look for the newest live connections is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct ConnectionSearch {
    /// The keys of their integrations; any if there is none.
    pub integrations: Vec<String>,
    /// The caller's own id, or the id of a connection that has none.
    pub called: Option<(String, Option<ConnectionId>)>,
    /// Tags as they stand in the stored JSON, all of them: `"key":"value"`.
    pub tags: Vec<String>,
}

/// What a list of models or content is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct DependentFilter {
    /// The connection.
    pub connection_id: Option<ConnectionId>,
    /// The base model, or the content's model.
    pub parent: Option<DependentId>,
    /// The kind word.
    pub kind: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// What a list of trash entries is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct EntryFilter {
    /// The kind of the root.
    pub kind: Option<RootKind>,
    /// The state; `None` lists all of them.
    pub state: Option<EntryState>,
    /// Part of the root's name, case-folded.
    pub q: Option<String>,
    /// The id of the actor who deleted.
    pub deleted_by: Option<String>,
    /// Deleted at or after this moment.
    pub deleted_after: Option<Ts>,
    /// Deleted before this moment.
    pub deleted_before: Option<Ts>,
    /// Purged before this moment, if nothing holds it.
    pub purge_before: Option<Ts>,
    /// Whether a hold is on it.
    pub held: Option<bool>,
    /// Whether nothing stands in the way of a restore that the entry itself shows (its parents are live).
    pub restorable: Option<bool>,
}

/// The order of a list of trash entries, with the entry after which the page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryOrder {
    /// Newest deletion first.
    DeletedAt(Option<(Ts, EntryId)>),
    /// Next to be purged first.
    PurgeAt(Option<(Ts, EntryId)>),
}

/// By what an entry is due to be purged.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The moment, by the database's clock.
    pub now: Ts,
    /// A hold that ended after this still keeps its entry.
    pub held_since: Ts,
    /// What was used after this is kept; [`Ts::FAR`] where a use keeps nothing.
    pub used_since: Ts,
    /// What was deleted from this moment on is kept by a brake; [`Ts::FAR`] without one.
    pub braked_from: Ts,
}

/// What a list of audit records is narrowed to.
#[derive(Debug, Default, Clone)]
pub struct AuditFilter {
    /// One of these actions.
    pub actions: Option<Vec<String>>,
    /// The id of the actor.
    pub actor: Option<String>,
    /// `done` or `refused`.
    pub outcome: Option<String>,
    /// What it was done to.
    pub subject: Option<RootId>,
    /// The trash entry.
    pub entry: Option<EntryId>,
    /// The request.
    pub request_id: Option<String>,
    /// At or after this moment.
    pub after: Option<Ts>,
    /// Before this moment.
    pub before: Option<Ts>,
}

/// A list of models or content, live or in the trash: what it is narrowed to and how it is sorted.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The row itself.
    pub id: Option<DependentId>,
    /// The connection.
    pub connection_id: Option<ConnectionId>,
    /// The base model, or the content's model.
    pub parent: Option<DependentId>,
    /// The kind word.
    pub kind: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// By what it is sorted, and where the page begins.
    pub sort: Sort,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// The order of a list, with the value and the id after which the page begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sort {
    /// By name, byte by byte.
    Name(Option<(String, DependentId)>),
    /// By kind.
    Kind(Option<(String, DependentId)>),
    /// By connection.
    Connection(Option<(ConnectionId, DependentId)>),
    /// By parent, those without one as if theirs were the least id.
    Parent(Option<(DependentId, DependentId)>),
    /// By when they were made.
    CreatedAt(Option<(Ts, DependentId)>),
    /// By when they were last changed.
    UpdatedAt(Option<(Ts, DependentId)>),
}

impl Sort {
    /// The same order, after this row.
    #[must_use]
    pub fn after(&self, row: &DependentHead) -> Self {
        match self {
            Self::Name(_) => Self::Name(Some((row.name.clone(), row.id))),
            Self::Kind(_) => Self::Kind(Some((row.kind.clone(), row.id))),
            Self::Connection(_) => Self::Connection(Some((row.connection_id, row.id))),
            Self::Parent(_) => Self::Parent(Some((row.parent.unwrap_or(NO_PARENT), row.id))),
            Self::CreatedAt(_) => Self::CreatedAt(Some((row.created_at, row.id))),
            Self::UpdatedAt(_) => Self::UpdatedAt(Some((row.updated_at, row.id))),
        }
    }
}

/// What a row without a parent is sorted by.
pub const NO_PARENT: DependentId = DependentId(uuid::Uuid::nil());

//! Rows of any kind, as an export reads them and an import writes them: whole, with their ids and times.
//!
//! A new kind of row is a word in [`RecordKind`], a variant here and an arm in each function of `queries/transfer.rs`.

use uuid::Uuid;

use super::rows::{
    ConnectionRow, DependentRow, EntryRow, HoldRow, IntegrationRow, LinkRow, TrashSecretRow,
};
use crate::domain::ids::EntryId;
use crate::domain::kinds::RecordKind;

/// What the rows of a kind are told apart and ordered by: the id, the two ends of a link, or entry, owner and field of a
/// secret in the trash. Of its owner's kinds only connections lie below a root.
pub type Key = (Uuid, Uuid, String);

/// A row of any kind. What is in the trash has its entry with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in RecordKind")]
pub enum Record {
    Integration(IntegrationRow),
    Connection(Box<ConnectionRow>),
    Model(DependentRow),
    Content(DependentRow),
    Link(LinkRow),
    Entry(Box<EntryRow>),
    TrashIntegration(EntryId, IntegrationRow),
    TrashConnection(EntryId, Box<ConnectionRow>),
    TrashModel(EntryId, DependentRow),
    TrashContent(EntryId, DependentRow),
    TrashLink(EntryId, LinkRow),
    TrashSecret(TrashSecretRow),
    Hold(HoldRow),
}

/// Where a row is that has a key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// Among the live rows, or the trash entries or holds.
    There,
    /// In the trash, in this entry.
    InTrash(EntryId),
}

impl Record {
    /// Its kind.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Integration(_) => RecordKind::Integration,
            Self::Connection(_) => RecordKind::Connection,
            Self::Model(_) => RecordKind::Model,
            Self::Content(_) => RecordKind::Content,
            Self::Link(_) => RecordKind::Link,
            Self::Entry(_) => RecordKind::Entry,
            Self::TrashIntegration(..) => RecordKind::TrashIntegration,
            Self::TrashSecret(_) => RecordKind::TrashSecret,
            Self::TrashConnection(..) => RecordKind::TrashConnection,
            Self::TrashModel(..) => RecordKind::TrashModel,
            Self::TrashContent(..) => RecordKind::TrashContent,
            Self::TrashLink(..) => RecordKind::TrashLink,
            Self::Hold(_) => RecordKind::Hold,
        }
    }

    /// Its key among the rows of its kind.
    pub fn key(&self) -> Key {
        let one = |id: Uuid| (id, Uuid::nil(), String::new());
        match self {
            Self::Integration(row) | Self::TrashIntegration(_, row) => one(row.id.0),
            Self::Connection(row) | Self::TrashConnection(_, row) => one(row.id.0),
            Self::Model(row)
            | Self::Content(row)
            | Self::TrashModel(_, row)
            | Self::TrashContent(_, row) => one(row.id.0),
            Self::Link(row) | Self::TrashLink(_, row) => {
                (row.from_id.0, row.to_id.0, String::new())
            }
            Self::TrashSecret(row) => (row.entry_id.0, row.owner_id.0, row.field.clone()),
            Self::Entry(row) => one(row.id.0),
            Self::Hold(row) => one(row.id.0),
        }
    }
}

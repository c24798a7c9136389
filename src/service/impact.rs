//! Impact: what a deletion takes along, or would; the plan that a deletion makes first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{Problem, Result};
use super::views::{Counts, LinkView, RootView};
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId, RootId};
use crate::domain::kinds::{DependentKind, RootKind};
use crate::store::rows::{ConnectionRow, DependentRow, ImpactRow, IntegrationRow, Moved};
use crate::store::{Binds, Conn};

/// What a deletion would take along.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImpactView {
    /// What would be deleted.
    pub root: RootView,
    /// Rows that would go, by kind.
    pub impact: Counts,
    /// Links from content that stays, which would break.
    pub references: i64,
    /// The first rows that would go.
    pub sample: Vec<SampleView>,
    /// The first content elsewhere whose links would break.
    pub references_sample: Vec<LinkView>,
    /// A protected row that the deletion would be refused for.
    pub protected: Option<ProtectedView>,
    /// The secrets that would be shredded, by field, each field once.
    pub secrets: Vec<String>,
    /// How many there are.
    pub secrets_count: i64,
    /// Send it with the deletion: it is refused if any of this has changed.
    pub plan_token: String,
    /// The same of the rows alone: links may go with another connection of the same bulk deletion.
    #[serde(skip)]
    pub(super) rows_token: String,
}

/// A row that would go.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleView {
    /// Connection (below an integration), model or content.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: RootId,
    /// Its name.
    pub name: String,
    /// The caller's word for what it is; a connection's connector.
    #[serde(rename = "kind")]
    pub word: String,
}

/// A row under deletion protection.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProtectedView {
    /// Integration, connection, model or content.
    pub kind: String,
    /// Its id.
    pub id: RootId,
    /// Its name.
    pub name: String,
}

/// The row a deletion was asked for.
pub(super) enum Root {
    Integration(Box<IntegrationRow>),
    Connection(Box<ConnectionRow>),
    Dependent(DependentKind, Box<DependentRow>),
}

impl Root {
    pub(super) fn kind(&self) -> RootKind {
        match self {
            Self::Integration(_) => RootKind::Integration,
            Self::Connection(_) => RootKind::Connection,
            Self::Dependent(kind, _) => (*kind).into(),
        }
    }

    pub(super) fn id(&self) -> RootId {
        match self {
            Self::Integration(row) => row.id.into(),
            Self::Connection(row) => row.id.into(),
            Self::Dependent(_, row) => row.id.into(),
        }
    }

    pub(super) fn version(&self) -> i64 {
        match self {
            Self::Integration(row) => row.version,
            Self::Connection(row) => row.version,
            Self::Dependent(_, row) => row.version,
        }
    }

    /// The connection concerned; none of an integration.
    pub(super) fn connection_id(&self) -> Option<ConnectionId> {
        match self {
            Self::Integration(_) => None,
            Self::Connection(row) => Some(row.id),
            Self::Dependent(_, row) => Some(row.connection_id),
        }
    }

    pub(super) fn view(&self) -> RootView {
        let (name, external_id) = match self {
            Self::Integration(row) => (&row.name, &Some(row.key.clone())),
            Self::Connection(row) => (&row.name, &row.external_id),
            Self::Dependent(_, row) => (&row.name, &row.external_id),
        };
        RootView {
            kind: self.kind(),
            id: self.id(),
            name: name.clone(),
            external_id: external_id.clone(),
        }
    }

    pub(super) fn binds(&self, org: OrgId, entry: EntryId) -> Binds {
        Binds {
            org,
            root: self.id(),
            parent: self.connection_id().map_or(self.id(), RootId::from),
            entry,
        }
    }
}

/// Which row to delete, by kind and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An integration, by its key.
    Integration(String),
    /// A connection.
    Connection(ConnectionId),
    /// A model or a piece of content.
    Dependent(DependentKind, DependentId),
}

/// What a deletion would take along, read without a lock.
pub fn of(conn: &mut Conn, caller: &Caller, target: &Target) -> Result<ImpactView> {
    let root = find(conn, caller, target)?;
    describe(conn, caller, &root)
}

/// The live root of a deletion, without a lock.
pub(super) fn find(conn: &mut Conn, caller: &Caller, target: &Target) -> Result<Root> {
    let caller = &caller.deleting();
    Ok(match *target {
        Target::Integration(ref key) => {
            Root::Integration(Box::new(super::integrations::find(conn, caller, key)?))
        }
        Target::Connection(id) => {
            Root::Connection(Box::new(super::connections::find(conn, caller, id)?))
        }
        Target::Dependent(kind, id) => Root::Dependent(
            kind,
            Box::new(super::dependents::get(conn, caller, kind, id)?),
        ),
    })
}

pub(super) fn describe(conn: &mut Conn, caller: &Caller, root: &Root) -> Result<ImpactView> {
    // No entry is written yet: the impact's statements do not name one.
    let binds = root.binds(caller.org, EntryId(uuid::Uuid::nil()));
    conn.allow_long_statements()?;
    let row = conn.impact(root.kind(), binds)?;
    let sample = conn
        .sample(root.kind(), binds)?
        .into_iter()
        .map(|(kind, id, name, word)| SampleView {
            kind,
            id,
            name,
            word,
        })
        .collect();
    let references_sample = conn
        .references_sample(root.kind(), binds)?
        .into_iter()
        .map(LinkView::from)
        .collect();
    let secrets = conn.secret_fields_in_scope(root.kind(), binds)?;
    let (secrets_count, _) = conn.secrets_in_scope(root.kind(), binds)?;
    Ok(ImpactView {
        root: root.view(),
        impact: counts(&row),
        references: row.references,
        sample,
        references_sample,
        protected: protected(conn, root, binds, &row)?,
        secrets,
        secrets_count,
        plan_token: plan_token(root, &row),
        rows_token: rows_token(root, &row),
    })
}

pub(super) fn counts(row: &ImpactRow) -> Counts {
    Counts {
        integrations: row.integrations,
        connections: row.connections,
        models: row.models,
        content: row.content,
        links: row.links,
    }
}

/// Two counts in one.
pub(super) fn sum(one: Counts, other: Counts) -> Counts {
    Counts {
        integrations: one.integrations + other.integrations,
        connections: one.connections + other.connections,
        models: one.models + other.models,
        content: one.content + other.content,
        links: one.links + other.links,
    }
}

/// The rows that a deletion moved.
pub(super) fn moved(rows: Moved) -> Counts {
    Counts {
        integrations: rows.integrations,
        connections: rows.connections,
        models: rows.models,
        content: rows.content,
        links: rows.links,
    }
}

pub(super) fn protected(
    conn: &mut Conn,
    root: &Root,
    binds: Binds,
    row: &ImpactRow,
) -> Result<Option<ProtectedView>> {
    if row.integrations_p + row.connections_p + row.models_p + row.content_p == 0 {
        return Ok(None);
    }
    Ok(conn
        .first_protected(root.kind(), binds)?
        .map(|(kind, id, name)| ProtectedView { kind, id, name }))
}

/// A digest of what a plan saw. Every change of a row raises its version, a new row is the newest and a restored
/// one has a raised version, so sums and newest moments tell any two states apart that differ in a row.
pub(super) fn plan_token(root: &Root, row: &ImpactRow) -> String {
    digest(&format!(
        "delete {} {} {} {row:?}",
        root.kind(),
        root.id(),
        root.version()
    ))
}

/// The same without the links from and to what goes.
pub(super) fn rows_token(root: &Root, row: &ImpactRow) -> String {
    let rows = ImpactRow {
        links: 0,
        references: 0,
        ..row.clone()
    };
    plan_token(root, &rows)
}

pub(super) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    URL_SAFE_NO_PAD.encode(digest.get(..18).unwrap_or_default())
}

/// The refusal that names a protected row.
pub(super) fn deletion_protected(row: &ProtectedView) -> Problem {
    Problem::new(
        Code::DeletionProtected,
        format!(
            "The {} \"{}\" is protected against deletion.",
            row.kind, row.name
        ),
    )
    .with("protected", row)
}

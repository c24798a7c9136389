//! What callers see. One struct a thing; the fields are listed, so nothing is shown by accident.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Actor;
use super::error::{Error, Result};
use crate::connectors::{self, Connector};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, KeyId, OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{EntryState, OwnerKind, RootKind, Status};
use crate::domain::scopes::Grants;
use crate::store::Conn;
use crate::store::rows::{
    ApiKeyRow, ConnectionRow, DependentHead, DependentRow, OrganizationRow, SecretRow,
};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// Send it as `page_token` for the next page; absent on the last one.
    pub next_page_token: Option<String>,
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationView {
    /// Its id.
    pub id: OrgId,
    /// Its name: lower case letters, digits and hyphens.
    pub name: String,
    /// A name to show.
    pub display_name: String,
    /// Days a deletion stays in the trash.
    pub retention_days: i32,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl From<OrganizationRow> for OrganizationView {
    fn from(row: OrganizationRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            display_name: row.display_name,
            retention_days: row.retention_days,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// An API key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyView {
    /// Its id.
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Ts,
    /// By whom.
    pub created_by: String,
    /// When it stops working by itself.
    pub expires_at: Option<Ts>,
    /// When it was revoked.
    pub revoked_at: Option<Ts>,
    /// When it was last used, within a minute.
    pub last_used_at: Option<Ts>,
}

impl From<ApiKeyRow> for ApiKeyView {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes.split(' ').map(str::to_owned).collect(),
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// A new API key; the one time its text is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKeyView {
    /// The key itself: keep it, it is shown once.
    pub key: String,
    /// What is known of it.
    #[serde(flatten)]
    pub about: ApiKeyView,
}

/// What is known of one secret; never the value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecretView {
    /// What people call it.
    pub label: String,
    /// Whether the connection can't be used without it.
    pub required: bool,
    /// Whether a value is stored.
    pub set: bool,
    /// When it was last entered.
    pub last_set_at: Option<Ts>,
    /// By whom.
    pub last_set_by: Option<String>,
    /// Where its owner keeps it, say a vault path.
    pub source_hint: Option<String>,
}

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionView {
    /// Its id.
    pub id: ConnectionId,
    /// Its name, unique within its integration.
    pub name: String,
    /// The kind of system.
    pub connector: String,
    /// The key of its integration; the connector's key without one.
    pub integration: String,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// What its connector declares.
    #[schema(value_type = Object)]
    pub settings: JsonText,
    /// Words to find it by.
    #[schema(value_type = BTreeMap<String, String>)]
    pub tags: JsonText,
    /// The caller's own JSON object.
    #[schema(value_type = Object)]
    pub metadata: JsonText,
    /// Whether it can be used.
    pub status: Status,
    /// The secrets its connector declares.
    pub secrets: BTreeMap<String, SecretView>,
    /// Whether no deletion may take it.
    pub deletion_protection: bool,
    /// The last test.
    #[schema(value_type = Option<Object>)]
    pub last_test: Option<JsonText>,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl ConnectionView {
    /// The view of a row, with what is known of its secrets.
    pub fn new(row: ConnectionRow, secrets: &[SecretRow]) -> Result<Self> {
        let connector = connector_of(&row)?;
        Ok(Self {
            id: row.id,
            name: row.name,
            integration: row.integration,
            external_id: row.external_id,
            settings: row.settings,
            tags: row.tags,
            metadata: row.metadata,
            status: row.status,
            secrets: secret_views(connector, secrets),
            connector: row.connector,
            deletion_protection: row.deletion_protection,
            last_test: row.last_test,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }

    /// Reads the secrets' facts and makes the view.
    pub fn load(conn: &mut Conn, row: ConnectionRow) -> Result<Self> {
        let secrets = conn.secrets_of(row.org_id, OwnerKind::Connection, row.id.into())?;
        Self::new(row, &secrets)
    }
}

/// The connector of a stored connection: one that the catalogue no longer has is a bug of an upgrade.
pub(super) fn connector_of(row: &ConnectionRow) -> Result<&'static Connector> {
    connectors::find(&row.connector).ok_or_else(|| {
        Error::Internal(format!(
            "connection {} has the unknown connector {}",
            row.id, row.connector
        ))
    })
}

/// The declared secrets, those that are set and those that are not; `extra` only when it is set.
pub(super) fn secret_views(
    connector: &Connector,
    rows: &[SecretRow],
) -> BTreeMap<String, SecretView> {
    let present = rows.iter().map(|row| row.field.clone()).collect();
    let missing: Vec<&str> = connector
        .missing_secrets(&present)
        .into_iter()
        .map(|field| field.key.as_str())
        .collect();
    connector
        .secret_fields()
        .iter()
        .filter_map(|field| {
            let row = rows.iter().find(|row| row.field == field.key);
            if row.is_none() && field.key == connectors::EXTRA {
                return None;
            }
            let view = SecretView {
                label: field.label.clone(),
                required: field.required || missing.contains(&field.key.as_str()),
                set: row.is_some(),
                last_set_at: row.map(|row| row.set_at),
                last_set_by: row.map(|row| row.set_by.clone()),
                source_hint: row.and_then(|row| row.source_hint.clone()),
            };
            Some((field.key.clone(), view))
        })
        .collect()
}

/// The required secrets that are not set.
pub(super) fn missing_secrets(connector: &Connector, rows: &[SecretRow]) -> Vec<String> {
    let present = rows.iter().map(|row| row.field.clone()).collect();
    connector
        .missing_secrets(&present)
        .into_iter()
        .map(|field| field.key.clone())
        .collect()
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// Its id.
    pub id: DependentId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// The model it extends.
    pub base_model_id: Option<DependentId>,
    /// The rest.
    #[serde(flatten)]
    pub common: DependentView,
}

/// A piece of content.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentView {
    /// Its id.
    pub id: DependentId,
    /// Its connection.
    pub connection_id: ConnectionId,
    /// Its model; none if it spans several.
    pub model_id: Option<DependentId>,
    /// The rest.
    #[serde(flatten)]
    pub common: DependentView,
}

/// What models and content have in common.
#[derive(Debug, Serialize, ToSchema)]
pub struct DependentView {
    /// Its name.
    pub name: String,
    /// The caller's word for what it is.
    pub kind: String,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// Opaque JSON, as it was sent. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Whether no deletion may take it.
    pub deletion_protection: bool,
    /// When it was made.
    pub created_at: Ts,
    /// When it was last changed.
    pub updated_at: Ts,
    /// Raised by every change; the ETag.
    pub version: i64,
}

impl From<DependentRow> for DependentView {
    fn from(row: DependentRow) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            external_id: row.external_id,
            body: Some(row.body),
            deletion_protection: row.deletion_protection,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

impl From<DependentHead> for DependentView {
    fn from(row: DependentHead) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            external_id: row.external_id,
            body: None,
            deletion_protection: row.deletion_protection,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

macro_rules! dependent_views {
    ($($view:ident { $parent:ident }),+) => {$(
        impl From<DependentRow> for $view {
            fn from(row: DependentRow) -> Self {
                Self { id: row.id, connection_id: row.connection_id, $parent: row.parent, common: row.into() }
            }
        }

        impl From<DependentHead> for $view {
            fn from(row: DependentHead) -> Self {
                Self { id: row.id, connection_id: row.connection_id, $parent: row.parent, common: row.into() }
            }
        }
    )+};
}

dependent_views!(ModelView { base_model_id }, ContentView { model_id });

/// Another piece of content that a link leads to or comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Its id.
    pub content_id: DependentId,
    /// Its name.
    pub name: String,
    /// Its connection, which may be another one.
    pub connection_id: ConnectionId,
}

impl From<(DependentId, String, ConnectionId)> for LinkView {
    fn from((content_id, name, connection_id): (DependentId, String, ConnectionId)) -> Self {
        Self {
            content_id,
            name,
            connection_id,
        }
    }
}

/// What a deletion was asked to delete.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RootView {
    /// Its kind.
    pub kind: RootKind,
    /// Its id, which it keeps through trash and restore.
    pub id: RootId,
    /// Its name.
    pub name: String,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// Rows by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Connections.
    pub connections: i64,
    /// Models.
    pub models: i64,
    /// Content.
    pub content: i64,
    /// Links between content.
    pub links: i64,
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
    /// The connection concerned: the root itself or the one it belonged to.
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
    /// When it left the trash.
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
    /// The key epoch they were sealed under; once it is destroyed no backup opens them.
    pub key_epoch: Option<i32>,
    /// What each was called, whether it was required, who set it when and where its owner keeps it.
    #[schema(value_type = BTreeMap<String, SecretView>)]
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

/// Grants as the API shows them.
pub(super) fn scope_list(grants: &Grants) -> Vec<String> {
    grants.words().map(str::to_owned).collect()
}

//! What callers see. One struct a thing; the fields are listed, so nothing is shown by accident.

mod connections;
mod entries;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, KeyId, OrgId};
use crate::domain::json::JsonText;
use crate::domain::scopes::Grants;
use crate::store::rows::{ApiKeyRow, DependentHead, DependentRow, OrganizationRow};

pub use connections::{ConnectionView, IntegrationView, SecretView};
pub(super) use connections::{
    connector_named, connector_of, integration_secret_views, missing_secrets, secret_views,
    shredded_views,
};
pub use entries::{Blocker, Counts, EntryView, Erasure, ErasureView, ImpactCounts, RootView};

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
    /// Whether a restored connection can be used only after a test has passed (promise 5).
    pub require_test_after_restore: bool,
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
            require_test_after_restore: row.require_test_after_restore,
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

/// Grants as the API shows them.
pub(super) fn scope_list(grants: &Grants) -> Vec<String> {
    grants.words().map(str::to_owned).collect()
}

//! Models as Omni sends and shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::json::JsonText;

/// A kind of model that the original knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ModelKind {
    #[default]
    Schema,
    Shared,
    SharedExtension,
    Branch,
}

impl ModelKind {
    /// Our word for it.
    pub(super) fn ours(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Shared => "shared",
            Self::SharedExtension => "shared_extension",
            Self::Branch => "branch",
        }
    }
}

/// A model to create. What is no column of ours is kept in its body.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewOmniModel {
    pub(super) connection_id: ConnectionId,
    #[serde(default)]
    pub(super) model_kind: ModelKind,
    /// The connection's name without one.
    pub(super) model_name: Option<String>,
    /// Needed by an extension and a branch.
    pub(super) base_model_id: Option<DependentId>,
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) access_grants: Option<JsonText>,
    pub(super) allow_as_workbook_base: Option<bool>,
    pub(super) uses_isolated_branches: Option<bool>,
}

impl NewOmniModel {
    /// What the original says of a model and Reprieve has no column for.
    pub(super) fn kept(&self) -> Option<JsonText> {
        let mut members = Vec::new();
        if let Some(grants) = &self.access_grants {
            members.push(format!(r#""accessGrants":{}"#, grants.as_str()));
        }
        for (name, flag) in [
            ("allowAsWorkbookBase", self.allow_as_workbook_base),
            ("usesIsolatedBranches", self.uses_isolated_branches),
        ] {
            if let Some(flag) = flag {
                members.push(format!(r#""{name}":{flag}"#));
            }
        }
        (!members.is_empty())
            .then(|| JsonText::from_trusted(format!(r#"{{"omni":{{{}}}}}"#, members.join(","))))
    }
}

/// A new name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    pub(super) name: String,
}

/// A model as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Model {
    pub(super) id: DependentId,
    pub(super) name: String,
    /// `SCHEMA`, `SHARED`, `SHARED_EXTENSION`, `BRANCH`, or the kind it was given through `/v1` in capitals.
    #[serde(rename = "modelKind")]
    pub(super) kind: String,
    pub(super) connection_id: ConnectionId,
    pub(super) base_model_id: Option<DependentId>,
    pub(super) created_at: Ts,
    pub(super) updated_at: Ts,
    /// When it was deleted, if it is in the trash.
    pub(super) deleted_at: Option<Ts>,
    /// Always empty, and only there when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(super) branches: Option<[(); 0]>,
}

/// A model as a write answers it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) id: DependentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_kind: Option<String>,
    pub(super) name: String,
}

/// What was written.
#[derive(Serialize, ToSchema)]
pub(super) struct OneModel {
    pub(super) success: bool,
    pub(super) model: Written,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(super) struct Success {
    pub(super) success: bool,
}

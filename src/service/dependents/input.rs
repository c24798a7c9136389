//! What a caller sends to create or change models and content, and one form for both.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::links::LinkInput;
use crate::domain::ids::DependentId;
use crate::domain::json::JsonText;
use crate::domain::merge_patch::{double_option, not_null};

/// A model to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// Its name.
    pub name: String,
    /// The caller's word for what it is; `model` without one.
    pub kind: Option<String>,
    /// The caller's own id, unique among the live models of the connection.
    pub external_id: Option<String>,
    /// The model it extends.
    pub base_model_id: Option<DependentId>,
    /// The same by its external id, which may be one of the same batch that comes before.
    pub base_model_external_id: Option<String>,
    /// Opaque JSON, kept byte for byte.
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Whether no deletion may take it.
    #[serde(default)]
    pub deletion_protection: bool,
}

/// A piece of content to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContent {
    /// Its name.
    pub name: String,
    /// The caller's word for what it is; `content` without one.
    pub kind: Option<String>,
    /// The caller's own id, unique among the live content of the connection.
    pub external_id: Option<String>,
    /// Its model; none if it spans several.
    pub model_id: Option<DependentId>,
    /// The same by its external id.
    pub model_external_id: Option<String>,
    /// Opaque JSON, kept byte for byte.
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Whether no deletion may take it.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Other content it refers to.
    pub links: Option<Vec<LinkInput>>,
}

/// Up to 1,000 rows to create, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch<T> {
    /// The rows.
    pub items: Vec<T>,
}

/// The ids of a batch, in its order.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    /// One for each item.
    pub data: Vec<BatchItemView>,
}

/// A row that a batch made.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchItemView {
    /// Its id.
    pub id: DependentId,
    /// The caller's own id.
    pub external_id: Option<String>,
}

/// A merge patch (RFC 7396) of a model.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// A new kind.
    #[serde(default, deserialize_with = "not_null")]
    pub kind: Option<String>,
    /// A new external id; `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Another model to extend; `null` for none.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<DependentId>)]
    pub base_model_id: Option<Option<DependentId>>,
    /// Changes of the body; `null` removes a member.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Lifting it needs `connections:protect`.
    #[serde(default, deserialize_with = "not_null")]
    pub deletion_protection: Option<bool>,
}

/// A merge patch (RFC 7396) of a piece of content.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentPatch {
    /// A new name.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// A new kind.
    #[serde(default, deserialize_with = "not_null")]
    pub kind: Option<String>,
    /// A new external id; `null` removes it.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Another model; `null` for none.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<DependentId>)]
    pub model_id: Option<Option<DependentId>>,
    /// Changes of the body; `null` removes a member.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<JsonText>,
    /// Lifting it needs `connections:protect`.
    #[serde(default, deserialize_with = "not_null")]
    pub deletion_protection: Option<bool>,
    /// All links from now on.
    #[serde(default, deserialize_with = "not_null")]
    pub links: Option<Vec<LinkInput>>,
}

/// A model or a piece of content to create, whichever it is.
#[derive(Debug)]
pub struct New<'a> {
    pub(super) id: Option<DependentId>,
    pub(super) name: &'a str,
    pub(super) kind: Option<&'a str>,
    pub(super) external_id: Option<&'a str>,
    pub(super) parent_id: Option<DependentId>,
    pub(super) parent_external_id: Option<&'a str>,
    pub(super) body: Option<&'a JsonText>,
    pub(super) deletion_protection: bool,
    pub(super) links: Option<&'a [LinkInput]>,
}

impl New<'_> {
    /// The same under an id that is to be another row's, too: of another kind, since ids are unique within one.
    #[must_use]
    pub fn under(self, id: DependentId) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }
}

impl<'a> From<&'a NewModel> for New<'a> {
    fn from(new: &'a NewModel) -> Self {
        Self {
            id: None,
            name: &new.name,
            kind: new.kind.as_deref(),
            external_id: new.external_id.as_deref(),
            parent_id: new.base_model_id,
            parent_external_id: new.base_model_external_id.as_deref(),
            body: new.body.as_ref(),
            deletion_protection: new.deletion_protection,
            links: None,
        }
    }
}

impl<'a> From<&'a NewContent> for New<'a> {
    fn from(new: &'a NewContent) -> Self {
        Self {
            id: None,
            name: &new.name,
            kind: new.kind.as_deref(),
            external_id: new.external_id.as_deref(),
            parent_id: new.model_id,
            parent_external_id: new.model_external_id.as_deref(),
            body: new.body.as_ref(),
            deletion_protection: new.deletion_protection,
            links: new.links.as_deref(),
        }
    }
}

/// A change of a model or a piece of content, whichever it is.
#[derive(Debug, Default)]
#[expect(
    clippy::option_option,
    reason = "absent and null differ in a merge patch"
)]
pub struct Patch<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) external_id: Option<Option<&'a str>>,
    pub(super) parent: Option<Option<DependentId>>,
    pub(super) body: Option<&'a JsonText>,
    pub(super) deletion_protection: Option<bool>,
    pub(super) links: Option<&'a [LinkInput]>,
}

impl<'a> From<&'a ModelPatch> for Patch<'a> {
    fn from(patch: &'a ModelPatch) -> Self {
        Self {
            name: patch.name.as_deref(),
            kind: patch.kind.as_deref(),
            external_id: patch.external_id.as_ref().map(Option::as_deref),
            parent: patch.base_model_id,
            body: patch.body.as_ref(),
            deletion_protection: patch.deletion_protection,
            links: None,
        }
    }
}

impl<'a> From<&'a ContentPatch> for Patch<'a> {
    fn from(patch: &'a ContentPatch) -> Self {
        Self {
            name: patch.name.as_deref(),
            kind: patch.kind.as_deref(),
            external_id: patch.external_id.as_ref().map(Option::as_deref),
            parent: patch.model_id,
            body: patch.body.as_ref(),
            deletion_protection: patch.deletion_protection,
            links: patch.links.as_deref(),
        }
    }
}

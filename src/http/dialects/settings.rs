//! Which dialects a server speaks, and where it follows the observed server instead of the published document.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::Dialect;

/// What the dialects go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Those that are spoken.
    pub served: BTreeSet<Dialect>,
    /// How many requests a minute each of them answers to one key; as many as come without one.
    pub requests_per_minute: Option<NonZeroU32>,
    /// What Nango's `DELETE /connections/{connectionId}` answers when there is none.
    pub nango_gone: NangoGone,
    /// What Omni's deletes answer when it is in the trash already.
    pub omni_gone: OmniGone,
}

/// The status of Nango's `unknown_connection`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NangoGone {
    /// As the published document says.
    #[default]
    NotFound,
    /// As the server does.
    BadRequest,
}

/// The status of Omni's second delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OmniGone {
    /// As the published client says.
    #[default]
    Gone,
    /// For infrastructure-as-code clients, which take this alone for done.
    NotFound,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            served: Dialect::ALL.into(),
            requests_per_minute: None,
            nango_gone: NangoGone::default(),
            omni_gone: OmniGone::default(),
        }
    }
}

//! The options that narrow the trash down, shared by what lists and what restores.

use clap::builder::PossibleValuesParser;

use crate::cli::people::moments;
use crate::domain::clock::Ts;
use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::text::Name;
use crate::store::filters::EntryFilter;

/// Which entries.
#[derive(clap::Args)]
#[command(next_help_heading = "Which entries")]
pub(super) struct Selection {
    /// What was deleted
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(["integration", "connection", "model", "content"]))]
    kind: Option<String>,
    /// Part of the name of what was deleted, whatever its case
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Id of the actor who deleted it
    #[arg(long, value_name = "ACTOR")]
    deleted_by: Option<String>,
    /// Deleted at or after this moment: 2026-11-20, '2026-11-20 17:00' (UTC), RFC 3339, or 3h or 2d ago
    #[arg(long, value_name = "MOMENT", value_parser = moments::past)]
    after: Option<Ts>,
    /// Deleted before this moment
    #[arg(long, value_name = "MOMENT", value_parser = moments::past)]
    before: Option<Ts>,
}

impl Selection {
    /// Whether nothing was narrowed down.
    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none()
            && self.query.is_none()
            && self.deleted_by.is_none()
            && self.after.is_none()
            && self.before.is_none()
    }

    /// As the services take it; what is in the trash.
    pub(super) fn filter(&self) -> EntryFilter {
        EntryFilter {
            kind: self.kind.as_deref().and_then(RootKind::parse),
            state: Some(EntryState::InTrash),
            q: self
                .query
                .as_deref()
                .filter(|query| !query.is_empty())
                .map(Name::fold),
            deleted_by: self.deleted_by.clone(),
            deleted_after: self.after,
            deleted_before: self.before,
            ..EntryFilter::default()
        }
    }
}

//! What a change has to tell on the page that follows it: kept with the sign-in and shown once, so that no address can
//! make a page say something.

use serde::{Deserialize, Serialize};

use crate::domain::ids::EntryId;

/// What there is to tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Flash {
    /// How it went.
    pub(super) tone: Tone,
    /// In a sentence or two.
    pub(super) text: String,
    /// Where to go from here: what the link says, and where below the console it leads.
    pub(super) links: Vec<(String, String)>,
    /// A deletion that can be undone.
    pub(super) undo: Option<EntryId>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tone {
    /// It was done.
    Good,
    /// It was not, or not all of it, or something is left to do.
    Bad,
}

impl Flash {
    /// It was done.
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Good,
            text: text.into(),
            links: Vec::new(),
            undo: None,
        }
    }

    /// It was not, or something is left to do.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Bad,
            ..Self::good(text)
        }
    }

    /// Adds a way on; `path` is below the console.
    #[must_use]
    pub(super) fn link(mut self, label: &str, path: impl Into<String>) -> Self {
        self.links.push((label.to_owned(), path.into()));
        self
    }

    /// Adds a button that undoes this deletion.
    #[must_use]
    pub(super) fn undo(mut self, entry: EntryId) -> Self {
        self.undo = Some(entry);
        self
    }

    /// Whether it has to be heard at once.
    pub(super) fn is_bad(&self) -> bool {
        self.tone == Tone::Bad
    }
}

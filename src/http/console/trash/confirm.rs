//! The form that wants something typed before anything is deleted for good.

use crate::domain::kinds::RootKind;
use crate::service::views::EntryView;

/// The form, on a page of its own or in a dialog.
pub(super) struct Confirm {
    /// Where it goes, below the console.
    pub(super) action: String,
    /// What it carries besides.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) label: String,
    /// What has to be typed, to the letter.
    pub(super) expected: String,
    /// What that is: "name".
    pub(super) what: &'static str,
    pub(super) error: Option<String>,
    /// Where Cancel leads to, below the console.
    pub(super) back: String,
    pub(super) dialog: bool,
}

impl Confirm {
    /// Of one entry, by the name of what was deleted.
    pub(super) fn of(entry: &EntryView, dialog: bool) -> Self {
        let noun = match entry.root.kind {
            RootKind::Content => "content",
            other => other.as_str(),
        };
        let path = super::path_of(entry.id);
        Self {
            action: format!("{path}/delete"),
            fields: Vec::new(),
            label: format!("Type the name of the {noun} to confirm"),
            expected: entry.root.name.clone(),
            what: "name",
            error: None,
            back: path,
            dialog,
        }
    }

    /// The same after something else was typed.
    pub(super) fn wrong(self) -> Self {
        let error = format!(
            "The {} does not match. Type {} exactly as shown.",
            self.what, self.expected
        );
        Self {
            error: Some(error),
            ..self
        }
    }
}

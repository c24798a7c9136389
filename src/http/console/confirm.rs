//! The form that wants something typed before anything is deleted: on a page of its own or in a dialog.

use super::words::called;
use crate::domain::kinds::RootKind;
use crate::domain::text::Name;

/// The form. It has one text field, and the server compares what is typed whether or not the script did.
pub(super) struct Confirm {
    /// Where it goes, below the console.
    pub(super) action: String,
    /// What it carries besides.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) label: String,
    /// What has to be typed.
    pub(super) expected: String,
    /// What that is: "name".
    pub(super) what: &'static str,
    pub(super) error: Option<String>,
    /// The word on the button.
    pub(super) button: &'static str,
    /// Where Cancel leads to, below the console.
    pub(super) back: String,
    pub(super) dialog: bool,
}

impl Confirm {
    /// By the name of what is to be deleted.
    pub(super) fn by_name(
        kind: RootKind,
        name: &str,
        button: &'static str,
        action: String,
        back: String,
    ) -> Self {
        Self {
            action,
            fields: Vec::new(),
            label: format!("Type the name of the {} to confirm", called(kind).one),
            expected: name.to_owned(),
            what: "name",
            error: None,
            button,
            back,
            dialog: false,
        }
    }

    /// The same in a dialog of another page.
    pub(super) fn in_dialog(self) -> Self {
        Self {
            dialog: true,
            ..self
        }
    }

    /// Whether this is what has to be typed.
    pub(super) fn is(&self, typed: &str) -> bool {
        Name::is_typed(&self.expected, typed)
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

//! The secrets in a connection's form, each with a note where to find it and, if the connection can do without it, a box that
//! removes it.
//!
//! What must stay true: no value is ever filled in; the labels of what belongs to a secret do not name it, so that no search for
//! the field of a secret finds another one. What describes them does.

use super::fields::{Field, Input};
use crate::domain::FieldError;
use crate::domain::json::child_pointer;
use crate::http::form::{FIELD, Form};
use crate::service::reentry::{FormField, Value as Known};
use crate::service::secrets::HintInput;

/// What the name of the field begins with that says where to find a secret.
const HINT: &str = "hint.";
/// The same of the box that removes one.
const REMOVE: &str = "remove.";
/// Where that box is among the places of what is wrong.
const REMOVED: &str = "/remove";

/// A secret that may be entered, with what belongs to it.
pub(super) struct Secret {
    pub(super) field: Field,
    hint: Field,
    remove: Option<Field>,
}

impl Secret {
    /// All its fields, its own first.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        [&self.field, &self.hint].into_iter().chain(&self.remove)
    }
}

/// The secrets that may be entered: always empty. The first that is missing is where one begins.
pub(super) fn all(known: &[FormField], typed: Option<&Form>, errors: &[FieldError]) -> Vec<Secret> {
    let mut begun = false;
    known
        .iter()
        .map(|known| {
            let focus = known.missing && known.value == Known::Lost && !begun;
            begun = begun || focus;
            Secret {
                field: Field {
                    focus,
                    ..value_of(known).told(errors, &child_pointer("/secrets", known.key))
                },
                hint: hint_of(known, typed)
                    .told(errors, &child_pointer("/source_hints", known.key)),
                remove: known.spare.then(|| {
                    remove_of(known, typed).told(errors, &child_pointer(REMOVED, known.key))
                }),
            }
        })
        .collect()
}

fn value_of(known: &FormField) -> Field {
    let told = match known.value {
        Known::Stored => " Stored. Leave empty to keep it.".to_owned(),
        Known::Lost => {
            let place = known.source_hint.as_ref();
            let place = place.map(|hint| format!(" Where to find it: {hint}"));
            format!(
                " Removed when this connection was deleted. Enter it again.{}",
                place.unwrap_or_default()
            )
        }
        Known::None => String::new(),
    };
    let help = format!("{}{told}", known.help);
    let mark = match (known.missing, known.one_of.is_empty()) {
        (true, true) => "(required)",
        (true, false) => "(one of these is required)",
        (false, _) if known.value == Known::Stored => "",
        (false, _) => "(optional)",
    };
    Field {
        required: mark == "(required)",
        mark,
        input: Input::Secret {
            multiline: known.multiline,
        },
        ..Field::text(
            &format!("{FIELD}{}", known.key),
            known.label,
            help.trim(),
            "",
        )
    }
}

fn hint_of(known: &FormField, typed: Option<&Form>) -> Field {
    let name = format!("{HINT}{}", known.key);
    let text = match typed {
        Some(form) => form.text(&name),
        None => known.source_hint.as_deref().unwrap_or_default(),
    };
    let help = format!(
        "{}: a note in plain text, shown when it must be entered again.",
        known.label
    );
    Field::text(&name, "Where to find it", &help, text)
}

fn remove_of(known: &FormField, typed: Option<&Form>) -> Field {
    let name = format!("{REMOVE}{}", known.key);
    let help = format!("{}: the connection can do without it.", known.label);
    Field {
        input: Input::Check {
            on: typed.is_some_and(|form| form.ticked(&name)),
        },
        ..Field::text(&name, "Remove what is stored", &help, "")
    }
}

/// Adds to the secrets that were entered those that are to be removed. Answers where to find them, as far as that is another
/// place than before.
pub(super) fn beside(
    form: &mut Form,
    known: &[FormField],
    errors: &mut Vec<FieldError>,
) -> HintInput {
    let mut hints = HintInput::new();
    for field in known {
        let wrong =
            |detail: &str| FieldError::new(child_pointer(REMOVED, field.key), "conflict", detail);
        if field.spare && form.ticked(&format!("{REMOVE}{}", field.key)) {
            if form.secrets.contains_key(field.key) {
                errors.push(wrong(
                    "Enter another one, or remove what is stored: not both.",
                ));
            } else {
                form.secrets.insert(field.key.to_owned(), None);
            }
            continue;
        }
        let name = format!("{HINT}{}", field.key);
        let before = field.source_hint.as_deref().unwrap_or_default().trim();
        let text = form.text(&name).trim();
        // Of what is neither stored nor entered there is no note to remove.
        let kept = field.value == Known::Stored || form.secrets.contains_key(field.key);
        if form.fields().contains_key(&name) && text != before && (kept || !text.is_empty()) {
            let hint = (!text.is_empty()).then(|| text.to_owned());
            hints.insert(field.key.to_owned(), hint);
        }
    }
    let goes = |field: &FormField| matches!(form.secrets.get(field.key), Some(None));
    let stays = |field: &FormField| {
        form.secrets
            .get(field.key)
            .map_or(field.value == Known::Stored, Option::is_some)
    };
    for field in known.iter().filter(|field| goes(field)) {
        let mut group = known.iter().filter(|other| other.one_of == field.one_of);
        if !field.one_of.is_empty() && !group.any(stays) {
            let detail = format!("One of these must stay: {}.", field.one_of.join(", "));
            let place = child_pointer(REMOVED, field.key);
            errors.push(FieldError::new(place, "required", detail));
        }
    }
    hints
}

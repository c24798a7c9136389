//! What became of the secrets of a deletion, in words, and what is still known of each: never a value.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::clock::Ts;
use crate::http::console::words::{When, day, number, who_by_id};
use crate::service::views::{EntryView, Erasure};

/// What a page tells of the secrets.
pub(super) struct Secrets {
    /// What became of them, a sentence each.
    pub(super) told: Vec<String>,
    pub(super) fields: Vec<Field>,
}

/// One that was stored.
pub(super) struct Field {
    pub(super) label: String,
    pub(super) required: bool,
    /// Where its owner keeps it.
    pub(super) hint: Option<String>,
    pub(super) set: Option<When>,
    pub(super) by: Option<String>,
}

#[derive(Deserialize)]
struct Shape {
    label: String,
    required: bool,
    set: bool,
    last_set_at: Option<Ts>,
    last_set_by: Option<String>,
    source_hint: Option<String>,
}

/// Those that were stored, required ones first.
fn stored(entry: &EntryView) -> Vec<Shape> {
    let shape: BTreeMap<String, Shape> =
        serde_json::from_str(entry.secrets.shape.as_str()).unwrap_or_default();
    let mut stored: Vec<Shape> = shape.into_values().filter(|one| one.set).collect();
    stored.sort_by_key(|one| !one.required);
    stored
}

/// What people call those that were stored.
pub(super) fn labels(entry: &EntryView) -> Vec<String> {
    stored(entry).into_iter().map(|one| one.label).collect()
}

/// "password and private key": labels within a sentence.
pub(super) fn listed(labels: &[String]) -> String {
    let words: Vec<String> = labels.iter().map(|label| within(label)).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A label within a sentence: "Password" is "password", "API key" stays.
fn within(label: &str) -> String {
    let mut chars = label.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(chars).collect()
        }
        _ => label.to_owned(),
    }
}

impl Secrets {
    /// "password and private key".
    pub(super) fn listed(&self) -> String {
        let labels: Vec<String> = self.fields.iter().map(|one| one.label.clone()).collect();
        listed(&labels)
    }

    pub(super) fn of(entry: &EntryView, now: Ts) -> Self {
        let secrets = &entry.secrets;
        let mut told = Vec::new();
        if secrets.shredded == 0 {
            told.push("There were no secrets.".to_owned());
        } else {
            let at = secrets.shredded_at.map_or_else(
                || "when it was deleted".to_owned(),
                |at| format!("on {}", day(at)),
            );
            let (were, them) = match secrets.shredded {
                1 => ("was", "it"),
                _ => ("were", "them"),
            };
            told.push(format!(
                "{} {were} destroyed {at}. A restore does not bring {them} back.",
                number(secrets.shredded, "secret")
            ));
            told.push(match (secrets.erasure, secrets.erased_at) {
                (Erasure::Done, Some(at)) => format!(
                    "No byte of {them} is left in the database's files since {}.",
                    day(at)
                ),
                (Erasure::Done, None) => {
                    format!("No byte of {them} is left in the database's files.")
                }
                _ => format!("The bytes of {them} are being erased from the database's files."),
            });
            told.push(match secrets.crypto_erased_at {
                Some(at) => format!(
                    "No backup opens {them} since {}: every key of that time is destroyed.",
                    day(at)
                ),
                None => format!(
                    "Backups made before that hold {them} sealed, until the encryption key of that time is destroyed."
                ),
            });
        }
        told.extend(secrets.revocation_detail.clone());
        let fields = stored(entry).into_iter().map(|one| Field {
            label: one.label,
            required: one.required,
            hint: one.source_hint,
            set: one.last_set_at.map(|at| When::new(at, now)),
            by: one.last_set_by.as_deref().map(who_by_id),
        });
        Self {
            told,
            fields: fields.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_as_a_part_of_a_sentence() {
        let labels = |labels: &[&str]| -> Vec<String> {
            labels.iter().map(|&label| label.to_owned()).collect()
        };
        assert_eq!(listed(&labels(&["Password"])), "password");
        assert_eq!(
            listed(&labels(&["Private key", "API key", "Token"])),
            "private key, API key and token"
        );
        assert_eq!(listed(&labels(&["Äh", "X"])), "äh and X");
        assert_eq!(listed(&[]), "");
    }
}

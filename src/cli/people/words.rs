//! Small pieces of text that several commands print.

use super::answers::{Actor, Counts};
use crate::cli::output::{count, plain};

/// A text as one word of a shell command.
pub(in crate::cli) fn quoted(text: &str) -> String {
    let text = plain(text);
    let bare = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(bare) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `1 connection, 3 models, 4 content`; what there is none of is left out.
pub(in crate::cli) fn counted(counts: &Counts) -> String {
    let parts: Vec<String> = [
        (counts.integrations, "integration", "integrations"),
        (counts.connections, "connection", "connections"),
        (counts.models, "model", "models"),
        (counts.content, "content", "content"),
        (counts.links, "link", "links"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| counted_one(number, one, many))
    .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `1 model`, `2 models`.
pub(in crate::cli) fn counted_one(number: i64, one: &str, many: &str) -> String {
    count(usize::try_from(number).unwrap_or_default(), one, many)
}

/// An actor's id, with the name if there is one.
pub(in crate::cli) fn person(actor: &Actor) -> String {
    match &actor.name {
        Some(name) => plain(&format!("{} ({name})", actor.id)),
        None => plain(&actor.id),
    }
}

/// Lines of `label  value` with the values below each other; those without a value are left out.
pub(in crate::cli) fn facts(facts: &[(&str, Option<String>)]) -> String {
    let widest = facts
        .iter()
        .map(|(label, _)| label.len())
        .max()
        .unwrap_or(0);
    facts
        .iter()
        .filter_map(|(label, value)| {
            let value = value.as_ref()?;
            Some(format!("  {label:widest$}  {value}\n"))
        })
        .collect()
}

//! JSON in its typed form: the strict check first, then a type with unknown fields refused, and a pointer to whatever
//! is wrong. No message repeats what was sent.

use serde::Deserialize;

use super::FieldError;
use super::json::{self, JsonProblem, child_pointer};

/// Reads one JSON document.
pub fn read<'a, T: Deserialize<'a>>(text: &'a [u8], max_depth: usize) -> Result<T, JsonProblem> {
    json::check(text, max_depth)?;
    of_checked(text).map_err(JsonProblem::Refused)
}

/// Reads one JSON document that passed [`json::check`].
pub fn of_checked<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, FieldError> {
    // Most documents are right: the way to a fault is only looked for when there is one.
    if let Ok(value) = serde_json::from_slice(text) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| field_error(&pointer(error.path()), &error.into_inner().to_string()))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .fold(String::new(), |pointer, segment| match segment {
            Segment::Seq { index } => format!("{pointer}/{index}"),
            Segment::Map { key } => child_pointer(&pointer, key),
            Segment::Enum { .. } | Segment::Unknown => pointer,
        })
}

/// serde's messages quote the input; only their fixed parts are passed on.
fn field_error(pointer: &str, message: &str) -> FieldError {
    let quoted = |message: &str| message.split('`').nth(1).unwrap_or_default().to_owned();
    let expected = || {
        let expected = message
            .rsplit_once(", expected ")
            .map_or("another value", |(_, expected)| expected);
        format!(
            "Expected {}.",
            expected.split(" at line ").next().unwrap_or_default()
        )
    };
    if message.starts_with("missing field") {
        return FieldError::new(
            child_pointer(pointer, &quoted(message)),
            "required",
            "This field is required.",
        );
    }
    if message.starts_with("unknown field") {
        let name = quoted(message);
        let pointer = if pointer.ends_with(&child_pointer("", &name)) {
            pointer.to_owned()
        } else {
            child_pointer(pointer, &name)
        };
        return FieldError::new(pointer, "unknown_field", "This field is not known here.");
    }
    if message.starts_with("unknown variant") {
        return FieldError::new(pointer, "not_allowed_value", expected());
    }
    if message.starts_with("invalid type")
        || message.starts_with("invalid value")
        || message.starts_with("invalid length")
    {
        return FieldError::new(pointer, "wrong_type", expected());
    }
    if message.starts_with("a secret must be a string") {
        return FieldError::new(pointer, "wrong_type", "Expected a string.");
    }
    if message.starts_with("UUID") {
        return FieldError::new(pointer, "invalid_value", "Expected a UUID.");
    }
    // Messages of our own types: fixed sentences.
    let own = message.split(" at line ").next().unwrap_or_default();
    FieldError::new(pointer, "invalid_value", own.to_owned())
}

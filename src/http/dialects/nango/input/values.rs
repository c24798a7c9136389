//! Single values of a body: texts, secrets, and the word for a type.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Faults;
use crate::secrets::value::SecretValue;

/// A text that is a secret; `None` if it is empty.
pub(in crate::http::dialects::nango) fn secret(
    raw: &RawValue,
    path: &[String],
    faults: &mut Faults,
) -> Option<SecretValue> {
    if kind(raw) != "string" {
        faults.wrong_type("string", kind(raw), path);
        return None;
    }
    if raw.get() == "\"\"" {
        return None;
    }
    let value = serde_json::from_str(raw.get()).ok();
    if value.is_none() {
        faults.add("too_big", TOO_LONG, path);
    }
    value
}

/// JSON that is kept as a secret.
pub(in crate::http::dialects::nango) fn secret_json(
    json: String,
    path: &[String],
    faults: &mut Faults,
) -> Option<SecretValue> {
    let value = SecretValue::parse(json).ok();
    if value.is_none() {
        faults.add("too_big", TOO_LONG, path);
    }
    value
}

const TOO_LONG: &str = "Too big: expected string to have <=16000 bytes";

/// A value that is a text.
pub(in crate::http::dialects::nango) fn text(
    raw: &RawValue,
    path: &[String],
    faults: &mut Faults,
) -> Option<String> {
    let text = serde_json::from_str(raw.get()).ok();
    if text.is_none() {
        faults.wrong_type("string", kind(raw), path);
    }
    text
}

/// The members of a value that is an object.
pub(super) fn members<'a>(
    raw: &'a RawValue,
    path: &[String],
    faults: &mut Faults,
) -> Option<BTreeMap<String, &'a RawValue>> {
    let members = serde_json::from_str(raw.get()).ok();
    if members.is_none() {
        faults.wrong_type("object", kind(raw), path);
    }
    members
}

/// The word for the type of a value.
pub(in crate::http::dialects::nango) fn kind(raw: &RawValue) -> &'static str {
    match raw.get().bytes().next() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

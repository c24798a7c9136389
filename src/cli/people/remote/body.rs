//! The body that carries secrets: overwritten when it is dropped, and never moved to a larger buffer before.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::secrets::value::SecretValue;
use crate::service::secrets::PutSecrets;

#[derive(Serialize)]
struct Body<'a> {
    secrets: BTreeMap<&'a str, Option<&'a str>>,
    source_hints: &'a BTreeMap<String, Option<String>>,
}

pub(super) fn of(secrets: &PutSecrets) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let values: BTreeMap<&str, Option<&str>> = secrets
        .secrets
        .iter()
        .map(|(field, value)| (field.as_str(), value.as_ref().map(SecretValue::expose)))
        .collect();
    // A character takes six bytes at most, as \u0000.
    let text =
        |field: &str, value: Option<&str>| 6 * (field.len() + value.map_or(0, str::len)) + 16;
    let hints = &secrets.source_hints;
    let length = values
        .iter()
        .map(|(field, value)| text(field, *value))
        .sum::<usize>()
        + hints
            .iter()
            .map(|(field, hint)| text(field, hint.as_deref()))
            .sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 64));
    let body = Body {
        secrets: values,
        source_hints: hints,
    };
    serde_json::to_writer(&mut *bytes, &body).context("the secrets have no JSON form")?;
    Ok(bytes)
}

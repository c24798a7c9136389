//! What a database says beyond what its connector declares: it may hold secrets, so all of it becomes one secret.
//!
//! What must stay true: no copy of a value is left in memory, and only names are ever shown, plain ones.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secrets::value::{MAX_SECRET_BYTES, SecretValue};

/// Superset's mask for what it keeps to itself.
const MASK: &str = "XXXXXXXXXX";

/// The secret field `extra` as a file fills it.
pub(super) struct Extra {
    /// A JSON object: `uri` with the parts of the URI, `options` with Superset's own fields.
    pub(super) value: SecretValue,
    /// The names of what is in it, for a notice.
    pub(super) names: String,
    /// Whether Superset masked something in it: then it is no match for what a person has entered.
    pub(super) masked: bool,
}

#[derive(Serialize)]
struct Object<'a> {
    /// A list, since a parameter may stand in a query more than once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    uri: BTreeMap<&'a str, OneOrMore<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<&'a str, &'a RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMore<'a> {
    One(&'a str),
    More(Vec<&'a str>),
}

/// Makes the object; `None` if there is nothing for it. `Err` says what is wrong, in words for the person who imports.
pub(super) fn extra(
    uri: &[(&str, &str)],
    options: &[(String, Zeroizing<String>)],
) -> Result<Option<Extra>, String> {
    if uri.is_empty() && options.is_empty() {
        return Ok(None);
    }
    let mut object = Object {
        uri: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    for &(name, value) in uri {
        let both = match object.uri.remove(name) {
            None => OneOrMore::One(value),
            Some(OneOrMore::One(first)) => OneOrMore::More(vec![first, value]),
            Some(OneOrMore::More(mut values)) => {
                values.push(value);
                OneOrMore::More(values)
            }
        };
        object.uri.insert(name, both);
    }
    for (name, json) in options {
        let json = serde_json::from_str(json)
            .map_err(|_| format!("its `{}` can't be read", shown(name)))?;
        object.options.insert(name, json);
    }
    let texts = || {
        uri.iter()
            .map(|(_, value)| *value)
            .chain(options.iter().map(|(_, json)| json.as_str()))
    };
    let names: Vec<&str> = object
        .uri
        .keys()
        .chain(object.options.keys())
        .map(|name| shown(name))
        .collect();
    Ok(Some(Extra {
        value: seal_off(&object)?,
        names: names.join(", "),
        masked: texts().any(|text| text.contains(MASK)),
    }))
}

/// The object as a secret, written once into a place that is large enough: one that grows leaves a copy behind.
fn seal_off(object: &Object<'_>) -> Result<SecretValue, String> {
    let mut json = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    let too_long = || {
        format!(
            "what its connector does not declare has more than {MAX_SECRET_BYTES} bytes: leave out what is not needed"
        )
    };
    serde_json::to_writer(Limited(&mut json), object).map_err(|_| too_long())?;
    let text = String::from_utf8(std::mem::take(&mut *json)).map_err(|_| too_long())?;
    SecretValue::parse(text).map_err(|_| too_long())
}

/// Refuses what does not fit.
struct Limited<'a>(&'a mut Vec<u8>);

impl std::io::Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A name that may be shown: a value that slipped into the place of a name does not look like one.
fn shown(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if (1..=40).contains(&name.len()) && name.chars().all(plain) {
        name
    } else {
        "(a name that is not shown)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, Zeroizing<String>)> {
        pairs
            .iter()
            .map(|(name, json)| ((*name).to_owned(), Zeroizing::new((*json).to_owned())))
            .collect()
    }

    #[test]
    fn everything_becomes_one_object_in_a_fixed_order() {
        let given = options(&[
            ("extra", r#"{"b": 1.10}"#),
            ("encrypted_extra", r#""{}\"x""#),
        ]);
        let made = extra(&[("z", "1"), ("a", "x\"y"), ("z", "2"), ("z", "")], &given)
            .unwrap()
            .unwrap();
        assert_eq!(
            made.value.expose(),
            r#"{"uri":{"a":"x\"y","z":["1","2",""]},"options":{"encrypted_extra":"{}\"x","extra":{"b": 1.10}}}"#
        );
        assert_eq!(made.names, "a, z, encrypted_extra, extra");
        assert!(!made.masked);
        assert_eq!(
            extra(&[("a", "")], &[]).unwrap().unwrap().value.expose(),
            r#"{"uri":{"a":""}}"#
        );
        assert!(extra(&[], &[]).unwrap().is_none());
    }

    #[test]
    fn a_mask_is_noticed_and_an_odd_name_is_not_shown() {
        let masked = options(&[("encrypted_extra", r#"{"key":"XXXXXXXXXX"}"#)]);
        assert!(extra(&[], &masked).unwrap().unwrap().masked);
        let odd = extra(&[("hunter2/+=", "")], &[]).unwrap().unwrap();
        assert!(!odd.names.contains("hunter2"), "{}", odd.names);
    }

    #[test]
    fn what_is_too_long_for_a_secret_is_refused_without_repeating_it() {
        let fits = "x".repeat(MAX_SECRET_BYTES - r#"{"uri":{"a":""}}"#.len());
        assert_eq!(
            extra(&[("a", &fits)], &[])
                .unwrap()
                .unwrap()
                .value
                .expose()
                .len(),
            MAX_SECRET_BYTES
        );
        let refusal = extra(&[("a", &format!("{fits}x"))], &[]).err().unwrap();
        assert!(
            refusal.contains("16000 bytes") && !refusal.contains("xx"),
            "{refusal}"
        );
    }
}

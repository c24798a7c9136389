//! The fields of a JSON object, in order and as they are written.
//!
//! What must stay true: values stay text until somebody asks for one, so nothing is rounded, and a problem names the
//! field but never what it holds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::Problem;
use super::yaml::push_json_text;

/// The most characters a name may have.
const MAX_NAME: usize = 255;

/// The fields of one object.
pub(super) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of a whole document.
    pub(super) fn of(json: &'a str) -> Result<Self, Problem> {
        serde_json::from_str(json).map_err(|_| Problem::NotAnObject)
    }

    /// All fields, in the document's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
            .filter(|value| value.get() != "null")
    }

    /// A field of text that may be missing. It may be secret, so it is wiped when dropped.
    pub(super) fn optional_text(
        &self,
        field: &'static str,
    ) -> Result<Option<Zeroizing<String>>, Problem> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match serde_json::from_str::<String>(value.get()) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(_) => Err(Problem::WrongType {
                field,
                expected: "text",
                found: type_of(value),
            }),
        }
    }

    /// A field of text.
    pub(super) fn text(&self, field: &'static str) -> Result<Zeroizing<String>, Problem> {
        self.optional_text(field)?
            .ok_or(Problem::MissingField { field })
    }

    /// A field that names the thing.
    pub(super) fn name(&self, field: &'static str) -> Result<String, Problem> {
        let name = self.text(field)?;
        if name.chars().count() > MAX_NAME {
            return Err(Problem::NameTooLong {
                field,
                limit: MAX_NAME,
            });
        }
        if name.chars().any(char::is_control) {
            return Err(Problem::ControlCharacter { field });
        }
        Ok(name.to_string())
    }

    /// A field that holds an id.
    pub(super) fn uuid(&self, field: &'static str) -> Result<Uuid, Problem> {
        self.text(field)?
            .parse()
            .map_err(|_| Problem::BadUuid { field })
    }

    /// A field that holds an object, with no fields if it is missing.
    pub(super) fn object(&self, field: &'static str) -> Result<Self, Problem> {
        let Some(value) = self.get(field) else {
            return Ok(Self(Vec::new()));
        };
        let wrong_type = |_| Problem::WrongType {
            field,
            expected: "a mapping",
            found: type_of(value),
        };
        serde_json::from_str(value.get()).map_err(wrong_type)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The type of a value in words, told by how its text begins.
fn type_of(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "a mapping",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The text of an object that has these fields.
pub(super) fn object_text<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::from("{"));
    for (name, value) in fields {
        if json.len() > 1 {
            json.push(',');
        }
        push_json_text(&mut json, name);
        json.push(':');
        json.push_str(value);
    }
    json.push('}');
    json
}

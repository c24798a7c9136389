//! Tags: the few short labels on a connection that lists can be filtered by.
//!
//! What must stay true: a [`Tags`] value keeps all the limits below, however it came about, a patch
//! included; and its JSON form is the same for the same tags, sorted by key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::FieldError;
use super::json::{JsonText, child_pointer};
use super::text::{self, TextProblem};

/// The most tags that one connection may have.
pub const MAX_TAGS: usize = 50;

/// The longest key, in characters.
pub const MAX_KEY_CHARS: usize = 64;

/// The longest value, in characters.
pub const MAX_VALUE_CHARS: usize = 255;

/// Where a patch is in the bodies that have one.
const PATCH_POINTER: &str = "/tags";

/// At most 50 tags. Keys are 1 to 64 of `A-Z a-z 0-9 _ . : / -`, values up to 255 characters
/// without control characters, kept byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// Reads a JSON object of strings; reports everything that is wrong with it, by place.
    pub fn parse(json: &JsonText, pointer: &str) -> Result<Self, Vec<FieldError>> {
        Self::default().changed(json, pointer, false)
    }

    /// Applies a merge patch (RFC 7396): `null` removes a tag, a string sets it.
    ///
    /// Problems are placed under `/tags`. A patch that is no object is refused; a field that may be
    /// `null` as a whole is told apart before.
    pub fn apply_patch(&self, patch: &JsonText) -> Result<Self, Vec<FieldError>> {
        self.clone().changed(patch, PATCH_POINTER, true)
    }

    /// The tags as a JSON object, sorted by key.
    pub fn to_json(&self) -> JsonText {
        let members = self.0.iter();
        let object: serde_json::Map<String, serde_json::Value> = members
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        JsonText::from_trusted(serde_json::Value::Object(object).to_string())
    }

    /// The value of one tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All tags, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let members = self.0.iter();
        members.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// `null_removes` tells a patch from a whole value, in which null is no tag.
    fn changed(
        mut self,
        json: &JsonText,
        pointer: &str,
        null_removes: bool,
    ) -> Result<Self, Vec<FieldError>> {
        let refuse = |code, detail: &str| vec![FieldError::new(pointer, code, detail)];
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(json.as_str())
            .map_err(|_| refuse("not_an_object", "must be an object of strings"))?;
        let mut errors = Vec::new();
        for (key, value) in members {
            if null_removes && value.get() == "null" {
                self.0.remove(&key);
                continue;
            }
            match checked(&key, value) {
                Ok(value) => _ = self.0.insert(key, value),
                Err(problem) => errors.push(problem.at(child_pointer(pointer, &key))),
            }
            // A body full of wrong tags is not worth an answer that is longer than itself.
            if self.0.len() + errors.len() > 2 * MAX_TAGS {
                break;
            }
        }
        if self.0.len() > MAX_TAGS {
            let detail = format!("there may be at most {MAX_TAGS} tags");
            errors = refuse("too_many_tags", &detail);
        }
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }
}

fn checked(key: &str, value: &RawValue) -> Result<String, TextProblem> {
    check_key(key)?;
    let value: String = serde_json::from_str(value.get())
        .map_err(|_| TextProblem::new("not_a_string", "must be a string"))?;
    text::line(&value, MAX_VALUE_CHARS)
}

fn check_key(key: &str) -> Result<(), TextProblem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
    if (1..=MAX_KEY_CHARS).contains(&key.len()) && key.chars().all(allowed) {
        return Ok(());
    }
    let detail = format!("a key must be 1 to {MAX_KEY_CHARS} of A-Z a-z 0-9 _ . : / -");
    Err(TextProblem::new("invalid_key", detail))
}

/// What a list is filtered by: connections that have this tag with this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    /// The key of the tag.
    pub key: String,
    /// Its whole value, which may be empty.
    pub value: String,
}

impl TagFilter {
    /// Reads `key=value`, split at the first `=`: a key has none, a value may.
    pub fn parse(text: &str) -> Result<Self, TextProblem> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(TextProblem::new("invalid_format", "must be key=value"));
        };
        check_key(key)?;
        let value = text::line(value, MAX_VALUE_CHARS)?;
        let key = key.to_owned();
        Ok(Self { key, value })
    }

    /// The tag as it stands in stored tags, `"key":"value"`: quotes within a value are escaped there, so a search
    /// for this text finds nothing else.
    pub fn as_stored(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!("{}:{}", quoted(&self.key), quoted(&self.value))
    }

    /// Whether the tags have it.
    pub fn matches(&self, tags: &Tags) -> bool {
        tags.get(&self.key) == Some(self.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags as JSON, or `POINTER CODE` of everything that is wrong.
    fn shown(outcome: Result<Tags, Vec<FieldError>>) -> String {
        let place = |error: &FieldError| format!("{} {}", error.pointer, error.code);
        match outcome {
            Ok(tags) => tags.to_json().into_string(),
            Err(errors) => errors.iter().map(place).collect::<Vec<_>>().join(", "),
        }
    }

    fn parsed(text: &str) -> String {
        shown(Tags::parse(&JsonText::parse(text).unwrap(), "/tags"))
    }

    fn numbered(count: usize) -> String {
        let members: Vec<String> = (0..count).map(|n| format!("\"k{n:05}\":\"v\"")).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn tags_are_taken_or_refused_with_every_place() {
        for (text, expected) in [
            ("{}", "{}"),
            (
                r#"{"b" : "", "a/B:c.d_e-1":"é=\"\u0041"}"#,
                r#"{"a/B:c.d_e-1":"é=\"A","b":""}"#,
            ),
            ("[]", "/tags not_an_object"),
            ("null", "/tags not_an_object"),
            (
                r#"{"":"x","a b":"x","é":"x"}"#,
                "/tags/ invalid_key, /tags/a b invalid_key, /tags/é invalid_key",
            ),
            (
                r#"{"a":1,"b":null,"c":{}}"#,
                "/tags/a not_a_string, /tags/b not_a_string, /tags/c not_a_string",
            ),
            (
                r#"{"a/~":"x\ny","k/l":"x\ny"}"#,
                "/tags/a~1~0 invalid_key, /tags/k~1l control_character",
            ),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        let tag = |key: usize, value: usize| {
            format!("{{\"{}\":\"{}\"}}", "k".repeat(key), "é".repeat(value))
        };
        assert_eq!(parsed(&tag(64, 255)), tag(64, 255));
        assert!(parsed(&tag(65, 255)).ends_with(" invalid_key"));
        assert!(parsed(&tag(64, 256)).ends_with(" too_long"));
        assert_eq!(parsed(&numbered(50)), numbered(50));
        assert_eq!(parsed(&numbered(51)), "/tags too_many_tags");
        assert_eq!(parsed(&numbered(5_000)), "/tags too_many_tags");
        let wrong = numbered(5_000).replace("\"v\"", "1");
        assert!(parsed(&wrong).split(", ").count() <= 2 * MAX_TAGS + 1);
    }

    #[test]
    fn a_patch_sets_and_removes_and_keeps_the_rest() {
        let patched = |tags: &str, patch: &str| {
            let tags = Tags::parse(&JsonText::parse(tags).unwrap(), "").unwrap();
            shown(tags.apply_patch(&JsonText::parse(patch).unwrap()))
        };
        for (patch, expected) in [
            ("{}", r#"{"a":"1","b":"2"}"#),
            (r#"{"a":null,"c":"3"}"#, r#"{"b":"2","c":"3"}"#),
            (r#"{"gone":null,"not a key":null}"#, r#"{"a":"1","b":"2"}"#),
            (r#"{"a":{"b":null}}"#, "/tags/a not_a_string"),
            ("null", "/tags not_an_object"),
        ] {
            assert_eq!(patched(r#"{"a":"1","b":"2"}"#, patch), expected, "{patch}");
        }
        let full = numbered(50);
        assert_eq!(patched(&full, r#"{"z":"1"}"#), "/tags too_many_tags");
        assert!(patched(&full, r#"{"a":"1","k00000":null}"#).starts_with(r#"{"a":"1","k00001""#));
        assert!(patched(&full, r#"{"k00000":null,"z":"1"}"#).ends_with(r#""z":"1"}"#));
    }

    #[test]
    fn a_filter_splits_at_the_first_equals_sign() {
        let filter = TagFilter::parse("env=a=b").unwrap();
        assert_eq!((filter.key.as_str(), filter.value.as_str()), ("env", "a=b"));
        let tagged = |text: &str| Tags::parse(&JsonText::parse(text).unwrap(), "").unwrap();
        assert!(filter.matches(&tagged(r#"{"env":"a=b"}"#)));
        assert_eq!(filter.as_stored(), r#""env":"a=b""#);
        assert!(!filter.matches(&tagged(r#"{"env":"a"}"#)));
        assert!(TagFilter::parse("env=").is_ok());
        for text in ["env", "", "=x", "a b=c", "a=\0"] {
            assert!(TagFilter::parse(text).is_err(), "{text:?}");
        }
    }
}

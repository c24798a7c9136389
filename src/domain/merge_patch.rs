//! JSON merge patch (RFC 7396) on raw text, for `PATCH` on opaque JSON fields.
//!
//! What must stay true: members that a patch does not name keep every byte, from the first quote of
//! their key to the end of their value, and their order; members that are new follow in the order of
//! the patch. So a patch never rounds a number it does not mention. The result nests no deeper than
//! target or patch, but may be as long as both together: the caller checks its length.

use std::collections::{HashMap, HashSet};
use std::{borrow::Cow, fmt};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::{JsonText, WHITESPACE};

/// Text that was trusted to be JSON is not: the store is damaged, the client is not to blame (500).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored text is not valid JSON (line {line}, column {column})")]
pub struct BrokenText {
    /// Line of the first wrong byte, counted from 1; 0 when the place is unknown.
    pub line: usize,
    /// Column of the first wrong byte as the parser counts it.
    pub column: usize,
}

impl From<serde_json::Error> for BrokenText {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self { line, column }
    }
}

/// Should the parser and the cursor in [`members`] ever disagree, nothing is merged.
const UNREADABLE: BrokenText = BrokenText { line: 0, column: 0 };

/// Applies a merge patch: objects merge member by member, `null` removes, anything else replaces.
///
/// A patch that is no object replaces the whole target, as RFC 7396 has it: a field that must stay
/// an object checks the patch with [`JsonText::is_object`] first.
pub fn apply(target: &JsonText, patch: &JsonText) -> Result<JsonText, BrokenText> {
    let merged = merge(target.as_str(), patch.as_str())?;
    Ok(JsonText::from_trusted(merged.into_owned()))
}

/// Sets each member of `change` in `target`, as it is: `null` is a value, and objects within are replaced. What is set keeps
/// its place; new members follow. Both must be objects.
pub fn assign(target: &JsonText, change: &JsonText) -> Result<JsonText, BrokenText> {
    let old = members(target.as_str().trim_matches(WHITESPACE))?;
    let new = members(change.as_str().trim_matches(WHITESPACE))?;
    let values: HashMap<&str, &str> = new
        .iter()
        .map(|member| (member.name.as_str(), member.value))
        .collect();
    let kept = old.iter().map(|member| {
        let value = values.get(member.name.as_str()).unwrap_or(&member.value);
        format!("{}{value}", member.head)
    });
    let known: HashSet<&str> = old.iter().map(|member| member.name.as_str()).collect();
    let added = new
        .iter()
        .filter(|member| !known.contains(member.name.as_str()))
        .map(|member| format!("{}{}", member.head, member.value));
    let all: Vec<String> = kept.chain(added).collect();
    Ok(JsonText::from_trusted(format!("{{{}}}", all.join(","))))
}

/// For a field where absent (leave it), `null` (clear it) and a value (set it) are three things.
///
/// Use with `#[serde(default, deserialize_with = "double_option")]`: without the default, an absent
/// field is an error.
pub fn double_option<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// For a field that a patch may leave or set but not clear: `null` is refused like any other wrong type.
///
/// Use with `#[serde(default, deserialize_with = "not_null")]`.
pub fn not_null<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

fn merge<'a>(target: &'a str, patch: &'a str) -> Result<Cow<'a, str>, BrokenText> {
    let patch = patch.trim_matches(WHITESPACE);
    if !patch.starts_with('{') {
        return Ok(Cow::Borrowed(patch));
    }
    let target = target.trim_matches(WHITESPACE);
    let target_is_object = target.starts_with('{');
    let old = if target_is_object {
        members(target)?
    } else {
        Vec::new()
    };
    let names = old.iter().map(|member| member.name.clone());
    let positions: HashMap<String, usize> = names.zip(0..).collect();
    let mut merged: Vec<Option<(&str, Cow<'_, str>)>> = old
        .iter()
        .map(|member| Some((member.head, Cow::Borrowed(member.value))))
        .collect();
    let mut changed = !target_is_object;
    for change in members(patch)? {
        let removes = change.value == "null";
        let position = positions.get(&change.name);
        match position.and_then(|&at| merged.get_mut(at)) {
            None if removes => continue,
            // Merging into nothing is not copying: RFC 7396 drops the nulls inside a new object.
            None => merged.push(Some((change.head, merge("null", change.value)?))),
            Some(slot) if removes => *slot = None,
            Some(slot) => {
                if let Some((_, value)) = slot {
                    *value = Cow::Owned(merge(value, change.value)?.into_owned());
                }
            }
        }
        changed = true;
    }
    if !changed {
        return Ok(Cow::Borrowed(target));
    }
    let kept = merged.into_iter().flatten();
    let kept: Vec<String> = kept.map(|(head, value)| format!("{head}{value}")).collect();
    Ok(Cow::Owned(format!("{{{}}}", kept.join(","))))
}

struct Member<'a> {
    /// The key with its escapes undone.
    name: String,
    /// The text from the key's first quote up to the value.
    head: &'a str,
    value: &'a str,
}

fn members(object: &str) -> Result<Vec<Member<'_>>, BrokenText> {
    let Pairs(pairs) = serde_json::from_str(object)?;
    let mut rest = object.strip_prefix('{').ok_or(UNREADABLE)?;
    let mut members = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        // Only white space and one comma stand before a key, only white space and one colon after.
        let from_key = rest.trim_start_matches(WHITESPACE);
        let from_key = from_key.strip_prefix(',').unwrap_or(from_key);
        let from_key = from_key.trim_start_matches(WHITESPACE);
        let after_key = from_key.strip_prefix(key.get()).ok_or(UNREADABLE)?;
        let from_colon = after_key.trim_start_matches(WHITESPACE);
        let after_colon = from_colon.strip_prefix(':').ok_or(UNREADABLE)?;
        let from_value = after_colon.trim_start_matches(WHITESPACE);
        rest = from_value.strip_prefix(value.get()).ok_or(UNREADABLE)?;
        let head_length = from_key.len() - from_value.len();
        members.push(Member {
            name: serde_json::from_str(key.get())?,
            head: from_key.get(..head_length).ok_or(UNREADABLE)?,
            value: value.get(),
        });
    }
    Ok(members)
}

/// The members of an object as raw text, in their order.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(target: &str, patch: &str) -> Result<String, BrokenText> {
        let [target, patch] = [target, patch].map(|text| JsonText::from_trusted(text.to_owned()));
        apply(&target, &patch).map(JsonText::into_string)
    }

    fn assert_merged(cases: &[(&str, &str, &str)]) {
        for &(target, patch, result) in cases {
            let merged = merged(target, patch);
            assert_eq!(merged.as_deref(), Ok(result), "{target} + {patch}");
        }
    }

    #[test]
    fn members_are_assigned_as_they_are() {
        for (target, change, expected) in [
            ("{}", "{}", "{}"),
            (
                r#"{"a": 1.50 ,"b":{"c":1}}"#,
                r#"{"b":{"d":2}}"#,
                r#"{"a": 1.50,"b":{"d":2}}"#,
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":null,"n":{"x":null}}"#,
                r#"{"a":null,"n":{"x":null}}"#,
            ),
            (r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"\u0061":2}"#),
            (" { } ", r#"{"a":0.10}"#, r#"{"a":0.10}"#),
        ] {
            let json = |text: &str| JsonText::parse(text).unwrap();
            let assigned = assign(&json(target), &json(change)).unwrap();
            assert_eq!(assigned.as_str(), expected, "{target} {change}");
        }
    }

    #[test]
    fn the_examples_of_rfc_7396_appendix_a_hold() {
        assert_merged(&[
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ]);
    }

    #[test]
    fn the_worked_example_of_rfc_7396_section_3_holds() {
        assert_merged(&[(
            r#"{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}"#,
            r#"{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}"#,
            r#"{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"}"#,
        )]);
    }

    #[test]
    fn untouched_members_keep_every_byte() {
        assert_merged(&[
            (
                r#" { "z" : 0.1000 , "n":123456789012345678901234567890, "a":{ "x" : 1E2 } ,"l":[ 1, 2 ]} "#,
                r#"{"new" : [ null ], "l":3}"#,
                r#"{"z" : 0.1000,"n":123456789012345678901234567890,"a":{ "x" : 1E2 },"l":3,"new" : [ null ]}"#,
            ),
            (
                r#"{"o":{ "p": 1.0, "q":2 },"s":"\u0041\/"}"#,
                r#"{"o":{"q":3}}"#,
                r#"{"o":{"p": 1.0,"q":3},"s":"\u0041\/"}"#,
            ),
        ]);
    }

    #[test]
    fn a_patch_that_changes_nothing_returns_the_target_itself() {
        assert_merged(&[
            ("{ \"a\": 1 }", "{}", "{ \"a\": 1 }"),
            ("{ \"a\": 1 }", r#"{"gone":null}"#, "{ \"a\": 1 }"),
            ("{\n}", "{\n}", "{\n}"),
        ]);
    }

    #[test]
    fn a_key_is_the_same_however_it_is_escaped() {
        assert_merged(&[
            (r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"\u0061":2}"#),
            (r#"{"a/\"b":1,"":2}"#, r#"{"a\/\u0022b":null}"#, r#"{"":2}"#),
            (
                r#"{"}:,{":1}"#,
                r#"{"}:,{":{"a":1}}"#,
                r#"{"}:,{":{"a":1}}"#,
            ),
        ]);
    }

    #[test]
    fn broken_stored_text_is_reported_and_not_merged() {
        let broken = merged("{\"a\":", r#"{"b":1}"#);
        assert_eq!(broken, Err(BrokenText { line: 1, column: 5 }));
    }

    #[test]
    fn absent_null_and_value_are_three_things() {
        #[derive(Deserialize)]
        #[expect(clippy::option_option, reason = "three states are the point")]
        struct Patch {
            #[serde(default, deserialize_with = "double_option")]
            body: Option<Option<JsonText>>,
        }
        let one = JsonText::from_trusted("1".to_owned());
        for (text, expected) in [
            ("{}", None),
            (r#"{"body":null}"#, Some(None)),
            (r#"{"body": 1}"#, Some(Some(one))),
        ] {
            let patch: Patch = serde_json::from_str(text).unwrap();
            assert_eq!(patch.body, expected, "{text}");
        }
    }
}

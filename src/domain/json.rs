//! JSON as text: one strict check at the door, and a type for text that passed it.
//!
//! The two databases disagree about JSON that is legal but odd: one refuses NUL and lone surrogates,
//! the other stores them, and most readers take the last of two equal keys. So such documents are
//! refused before either database sees them. What must stay true: a [`JsonText`] is one whole JSON
//! value that passed [`check`], and its numbers, spacing and key order are never rewritten on the
//! way in or out.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::FieldError;

/// How deep arrays and objects may nest unless the caller says otherwise.
pub const MAX_DEPTH: usize = 64;

/// The longest pointer that a refusal carries, in characters.
pub const MAX_POINTER_CHARS: usize = 512;

/// `serde_json` gives up at 128 levels by itself; staying below lets us name the place.
const DEEPEST: usize = 126;

/// White space between JSON tokens (RFC 8259, section 2).
pub(crate) const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Why a JSON document was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Not JSON at all (400, code `malformed_json`).
    #[error("malformed_json: line {line}, column {column}")]
    Malformed {
        /// Line of the first wrong byte, counted from 1.
        line: usize,
        /// Column of the first wrong byte as the parser counts it.
        column: usize,
    },
    /// JSON by its grammar, but something that we do not store (422).
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(FieldError),
}

/// Walks one whole JSON document and refuses what would be lost, hidden or answered differently by
/// the two databases.
///
/// Nothing is built from the values: only the keys of the objects that the walk is inside of are
/// held in memory. A `max_depth` beyond 126 counts as 126.
pub fn check(text: &[u8], max_depth: usize) -> Result<(), JsonProblem> {
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let max_depth = max_depth.min(DEEPEST);
    let mut walk = Walk {
        path: Vec::new(),
        max_depth,
        refusal: None,
    };
    let mut document = serde_json::Deserializer::from_str(text);
    let outcome = Node(&mut walk).deserialize(&mut document);
    outcome
        .and_then(|()| document.end())
        .map_err(|error| walk.explain(&error))
}

fn not_utf8(text: &[u8], valid_up_to: usize) -> JsonProblem {
    let before = text.get(..valid_up_to).unwrap_or_default();
    let lines = before.split(|&byte| byte == b'\n');
    let column = lines.clone().next_back().map_or(0, <[u8]>::len) + 1;
    JsonProblem::Malformed {
        line: lines.count(),
        column,
    }
}

/// Extends an RFC 6901 pointer by one key; one that would get too long stays at the enclosing value.
pub(crate) fn child_pointer(parent: &str, key: &str) -> String {
    let mut pointer = parent.to_owned();
    push_token(&mut pointer, key);
    pointer
}

/// Says whether the token still fitted.
fn push_token(pointer: &mut String, token: &str) -> bool {
    let token = token.replace('~', "~0").replace('/', "~1");
    let fits = pointer.chars().count() + 1 + token.chars().count() <= MAX_POINTER_CHARS;
    if fits {
        pointer.push('/');
        pointer.push_str(&token);
    }
    fits
}

/// An object key with its escapes undone, so that `"a"` and `"\u0061"` are the same key.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

enum Step<'de> {
    Key(Cow<'de, str>),
    Index(usize),
}

/// Where the walk is, and what it refused. After an error the path is left as it was: that is the
/// place to report.
struct Walk<'de> {
    path: Vec<Step<'de>>,
    max_depth: usize,
    refusal: Option<FieldError>,
}

impl Walk<'_> {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            let fitted = match step {
                Step::Key(key) => push_token(&mut pointer, key),
                Step::Index(index) => push_token(&mut pointer, &index.to_string()),
            };
            if !fitted {
                break;
            }
        }
        pointer
    }

    fn refused<E: de::Error>(&mut self, pointer: String, code: &'static str, detail: &str) -> E {
        self.refusal = Some(FieldError::new(pointer, code, detail));
        E::custom(code)
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.path.len() < self.max_depth {
            return Ok(());
        }
        let detail = format!("arrays and objects may nest {} deep", self.max_depth);
        Err(self.refused(self.pointer(), "too_deep", &detail))
    }

    fn text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            let detail = "NUL characters cannot be stored";
            return Err(self.refused(self.pointer(), "nul_character", detail));
        }
        Ok(())
    }

    fn explain(mut self, error: &serde_json::Error) -> JsonProblem {
        if let Some(refusal) = self.refusal.take() {
            return JsonProblem::Refused(refusal);
        }
        // serde_json keeps its error codes private: its words are all that tells these from wrong
        // grammar. A test pins each of them.
        let words = error.to_string();
        let says = |start: &str| words.starts_with(start);
        let (code, detail) = if says("number out of range") {
            ("number_out_of_range", "beyond the range of a 64-bit float")
        } else if says("lone leading surrogate") || says("unexpected end of hex escape") {
            (
                "lone_surrogate",
                "a \\u escape names half of a surrogate pair",
            )
        } else {
            return JsonProblem::Malformed {
                line: error.line(),
                column: error.column(),
            };
        };
        JsonProblem::Refused(FieldError::new(self.pointer(), code, detail))
    }
}

macro_rules! accept {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<(), E> { Ok(()) })*
    };
}

/// Any JSON value.
struct Node<'w, 'de>(&'w mut Walk<'de>);

impl<'de> DeserializeSeed<'de> for Node<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    accept!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64);

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.enter()?;
        for index in 0.. {
            self.0.path.push(Step::Index(index));
            let item = items.next_element_seed(Node(self.0))?;
            self.0.path.pop();
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.enter()?;
        let mut seen = HashSet::new();
        while let Some(Key(key)) = members.next_key()? {
            // A NUL in a key is reported at the object: a pointer must not carry it.
            self.0.text(&key)?;
            if !seen.insert(key.clone()) {
                let pointer = child_pointer(&self.0.pointer(), &key);
                let detail = "the same key occurs twice in one object";
                return Err(self.0.refused(pointer, "duplicate_key", detail));
            }
            self.0.path.push(Step::Key(key));
            members.next_value_seed(Node(self.0))?;
            self.0.path.pop();
        }
        Ok(())
    }
}

/// One JSON value kept as the text it came in; two are equal when their texts are.
///
/// It goes through `serde_json` only, and not below `flatten` or an untagged enum, which take the
/// text apart first.
#[derive(
    Clone, PartialEq, Eq, Hash, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
pub struct JsonText(String);

impl JsonText {
    /// Takes text from a client: checks it and drops the white space around it.
    pub fn parse(text: &str) -> Result<Self, JsonProblem> {
        check(text.as_bytes(), MAX_DEPTH)?;
        Ok(Self(text.trim_matches(WHITESPACE).to_owned()))
    }

    /// Takes text that passed [`check`] before, such as a column of our own database. Should it be
    /// broken after all, serialising it fails; nothing wrong is sent.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self("{}".to_owned())
    }

    /// The text, unchanged.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, unchanged, without a copy.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.0.trim_start_matches(WHITESPACE).starts_with('{')
    }

    /// Length in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a JSON value has at least one byte"
    )]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Only the length: the text may hold what does not belong in a log.
impl fmt::Debug for JsonText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JsonText({} bytes)", self.0.len())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        check(raw.get().as_bytes(), MAX_DEPTH).map_err(de::Error::custom)?;
        Ok(Self(Box::<str>::from(raw).into_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ok`, `malformed LINE:COLUMN` or `POINTER CODE`.
    fn verdict(text: impl AsRef<[u8]>, max_depth: usize) -> String {
        match check(text.as_ref(), max_depth) {
            Ok(()) => "ok".to_owned(),
            Err(JsonProblem::Malformed { line, column }) => format!("malformed {line}:{column}"),
            Err(JsonProblem::Refused(error)) => format!("{} {}", error.pointer, error.code),
        }
    }

    #[test]
    fn every_document_gets_the_verdict_beside_it() {
        let table = r#"
            ok <- -0
            ok <- [0.1000, 1e-400, 0e999999999, 1.7976931348623157e308, 123456789012345678901234567890]
            ok <- {"a":[{"b":null},{"b":true}],"":"","A":"\ud83d\ude00"}
            ok <- {"\u00e9":1,"e\u0301":2}
            /a duplicate_key <- {"a":1,"\u0061":2}
            /x/1/a~1b~0/k duplicate_key <- {"x":[0,{"a/b~":{"k":1,"k":1}}]}
            /a nul_character <- {"a":"b\u0000c"}
            /a nul_character <- {"a":{"b\u0000c":1}}
            /0 lone_surrogate <- ["\ud800"]
            /0 lone_surrogate <- ["\udc00"]
            /0 lone_surrogate <- ["\ud800\n"]
            /0 lone_surrogate <- ["\ud800\u0041"]
            /a lone_surrogate <- {"a":{"\ud800":1}}
            /1 number_out_of_range <- [0,1e400]
            /n number_out_of_range <- {"n":-1e400}
            malformed 1:0 <-
            malformed 1:4 <- {} {}
            malformed 1:4 <- [1,]
            malformed 1:2 <- 01
            malformed 1:2 <- {1:2}
            malformed 1:3 <- "\x"
            malformed 1:1 <- // comment"#;
        for line in table.lines().skip(1) {
            let (expected, text) = line.split_once("<-").unwrap_or_default();
            assert_eq!(verdict(text.trim(), MAX_DEPTH), expected.trim(), "{text}");
        }
        let bytes: [(&[u8], &str); 5] = [
            (b"{\n\"a\": nope}", "malformed 2:7"),
            (b"\xef\xbb\xbf{}", "malformed 1:1"),
            (b"\"a\0b\"", "malformed 1:3"),
            (b"{\n\"a\":\"\xc3\x28\"}", "malformed 2:6"),
            (b"\"\xed\xa0\x80\"", "malformed 1:2"),
        ];
        for (text, expected) in bytes {
            assert_eq!(verdict(text, MAX_DEPTH), expected);
        }
        assert_eq!(verdict("9".repeat(400), MAX_DEPTH), " number_out_of_range");
    }

    #[test]
    fn nesting_is_refused_one_level_beyond_the_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let refused = format!("{} too_deep", "/0".repeat(64));
        assert_eq!(verdict(nested(64), 64), "ok");
        assert_eq!(verdict(nested(65), 64), refused);
        assert_eq!(verdict("[".repeat(100_000), 64), refused);
        assert_eq!(verdict(nested(126), usize::MAX), "ok");
        assert!(verdict(nested(127), usize::MAX).ends_with("too_deep"));
    }

    #[test]
    fn a_pointer_that_would_get_too_long_names_the_enclosing_value() {
        let text = format!(r#"{{"a":{{"{}":1e999}}}}"#, "k".repeat(600));
        assert_eq!(verdict(text, 64), "/a number_out_of_range");
        assert_eq!(child_pointer("/a", &"é".repeat(509)).chars().count(), 512);
        assert_eq!(child_pointer("/a", &"é".repeat(510)), "/a");
    }

    #[test]
    fn text_is_checked_on_the_way_in_and_goes_out_unchanged() -> Result<(), serde_json::Error> {
        let body = "{\"z\": 123456789012345678901234567890, \"a\":0.1000 ,\"l\" :[ 1,\n2 ]}";
        let parsed: [JsonText; 1] = serde_json::from_str(&format!("[  {body}  ]"))?;
        assert_eq!(serde_json::to_string(&parsed)?, format!("[{body}]"));
        assert_eq!(
            format!("{parsed:?}"),
            format!("[JsonText({} bytes)]", body.len())
        );
        assert!(parsed.iter().all(JsonText::is_object) && !JsonText("\"{\"".into()).is_object());
        assert_eq!(JsonText::parse("\n{} "), Ok(JsonText::empty_object()));
        assert!(serde_json::from_str::<JsonText>(r#"{"a":1,"a":1}"#).is_err());
        assert!(serde_json::to_string(&JsonText::from_trusted("{broken".into())).is_err());
        Ok(())
    }
}

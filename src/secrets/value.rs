//! A secret as it was entered, in memory that is overwritten when it is dropped.
//!
//! What must stay true:
//! * The text leaves only through [`SecretValue::expose`]. The type has no `Clone`, `Display` or `Serialize`,
//!   and its `Debug` prints its name only, so no log line, answer or snapshot can hold a secret by accident.
//! * A refusal never repeats what it refused, neither a text nor a number sent in the place of one.
//! * Every accepted value fits the largest size class of [`super::envelope`].
//!
//! What cannot be promised: the buffers of the HTTP layer and of the parser lie outside; see the allocator
//! and the closing of connections that carried a secret.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest secret, in bytes of UTF-8. With its framing it fits the size class of 16,384 bytes.
pub const MAX_SECRET_BYTES: usize = 16_000;

/// One secret value: 1 to [`MAX_SECRET_BYTES`] bytes of UTF-8 without NUL.
pub struct SecretValue(Zeroizing<String>);

/// Why a text is not accepted as a secret. The text itself is never part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretValueError {
    /// Nothing was entered; an empty secret would count as set.
    #[error("a secret must not be empty")]
    Empty,
    /// Longer than [`MAX_SECRET_BYTES`].
    #[error("a secret must be at most {MAX_SECRET_BYTES} bytes long")]
    TooLong,
    /// Database drivers cut a text at its first NUL, so the system would see another secret.
    #[error("a secret must not hold a NUL character")]
    HoldsNul,
}

impl SecretValue {
    /// Takes over a text as a secret. A refused text is overwritten too.
    pub fn parse(text: String) -> Result<Self, SecretValueError> {
        let text = Zeroizing::new(text);
        check(&text)?;
        Ok(Self(text))
    }

    /// Copies a text once, into an allocation of exactly its size. The caller overwrites its own copy.
    pub(super) fn copy_of(text: &str) -> Result<Self, SecretValueError> {
        check(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text itself. Whoever calls this is answerable for every copy made of it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), SecretValueError> {
    if text.is_empty() {
        Err(SecretValueError::Empty)
    } else if text.len() > MAX_SECRET_BYTES {
        Err(SecretValueError::TooLong)
    } else if text.contains('\0') {
        Err(SecretValueError::HoldsNul)
    } else {
        Ok(())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    /// Asks for any type on purpose: given a number where it was told to expect a string, `serde_json` answers
    /// by itself, with the number in the message.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

/// The provided methods of [`Visitor`] for plain values put the value into the error: each is replaced.
macro_rules! refuse_without_echo {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom("a secret must be a string"))
        })*
    };
}

impl Visitor<'_> for SecretVisitor {
    type Value = SecretValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretValue, E> {
        SecretValue::copy_of(text).map_err(E::custom)
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<SecretValue, E> {
        SecretValue::parse(text).map_err(E::custom)
    }

    refuse_without_echo!(
        visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128, visit_f64: f64
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_accepted_or_refused_by_its_length_and_its_characters() {
        let cases: [(&str, String, Result<usize, SecretValueError>); 9] = [
            ("empty", String::new(), Err(SecretValueError::Empty)),
            ("one byte", "x".into(), Ok(1)),
            ("a blank is a secret", " ".into(), Ok(1)),
            ("the longest", "x".repeat(16_000), Ok(16_000)),
            (
                "one byte more",
                "x".repeat(16_001),
                Err(SecretValueError::TooLong),
            ),
            (
                "bytes count, not characters",
                "ü".repeat(8_001),
                Err(SecretValueError::TooLong),
            ),
            ("line breaks stay", "-----BEGIN\nKEY\r\n".into(), Ok(16)),
            (
                "NUL in the middle",
                "a\0b".into(),
                Err(SecretValueError::HoldsNul),
            ),
            (
                "NUL at the end",
                "a\0".into(),
                Err(SecretValueError::HoldsNul),
            ),
        ];
        for (case, text, expected) in cases {
            for made in [
                SecretValue::copy_of(&text),
                SecretValue::parse(text.clone()),
            ] {
                assert_eq!(
                    made.as_ref().map(|v| v.expose().len()).map_err(|e| *e),
                    expected,
                    "{case}"
                );
                if let Ok(value) = made {
                    assert_eq!(value.expose(), text, "{case}");
                }
            }
        }
    }

    #[test]
    fn debug_shows_the_type_only() {
        let value = SecretValue::parse("hunter2-hunter2".into()).unwrap();
        assert_eq!(format!("{value:?} {value:#?}"), "SecretValue SecretValue");
        assert_eq!(format!("{:?}", Some(&value)), "Some(SecretValue)");
    }

    #[test]
    fn a_json_string_becomes_a_secret_with_its_escapes_resolved() {
        for (json, expected) in [(r#""plain""#, "plain"), (r#""a\"b\u00fc\n""#, "a\"bü\n")] {
            let value: SecretValue = serde_json::from_str(json).unwrap();
            assert_eq!(value.expose(), expected);
            let value: SecretValue = serde_json::from_reader(json.as_bytes()).unwrap();
            assert_eq!(value.expose(), expected);
        }
        let owned = serde_json::Value::String("owned".into());
        assert_eq!(
            serde_json::from_value::<SecretValue>(owned)
                .unwrap()
                .expose(),
            "owned"
        );
    }

    #[test]
    fn a_refusal_never_repeats_what_was_sent() {
        let long = format!("\"{}\"", "4711".repeat(5_000));
        let cases = [
            ("4711", "must be a string"),
            ("-4711", "must be a string"),
            ("47.11", "must be a string"),
            ("471147114711471147114711", "must be a string"),
            ("true", "must be a string"),
            ("null", "expected a secret as a string"),
            (r#"["4711"]"#, "expected a secret as a string"),
            (r#"{"4711": "4711"}"#, "expected a secret as a string"),
            (r#""4711\u0000""#, "NUL"),
            (r#""""#, "must not be empty"),
            (&long, "at most 16000 bytes"),
        ];
        for (json, reason) in cases {
            let error = serde_json::from_str::<SecretValue>(json)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{json}: {error}");
            for leak in ["4711", "47.11", "true", "e23"] {
                assert!(!error.contains(leak), "{json}: {error}");
            }
        }
    }

    /// Compiles only while the type lacks the trait: with it, the choice of `T` below is ambiguous.
    macro_rules! assert_lacks {
        ($type:ty: $($bound:path),*) => {
            $({
                trait Choice<T> { fn choose() {} }
                impl<T: ?Sized> Choice<()> for T {}
                impl<T: ?Sized + $bound> Choice<u8> for T {}
                <$type as Choice<_>>::choose();
            })*
        };
    }

    #[test]
    fn a_secret_cannot_be_cloned_displayed_or_serialized() {
        assert_lacks!(SecretValue: Clone, std::fmt::Display, serde::Serialize, AsRef<str>);
    }
}

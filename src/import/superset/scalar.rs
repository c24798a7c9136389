//! What an unquoted word in the YAML of an export means.
//!
//! Superset writes and reads its exports with `PyYAML`, which follows YAML 1.1: there `1e5`, `0o17` and `12e03` are
//! text, and because they are text nobody quotes them. A reader of today's YAML takes them for numbers and turns the
//! tag `1e5` into 100000. So what must stay true is that this module resolves words the way `PyYAML` does. One thing
//! differs on purpose: `1:30` stays text here (to `PyYAML` it is the number 90, but it never writes one like that).

use std::borrow::Cow;

/// The meaning of an unquoted word.
#[derive(Debug, PartialEq)]
pub(super) enum Plain<'a> {
    /// Nothing: empty, `~` or `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as the text that JSON has for it: digits as they were written.
    Number(Cow<'a, str>),
    /// A number JSON has no text for: infinite, not a number, or beyond what can be converted.
    NoJsonNumber,
    /// Anything else is text, dates too.
    Text,
}

/// Tells what an unquoted word means.
pub(super) fn resolve(word: &str) -> Plain<'_> {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Plain::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Plain::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Plain::NoJsonNumber,
        _ => {
            let (negative, magnitude) = split_sign(word);
            if matches!(magnitude, ".inf" | ".Inf" | ".INF") {
                return Plain::NoJsonNumber;
            }
            integer(negative, magnitude)
                .or_else(|| float(word, negative, magnitude))
                .unwrap_or(Plain::Text)
        }
    }
}

fn split_sign(word: &str) -> (bool, &str) {
    match word.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    }
}

fn integer(negative: bool, magnitude: &str) -> Option<Plain<'_>> {
    let Some(rest) = magnitude.strip_prefix('0') else {
        let decimal = starts_with_digit(magnitude) && only(magnitude, |byte| byte.is_ascii_digit());
        return decimal.then(|| Plain::Number(signed(negative, without_underscores(magnitude))));
    };
    if rest.is_empty() {
        return Some(Plain::Number(signed(negative, Cow::Borrowed("0"))));
    }
    if let Some(digits) = rest.strip_prefix('x') {
        only(digits, |byte| byte.is_ascii_hexdigit()).then(|| converted(negative, digits, 16))
    } else if let Some(digits) = rest.strip_prefix('b') {
        only(digits, |byte| matches!(byte, b'0' | b'1')).then(|| converted(negative, digits, 2))
    } else {
        only(rest, |byte| matches!(byte, b'0'..=b'7')).then(|| converted(negative, magnitude, 8))
    }
}

/// JSON knows only decimal numbers, so the others are converted as far as 128 bits go.
fn converted(negative: bool, digits: &str, radix: u32) -> Plain<'static> {
    match u128::from_str_radix(&without_underscores(digits), radix) {
        Ok(number) => Plain::Number(signed(negative, Cow::Owned(number.to_string()))),
        Err(_) => Plain::NoJsonNumber,
    }
}

/// `PyYAML` asks for a point in every fraction and for a sign in every exponent.
fn float<'a>(word: &str, negative: bool, magnitude: &'a str) -> Option<Plain<'a>> {
    let (mantissa, exponent) = match magnitude.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (magnitude, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |text: &str| text.is_empty() || only(text, |byte| byte.is_ascii_digit());
    // A sign before a bare point makes it text.
    let begins_well =
        starts_with_digit(whole) || (word.starts_with('.') && starts_with_digit(fraction));
    let ends_well = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']);
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    if !(begins_well && digits(whole) && digits(fraction) && ends_well) {
        return None;
    }
    let whole = without_underscores(whole);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    let fraction = match without_underscores(fraction) {
        empty if empty.is_empty() => Cow::Borrowed("0"),
        fraction => fraction,
    };
    let sign = if negative { "-" } else { "" };
    let json = match exponent {
        Some(exponent) => format!("{sign}{whole}.{fraction}e{exponent}"),
        None => format!("{sign}{whole}.{fraction}"),
    };
    // Written in full, but every reader of JSON would make it infinite.
    let finite = json.parse::<f64>().is_ok_and(f64::is_finite);
    Some(if finite {
        Plain::Number(Cow::Owned(json))
    } else {
        Plain::NoJsonNumber
    })
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

fn only(digits: &str, allowed: fn(u8) -> bool) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || allowed(byte))
}

fn without_underscores(digits: &str) -> Cow<'_, str> {
    if digits.contains('_') {
        Cow::Owned(digits.replace('_', ""))
    } else {
        Cow::Borrowed(digits)
    }
}

fn signed(negative: bool, digits: Cow<'_, str>) -> Cow<'_, str> {
    if negative {
        Cow::Owned(format!("-{digits}"))
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Plain<'_> {
        Plain::Number(Cow::Borrowed(text))
    }

    #[test]
    fn integers_keep_every_digit() {
        for word in ["0", "-0", "7", "-42", "123456789012345678901234567890"] {
            assert_eq!(resolve(word), number(word));
        }
        assert_eq!(resolve("+5"), number("5"));
        assert_eq!(resolve("1_000"), number("1000"));
    }

    #[test]
    fn numbers_in_other_radices_become_decimal() {
        assert_eq!(resolve("0x1F"), number("31"));
        assert_eq!(resolve("-0b101"), number("-5"));
        assert_eq!(resolve("010"), number("8"));
        assert_eq!(
            resolve("0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF0"),
            Plain::NoJsonNumber
        );
    }

    #[test]
    fn floats_stay_as_written_where_json_can_carry_them() {
        for word in [
            "1.0",
            "1.10",
            "0.1000000000000000055511151231257827",
            "-0.0",
            "1.0e+20",
            "1.5e-05",
        ] {
            assert_eq!(resolve(word), number(word));
        }
        assert_eq!(resolve("1."), number("1.0"));
        assert_eq!(resolve(".5"), number("0.5"));
        assert_eq!(resolve("+007.5"), number("7.5"));
    }

    #[test]
    fn words_that_only_newer_yaml_takes_for_numbers_stay_text() {
        for word in [
            "1e5",
            "12e03",
            "1.5e3",
            "0o17",
            "-.5",
            "08",
            "+1e3",
            "Infinity",
            "NaN",
            "1:30",
            "2020-01-01",
        ] {
            assert_eq!(resolve(word), Plain::Text, "{word}");
        }
    }

    #[test]
    fn words_for_truth_and_nothing_follow_the_old_yaml() {
        assert_eq!(resolve("on"), Plain::Bool(true));
        assert_eq!(resolve("No"), Plain::Bool(false));
        assert_eq!(resolve("~"), Plain::Null);
        assert_eq!(resolve("y"), Plain::Text);
        assert_eq!(resolve("nULL"), Plain::Text);
    }

    #[test]
    fn what_json_has_no_number_for_is_told_apart() {
        for word in [".nan", ".inf", "-.INF", "+.Inf", "1.0e+999"] {
            assert_eq!(resolve(word), Plain::NoJsonNumber, "{word}");
        }
    }
}

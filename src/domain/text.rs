//! Every text that a caller may give, as a type that can only be made by passing its rules.
//!
//! What must stay true: whoever holds one of these values need not check it again, both databases
//! store it alike (no NUL), and it can stand in a log line or a header without breaking it (no
//! control characters, but for line feeds and tabs in a [`Reason`]). Problems never repeat the input.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::FieldError;

/// The longest name and id, in characters.
pub const MAX_CHARS: usize = 255;

/// The longest name and id, in bytes. The limit in characters implies it: none has more than four
/// bytes in UTF-8 (RFC 3629).
pub const MAX_BYTES: usize = 1_024;

const _: () = assert!(MAX_CHARS * 4 <= MAX_BYTES);

/// How many numbers [`suggest_free_name`] tries.
const SUGGESTIONS: u32 = 1_000;

/// Which rule a text breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct TextProblem {
    /// The stable code for the client.
    pub code: &'static str,
    /// One sentence for people; never repeats the text.
    pub detail: String,
}

impl TextProblem {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }

    /// Says in which field of the request the problem is (RFC 6901).
    pub fn at(self, pointer: impl Into<String>) -> FieldError {
        FieldError::new(pointer, self.code, self.detail)
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])+ $name:ident = $rule:expr) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text if it keeps the rules of its type.
            pub fn parse(text: &str) -> Result<Self, TextProblem> {
                $rule(text).map(Self)
            }

            /// The text as it is stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as it is stored and shown, without a copy.
            pub fn into_string(self) -> String {
                self.0
            }
        }
    };
}

text_type!(
    /// What people call a connection, a model, a piece of content or an actor: 1 to 255 characters,
    /// normalised to NFC, without control characters and without white space at its ends.
    ///
    /// Invisible characters are allowed, emoji and several scripts need them; screens mark them.
    Name = name
);
text_type!(
    /// The caller's own id: 1 to 255 characters, none of them a control character, kept byte for
    /// byte, so that the caller finds again what it wrote.
    ExternalId = |text| filled(text).and_then(|text| line(text, MAX_CHARS))
);
text_type!(
    /// What sort of model or content it is, in the caller's words: 1 to 64 of `a-z 0-9 _ . -`,
    /// beginning with a letter or digit.
    Kind = kind
);
text_type!(
    /// The key of an integration, as clients of Nango write theirs: 1 to 255 of letters, digits, `~ : . @ _ -` and,
    /// but at its ends, space.
    IntegrationKey = integration_key
);
text_type!(
    /// Why somebody deleted, held or restored something: up to 1,000 characters, may have several
    /// lines, may be empty. Browsers end the lines of a form with CR LF; they are kept as LF.
    Reason = reason
);
text_type!(
    /// Where a secret can be found again, say a vault path: up to 255 characters, may be empty.
    SourceHint = |text| line(text, MAX_CHARS)
);
text_type!(
    /// The id of the person behind a call: 1 to 255 visible characters, kept byte for byte.
    ActorId = actor_id
);
text_type!(
    /// The value of the header `Idempotency-Key`: 1 to 255 visible ASCII characters.
    IdempotencyKey = idempotency_key
);
text_type!(
    /// The short name of an organization, part of its API keys and as long as one label of a host
    /// name (RFC 1035): 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter or digit.
    OrganizationName = organization_name
);

impl IdempotencyKey {
    /// A key of our own, made from a caller's: it has a space, which theirs can't.
    pub(crate) fn of_row(&self, row: &str) -> Self {
        Self(format!("{} {row}", self.0))
    }
}

fn name(text: &str) -> Result<String, TextProblem> {
    // No character is the composition of more than four (UAX 15): this cannot get short enough.
    within(text, 4 * MAX_CHARS).or_else(|_| within(text, MAX_CHARS))?;
    let text: String = text.nfc().collect();
    line(filled(&text)?, MAX_CHARS)?;
    let detail = "must not begin or end with white space";
    ensure(text.trim() == text, "surrounding_whitespace", detail).map(|()| text)
}

fn kind(text: &str) -> Result<String, TextProblem> {
    let all = text.chars().all(|c| is_slug(c) || "_.-".contains(c));
    pattern(
        text,
        64,
        all && text.starts_with(is_slug),
        "a-z 0-9 _ . -, first a-z 0-9",
    )
}

fn integration_key(text: &str) -> Result<String, TextProblem> {
    let all = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "~:.@_- ".contains(c));
    pattern(
        text,
        MAX_CHARS,
        all && text.trim() == text,
        "letters, digits, ~ : . @ _ - and, but at its ends, space",
    )
}

fn organization_name(text: &str) -> Result<String, TextProblem> {
    let all = text.chars().all(|c| is_slug(c) || c == '-');
    let kept = all && text.starts_with(is_slug) && text.ends_with(is_slug);
    pattern(text, 63, kept, "a-z 0-9 -, first and last a-z 0-9")
}

fn idempotency_key(text: &str) -> Result<String, TextProblem> {
    let kept = text.chars().all(|c| c.is_ascii_graphic());
    pattern(text, MAX_CHARS, kept, "visible ASCII characters")
}

fn actor_id(text: &str) -> Result<String, TextProblem> {
    let hidden = |c: char| breaks_lines(c) || c.is_whitespace() || is_invisible(c);
    pattern(
        text,
        MAX_CHARS,
        !text.contains(hidden),
        "visible characters",
    )
}

fn reason(text: &str) -> Result<String, TextProblem> {
    let text = text.replace("\r\n", "\n");
    line(&text.replace(['\n', '\t'], " "), 1_000).map(|_| text)
}

fn pattern(text: &str, max: usize, kept: bool, of: &str) -> Result<String, TextProblem> {
    within(filled(text)?, max)?;
    ensure(kept, "invalid_format", format!("must be of {of}")).map(|()| text.to_owned())
}

fn filled(text: &str) -> Result<&str, TextProblem> {
    ensure(!text.is_empty(), "empty", "must not be empty").map(|()| text)
}

fn within(text: &str, max: usize) -> Result<(), TextProblem> {
    let detail = format!("must have at most {max} characters");
    ensure(text.chars().nth(max).is_none(), "too_long", detail)
}

/// A text within its limit that has no control character.
pub(crate) fn line(text: &str, max: usize) -> Result<String, TextProblem> {
    within(text, max)?;
    let detail = "must not contain control characters";
    ensure(!text.contains(breaks_lines), "control_character", detail).map(|()| text.to_owned())
}

fn ensure(kept: bool, code: &'static str, detail: impl Into<String>) -> Result<(), TextProblem> {
    kept.then_some(())
        .ok_or_else(|| TextProblem::new(code, detail))
}

/// The control characters C0, DEL and C1, and the two separators that Unicode made to end lines.
fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Whether a character changes or hides what is shown without being seen itself: zero width, blank
/// fillers, variation selectors, and the controls of writing direction (Unicode UAX 9).
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

impl Name {
    /// The key under which names are compared: equal for names that differ only in case or in how
    /// their accents are encoded (NFC, default case folding, NFC).
    ///
    /// It depends on no language (`I` and the dotless `ı` differ) and may be longer than the name.
    /// Stored keys have to be made anew when a newer Unicode table changes them.
    pub fn key(&self) -> String {
        Self::fold(&self.0)
    }

    /// Any text in the form that keys have: what a search by part of a name compares.
    pub fn fold(text: &str) -> String {
        let composed: String = text.nfc().collect();
        caseless::default_case_fold_str(&composed).nfc().collect()
    }

    /// Whether what somebody typed to confirm is this name: to the letter, but for white space at the ends and for how
    /// accents are encoded, which depends on the keyboard.
    pub fn is_typed(name: &str, typed: &str) -> bool {
        name.trim().nfc().eq(typed.trim().nfc())
    }

    /// Whether it holds characters that screens must mark; see [`is_invisible`].
    pub fn has_invisible(&self) -> bool {
        self.0.contains(is_invisible)
    }
}

/// Proposes a name that is free: `prod (2)`, then `prod (3)`, cut so that it keeps the limit.
///
/// `taken` is asked with the [`Name::key`] of each candidate. Should the first thousand all be
/// taken, the last is returned: it is a proposal, whoever uses it is checked again.
pub fn suggest_free_name(name: &Name, taken: impl Fn(&str) -> bool) -> Name {
    let (stem, first) = numbered(name.as_str());
    let mut candidate = with_number(stem, first);
    for number in first + 1..first + SUGGESTIONS {
        if !taken(&candidate.key()) {
            break;
        }
        candidate = with_number(stem, number);
    }
    candidate
}

/// Goes on counting from `prod (2)`, but leaves `Sales (2026)` alone: that is no copy's number.
fn numbered(name: &str) -> (&str, u32) {
    let number = |digits: &str| (2..=99).find(|number: &u32| number.to_string() == digits);
    let parts = || name.strip_suffix(')')?.rsplit_once(" (");
    let next = || parts().and_then(|(stem, digits)| Some((stem, number(digits)? + 1)));
    next().unwrap_or((name, 2))
}

fn with_number(stem: &str, number: u32) -> Name {
    let suffix = format!(" ({number})");
    // The beginning of a text in NFC is in NFC, and nothing composes with a space.
    let stem: String = stem.chars().take(MAX_CHARS - suffix.len()).collect();
    Name(stem.trim_end().to_owned() + &suffix)
}

/// The person behind a call, as the caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Actor {
    /// The caller's own id of the person.
    pub id: ActorId,
    /// What to show for the person.
    pub name: Option<Name>,
}

/// Reads the header `Reprieve-Actor: id=...; name=...`.
///
/// `name` is optional; both values may be percent-encoded (RFC 3986, as UTF-8), which `;`, `%`, `"`
/// and everything beyond ASCII need. Parameters that are unknown or given twice are refused.
pub fn parse_actor_header(value: &str) -> Result<Actor, TextProblem> {
    let wrong = |detail| TextProblem::new("invalid_format", detail);
    let (mut id, mut name) = (None, None);
    let parts = value.split(';').map(str::trim);
    for part in parts.filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let slot = match key.trim_end().to_ascii_lowercase().as_str() {
            "id" => &mut id,
            "name" => &mut name,
            _ => return Err(wrong("only id and name are known")),
        };
        let value = percent_decoded(value.trim_start())
            .ok_or_else(|| wrong("values are percent-encoded UTF-8 without quotes"))?;
        if slot.replace(value).is_some() {
            return Err(wrong("id and name may be given once"));
        }
    }
    let id = id.ok_or_else(|| TextProblem::new("required", "the actor's id is missing"))?;
    let id = ActorId::parse(&id)?;
    let name = name.as_deref().map(Name::parse).transpose()?;
    Ok(Actor { id, name })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    let hex = |digit: u8| char::from(digit).to_digit(16);
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => u8::try_from(hex(bytes.next()?)? * 16 + hex(bytes.next()?)?).ok()?,
            // Quotes would silently become part of the value.
            b'"' => return None,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&str) -> Result<String, TextProblem>;

    fn code<T>(outcome: Result<T, TextProblem>) -> &'static str {
        outcome.map_or_else(|problem| problem.code, |_| "ok")
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn nasty_names_get_the_verdict_beside_them() {
        let fine = "p|日本語|👩‍👩‍👧‍👦 🏳️‍🌈|שלום (עותק)|\u{202e}dorp|a\u{200b}b|'; DROP|..|null";
        let controls = "a\0|a\nb|\n|a\tb|\u{7f}|\u{85}|\u{9b}31m|a\u{2028}b";
        let spaces = " a|a | |\u{a0}a|a\u{3000}|\u{2003}";
        for (texts, expected) in [
            ("", "empty"),
            (fine, "ok"),
            (controls, "control_character"),
            (spaces, "surrounding_whitespace"),
        ] {
            for text in texts.split('|') {
                assert_eq!(code(Name::parse(text)), expected, "{text:?}");
            }
        }
        for one in ["ж", "😀", "e\u{301}", "\u{35c}"] {
            let longest = format!("Z{}", one.repeat(254));
            assert_eq!(code(Name::parse(&longest)), "ok");
            assert_eq!(code(Name::parse(&(longest + "x"))), "too_long");
        }
        assert_eq!(code(Name::parse(&"\u{301}".repeat(1_000_000))), "too_long");
    }

    #[test]
    fn keys_are_equal_for_names_that_differ_in_case_or_encoding_only() {
        let same = "Caf\u{e9}=CAFE\u{301} Straße=STRASSE ΟΔΟΣ=οδος İ=i\u{307} ﬁ=FI q\u{323}\u{307}=Q\u{307}\u{323}";
        let different = "I=ı prod=рrod ²=2 a\u{200b}=a";
        for (pairs, equal) in [(same, true), (different, false)] {
            for (one, other) in pairs.split(' ').filter_map(|pair| pair.split_once('=')) {
                assert_eq!(name(one).key() == name(other).key(), equal, "{one} {other}");
            }
        }
        assert_eq!(name("e\u{301}").as_str(), "\u{e9}");
        assert!(name("a\u{202e}b").has_invisible() && !name("שלום é 日本").has_invisible());
    }

    #[test]
    fn a_typed_name_is_the_name_to_the_letter() {
        let is = Name::is_typed;
        assert!(
            is("Caf\u{e9}", "Cafe\u{301}")
                && is("Cafe\u{301}", "Caf\u{e9}")
                && is("prod", " prod\n")
        );
        assert!(
            !is("prod", "Prod")
                && !is("prod a", "prod  a")
                && !is("prod", "")
                && !is("prod", "pro")
        );
    }

    #[test]
    fn a_free_name_counts_on_and_keeps_the_limit() {
        let taken = |key: &str| key == "prod (2)";
        let names = ["prod", "Prod (3)", "Sales (2026)"].map(name);
        let free = names.map(|name| suggest_free_name(&name, taken).into_string());
        assert_eq!(free, ["prod (3)", "Prod (4)", "Sales (2026) (2)"]);
        for from in ["😀".repeat(255), "é ".repeat(127) + "x"] {
            let free = suggest_free_name(&name(&from), |_| true);
            assert_eq!(Name::parse(free.as_str()), Ok(free));
        }
    }

    #[test]
    fn the_other_texts_keep_their_own_rules() {
        let check = |rule: Rule, max: usize, good: &str, bad: &str| {
            let long = "x".repeat(max);
            assert!(good.split('|').all(|text| rule(text).is_ok()), "{good:?}");
            assert!(bad.split('|').all(|text| rule(text).is_err()), "{bad:?}");
            assert!(rule(&long).is_ok() && rule(&(long + "x")).is_err(), "{max}");
        };
        let external_id: Rule = |text| ExternalId::parse(text).map(ExternalId::into_string);
        let source_hint: Rule = |text| SourceHint::parse(text).map(SourceHint::into_string);
        check(kind, 64, "a_b.c-1|7", "|A|-a|a b|é");
        check(organization_name, 63, "a-1|a", "|a-|-a|a.b|A");
        check(external_id, 255, " é/|..", "|a\n|a\0");
        check(actor_id, 255, "auth0/1|é@x", "|a b|a\u{200b}|a\0");
        check(idempotency_key, 255, "~!", "|a b|é");
        check(reason, 1_000, "|a\n\tb", "a\rb|a\0");
        check(source_hint, 255, "|kv/data prod", "a\nb|a\0");
        assert_eq!(reason("a\r\nb").as_deref(), Ok("a\nb"));
        assert_eq!(ExternalId::parse("e\u{301}").unwrap().as_str(), "e\u{301}");
    }

    #[test]
    fn the_actor_header_names_a_person_or_says_what_is_wrong() {
        let actor = parse_actor_header("ID = a%3Bb ;name=Zo%C3%AB Ode;").unwrap();
        assert_eq!(actor.id.as_str(), "a;b");
        assert_eq!(actor.name, Some(name("Zoë Ode")));
        for (headers, expected) in [
            ("|name=x", "required"),
            ("id=", "empty"),
            ("id=a;id=b|id=a;x=1|id=%f|id=%ff|id=\"a\"", "invalid_format"),
            ("id=a;name=%00|id=a;name=%0D%0Ab", "control_character"),
        ] {
            for header in headers.split('|') {
                assert_eq!(code(parse_actor_header(header)), expected, "{header}");
            }
        }
    }
}

//! The rules for the value of one setting: its type, its length, its range, its form.
//!
//! What must stay true: nothing that looks like a secret passes, because settings are copied
//! into places that are never shredded; and no refusal repeats the value.

use super::fields::{SettingField, SettingKind};
use super::settings::SettingValue;
use super::text::{contains_secret, is_dotted_name, is_host, is_url, is_url_path};

const LONGEST_TEXT: usize = 1_024;
const LONGEST_CERTIFICATE: usize = 16 * 1_024;

/// Why a value is refused. The text never repeats the value: it may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl SettingField {
    /// What is wrong with this value for this field, if anything.
    pub(super) fn fault(&self, value: &SettingValue) -> Option<Fault> {
        match (self.kind, value) {
            (SettingKind::Integer, SettingValue::Integer(number)) => self.integer_fault(*number),
            (SettingKind::Integer, _) => Some(Fault::new(
                "wrong_type",
                format!("{} must be a whole number.", self.label),
            )),
            (SettingKind::Boolean, SettingValue::Boolean(_)) => None,
            (SettingKind::Boolean, _) => Some(Fault::new(
                "wrong_type",
                format!("{} must be true or false.", self.label),
            )),
            (_, SettingValue::Text(text)) => self.text_fault(text),
            _ => Some(Fault::new(
                "wrong_type",
                format!("{} must be text.", self.label),
            )),
        }
    }

    fn integer_fault(&self, number: i64) -> Option<Fault> {
        let minimum = self.minimum.unwrap_or(i64::MIN);
        let maximum = self.maximum.unwrap_or(i64::MAX);
        let detail = || format!("{} must be between {minimum} and {maximum}.", self.label);
        (!(minimum..=maximum).contains(&number)).then(|| Fault::new("out_of_range", detail()))
    }

    /// The rules for text, the ones about secrets first: whoever sent one should hear that
    /// before anything else.
    fn text_fault(&self, text: &str) -> Option<Fault> {
        let label = &self.label;
        let certificate = self.kind == SettingKind::Certificate;
        if contains_secret(text) || (self.kind == SettingKind::Host && text.contains('@')) {
            let detail = format!("{label} must not contain a user, a password or a token.");
            return Some(Fault::new("secret_in_settings", detail));
        }
        if certificate && text.len() > LONGEST_CERTIFICATE {
            return Some(Fault::new("too_long", format!("{label} may have 16 KiB.")));
        }
        if !certificate && text.chars().count() > LONGEST_TEXT {
            return Some(Fault::new(
                "too_long",
                format!("{label} may have 1,024 characters."),
            ));
        }
        let line_break = |c: char| certificate && matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(|c| c.is_control() && !line_break(c)) {
            return Some(Fault::new(
                "invalid_text",
                format!("{label} has control characters."),
            ));
        }
        match self.kind {
            SettingKind::Choice if !self.values.iter().any(|value| value == text) => {
                let detail = format!("{label} must be one of: {}.", self.values.join(", "));
                Some(Fault::new("not_allowed_value", detail))
            }
            SettingKind::Host if !is_host(text) => {
                let detail = format!("{label} must be one host name or IP address, nothing else.");
                Some(Fault::new("invalid_host", detail))
            }
            SettingKind::HostPart if !is_dotted_name(text) => {
                let detail =
                    format!("{label} may have letters, digits, dots, hyphens, underscores.");
                Some(Fault::new("invalid_host", detail))
            }
            SettingKind::Url if !is_url(text) => {
                let detail = format!("{label} must be a URL that begins with https:// or http://.");
                Some(Fault::new("invalid_url", detail))
            }
            SettingKind::UrlPath if !is_url_path(text) => {
                let detail = format!(
                    "{label} must be a path that begins with one slash, without dot segments or escaped slashes."
                );
                Some(Fault::new("invalid_path", detail))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code with which a field of this type refuses the text, `""` if it takes it.
    fn code(kind: SettingKind, text: &str) -> &'static str {
        let field = SettingField {
            key: "field".into(),
            label: "Field".into(),
            kind,
            required: false,
            integration_only: false,
            destination: true,
            default: None,
            values: vec!["header".into(), "query".into()],
            minimum: None,
            maximum: None,
            help: String::new(),
        };
        field
            .fault(&SettingValue::Text(text.into()))
            .map_or("", |fault| fault.code)
    }

    #[test]
    fn each_type_of_text_has_its_own_rule() {
        use SettingKind::{Certificate, Choice, Host, HostPart, Text, Url, UrlPath};
        let cases = [
            (Text, "any text", ""),
            (Text, "two\nlines", "invalid_text"),
            (Text, "a\0", "invalid_text"),
            (Text, "\u{1b}[2J", "invalid_text"),
            (Text, "x?password=pw", "secret_in_settings"),
            (Text, "me@example.com", ""),
            (Host, "db.example.com", ""),
            (Host, "db.example.com/x", "invalid_host"),
            (Host, "me@db.example.com", "secret_in_settings"),
            (Host, "db\n", "invalid_text"),
            (HostPart, "eu-central-1", ""),
            (HostPart, "evil.example/", "invalid_host"),
            (Url, "https://a.example", ""),
            (Url, "ftp://a.example", "invalid_url"),
            (Url, "https://me:pw@a.example", "secret_in_settings"),
            (Url, "https://a.example\n", "invalid_text"),
            (UrlPath, "/me?fields=id", ""),
            (UrlPath, "//evil.example/me", "invalid_path"),
            (UrlPath, "/me?token=abc", "secret_in_settings"),
            (UrlPath, "/me\n", "invalid_text"),
            (Certificate, "-----BEGIN CERTIFICATE-----\r\nMII\n", ""),
            (Certificate, "a\0", "invalid_text"),
            (
                Certificate,
                "-----BEGIN PRIVATE KEY-----\nMII\n",
                "secret_in_settings",
            ),
            (Choice, "header", ""),
            (Choice, "Header", "not_allowed_value"),
            (Choice, "", "not_allowed_value"),
            (SettingKind::Integer, "1", "wrong_type"),
            (SettingKind::Boolean, "true", "wrong_type"),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(code(kind, text), expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn text_is_limited_in_characters_and_a_certificate_in_bytes() {
        let cases = [
            (SettingKind::Text, "\u{fc}".repeat(1_024), ""),
            (SettingKind::Text, "\u{fc}".repeat(1_025), "too_long"),
            (SettingKind::Certificate, "a".repeat(16 * 1_024), ""),
            (
                SettingKind::Certificate,
                "a".repeat(16 * 1_024 + 1),
                "too_long",
            ),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(
                code(kind, &text),
                expected,
                "{kind:?}, {} bytes",
                text.len()
            );
        }
    }
}

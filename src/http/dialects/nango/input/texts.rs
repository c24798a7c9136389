//! Which texts are taken: their characters and their length.

use super::Faults;

/// Which texts are taken.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::dialects::nango) struct Pattern {
    /// As the original writes it.
    shown: &'static str,
    allows: fn(char) -> bool,
}

/// A connection id.
pub(in crate::http::dialects::nango) const CONNECTION_ID: Pattern = Pattern {
    shown: r#"/^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/"#,
    allows: |c| c.is_ascii_alphanumeric() || r#",.;:=+~[]|@${}"'\/_ -"#.contains(c),
};

/// The key of an integration.
pub(in crate::http::dialects::nango) const PROVIDER_CONFIG_KEY: Pattern = Pattern {
    shown: "/^[a-zA-Z0-9~:.@ _-]+$/",
    allows: |c| c.is_ascii_alphanumeric() || "~:.@ _-".contains(c),
};

/// The name of a provider.
pub(in crate::http::dialects::nango) const PROVIDER: Pattern = Pattern {
    shown: "/^[a-zA-Z0-9_-]+$/",
    allows: |c| c.is_ascii_alphanumeric() || "_-".contains(c),
};

/// The longest of most texts.
pub(in crate::http::dialects::nango) const LONGEST: usize = 255;

impl Pattern {
    /// The text, if it fits.
    pub(in crate::http::dialects::nango) fn check(
        self,
        text: String,
        path: &[String],
        faults: &mut Faults,
    ) -> Option<String> {
        if text.is_empty() || !text.chars().all(self.allows) {
            let message = format!("Invalid string: must match pattern {}", self.shown);
            faults.add("invalid_format", message, path);
            return None;
        }
        within(text, LONGEST, path, faults)
    }
}

/// The text, if it is not too long.
pub(in crate::http::dialects::nango) fn within(
    text: String,
    max: usize,
    path: &[String],
    faults: &mut Faults,
) -> Option<String> {
    if text.chars().nth(max).is_none() {
        return Some(text);
    }
    faults.add(
        "too_big",
        format!("Too big: expected string to have <={max} characters"),
        path,
    );
    None
}

/// The text, if there is something in it.
pub(in crate::http::dialects::nango) fn filled(
    text: String,
    path: &[String],
    faults: &mut Faults,
) -> Option<String> {
    if !text.is_empty() {
        return Some(text);
    }
    faults.add(
        "too_small",
        "Too small: expected string to have >=1 characters",
        path,
    );
    None
}

//! What is wrong with a request, collected in the words of zod.
//!
//! What must stay true: no message repeats what was sent, but for the names of unknown members that look like names.

use super::super::Refusal;
use super::super::refusal::Issue;

/// Everything that is wrong with one part of a request.
#[derive(Default)]
pub(in crate::http::dialects::nango) struct Faults(Vec<Issue>);

/// Where something is.
pub(in crate::http::dialects::nango) type Path = Vec<String>;

impl Faults {
    /// One more.
    pub(in crate::http::dialects::nango) fn add(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        path: &[String],
    ) {
        self.0.push(Issue {
            code,
            message: message.into(),
            path: path.to_vec(),
        });
    }

    /// Something is of another type, or missing.
    pub(in crate::http::dialects::nango) fn wrong_type(
        &mut self,
        expected: &str,
        received: &str,
        path: &[String],
    ) {
        self.add(
            "invalid_type",
            format!("Invalid input: expected {expected}, received {received}"),
            path,
        );
    }

    /// Refuses if there is any.
    pub(in crate::http::dialects::nango) fn refuse(
        self,
        code: &'static str,
    ) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(self.refusal(code))
    }

    /// The refusal for them.
    pub(in crate::http::dialects::nango) fn refusal(self, code: &'static str) -> Refusal {
        Refusal::invalid(code, self.0)
    }

    /// Members or parameters that nobody asked for.
    pub(super) fn unknown<'a>(&mut self, names: impl Iterator<Item = &'a String>, path: &[String]) {
        let plain = |name: &str| {
            (1..=40).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        let names: Vec<String> = names
            .map(|name| {
                let shown = if plain(name) { name.as_str() } else { "?" };
                format!("\"{shown}\"")
            })
            .collect();
        if let [_, ..] = names.as_slice() {
            let keys = if names.len() == 1 { "key" } else { "keys" };
            let message = format!("Unrecognized {keys}: {}", names.join(", "));
            self.add("unrecognized_keys", message, path);
        }
    }
}

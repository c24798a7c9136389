//! The rules that need no database and no network: ids, names, statuses, scopes, time, input checks.
//!
//! What must stay true: nothing here does I/O (the one exception is reading the clock, in [`clock`]), and a
//! value of a type of this module has passed the checks of its constructor.

pub mod actions;
pub mod alarms;
pub mod clock;
pub mod codes;
pub mod ids;
pub mod json;
pub mod kinds;
pub mod merge_patch;
pub mod scopes;
pub mod tags;
pub mod text;
pub mod typed;

/// What is wrong with one field of a request: where (an RFC 6901 pointer), a stable code, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// RFC 6901 pointer into the request body, or the name of a query parameter.
    pub pointer: String,
    /// Stable code that clients match on.
    pub code: &'static str,
    /// A sentence for people; never repeats the value.
    pub detail: String,
}

impl FieldError {
    /// One finding at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

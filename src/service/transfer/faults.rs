//! What is wrong with a file, line by line.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FieldError;

/// How many are told: the rest of the file is not read then.
const TOLD: usize = 100;

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// The line, counted from 1; none where the file has no lines, as in a ZIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// RFC 6901 pointer into the line; empty for the line as a whole.
    pub pointer: String,
    /// A stable code.
    pub code: String,
    /// A sentence; never repeats what the file says.
    pub detail: String,
}

impl Fault {
    /// Something that is wrong with no line of its own.
    pub fn of_file(code: &str, detail: impl Into<String>) -> Self {
        Self {
            line: None,
            pointer: String::new(),
            code: code.to_owned(),
            detail: detail.into(),
        }
    }
}

/// The first faults of a file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(
        &mut self,
        line: u64,
        pointer: &str,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.add_error(line, FieldError::new(pointer, code, detail));
    }

    pub(super) fn add_error(&mut self, line: u64, error: FieldError) {
        if !self.is_full() {
            self.found.push(Fault {
                line: Some(line),
                pointer: error.pointer,
                code: error.code.to_owned(),
                detail: error.detail,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether the last one has this code.
    pub(super) fn ends_with(&self, code: &str) -> bool {
        self.found.last().is_some_and(|fault| fault.code == code)
    }

    /// Whether no more will be told.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= TOLD
    }

    /// In the order of their lines.
    pub(super) fn into_vec(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found
    }
}

//! What is wrong with single fields of a form that was sent: each is told at its place.

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::service::error::Error;

/// What is wrong, by the pointer of its field.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    /// Of an error that tells of fields; any other comes back.
    pub(super) fn of(error: Error) -> Result<Self, Error> {
        match error {
            Error::Problem(problem)
                if problem.code == Code::InvalidInput && !problem.errors.is_empty() =>
            {
                Ok(Self(problem.errors))
            }
            error => Err(error),
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.0.push(FieldError::new(pointer, code, detail));
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something is.
    pub(super) fn any(&self) -> bool {
        !self.is_empty()
    }

    /// What is wrong with a field or with what lies below it.
    pub(super) fn at(&self, pointer: &str) -> Option<&str> {
        let found = self.0.iter().find(|error| {
            let rest = error.pointer.strip_prefix(pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        found.map(|error| error.detail.as_str())
    }
}

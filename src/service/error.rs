//! What a service function answers when it can't do what was asked.
//!
//! Services return [`Error`]: either a [`Problem`] from the catalogue, meant for the caller, or a store error.
//! Of the latter a client learns nothing but that it should try again or that something broke; its text goes to
//! the log.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::store::StoreError;

/// A refusal that the caller can act on.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Which of the catalogue.
    pub code: Code,
    /// This occurrence, in a sentence.
    pub detail: String,
    /// What is wrong with single fields.
    pub errors: Vec<FieldError>,
    /// More members of the problem document (RFC 9457, section 3.2).
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.members.insert(name.to_owned(), value);
        }
        self
    }
}

/// Why a service call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller can act on it.
    #[error("{}: {}", .0.code.as_str(), .0.detail)]
    Problem(Box<Problem>),
    /// The database could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug or damaged data; the text is for the log alone.
    #[error("{0}")]
    Internal(String),
}

/// The result of a service call.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Error {
    /// There is no such `what`, or it belongs to another organization: both answer alike.
    pub fn not_found(what: &str) -> Self {
        Problem::new(Code::NotFound, format!("There is no {what} with this id.")).into()
    }

    /// It is in the trash, in `entry`.
    pub fn in_trash(what: &str, entry: EntryId) -> Self {
        Problem::new(Code::InTrash, format!("This {what} is in the trash."))
            .with("entry_id", entry)
            .into()
    }

    /// One field is wrong.
    pub fn field(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// Some fields are wrong. A secret among the settings has a code of its own.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let code = if errors
            .iter()
            .any(|error| error.code == "secret_in_settings")
        {
            Code::SecretInSettings
        } else {
            Code::InvalidInput
        };
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are not valid.", many.len()),
        };
        let mut problem = Problem::new(code, detail);
        problem.errors = errors;
        problem.into()
    }

    /// What the caller is told: nothing of what broke inside.
    pub fn told(&self) -> Problem {
        match self {
            Self::Problem(problem) => (**problem).clone(),
            Self::Store(StoreError::Unavailable(_)) => {
                Problem::new(Code::Busy, "The database is busy or not available.")
            }
            _ => Problem::new(
                Code::InternalError,
                "Something went wrong here; it has been logged under the request_id.",
            ),
        }
    }

    /// Whether the whole unit of work may be tried again: another transaction got in the way.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Conflict | StoreError::ForeignKey | StoreError::Unique(_))
        )
    }
}

impl From<Vec<FieldError>> for Error {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::fields(errors)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::fields(vec![error])
    }
}

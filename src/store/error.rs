//! What can go wrong in the database, told apart by what the caller can do about it.
//!
//! A database's own text names rows and values (a constraint error prints the failing row), so it goes to
//! the log of an internal error and never to a client.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A store call that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection within the wait, or the database is busy, gone or read-only: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another transaction got in the way: the whole unit of work may be tried again.
    #[error("another transaction got in the way")]
    Conflict,
    /// A foreign key refused the change: a parent went away or a child appeared meanwhile.
    #[error("a foreign key refused the change")]
    ForeignKey,
    /// A unique index refused the row.
    #[error("unique index {0} refused the row")]
    Unique(String),
    /// Anything else: a bug or a broken database.
    #[error("database error: {0}")]
    Internal(String),
}

/// The result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match error {
                DieselError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
                other => Self::Internal(other.to_string()),
            };
        };
        let message = info.message();
        match kind {
            DatabaseErrorKind::UniqueViolation => {
                // SQLite names the columns in its message, PostgreSQL the index.
                Self::Unique(info.constraint_name().unwrap_or(message).to_owned())
            }
            DatabaseErrorKind::ForeignKeyViolation => Self::ForeignKey,
            DatabaseErrorKind::SerializationFailure => Self::Conflict,
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(message.to_owned()),
            // diesel passes no SQLSTATE on, so these few are told by their text; PostgreSQL sessions ask for English.
            _ if message.contains("deadlock detected") => Self::Conflict,
            _ if [
                "database is locked",
                "lock timeout",
                "statement timeout",
                "database or disk is full",
                "terminating connection",
                "server closed the connection",
                "shutting down",
                "starting up",
            ]
            .iter()
            .any(|text| message.contains(text)) =>
            {
                Self::Unavailable(message.to_owned())
            }
            _ => Self::Internal(format!("{kind:?}: {message}")),
        }
    }
}

impl From<diesel::ConnectionError> for StoreError {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<r2d2::Error> for StoreError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

//! Many at once: restoring entries, deleting connections.
//!
//! What must stay true: each row is a unit of work of its own, so one's failure hides no other's success, and what was
//! done stays done; one idempotency key still has one effect (promise 8). First the choice is made and remembered under
//! the caller's key, then each row goes under a key of its own made from it: a repetition finds the same choice and,
//! for each row, the answer it got; only what failed is tried again.

mod delete;
mod purge;
mod restore;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Services;
use super::caller::Caller;
use super::error::{Error, Result};
use super::unit::{Once, StoredAnswer, Tx, Written, to_json};
use crate::domain::json::JsonText;

pub use delete::{BulkDelete, BulkDeleteView, DeleteOutcome, delete, plan_delete};
pub use purge::{PurgeOutcome, purge};
pub(super) use restore::parse as parse_filter;
pub use restore::{
    BulkFilter, BulkRestore, BulkRestoreView, RestoreOutcome, plan_restore, restore,
};

/// The most rows of one call.
pub const MAX_ROWS: usize = 1_000;

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its rows are live again.
    Restored,
    /// They would be.
    WouldRestore,
    /// It is in the trash.
    Deleted,
    /// It would be.
    WouldDelete,
    /// It stays as it is; `problem` says why.
    Failed,
}

/// Why one row failed, as its own call would have answered; members of that code beside these.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowProblem {
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// What to do next.
    pub next: &'static str,
    /// What the code brings along, such as `suggested_name` or `entry_id`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl RowProblem {
    fn of(error: &Error) -> Self {
        let problem = error.told();
        if problem.code.status() >= 500 {
            tracing::error!(%error, "a row of a bulk request failed");
        }
        Self {
            code: problem.code.as_str(),
            detail: problem.detail,
            next: problem.code.next(),
            members: problem.members,
        }
    }
}

/// Makes the choice in a unit of work of its own, or finds what was chosen under the same key before.
pub(super) fn choose<T: Serialize + for<'de> Deserialize<'de>>(
    services: &Services,
    caller: &Caller,
    once: Option<&Once>,
    work: impl FnMut(&mut Tx<'_>) -> Result<T>,
) -> Result<(T, bool)> {
    let remember = |choice: &T| StoredAnswer {
        status: 200,
        etag: None,
        location: None,
        body: serde_json::to_string(choice).ok(),
        shown_once: false,
    };
    match services.write(caller, once, remember, work)? {
        Written::Fresh(choice, _) => Ok((choice, false)),
        Written::Replayed(answer) => {
            let text = answer.body.unwrap_or_default();
            let choice = serde_json::from_str(&text)
                .map_err(|error| Error::Internal(format!("a stored choice is damaged: {error}")))?;
            Ok((choice, true))
        }
    }
}

/// Works on one row under its own key; `Err` is what its own call would have answered.
fn each<T: Serialize>(
    services: &Services,
    caller: &Caller,
    once: Option<&Once>,
    row: &str,
    work: impl FnMut(&mut Tx<'_>) -> Result<T>,
) -> Result<JsonText> {
    let own = once.map(|once| once.of_row(row));
    let remember = |done: &T| StoredAnswer {
        status: 200,
        etag: None,
        location: None,
        body: serde_json::to_string(done).ok(),
        shown_once: false,
    };
    match services.write(caller, own.as_ref(), remember, work)? {
        Written::Fresh(done, _) => to_json(&done),
        Written::Replayed(answer) => Ok(JsonText::from_trusted(answer.body.unwrap_or_default())),
    }
}

/// Refuses an empty list, one that is too long, and one that names a row twice.
pub(super) fn check_ids<T: Ord + Copy>(ids: &[T]) -> Result<()> {
    if ids.is_empty() || ids.len() > MAX_ROWS {
        return Err(Error::field(
            "/ids",
            "out_of_range",
            "A call takes 1 to 1000 ids.",
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    match ids.iter().position(|id| !seen.insert(*id)) {
        Some(at) => Err(Error::field(
            format!("/ids/{at}"),
            "duplicate",
            "This id is there twice.",
        )),
        None => Ok(()),
    }
}

//! Moves an organization out and in: the NDJSON format of docs/ndjson.md, its export, its import, and the imports that
//! the API keeps a record of.
//!
//! What must stay true: no value of a secret and no ciphertext ever leaves or comes in; an export is one snapshot, an
//! import one transaction; neither holds more rows in memory than a batch, whatever the size of the organization; an
//! import writes what the file says under the ids it says, or nothing.

mod check;
mod export;
mod faults;
mod import;
mod lines;
mod reader;
mod record;
mod relations;
mod spool;

pub use export::{ExportOptions, Exported, export};
pub use faults::Fault;
pub use import::{Finish, Imported, Stop, import_ndjson, import_superset};
pub use record::{
    ImportView, NewImport, accept, close, close_validated, fail, get, interrupt_stale, touch,
};
pub use spool::Spool;

use std::collections::BTreeMap;

use crate::domain::kinds::{ImportState, RecordKind};

/// The number in the first line of a file. Another one is refused: a newer format says by it that this version can't
/// read it.
const FORMAT: u32 = 1;

/// The longest line: the largest body with each of its characters escaped, and what is around it.
const MAX_LINE: usize = 1024 * 1024;

/// Rows by the word of their kind, as the last line of a file and the report of an import have them.
pub type Counts = BTreeMap<RecordKind, u64>;

/// Whoever looks on while rows go out or come in.
pub trait Watch: Sync {
    /// So many of so many rows (or, of a file that is read the first time, bytes) are through.
    fn at(&self, stage: Stage, done: u64, total: Option<u64>);

    /// Whether to give up.
    fn stopped(&self) -> bool {
        false
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows are read from the database.
    Exporting,
    /// A file is read and checked.
    Validating,
    /// Rows are written, or compared with what is there.
    Writing,
}

impl From<Stage> for ImportState {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Writing => Self::Writing,
            Stage::Exporting | Stage::Validating => Self::Validating,
        }
    }
}

/// Nobody looks on.
impl Watch for () {
    fn at(&self, _: Stage, _: u64, _: Option<u64>) {}
}

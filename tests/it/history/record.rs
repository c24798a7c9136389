//! What happened: every call with its answer and its two moments, as it is judged and as it is kept.
//!
//! Everything is named by the number of the call that made it: a connection (an *object* here, with all that hangs
//! on it), a model, a piece of content, a deletion's entry. So a row can be named before any answer tells its id.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The number of the call that made something.
pub(crate) type Made = u32;

/// A model that was purged. The first call of a run makes a connection, so no model has this number.
pub(crate) const GONE_PARENT: Made = 0;

/// One call on one object, or what a snapshot saw of the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The number of the call; of a snapshot, its own.
    pub(crate) number: u32,
    pub(crate) object: Made,
    pub(crate) client: usize,
    /// The server process that answered last.
    pub(crate) process: usize,
    /// Nanoseconds since the run began: before the first attempt was sent, after the last answer was read.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) call: Call,
    pub(crate) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum What {
    Connection,
    Model(Made),
    Content(Made),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    /// With the value of its secret, if it got one.
    CreateConnection(Option<u32>),
    /// With the model it extends.
    CreateModel(Option<Made>),
    /// With the model it is built on.
    CreateContent(Option<Made>),
    PutSecret(u32),
    Delete(What),
    Restore {
        entry: Made,
        with_ancestors: bool,
    },
    Purge(Made),
    GetConnection,
    GetSecret,
    ListModels,
    ListContent,
    GetEntry(Made),
    /// The object's rows in a snapshot of the database.
    Look,
}

impl Call {
    /// Whether it may change something.
    pub(crate) fn writes(&self) -> bool {
        !matches!(
            self,
            Self::GetConnection
                | Self::GetSecret
                | Self::ListModels
                | Self::ListContent
                | Self::GetEntry(_)
                | Self::Look
        )
    }

    /// In a word or two.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::CreateConnection(_) => "create connection",
            Self::CreateModel(_) | Self::CreateContent(_) => "create child",
            Self::PutSecret(_) => "set secret",
            Self::Delete(What::Connection) => "delete connection",
            Self::Delete(_) => "delete child",
            Self::Restore { .. } => "restore",
            Self::Purge(_) => "purge",
            Self::GetConnection => "read connection",
            Self::GetSecret => "read secret",
            Self::ListModels | Self::ListContent => "list",
            Self::GetEntry(_) => "read entry",
            Self::Look => "snapshot",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// None, or one that tells nothing (5xx): it may have happened or not, or happen yet.
    Unknown,
    Refused(Refusal),
    /// A child was created.
    Created,
    Connection(Seen),
    Secret(u32),
    Entry(EntrySeen),
    Restored {
        counts: Counts,
        ancestors: Vec<Made>,
        connection: Seen,
    },
    /// What a list of children holds.
    Children(BTreeSet<Made>),
    Rows(Box<Rows>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    /// The entry that the refusal names.
    pub(crate) entry: Option<Made>,
    /// The state of a closed entry.
    pub(crate) state: Option<EntryState>,
}

impl Refusal {
    pub(crate) fn new(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            entry: None,
            state: None,
        }
    }

    pub(crate) fn naming(code: &str, entry: Made) -> Self {
        Self {
            entry: Some(entry),
            ..Self::new(code)
        }
    }

    pub(crate) fn closed(state: EntryState) -> Self {
        Self {
            state: Some(state),
            ..Self::new("entry_closed")
        }
    }
}

/// What an answer tells of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) status: String,
    pub(crate) version: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryState {
    InTrash,
    Restored,
    Purged,
}

/// Rows of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) connections: u32,
    pub(crate) models: u32,
    pub(crate) content: u32,
}

/// What an answer tells of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntrySeen {
    pub(crate) entry: Made,
    pub(crate) state: EntryState,
    pub(crate) counts: Counts,
    pub(crate) shredded: u32,
    /// What stands in the way of its restore, and the entry that this names.
    pub(crate) blocker: Option<(String, Option<Made>)>,
}

/// All rows of an object that the database has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) connection: Option<ConnectionRow>,
    pub(crate) children: BTreeMap<Made, ChildRow>,
    pub(crate) entries: BTreeMap<Made, (EntryState, Counts)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionRow {
    /// The entry it is in; live without one.
    pub(crate) entry: Option<Made>,
    pub(crate) version: u32,
    /// Whether a secret is stored for it.
    pub(crate) secret: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildRow {
    pub(crate) model: bool,
    /// The model it hangs on; [`GONE_PARENT`] if that one is no row any more.
    pub(crate) parent: Option<Made>,
    pub(crate) entry: Option<Made>,
}

/// Gives every entry that an answer names its final name.
pub(crate) fn rename_entries(answer: &mut Answer, name: &impl Fn(Made) -> Made) {
    match answer {
        Answer::Refused(refusal) => refusal.entry = refusal.entry.map(name),
        Answer::Entry(seen) => {
            seen.entry = name(seen.entry);
            if let Some((_, entry)) = &mut seen.blocker {
                *entry = entry.map(name);
            }
        }
        Answer::Restored { ancestors, .. } => {
            for entry in ancestors {
                *entry = name(*entry);
            }
        }
        _ => {}
    }
}

/// Writes a history, one record a line.
pub(crate) fn keep(records: &[Record], file: &Path) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    for record in records {
        serde_json::to_writer(&mut out, record).unwrap();
        out.write_all(b"\n").unwrap();
    }
    out.flush().unwrap();
}

/// Reads a history that was kept.
pub(crate) fn read(file: &Path) -> Vec<Record> {
    let file = std::fs::File::open(file).unwrap();
    BufReader::new(file)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

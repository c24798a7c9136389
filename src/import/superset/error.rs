//! What can be wrong with an export, in words for the person who uploaded it.
//!
//! What must stay true: a message names the entry, says what is wrong and what to do about it, and never repeats
//! what an entry holds beyond names and ids. A database document is full of secrets, so its text is never quoted.

use uuid::Uuid;

/// Why an export was refused. Nothing of a refused export is handed out.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no zip archive, or its directory is damaged.
    #[error(
        "the file is not a readable zip archive ({0}): upload the .zip file as Superset exported it"
    )]
    NotAZip(String),
    /// The archive lists more entries than the reader takes.
    #[error("the archive lists more than {limit} entries: export fewer objects at a time")]
    TooManyEntries {
        /// The most entries an archive may list.
        limit: usize,
    },
    /// The archive lists one path twice, so nobody can say which of the two is meant.
    #[error("the archive lists the same path more than once: pack the files again, each once")]
    RepeatedPath,
    /// An entry's own name can't be used, so the entry is told by its place in the archive.
    #[error(
        "entry number {number} of the archive {fault}: pack the files again with plain relative paths"
    )]
    EntryName {
        /// The place in the archive's directory, counted from one.
        number: usize,
        /// What is wrong with the name.
        fault: &'static str,
    },
    /// There is no `metadata.yaml` where an export has it.
    #[error(
        "the archive has no `metadata.yaml` in its top folder, so it is not a Superset export: \
         upload the .zip file as Superset exported it"
    )]
    NoMetadata,
    /// The archive is an export, but of nothing that can be imported.
    #[error(
        "the export holds no databases, datasets, charts or dashboards: export some and upload that file"
    )]
    Empty,
    /// One entry is at fault.
    #[error("`{entry}`: {problem}")]
    Entry {
        /// The path of the entry inside the archive.
        entry: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

impl ImportError {
    /// The path of the entry at fault, where a single one is.
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::Entry { entry, .. } => Some(entry),
            _ => None,
        }
    }
}

/// What is wrong with one entry.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The zip layer can't give the entry's bytes.
    #[error("can't be unpacked ({0}): pack or export it again, without a password")]
    Unreadable(String),
    /// The entry lies beside the folder that holds `metadata.yaml`.
    #[error(
        "lies outside the folder of `metadata.yaml`: an export has one top folder, upload one export at a time"
    )]
    OutsideTopFolder,
    /// The entry inflates to more than one entry may.
    #[error("is larger than {limit} bytes when unpacked: make the object smaller or leave it out")]
    EntryTooLarge {
        /// The most bytes one entry may hold.
        limit: u64,
    },
    /// With this entry the archive holds more than an archive may, unpacked or turned into JSON.
    #[error("takes the archive beyond {limit} bytes when unpacked: export fewer objects at a time")]
    ArchiveTooLarge {
        /// The most bytes all entries together may hold.
        limit: u64,
    },
    /// The entry is not text.
    #[error("is not valid UTF-8: save it as UTF-8")]
    NotUtf8,
    /// The YAML can't be read.
    #[error("line {line}: {fault}: correct it or export it again")]
    Yaml {
        /// The line, counted from one.
        line: usize,
        /// What is wrong there.
        fault: String,
    },
    /// The document is not a mapping of fields.
    #[error("is not a mapping of named fields: export it again")]
    NotAnObject,
    /// The type in `metadata.yaml` is none that can be imported.
    #[error(
        "the `type` is unknown: the types that can be imported are assets, Database, Dataset, Chart and Dashboard"
    )]
    UnknownType,
    /// The version in `metadata.yaml` is not 1.
    #[error("the `version` is not 1.x: export with a Superset whose export format is 1.0.0")]
    UnknownVersion,
    /// A field is missing, or null, or blank.
    #[error("the field `{field}` is missing or empty: fill it in Superset and export again")]
    MissingField {
        /// The field's name.
        field: &'static str,
    },
    /// A field holds something of another type.
    #[error(
        "the field `{field}` must be {expected}, but is {found}: correct it or export it again"
    )]
    WrongType {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A field that holds an id holds something else.
    #[error("the field `{field}` is not a UUID: correct it or export it again")]
    BadUuid {
        /// The field's name.
        field: &'static str,
    },
    /// A name has more characters than a name may have.
    #[error(
        "the name in `{field}` is longer than {limit} characters: shorten it in Superset and export again"
    )]
    NameTooLong {
        /// The field's name.
        field: &'static str,
        /// The most characters a name may have.
        limit: usize,
    },
    /// A name holds a character that nobody can see.
    #[error(
        "the name in `{field}` holds a control character: rename it in Superset and export again"
    )]
    ControlCharacter {
        /// The field's name.
        field: &'static str,
    },
    /// Two entries of one kind carry the same id.
    #[error("has the same uuid {uuid} as `{other}`: remove one of them or give it another uuid")]
    DuplicateUuid {
        /// The id that both carry.
        uuid: Uuid,
        /// The path of the other entry.
        other: String,
    },
    /// The entry builds on another one that the file does not hold.
    #[error("builds on the {kind} {uuid}, which is not in the file: export both together")]
    MissingParent {
        /// What is missing: a database or a dataset.
        kind: &'static str,
        /// Its id.
        uuid: Uuid,
    },
    /// There is no connector for the database's `SQLAlchemy` dialect.
    #[error(
        "the dialect `{dialect}` of its `sqlalchemy_uri` has no connector: \
         leave this database and what builds on it out of the export"
    )]
    UnknownDialect {
        /// The part of the URI before `+` or `://`.
        dialect: String,
    },
    /// The database's URI can't be taken apart. Its text is never repeated.
    #[error("its `sqlalchemy_uri` {fault}: correct it in Superset and export again")]
    BadUri {
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl Problem {
    /// The error that says which entry has this problem.
    pub(super) fn at(self, entry: &str) -> ImportError {
        ImportError::Entry {
            entry: entry.to_owned(),
            problem: self,
        }
    }
}

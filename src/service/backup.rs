//! A backup of the SQLite database: a copy as of one moment, made beside a running service and checked before it gets
//! its name.
//!
//! What must stay true: what has the name of a backup is whole and on the disk; no other file is written over unless
//! asked for, and never the database itself. A key is not in the database, so it is not in the copy.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::verify::{self, Report};
use crate::store::{Store, StoreError, migrate};

/// A copy that was made.
#[derive(Debug)]
pub struct Backup {
    /// The size of the file.
    pub bytes: u64,
    /// The rows in it.
    pub rows: i64,
    /// What was checked besides that the file is whole; none before migrations that are pending.
    pub report: Option<Report>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Not SQLite.
    #[error("this is no SQLite database")]
    NotSqlite,
    /// A file that must not be replaced.
    #[error("{0:?} is there already; --force replaces it")]
    InTheWay(PathBuf),
    /// The operating system refused.
    #[error("{0:?} can't be written: {1}")]
    File(PathBuf, #[source] io::Error),
    /// The copy is not whole.
    #[error("the copy is not whole, so it was removed: {0}")]
    Damaged(String),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checks could not be made.
    #[error("the copy could not be checked")]
    Check(#[from] Error),
}

/// Copies the database to `file`.
pub fn make(store: &Store, file: &Path, force: bool) -> Result<Backup, BackupError> {
    if !force && file.symlink_metadata().is_ok() {
        return Err(BackupError::InTheWay(file.to_owned()));
    }
    // Beside it, so that it takes its name in one step.
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = Partial::make(PathBuf::from(partial))?;
    store
        .copy_into(&partial.path)?
        .ok_or(BackupError::NotSqlite)?;
    let mut copy = Store::open_copy(&partial.path)?;
    if let Some(problem) = copy.quick_check()?.first() {
        return Err(BackupError::Damaged(problem.clone()));
    }
    let rows = copy.count_rows()?;
    // The checks are of this version's tables.
    let report = if migrate::pending(store)?.is_empty() {
        Some(verify::verify_on(&mut copy)?)
    } else {
        None
    };
    drop(copy);
    let bytes = partial
        .keep_as(file, force)
        .map_err(|error| BackupError::File(file.to_owned(), error))?;
    Ok(Backup {
        bytes,
        rows,
        report,
    })
}

/// A file under another name until it is whole; it goes with whatever went wrong.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn make(path: PathBuf) -> Result<Self, BackupError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| BackupError::File(path.clone(), error))?;
        Ok(Self { path, file })
    }

    fn keep_as(&self, name: &Path, force: bool) -> io::Result<u64> {
        self.file.sync_all()?;
        if force {
            std::fs::rename(&self.path, name)?;
        } else {
            // Fails if somebody made one meanwhile.
            std::fs::hard_link(&self.path, name)?;
        }
        let folder = name
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(self.file.metadata()?.len())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is none.
        let _ = std::fs::remove_file(&self.path);
    }
}

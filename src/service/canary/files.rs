//! The files of an SQLite database, read beside it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::sought::{Found, Sought};

/// Database files that were opened. They are never closed: when a process closes a file, the operating system drops all locks
/// that the process has on it, and those are SQLite's.
static OPENED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// What of it stands in the database file and its write-ahead log, by file, and how much was read.
pub(super) fn look(database: &Path, sought: &Sought) -> io::Result<(Vec<(String, Found)>, u64)> {
    // The log first: a checkpoint between the two moves its pages to the database, never the other way.
    let mut found = Vec::new();
    let mut read = 0;
    let log = log_of(database);
    // SQLite has its locks elsewhere, so this one may be closed. The last connection that leaves removes it.
    match File::open(&log) {
        Ok(mut file) => {
            let (in_log, bytes) = sought.in_stream(&mut file)?;
            found.push((name(&log), in_log));
            read += bytes;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (in_database, bytes) = with_database(database, |file| {
        file.seek(SeekFrom::Start(0))?;
        sought.in_stream(file)
    })?;
    found.push((name(database), in_database));
    read += bytes;
    Ok((found, read))
}

fn with_database<T>(path: &Path, work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::fs::metadata(path)?;
    let mut place = None;
    for (index, file) in opened.iter().enumerate() {
        let there = file.metadata()?;
        if (there.dev(), there.ino()) == (wanted.dev(), wanted.ino()) {
            place = Some(index);
        }
    }
    if place.is_none() {
        opened.push(File::open(path)?);
    }
    let file = match place {
        Some(index) => opened.get_mut(index),
        None => opened.last_mut(),
    };
    file.map_or_else(|| Err(io::ErrorKind::NotFound.into()), work)
}

fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

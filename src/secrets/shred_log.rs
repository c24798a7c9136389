//! The shred log: what was shredded, in a file beside the keyring, so that a database that is put back from a backup can
//! be brought up to it.
//!
//! ```text
//! reprieve shred log, format 1
//! <moment> <organization> <record id> <key epoch> <first 8 hex digits of the SHA-256 of the line so far>
//! ```
//!
//! What must stay true:
//! * Only what is committed is logged: a line for a shred that was rolled back would destroy a live secret at the next
//!   start.
//! * Lines are only ever added. On return from [`ShredLog::append`] they have reached the disk.
//! * A last line without its end is what a crash leaves: it is cut off by the next append and counts for nothing. Any
//!   other damage is refused by the number of its line, for a line that is skipped is a secret that comes back.
//! * Several processes may add to one file; a lock on it makes them take turns.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::KeySource;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, RecordId};
use crate::store::rows::ShredRow;

const NAME: &str = "shreds.log";
const HEADER: &str = "reprieve shred log, format 1";
/// No line is longer; more without an end is no log of ours.
const LONGEST_LINE: u64 = 256;
/// How long another process may take to add its lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the log can't be used. Every reason names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ShredLogError {
    /// The operating system refused a step.
    #[error("cannot {action} the shred log {path:?}: {source}")]
    Io {
        /// The step, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// A folder, link, device or pipe, or not ours alone: whoever can change it brings shredded secrets back.
    #[error(
        "the shred log {0:?} must be a regular file that belongs to the user of the service and is open to nobody else: \
         run `chmod 600 {0:?}`, or put it back from its backup"
    )]
    NotPrivate(PathBuf),
    /// A line that none of ours is.
    #[error(
        "line {line} of the shred log {path:?} is damaged: put the file back from its backup, or see docs/operations.md, \
         \"The shred log\""
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: u64,
    },
    /// Another process holds it.
    #[error("another process keeps the shred log {0:?} locked")]
    Busy(PathBuf),
}

/// How far a reader is: bytes and lines that it has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    bytes: u64,
    lines: u64,
}

/// The log of one keyring.
#[derive(Debug)]
pub struct ShredLog {
    path: PathBuf,
}

impl ShredLog {
    /// Where the log of these keys is: in their folder; that of a single key file in the folder of the data, since the
    /// key may be lent by a service manager.
    pub fn beside(keys: &KeySource, data_dir: &Path) -> Self {
        let folder = match keys {
            KeySource::Folder(folder) => folder,
            KeySource::File(_) => data_dir,
        };
        Self {
            path: folder.join(NAME),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder of the log is there. With a keyring that is missing it is not: the service is locked then.
    pub fn has_folder(&self) -> bool {
        self.path.parent().is_some_and(Path::is_dir)
    }

    /// Reads every line. A log that is not there is one that nothing was written to.
    pub fn read(&self, each: impl FnMut(ShredRow)) -> Result<Cursor, ShredLogError> {
        let mut cursor = Cursor::default();
        if let Some(file) = self.open(OFlags::RDONLY)? {
            // Who adds meanwhile cuts off a torn line first.
            self.lock(|| file.try_lock_shared())?;
            self.read_on(&file, &mut cursor, each)?;
        }
        Ok(cursor)
    }

    /// Adds what the log has not got since `cursor`; before that the caller knows what it has.
    pub fn append(&self, cursor: &mut Cursor, rows: &[ShredRow]) -> Result<(), ShredLogError> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let Some(mut file) = self.open(flags)? else {
            return Err(self.io("open", Errno::NOENT));
        };
        self.lock(|| file.try_lock())?;
        let length = self.length(&file)?;
        if length < cursor.bytes {
            // Another file has taken its place.
            *cursor = Cursor::default();
        }
        let before = *cursor;
        let mut missing: HashMap<RecordId, &ShredRow> =
            rows.iter().map(|row| (row.record_id, row)).collect();
        self.read_on(&file, cursor, |row| {
            missing.remove(&row.record_id);
        })?;
        if length > cursor.bytes {
            file.set_len(cursor.bytes)
                .map_err(|error| self.io("cut the torn last line of", error))?;
        }
        let mut text = String::new();
        if cursor.bytes == 0 {
            text.push_str(HEADER);
            text.push('\n');
        }
        for row in rows
            .iter()
            .filter(|row| missing.contains_key(&row.record_id))
        {
            text.push_str(&line(row));
            text.push('\n');
        }
        if text.is_empty() && *cursor == before {
            return Ok(());
        }
        // Also when others have just added what was missing: it is not said that theirs have reached the disk.
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| self.io("write to", error))?;
        if before.bytes == 0 {
            self.sync_folder()?;
        }
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        cursor.lines += u64::try_from(lines).unwrap_or(u64::MAX);
        cursor.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn io(&self, action: &'static str, source: impl Into<io::Error>) -> ShredLogError {
        ShredLogError::Io {
            action,
            path: self.path.clone(),
            source: source.into(),
        }
    }

    /// Opens and judges the file; none if it is not there and not to be made.
    fn open(&self, flags: OFlags) -> Result<Option<File>, ShredLogError> {
        // Without NONBLOCK the start would hang on a pipe put in its place.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(&self.path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            // What open(2) answers when NOFOLLOW meets a link, and for a folder that is to be written.
            Err(Errno::LOOP | Errno::ISDIR) => {
                return Err(ShredLogError::NotPrivate(self.path.clone()));
            }
            Err(errno) => return Err(self.io("open", errno)),
        };
        let metadata = file.metadata().map_err(|error| self.io("examine", error))?;
        let open_to_others = metadata.mode() & 0o077 != 0;
        let private = metadata.is_file()
            && metadata.uid() == rustix::process::geteuid().as_raw()
            && !open_to_others;
        if private {
            Ok(Some(file))
        } else {
            Err(ShredLogError::NotPrivate(self.path.clone()))
        }
    }

    fn lock(&self, attempt: impl Fn() -> Result<(), TryLockError>) -> Result<(), ShredLogError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(ShredLogError::Busy(self.path.clone()));
                }
                Err(TryLockError::Error(error)) => return Err(self.io("lock", error)),
            }
        }
    }

    fn length(&self, file: &File) -> Result<u64, ShredLogError> {
        let metadata = file.metadata().map_err(|error| self.io("examine", error))?;
        Ok(metadata.len())
    }

    /// Reads the whole lines from the cursor on.
    fn read_on(
        &self,
        file: &File,
        cursor: &mut Cursor,
        mut each: impl FnMut(ShredRow),
    ) -> Result<(), ShredLogError> {
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        reader
            .seek(SeekFrom::Start(cursor.bytes))
            .map_err(|error| self.io("read", error))?;
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = io::Read::take(&mut reader, LONGEST_LINE)
                .read_until(b'\n', &mut text)
                .map_err(|error| self.io("read", error))?;
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            let damaged = || ShredLogError::Damaged {
                path: self.path.clone(),
                line: cursor.lines + 1,
            };
            let Some(whole) = text.strip_suffix(b"\n") else {
                return if length == LONGEST_LINE {
                    Err(damaged())
                } else {
                    Ok(())
                };
            };
            if cursor.lines == 0 {
                if whole != HEADER.as_bytes() {
                    return Err(damaged());
                }
            } else {
                each(parse(whole).ok_or_else(damaged)?);
            }
            cursor.lines += 1;
            cursor.bytes += length;
        }
    }

    /// A name that is not on the disk would take the lines along in a crash.
    fn sync_folder(&self) -> Result<(), ShredLogError> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.io("sync the folder of", error))
    }
}

/// A line without its end.
fn line(row: &ShredRow) -> String {
    let text = format!(
        "{} {} {} {}",
        row.shredded_at, row.org_id, row.record_id, row.key_epoch
    );
    let check = check(text.as_bytes());
    format!("{text} {check:08x}")
}

/// Against damage, not against people: who can write to the file can make a whole line.
fn check(text: &[u8]) -> u32 {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(text).into();
    u32::from_be_bytes([a, b, c, d])
}

fn parse(line: &[u8]) -> Option<ShredRow> {
    let text = std::str::from_utf8(line).ok()?;
    let (body, digits) = text.rsplit_once(' ')?;
    if digits.len() != 8 || u32::from_str_radix(digits, 16).ok()? != check(body.as_bytes()) {
        return None;
    }
    let mut words = body.split(' ');
    let row = ShredRow {
        shredded_at: Ts::parse(words.next()?)?,
        org_id: OrgId::parse(words.next()?)?,
        record_id: RecordId::parse(words.next()?)?,
        key_epoch: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(row)
}

#[cfg(test)]
mod tests;

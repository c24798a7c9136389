//! The key files themselves: opening and judging them, writing a new one so that it survives a crash.
//!
//! What must stay true: every check is made on an opened handle; no key is overwritten but one that is destroyed; key
//! bytes are read straight into the allocation of the key, with no buffer between.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::{Epoch, KEY_BYTES, Kek, KeyringError};

fn io_error(action: &'static str, path: &Path, source: impl Into<io::Error>) -> KeyringError {
    KeyringError::Io {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}

/// Makes the key folder where it is missing, and opens it.
pub(super) fn open_new_folder(dir: &Path, user: u32) -> Result<File, KeyringError> {
    match rustix::fs::mkdir(dir, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(io_error("create", dir, errno)),
    }
    open_folder(dir, user)?.ok_or_else(|| io_error("open", dir, Errno::NOENT))
}

/// Opens the key folder and judges it. A link to a folder is followed: keys may lie on a volume of their own,
/// and the checks are made on what was opened.
pub(super) fn open_folder(dir: &Path, user: u32) -> Result<Option<File>, KeyringError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = match rustix::fs::open(dir, flags, Mode::empty()) {
        Ok(folder) => File::from(folder),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::NOTDIR) => return Err(KeyringError::NotAFolder(dir.to_owned())),
        Err(errno) => return Err(io_error("open", dir, errno)),
    };
    let metadata = folder
        .metadata()
        .map_err(|error| io_error("examine", dir, error))?;
    check_private(&metadata, dir, user, "700")?;
    Ok(Some(folder))
}

fn check_private(
    metadata: &Metadata,
    path: &Path,
    user: u32,
    repair: &'static str,
) -> Result<(), KeyringError> {
    let mode = metadata.mode() & 0o7777;
    if metadata.uid() != user {
        Err(KeyringError::OtherOwner {
            path: path.to_owned(),
            owner: metadata.uid(),
            user,
        })
    } else if mode & 0o077 != 0 {
        Err(KeyringError::OpenToOthers {
            path: path.to_owned(),
            mode,
            repair,
        })
    } else {
        Ok(())
    }
}

/// The key files of a folder, lowest epoch first. Other files are none of our business, but for those whose
/// name ends like a key's.
pub(super) fn list(folder: &File, dir: &Path) -> Result<Vec<(Epoch, String)>, KeyringError> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder).map_err(|errno| io_error("list", dir, errno))? {
        let entry = entry.map_err(|errno| io_error("list", dir, errno))?;
        if entry.file_name().to_bytes().ends_with(b".key") {
            let name = entry.file_name().to_string_lossy().into_owned();
            let epoch = epoch_of(&name).ok_or_else(|| KeyringError::BadName(dir.join(&name)))?;
            found.push((epoch, name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Accepts the one spelling that we write, so that no two names mean the same epoch.
fn epoch_of(name: &str) -> Option<Epoch> {
    let number: i32 = name
        .strip_prefix("epoch-")?
        .strip_suffix(".key")?
        .parse()
        .ok()?;
    let epoch = Epoch::try_from(number).ok()?;
    (name == file_name(epoch)).then_some(epoch)
}

fn file_name(epoch: Epoch) -> String {
    format!("epoch-{epoch}.key")
}

/// Opens and judges one key file, and reads it. `path` is what a refusal names.
pub(super) fn read_key(
    folder: impl AsFd,
    name: &Path,
    path: PathBuf,
    user: u32,
) -> Result<Kek, KeyringError> {
    // Without NONBLOCK the start would hang on a pipe put in the place of a key.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // What open(2) answers when NOFOLLOW meets a link.
        Err(Errno::LOOP) => return Err(KeyringError::Symlink(path)),
        Err(errno) => return Err(io_error("open", &path, errno)),
    };
    let metadata = file
        .metadata()
        .map_err(|error| io_error("examine", &path, error))?;
    if !metadata.is_file() {
        return Err(KeyringError::NotAFile(path));
    }
    check_private(&metadata, &path, user, "600")?;
    if usize::try_from(metadata.len()) != Ok(KEY_BYTES) {
        return Err(KeyringError::WrongLength {
            path,
            length: metadata.len(),
        });
    }
    let mut key = Kek::blank();
    file.read_exact(key.0.as_mut_slice())
        .map_err(|error| io_error("read", &path, error))?;
    if key.0.iter().all(|byte| *byte == 0) {
        return Err(KeyringError::Blank(path));
    }
    Ok(key)
}

/// Writes under a name of its own, then links: a crash leaves a whole key or none, and a link never replaces
/// a file. What a crash leaves under the other name was never in use.
pub(super) fn write_key(
    folder: &File,
    dir: &Path,
    epoch: Epoch,
    key: &Kek,
) -> Result<(), KeyringError> {
    let name = file_name(epoch);
    let path = dir.join(&name);
    let suffix = getrandom::u64().map_err(|_| KeyringError::Random)?;
    let draft = format!("{name}.{suffix:016x}.new");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = rustix::fs::openat(folder, &draft, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .map_err(|errno| io_error("create", &path, errno))?;
    let linked = file
        .write_all(key.bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| io_error("write", &path, error))
        .and_then(
            |()| match rustix::fs::linkat(folder, &draft, folder, &name, AtFlags::empty()) {
                Ok(()) => Ok(()),
                Err(Errno::EXIST) => Err(KeyringError::AlreadyThere(path.clone())),
                Err(errno) => Err(io_error("link", &path, errno)),
            },
        );
    let unlinked = rustix::fs::unlinkat(folder, &draft, AtFlags::empty());
    linked?;
    unlinked.map_err(|errno| io_error("clear the draft of", &path, errno))?;
    sync_folder(folder, dir)
}

/// What a key file is called while it is being overwritten: no key any more.
const DESTROYED: &str = ".destroyed";

/// Where a key is while it is being destroyed.
pub(super) fn half_destroyed(dir: &Path, epoch: Epoch) -> PathBuf {
    dir.join(format!("{}{DESTROYED}", file_name(epoch)))
}

/// Overwrites and removes a key file. Renamed first: half overwritten under its own name it would be a damaged key,
/// for which the next start refuses. What an earlier try left is removed too. On the way out the names have reached
/// the disk. What a disk keeps of overwritten blocks is beyond us (docs/security.md).
pub(super) fn destroy_key(folder: &File, dir: &Path, epoch: Epoch) -> Result<(), KeyringError> {
    let name = file_name(epoch);
    let renamed = format!("{name}{DESTROYED}");
    match rustix::fs::renameat(folder, &name, folder, &renamed) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(io_error("rename", &dir.join(&name), errno)),
    }
    let path = dir.join(&renamed);
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = match rustix::fs::openat(folder, &renamed, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(io_error("open", &path, errno)),
    };
    file.write_all(&[0; KEY_BYTES])
        .and_then(|()| file.sync_all())
        .map_err(|error| io_error("overwrite", &path, error))?;
    match rustix::fs::unlinkat(folder, &renamed, AtFlags::empty()) {
        // Another process on the same folder was faster.
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(io_error("remove", &path, errno)),
    }
    sync_folder(folder, dir)
}

/// Brings the names in the key folder to the disk, and its own in its parent: without either a crash could
/// take a key along that the database already knows.
pub(super) fn sync_folder(folder: &File, dir: &Path) -> Result<(), KeyringError> {
    folder
        .sync_all()
        .map_err(|error| io_error("sync", dir, error))?;
    let parent = dir
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(|error| io_error("sync", parent, error))
}

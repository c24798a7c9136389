//! The keyring: the key-encryption keys, one file an epoch, in a folder outside the database.
//!
//! ```text
//! <dir>/epoch-<n>.key    exactly 32 random bytes, mode 0600, owned by the user of the service; the folder is 0700
//! ```
//!
//! What must stay true:
//! * A key is never overwritten: losing one loses every secret under it. Beside others one is made by a rotation
//!   alone, under a number that nobody has used; one is removed only after the database has marked it as destroyed.
//! * A key file is judged on the opened handle, never by its path, so it cannot be exchanged after the check.
//! * Key bytes are in one heap allocation from the read to the drop, which overwrites them. No type here that
//!   holds them can be cloned or serialized, and `Debug` lists epochs only.
//! * A refusal names the file and its repair, never a byte of its contents.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::CWD;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

mod files;

const KEY_BYTES: usize = 32;

/// The number of a key-encryption key, 1 or more; a rotation adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Epoch(i32);

/// A number below 1 was given as an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key epoch is 1 or more")]
pub struct EpochError;

impl Epoch {
    /// The epoch of the first key of an installation.
    pub const FIRST: Self = Self(1);

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, as it is stored.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Epoch {
    type Error = EpochError;

    fn try_from(number: i32) -> Result<Self, EpochError> {
        if number >= 1 {
            Ok(Self(number))
        } else {
            Err(EpochError)
        }
    }
}

impl From<Epoch> for i32 {
    fn from(epoch: Epoch) -> Self {
        epoch.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One key-encryption key. Boxed, so that moving the ring leaves no copy behind; overwritten on drop.
pub struct Kek(Box<[u8; KEY_BYTES]>);

impl Kek {
    fn blank() -> Self {
        Self(Box::new([0; KEY_BYTES]))
    }

    fn generate() -> Result<Self, KeyringError> {
        let mut key = Self::blank();
        getrandom::fill(key.0.as_mut_slice()).map_err(|_| KeyringError::Random)?;
        Ok(key)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl Drop for Kek {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Kek {}

/// Why the keyring is refused. Every reason names the file and what repairs it.
#[derive(Debug, Error)]
pub enum KeyringError {
    /// The operating system refused a step.
    #[error("cannot {action} {path:?}")]
    Io {
        /// The step, as a verb.
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for a new key")]
    Random,
    /// A link could be pointed at another file between two starts.
    #[error("key file {0:?} is a symbolic link: put the key file itself in its place")]
    Symlink(PathBuf),
    /// A folder, device, pipe or socket.
    #[error("{0:?} is not a regular file: put the key file itself in its place")]
    NotAFile(PathBuf),
    /// The path of the key folder leads to something else.
    #[error("{0:?} is not a folder: move it away, or name another folder for the keys")]
    NotAFolder(PathBuf),
    /// Another user could change the key at any time.
    #[error(
        "{path:?} belongs to user {owner}, the service runs as user {user}: run `chown {user} {path:?}`"
    )]
    OtherOwner {
        /// The file or folder.
        path: PathBuf,
        /// The user id it belongs to.
        owner: u32,
        /// The effective user id of the service.
        user: u32,
    },
    /// Group or others have a right on it.
    #[error("{path:?} is open to other users (mode {mode:04o}): run `chmod {repair} {path:?}`")]
    OpenToOthers {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permissions it should have.
        repair: &'static str,
    },
    /// Not a whole key, or more than one.
    #[error(
        "key file {path:?} holds {length} bytes instead of 32 raw bytes: put back the key from its backup"
    )]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// 32 zeros are what a crash or an overwritten file leaves, never a random key.
    #[error("key file {0:?} holds zeros only: put back the key from its backup")]
    Blank(PathBuf),
    /// A key whose epoch cannot be told would silently be left out.
    #[error(
        "{0:?} is not the name of a key file: rename it to epoch-<number>.key, or move it away"
    )]
    BadName(PathBuf),
    /// The first key is made in a folder without keys only.
    #[error("{0:?} exists already and is not overwritten: start again to use it")]
    AlreadyThere(PathBuf),
}

/// The keys of this process. Holds at least one.
pub struct Keyring {
    keys: BTreeMap<Epoch, Kek>,
    newest: Epoch,
}

impl Keyring {
    /// Reads every key of a folder; none if the folder is missing or holds no key file.
    pub fn read(dir: &Path) -> Result<Option<Self>, KeyringError> {
        let user = effective_user();
        let Some(folder) = files::open_folder(dir, user)? else {
            return Ok(None);
        };
        let mut keys = BTreeMap::new();
        for (epoch, name) in files::list(&folder, dir)? {
            let key = files::read_key(&folder, Path::new(&name), dir.join(&name), user)?;
            keys.insert(epoch, key);
        }
        Ok(Self::of(keys))
    }

    /// Brings the names in a folder to the disk. A process that was killed between writing its key and syncing the
    /// folder leaves a key that the next one is about to claim.
    pub fn sync(dir: &Path) {
        // On a read-only mount there is nothing to bring to the disk.
        if let Ok(Some(folder)) = files::open_folder(dir, effective_user()) {
            files::sync_folder(&folder, dir).ok();
        }
    }

    /// Reads the one key at a path, say one that the service manager hands over, as the key of `epoch`.
    pub fn from_file(path: &Path, epoch: Epoch) -> Result<Self, KeyringError> {
        files::read_key(CWD, path, path.to_owned(), effective_user())
            .map(|key| Self::of_one(epoch, key))
    }

    /// Makes the first key of an installation, of epoch 1. The parent of `dir` must exist. On return the key
    /// has reached the disk: only then may the database learn of it.
    pub fn create(dir: &Path) -> Result<Self, KeyringError> {
        let folder = files::open_new_folder(dir, effective_user())?;
        if let Some((_, name)) = files::list(&folder, dir)?.first() {
            return Err(KeyringError::AlreadyThere(dir.join(name)));
        }
        let key = Kek::generate()?;
        files::write_key(&folder, dir, Epoch::FIRST, &key)?;
        Ok(Self::of_one(Epoch::FIRST, key))
    }

    /// Makes the key of a later epoch beside those that are there; the folder too, if it is missing. On return the key
    /// has reached the disk: only then may the database learn of it.
    pub fn add(dir: &Path, epoch: Epoch) -> Result<(), KeyringError> {
        let folder = files::open_new_folder(dir, effective_user())?;
        files::write_key(&folder, dir, epoch, &Kek::generate()?)
    }

    /// Overwrites and removes the file of a key, and what a process left that was killed while it did so.
    pub fn destroy(dir: &Path, epoch: Epoch) -> Result<(), KeyringError> {
        match files::open_folder(dir, effective_user())? {
            Some(folder) => files::destroy_key(&folder, dir, epoch),
            None => Ok(()),
        }
    }

    /// Whether a process was killed while it destroyed this key: its bytes may be there under another name.
    pub fn is_half_destroyed(dir: &Path, epoch: Epoch) -> bool {
        files::half_destroyed(dir, epoch).exists()
    }

    /// The ring without the key of an epoch, which is overwritten.
    #[must_use]
    pub fn without(mut self, epoch: Epoch) -> Option<Self> {
        self.keys.remove(&epoch);
        Self::of(self.keys)
    }

    fn of(keys: BTreeMap<Epoch, Kek>) -> Option<Self> {
        let newest = *keys.last_key_value()?.0;
        Some(Self { keys, newest })
    }

    fn of_one(epoch: Epoch, key: Kek) -> Self {
        Self {
            keys: BTreeMap::from([(epoch, key)]),
            newest: epoch,
        }
    }

    /// The highest epoch of the ring.
    pub fn newest(&self) -> Epoch {
        self.newest
    }

    /// The epochs of the ring, lowest first.
    pub fn epochs(&self) -> impl Iterator<Item = Epoch> + '_ {
        self.keys.keys().copied()
    }

    /// Whether the ring has the key of an epoch.
    pub fn has(&self, epoch: Epoch) -> bool {
        self.keys.contains_key(&epoch)
    }

    /// What the database keeps to tell later whether a ring has the same key: an HMAC-SHA256 under it, from
    /// which the key cannot be computed. None if the ring lacks the epoch.
    pub fn check_value(&self, epoch: Epoch) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.kek(epoch)?.bytes()).ok()?;
        mac.update(b"reprieve key check");
        mac.update(&epoch.get().to_be_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    pub(super) fn kek(&self, epoch: Epoch) -> Option<&Kek> {
        self.keys.get(&epoch)
    }

    /// A ring whose keys each repeat one byte, for the tests of this module and its neighbours.
    #[cfg(test)]
    pub(super) fn of_bytes(keys: &[(i32, u8)]) -> Self {
        let keys: BTreeMap<_, _> = keys
            .iter()
            .map(|&(n, byte)| (Epoch(n), Kek(Box::new([byte; 32]))))
            .collect();
        let newest = *keys.last_key_value().unwrap().0;
        Self { keys, newest }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring ")?;
        f.debug_list().entries(self.keys.keys()).finish()
    }
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests;

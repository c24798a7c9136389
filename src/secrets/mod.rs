//! Secrets: values that are zeroized, the keyring outside the database, the envelope, and the vault that ties
//! them to what the database knows.
//!
//! What must stay true: a key is never written to the database nor logged; deleting, restoring, listing and
//! purging need no key (promise 12), so a lost key never blocks getting rid of data.

pub mod envelope;
pub mod keyring;
pub mod shred_log;
pub mod state;
pub mod value;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use envelope::{Binding, EnvelopeError};
use keyring::{Epoch, Keyring, KeyringError};
use state::{KeyRefusal, KeyState, KnownEpoch, decide};
use value::SecretValue;

use crate::domain::clock::Ts;
use crate::store::rows::KeyEpochRow;
use crate::store::{Conn, Store, StoreError};

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A folder of our own, in which the first key is made.
    Folder(PathBuf),
    /// One key given by its file; never made, never changed.
    File(PathBuf),
}

/// Why the keys refuse to go with the database.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The ring can't be used as it is.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The ring and the database contradict each other.
    #[error(transparent)]
    Refused(#[from] KeyRefusal),
    /// A key that is given by its file is never made here.
    #[error(
        "there is no key file {0:?}: write 32 random bytes to it, readable by the service alone"
    )]
    NoKeyFile(PathBuf),
    /// Another process claimed the first key of this database a moment ago.
    #[error(
        "another process has just claimed the first key of this database: give this one the same keyring and start again"
    )]
    LostRace,
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An epoch in the database is not one.
    #[error("the database names a key epoch that can't be: {0}")]
    BadEpoch(String),
}

/// Why a secret was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No usable key: the service is in `locked` mode.
    #[error("the encryption key is missing")]
    Locked,
    /// The record could not be sealed or opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Seals and opens secrets, as far as the keys allow.
#[derive(Debug)]
pub struct Vault {
    source: KeySource,
    keys: RwLock<Keys>,
}

#[derive(Debug)]
enum Keys {
    Ready { ring: Keyring, primary: Epoch },
    Locked,
    Behind { needs: Epoch },
}

impl Vault {
    /// Brings keyring and database together at start; the table of docs/security.md, "The keyring".
    pub fn open(store: &Store, source: KeySource) -> Result<Self, VaultError> {
        let keys = match look(store, &source)? {
            (_, KeyState::CreateFirst) => {
                let folder = match &source {
                    KeySource::Folder(folder) => folder,
                    KeySource::File(file) => return Err(VaultError::NoKeyFile(file.clone())),
                };
                let ring = Keyring::create(folder)?;
                match claim(store, &ring, Epoch::FIRST) {
                    Ok(()) => Keys::Ready {
                        ring,
                        primary: Epoch::FIRST,
                    },
                    Err(VaultError::LostRace) => after_lost_race(store, folder)?,
                    // Whether it was claimed is not known, and without its key the database could never be used.
                    Err(error) => return Err(error),
                }
            }
            (Some(ring), KeyState::Claim { epoch }) => {
                claim(store, &ring, epoch)?;
                Keys::Ready {
                    ring,
                    primary: epoch,
                }
            }
            (ring, state) => settled(ring, state),
        };
        Ok(Self {
            source,
            keys: RwLock::new(keys),
        })
    }

    /// Looks again for a key that was missing. Answers what is wrong, if something still is.
    pub fn refresh(&self, store: &Store) -> Option<String> {
        if self.problem().is_some() {
            match look(store, &self.source) {
                Ok((ring, state)) => {
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) =
                        settled(ring, state);
                }
                Err(error) => return Some(error.to_string()),
            }
        }
        self.problem()
    }

    /// Why secrets can't be entered or read now, if they can't.
    pub fn problem(&self) -> Option<String> {
        match &*self.keys.read().unwrap_or_else(PoisonError::into_inner) {
            Keys::Ready { .. } => None,
            Keys::Locked => Some("locked: the keyring has no key for this database".to_owned()),
            Keys::Behind { needs } => Some(format!("locked: the keyring lacks key epoch {needs}")),
        }
    }

    /// Seals a value under the primary key.
    pub fn seal(
        &self,
        binding: &Binding<'_>,
        value: &SecretValue,
    ) -> Result<(Vec<u8>, i32), SecretError> {
        match &*self.keys.read().unwrap_or_else(PoisonError::into_inner) {
            Keys::Ready { ring, primary } => {
                let record = envelope::seal(ring, *primary, binding, value)?;
                Ok((record.bytes, primary.get()))
            }
            Keys::Locked | Keys::Behind { .. } => Err(SecretError::Locked),
        }
    }

    /// Opens a sealed record; only for the place it was sealed for.
    pub fn open_record(
        &self,
        binding: &Binding<'_>,
        record: &[u8],
    ) -> Result<SecretValue, SecretError> {
        match &*self.keys.read().unwrap_or_else(PoisonError::into_inner) {
            Keys::Ready { ring, .. } => Ok(envelope::open(ring, binding, record)?),
            Keys::Locked | Keys::Behind { .. } => Err(SecretError::Locked),
        }
    }
}

fn settled(ring: Option<Keyring>, state: KeyState) -> Keys {
    match (ring, state) {
        (Some(ring), KeyState::Ready { primary }) => Keys::Ready { ring, primary },
        (_, KeyState::Behind { needs }) => Keys::Behind { needs },
        _ => Keys::Locked,
    }
}

/// Another process was faster. One that read our key from the same folder claimed it for both; any other key makes
/// ours of no use: left behind, it would contradict the database at the next start.
fn after_lost_race(store: &Store, folder: &Path) -> Result<Keys, VaultError> {
    match look(store, &KeySource::Folder(folder.to_owned())) {
        Ok((ring, state)) => Ok(settled(ring, state)),
        Err(VaultError::Refused(_)) => {
            let _ = std::fs::remove_file(folder.join(format!("epoch-{}.key", Epoch::FIRST)));
            Err(VaultError::LostRace)
        }
        Err(error) => Err(error),
    }
}

fn look(store: &Store, source: &KeySource) -> Result<(Option<Keyring>, KeyState), VaultError> {
    let ring = match source {
        KeySource::Folder(folder) => Keyring::read(folder)?,
        KeySource::File(file) => match Keyring::from_file(file, Epoch::FIRST) {
            Ok(ring) => Some(ring),
            Err(KeyringError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                None
            }
            Err(error) => return Err(error.into()),
        },
    };
    let rows = store.read(Conn::list_key_epochs)?;
    let mut known = Vec::with_capacity(rows.len());
    let mut primary = None;
    for row in rows {
        let epoch =
            Epoch::try_from(row.epoch).map_err(|_| VaultError::BadEpoch(row.epoch.to_string()))?;
        if row.is_primary {
            primary = Some(epoch);
        }
        let check_value = STANDARD
            .decode(&row.check_value)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| VaultError::BadEpoch(format!("{epoch} has a damaged check value")))?;
        known.push(KnownEpoch {
            epoch,
            check_value,
            destroyed: row.destroyed_at.is_some(),
        });
    }
    let state = decide(ring.as_ref(), &known, primary)?;
    Ok((ring, state))
}

/// Writes the first epoch's check value into the database, if no other process was faster.
fn claim(store: &Store, ring: &Keyring, epoch: Epoch) -> Result<(), VaultError> {
    let check_value = ring.check_value(epoch).ok_or(VaultError::LostRace)?;
    let result = store.write(|conn| {
        if !conn.list_key_epochs()?.is_empty() {
            return Err(VaultError::LostRace);
        }
        conn.insert_key_epoch(&KeyEpochRow {
            epoch: epoch.get(),
            check_value: STANDARD.encode(check_value),
            is_primary: true,
            created_at: Ts::now(),
            destroyed_at: None,
        })?;
        Ok(())
    });
    match result {
        Err(VaultError::Store(StoreError::Unique(_))) => Err(VaultError::LostRace),
        other => other,
    }
}

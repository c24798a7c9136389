//! Secrets: values that are zeroized, the keyring outside the database, the envelope, and the vault that ties
//! them to what the database knows.
//!
//! What must stay true: a key is never written to the database nor logged; deleting, restoring, listing and
//! purging need no key (promise 12), so a lost key never blocks getting rid of data.

pub mod envelope;
pub mod keyring;
pub mod shred_log;
pub mod signing;
pub mod state;
pub mod value;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use envelope::{Binding, EnvelopeError};
use keyring::{Epoch, Keyring, KeyringError};
use state::{KeyRefusal, KeyState, KnownEpoch, decide};
use subtle::ConstantTimeEq as _;
use value::SecretValue;

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
    held: RwLock<Held>,
}

/// The keys in memory, and what is wrong.
#[derive(Debug)]
struct Held {
    ring: Option<Keyring>,
    state: State,
    /// Why the last look at the keyring brought nothing new; what is in memory may serve all the same.
    trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Locked,
    Behind { needs: Epoch },
}

impl Vault {
    /// Brings keyring and database together at start; the table of docs/security.md, "The keyring".
    pub fn open(store: &Store, source: KeySource) -> Result<Self, VaultError> {
        if let KeySource::Folder(folder) = &source {
            Keyring::sync(folder);
        }
        let held = match look(known(store)?, &source)? {
            (_, KeyState::CreateFirst) => {
                let folder = match &source {
                    KeySource::Folder(folder) => folder,
                    KeySource::File(file) => return Err(VaultError::NoKeyFile(file.clone())),
                };
                let ring = Keyring::create(folder)?;
                match claim(store, &ring, Epoch::FIRST) {
                    Ok(()) => Held::ready(ring),
                    Err(VaultError::LostRace) => after_lost_race(store, folder)?,
                    // Whether it was claimed is not known, and without its key the database could never be used.
                    Err(error) => return Err(error),
                }
            }
            (Some(ring), KeyState::Claim { epoch }) => {
                claim(store, &ring, epoch)?;
                Held::ready(ring)
            }
            (ring, state) => Held::settled(ring, state),
        };
        Ok(Self {
            source,
            held: RwLock::new(held),
        })
    }

    /// Where the keys are.
    pub fn source(&self) -> &KeySource {
        &self.source
    }

    /// Looks again for a key that was missing. Answers what is wrong, if something still is.
    pub fn refresh(&self, store: &Store) -> Option<String> {
        if self.problem().is_some()
            && let Err(error) = self.reload(store)
        {
            return Some(error.to_string());
        }
        self.problem()
    }

    /// Looks at keyring and database again: takes up new keys, drops those of destroyed epochs.
    pub fn reload(&self, store: &Store) -> Result<(), VaultError> {
        let rows = known(store)?;
        self.reload_from(rows)
    }

    /// The same inside a transaction.
    pub fn reload_on(&self, conn: &mut Conn) -> Result<(), VaultError> {
        let rows = conn.list_key_epochs()?;
        self.reload_from(rows)
    }

    /// A ring that serves is never given up for one that does not: a folder that somebody is just copying to, or has
    /// moved away, must not lock a running service.
    fn reload_from(&self, rows: Vec<KeyEpochRow>) -> Result<(), VaultError> {
        let looked = look(rows.clone(), &self.source);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let serves = held.state == State::Ready && held.still_fits(rows);
        let trouble = match &looked {
            Ok((_, KeyState::Ready { .. })) => None,
            Ok((_, KeyState::Behind { needs })) => {
                Some(format!("the keyring lacks the key of epoch {needs}"))
            }
            Ok(_) => Some("the keyring has no key for this database".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if serves && trouble.is_some() {
            held.trouble = trouble;
            return Ok(());
        }
        match looked {
            Ok((ring, state)) => {
                *held = Held::settled(ring, state);
                Ok(())
            }
            Err(error) => {
                held.trouble = trouble;
                Err(error)
            }
        }
    }

    /// Removes the key files of destroyed epochs from the folder. Only the very key that the database knew under that
    /// number, and only while no secret is under it.
    pub fn sweep(&self, store: &Store) -> Result<Vec<Epoch>, VaultError> {
        let KeySource::Folder(folder) = &self.source else {
            return Ok(Vec::new());
        };
        let mut swept = Vec::new();
        for row in epochs(known(store)?)?.0 {
            if !row.destroyed {
                continue;
            }
            let has_it = Keyring::read(folder)?
                .and_then(|ring| ring.check_value(row.epoch))
                .is_some_and(|found| found.as_slice().ct_eq(&row.check_value).into());
            if has_it {
                if store.read(|conn| conn.epoch_in_use(row.epoch.get()))? {
                    tracing::error!(epoch = %row.epoch, "a secret is under a destroyed key epoch; its key stays");
                    continue;
                }
                swept.push(row.epoch);
            }
            // Also where a process was killed half way.
            if has_it || Keyring::is_half_destroyed(folder, row.epoch) {
                Keyring::destroy(folder, row.epoch)?;
            }
        }
        Ok(swept)
    }

    /// The epochs whose keys are in memory.
    pub fn epochs(&self) -> Vec<Epoch> {
        let held = self.held();
        held.ring
            .as_ref()
            .map(|ring| ring.epochs().collect())
            .unwrap_or_default()
    }

    /// Why secrets can't be entered or read now, if they can't.
    pub fn problem(&self) -> Option<String> {
        match self.held().state {
            State::Ready => None,
            State::Locked => Some("locked: the keyring has no key for this database".to_owned()),
            State::Behind { needs } => Some(format!("locked: the keyring lacks key epoch {needs}")),
        }
    }

    /// What is wrong with the keyring, also if what is in memory still serves.
    pub fn trouble(&self) -> Option<String> {
        self.problem().or_else(|| self.held().trouble.clone())
    }

    /// Seals a value under the key of an epoch: the primary one, which the database names.
    pub fn seal(
        &self,
        epoch: Epoch,
        binding: &Binding<'_>,
        value: &SecretValue,
    ) -> Result<Vec<u8>, SecretError> {
        let held = self.held();
        Ok(envelope::seal(held.ready_ring()?, epoch, binding, value)?.bytes)
    }

    /// Opens a sealed record; only for the place it was sealed for.
    pub fn open_record(
        &self,
        binding: &Binding<'_>,
        record: &[u8],
    ) -> Result<SecretValue, SecretError> {
        let held = self.held();
        Ok(envelope::open(held.ready_ring()?, binding, record)?)
    }

    /// Wraps a record under the key of another epoch, for the place it was sealed for.
    pub fn rewrap(
        &self,
        to: Epoch,
        binding: &Binding<'_>,
        record: &[u8],
    ) -> Result<Vec<u8>, SecretError> {
        let held = self.held();
        Ok(envelope::rewrap(held.ready_ring()?, to, binding, record)?)
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn ready(ring: Keyring) -> Self {
        Self {
            ring: Some(ring),
            state: State::Ready,
            trouble: None,
        }
    }

    fn settled(ring: Option<Keyring>, state: KeyState) -> Self {
        let state = match (&ring, state) {
            (Some(_), KeyState::Ready { .. }) => State::Ready,
            (_, KeyState::Behind { needs }) => State::Behind { needs },
            _ => State::Locked,
        };
        Self {
            ring,
            state,
            trouble: None,
        }
    }

    /// Whether the keys in memory are all that the database needs.
    fn still_fits(&self, rows: Vec<KeyEpochRow>) -> bool {
        let fits = |(known, primary): (Vec<KnownEpoch>, Option<Epoch>)| {
            matches!(
                decide(self.ring.as_ref(), &known, primary),
                Ok(KeyState::Ready { .. })
            )
        };
        epochs(rows).is_ok_and(fits)
    }

    fn ready_ring(&self) -> Result<&Keyring, SecretError> {
        match (&self.ring, self.state) {
            (Some(ring), State::Ready) => Ok(ring),
            _ => Err(SecretError::Locked),
        }
    }
}

/// Another process was faster. One that read our key from the same folder claimed it for both; any other key makes
/// ours of no use: left behind, it would contradict the database at the next start.
fn after_lost_race(store: &Store, folder: &Path) -> Result<Held, VaultError> {
    match look(known(store)?, &KeySource::Folder(folder.to_owned())) {
        Ok((ring, state)) => Ok(Held::settled(ring, state)),
        Err(VaultError::Refused(_)) => {
            let _ = std::fs::remove_file(folder.join(format!("epoch-{}.key", Epoch::FIRST)));
            Err(VaultError::LostRace)
        }
        Err(error) => Err(error),
    }
}

fn known(store: &Store) -> Result<Vec<KeyEpochRow>, VaultError> {
    Ok(store.read(Conn::list_key_epochs)?)
}

/// The keys of the source against the epochs of the database. A key of a destroyed epoch does not stay in memory.
fn look(
    rows: Vec<KeyEpochRow>,
    source: &KeySource,
) -> Result<(Option<Keyring>, KeyState), VaultError> {
    let mut ring = read_source(source)?;
    let (known, primary) = epochs(rows)?;
    let state = decide(ring.as_ref(), &known, primary)?;
    for row in known.iter().filter(|row| row.destroyed) {
        ring = ring.and_then(|ring| ring.without(row.epoch));
    }
    Ok((ring, state))
}

pub(crate) fn read_source(source: &KeySource) -> Result<Option<Keyring>, KeyringError> {
    match source {
        KeySource::Folder(folder) => Keyring::read(folder),
        KeySource::File(file) => match Keyring::from_file(file, Epoch::FIRST) {
            Ok(ring) => Ok(Some(ring)),
            Err(KeyringError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        },
    }
}

fn epochs(rows: Vec<KeyEpochRow>) -> Result<(Vec<KnownEpoch>, Option<Epoch>), VaultError> {
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
            retired: row.retired_at.is_some(),
            destroyed: row.destroyed_at.is_some(),
        });
    }
    Ok((known, primary))
}

/// The row of an epoch that the database has yet to know, for its key in a ring.
pub(crate) fn claimed(
    conn: &mut Conn,
    ring: &Keyring,
    epoch: Epoch,
    is_primary: bool,
) -> Result<KeyEpochRow, VaultError> {
    let check_value = ring.check_value(epoch).ok_or(VaultError::LostRace)?;
    let now = conn.now()?;
    Ok(KeyEpochRow {
        epoch: epoch.get(),
        check_value: STANDARD.encode(check_value),
        is_primary,
        created_at: now,
        destroyed_at: None,
        primary_since: is_primary.then_some(now),
        retired_at: None,
    })
}

/// Writes the first epoch's check value into the database, if no other process was faster.
fn claim(store: &Store, ring: &Keyring, epoch: Epoch) -> Result<(), VaultError> {
    let result = store.write(|conn| {
        if !conn.list_key_epochs()?.is_empty() {
            return Err(VaultError::LostRace);
        }
        let row = claimed(conn, ring, epoch, true)?;
        conn.insert_key_epoch(&row)?;
        Ok(())
    });
    match result {
        Err(VaultError::Store(StoreError::Unique(_))) => Err(VaultError::LostRace),
        other => other,
    }
}

//! Rotation of the key-encryption keys while the service runs: a new epoch, the switch to it, wrapping anew, retiring,
//! destroying (docs/security.md, "Rotation").
//!
//! What must stay true:
//! * Each step is one transaction that looks first whether it is still to be done. So a process may die after any of them,
//!   several may work at once, and whoever comes next goes on.
//! * Nothing is sealed under an epoch once another one is the primary: sealing shares the lock that the switch takes.
//! * A key is destroyed only when no secret is under it; the database says so before the file goes.
//! * The database's clock decides how long an epoch has been retired.

mod give_up;
mod status;

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::Services;
use super::audit;
use super::caller::Caller;
use super::error::Error;
use super::secrets::primary_epoch;
use super::unit::to_json;
use crate::domain::clock::Ts;
use crate::domain::ids::{OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::OwnerKind;
use crate::secrets::envelope::Binding;
use crate::secrets::keyring::{Epoch, Keyring, KeyringError};
use crate::secrets::{KeySource, SecretError, VaultError, claimed};
use crate::store::rows::{KeyEpochRow, KeyReplicaRow, Rewrapped, SecretRow};
use crate::store::{Conn, StoreError, StoreResult};

pub use give_up::{GivenUp, give_up};
pub use status::{EpochView, KeysView, ReplicaView, status};
pub(super) use status::{destroyed_by, destroyed_up_to};

/// Secrets that are wrapped anew in one transaction.
pub const BATCH: i64 = 1_000;
/// Between two batches others get their turn: on SQLite there is one writer.
const PAUSE: Duration = Duration::from_millis(10);
/// A service that has said nothing for so long does not run any more. One that does so all the same finds a new primary
/// epoch in the database, and reads its keyring again or refuses.
pub const ALIVE: chrono::Duration = chrono::Duration::seconds(60);

/// Whom a step is written down to, in each organization.
pub type By = fn(OrgId) -> Caller;

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It must not be made; says what to do instead.
    #[error("{0}")]
    Refused(String),
    /// Another process made it a moment ago.
    #[error("another process was faster; look again with `reprieve keys status`")]
    Overtaken,
    /// The keyring and the database don't go together.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The keyring can't be read or written.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A unit of work failed.
    #[error(transparent)]
    Service(#[from] Error),
}

impl KeysError {
    /// Whether the same may well succeed a moment later: the database is busy, or somebody else was in the way.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Overtaken
                | Self::Store(StoreError::Unavailable(_) | StoreError::Conflict)
                | Self::Vault(VaultError::Store(StoreError::Unavailable(_)))
                | Self::Service(Error::Store(
                    StoreError::Unavailable(_) | StoreError::Conflict
                ))
        )
    }
}

type Result<T> = std::result::Result<T, KeysError>;

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(KeysError::Refused(why.into()))
}

/// What a rotation began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// This epoch is new.
    New(Epoch),
    /// One is under way already, to this epoch.
    UnderWay(Epoch),
}

/// What a round came to.
#[derive(Debug, Default)]
pub struct Progress {
    /// The switch waits.
    pub waits: Option<Waiting>,
    /// New secrets are sealed under this epoch now.
    pub switched: Option<Epoch>,
    /// Secrets that were wrapped anew.
    pub rewrapped: usize,
    /// Secrets that do not open under their epoch, which keeps it from being retired.
    pub unreadable: Vec<Unreadable>,
    /// Secrets that somebody else was working on.
    pub busy: usize,
    /// Epochs that no secret is under any more.
    pub retired: Vec<Epoch>,
}

/// A switch that waits for services that lack the new key.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The new epoch.
    pub epoch: Epoch,
    /// Since when.
    pub since: Ts,
    /// Who lacks it, by name.
    pub lacking: Vec<String>,
}

/// A stored secret that does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its organization.
    pub org: OrgId,
    /// What kind of owner.
    pub kind: OwnerKind,
    /// The owner.
    pub owner: RootId,
    /// The field.
    pub field: String,
}

/// The epochs that the database knows.
struct Epochs(Vec<KeyEpochRow>);

impl Epochs {
    fn read(conn: &mut Conn) -> StoreResult<Self> {
        conn.list_key_epochs().map(Self)
    }

    fn find(&self, epoch: Epoch) -> Result<&KeyEpochRow> {
        let found = self.0.iter().find(|row| row.epoch == epoch.get());
        found.ok_or_else(|| KeysError::Refused(format!("there is no key epoch {epoch}")))
    }

    fn primary(&self) -> Result<&KeyEpochRow> {
        let found = self.0.iter().find(|row| row.is_primary);
        found.ok_or_else(|| KeysError::Refused("the database knows no primary epoch".to_owned()))
    }

    /// The one that a rotation is on its way to.
    fn next(&self) -> Result<Option<&KeyEpochRow>> {
        let primary = self.primary()?.epoch;
        Ok(self
            .0
            .iter()
            .find(|row| row.epoch > primary && row.destroyed_at.is_none()))
    }

    /// Those that secrets may be under besides the primary one.
    fn in_use(&self) -> Result<Vec<Epoch>> {
        let primary = self.primary()?.epoch;
        self.0
            .iter()
            .filter(|row| row.epoch < primary)
            .filter(|row| row.retired_at.is_none() && row.destroyed_at.is_none())
            .map(number)
            .collect()
    }

    fn highest(&self) -> Result<Epoch> {
        number(self.0.last().unwrap_or(self.primary()?))
    }
}

fn number(row: &KeyEpochRow) -> Result<Epoch> {
    Epoch::try_from(row.epoch).map_err(|_| VaultError::BadEpoch(row.epoch.to_string()).into())
}

/// Makes the next key and makes it known to the database, unless a rotation is under way.
///
/// The file is first, as for the very first key, but within the transaction: of several that begin at once, on one folder
/// or several, one makes a key. What a process leaves that is killed before its commit is claimed by the next.
pub fn begin(services: &Services) -> Result<Begun> {
    let KeySource::Folder(folder) = services.vault.source() else {
        return refuse(
            "the key is given as one file (--key-file), which can't rotate: move it into a folder as epoch-1.key and name \
             that with --keys",
        );
    };
    require_keys(services)?;
    let begun = services.store.write(|conn| {
        conn.lock_epochs()?;
        let epochs = Epochs::read(conn)?;
        if let Some(next) = epochs.next()? {
            return Ok(Begun::UnderWay(number(next)?));
        }
        let highest = epochs.highest()?;
        let (ring, epoch) = key_above(folder, highest)?;
        let row = claimed(conn, &ring, epoch, false)?;
        conn.insert_key_epoch(&row)?;
        Ok::<_, KeysError>(Begun::New(epoch))
    })?;
    services.vault.reload(&services.store)?;
    Ok(begun)
}

/// A key that the database does not know yet, by a number above all that it knows: one that is there, else a new one.
fn key_above(folder: &std::path::Path, highest: Epoch) -> Result<(Keyring, Epoch)> {
    let unclaimed = |ring: &Keyring| ring.epochs().find(|epoch| *epoch > highest);
    if let Some(ring) = Keyring::read(folder)?
        && let Some(epoch) = unclaimed(&ring)
    {
        Keyring::sync(folder);
        return Ok((ring, epoch));
    }
    Keyring::add(folder, highest.next())?;
    match Keyring::read(folder)? {
        Some(ring) => Ok((ring, highest.next())),
        None => refuse("the keyring has just been emptied"),
    }
}

/// Goes on with whatever is unfinished: the switch if nobody lacks the key, wrapping anew, retiring.
pub fn go_on(services: &Services, by: By) -> Result<Progress> {
    require_keys(services)?;
    let mut progress = Progress::default();
    match switch(services, by) {
        Ok(Switch::Nothing) | Err(KeysError::Overtaken) => {}
        Ok(Switch::Waits(waiting)) => progress.waits = Some(waiting),
        Ok(Switch::Done(epoch)) => progress.switched = Some(epoch),
        Err(error) => return Err(error),
    }
    let in_use = services
        .store
        .read(|conn| Epochs::read(conn).map_err(KeysError::from)?.in_use())?;
    for epoch in in_use {
        rewrap(services, by, epoch, &mut progress)?;
        match retire(services, by, epoch) {
            Ok(()) => progress.retired.push(epoch),
            Err(KeysError::Overtaken) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(progress)
}

/// The keyring as it is now, and nothing missing from it.
fn require_keys(services: &Services) -> Result<()> {
    services.vault.reload(&services.store)?;
    match services.vault.problem() {
        Some(problem) => refuse(problem),
        None => Ok(()),
    }
}

enum Switch {
    Nothing,
    Waits(Waiting),
    Done(Epoch),
}

/// Makes the next epoch the primary one, if every running service has its key.
fn switch(services: &Services, by: By) -> Result<Switch> {
    let look = |conn: &mut Conn| -> Result<Option<(i32, Waiting)>> {
        let epochs = Epochs::read(conn)?;
        let Some(next) = epochs.next()? else {
            return Ok(None);
        };
        let epoch = number(next)?;
        let (replicas, now) = (conn.list_replicas()?, conn.now()?);
        let lacking = replicas
            .iter()
            .filter(|replica| is_alive(replica, now) && !has(replica, epoch))
            .map(|replica| replica.name.clone());
        let waiting = Waiting {
            epoch,
            since: next.created_at,
            lacking: lacking.collect(),
        };
        Ok(Some((epochs.primary()?.epoch, waiting)))
    };
    let Some((from, mut waiting)) = services.store.read(look)? else {
        return Ok(Switch::Nothing);
    };
    let to = waiting.epoch;
    if waiting.lacking.is_empty() && !services.vault.epochs().contains(&to) {
        waiting
            .lacking
            .push("the keyring of this process".to_owned());
    }
    if !waiting.lacking.is_empty() {
        return Ok(Switch::Waits(waiting));
    }
    services.store.write(|conn| {
        audit_everywhere(
            conn,
            by,
            "key_epoch.switched",
            &json!({ "from": from, "to": to }),
        )?;
        conn.lock_epochs()?;
        // Whoever came meanwhile without the key is waited for too.
        match look(conn)? {
            Some((primary, waiting))
                if primary == from && waiting.epoch == to && waiting.lacking.is_empty() => {}
            _ => return Err(KeysError::Overtaken),
        }
        let now = conn.now()?;
        if conn.switch_primary(from, to.get(), now)? == 0 {
            return Err(KeysError::Overtaken);
        }
        Ok(())
    })?;
    tracing::info!(from, to = %to, "new secrets are sealed under another key epoch");
    Ok(Switch::Done(to))
}

pub(super) fn is_alive(replica: &KeyReplicaRow, now: Ts) -> bool {
    replica.seen_at.plus(ALIVE) > now
}

fn has(replica: &KeyReplicaRow, epoch: Epoch) -> bool {
    let wanted = epoch.to_string();
    replica.epochs.split(' ').any(|number| number == wanted)
}

/// Wraps all secrets under an epoch anew, for the primary one.
fn rewrap(services: &Services, by: By, from: Epoch, progress: &mut Progress) -> Result<()> {
    let organizations = services
        .store
        .read(|conn| conn.organizations_under(from.get()))?;
    for org in organizations {
        let mut after = 0;
        while let Some(batch) = rewrap_batch(services, by, org, from, after, BATCH)? {
            after = batch.last;
            progress.rewrapped += batch.rewrapped;
            progress.busy += batch.busy;
            progress.unreadable.extend(batch.unreadable);
            sleep(PAUSE);
        }
    }
    if !progress.unreadable.is_empty() {
        tracing::error!(epoch = %from, secrets = progress.unreadable.len(), "stored secrets do not open under their key");
    }
    Ok(())
}

/// One transaction of wrapping anew.
#[derive(Debug)]
pub struct Batch {
    /// The last slot that was looked at.
    pub last: i64,
    /// Secrets that were wrapped anew.
    pub rewrapped: usize,
    /// Those that somebody else was working on.
    pub busy: usize,
    /// Those that do not open.
    pub unreadable: Vec<Unreadable>,
}

/// Wraps up to `limit` secrets of one organization anew, those after a slot; `None` if there are no more.
pub fn rewrap_batch(
    services: &Services,
    by: By,
    org: OrgId,
    from: Epoch,
    after: i64,
    limit: i64,
) -> Result<Option<Batch>> {
    let batch = services.write_once(&by(org), |tx| {
        let to = primary_epoch(tx)?;
        if to == from {
            return Ok(None);
        }
        let rows = tx.conn.lock_secrets_under(org, from.get(), after, limit)?;
        let Some((last, _)) = rows.last() else {
            return Ok(None);
        };
        let mut batch = Batch {
            last: last.slot_id,
            rewrapped: 0,
            busy: 0,
            unreadable: Vec::new(),
        };
        let mut changed = Vec::with_capacity(rows.len());
        for (row, record) in rows {
            let Some(record) = record else {
                batch.busy += 1;
                continue;
            };
            match tx.vault.rewrap(to, &binding(&row), &record) {
                Ok(record) => changed.push(Rewrapped {
                    owner_kind: row.owner_kind,
                    owner_id: row.owner_id,
                    field: row.field,
                    slot_id: row.slot_id,
                    record_id: row.record_id,
                    record,
                }),
                Err(SecretError::Locked) => {
                    return Err(Error::Internal(
                        "the keyring went away meanwhile".to_owned(),
                    ));
                }
                Err(SecretError::Envelope(_)) => batch.unreadable.push(Unreadable {
                    org,
                    kind: row.owner_kind,
                    owner: row.owner_id,
                    field: row.field,
                }),
            }
        }
        if !changed.is_empty() {
            let written = tx
                .conn
                .store_rewrapped(org, from.get(), to.get(), &changed)?;
            if written != changed.len() {
                return Err(Error::Internal(
                    "secrets changed while they were locked".to_owned(),
                ));
            }
            batch.rewrapped = written;
            let detail = to_json(&json!({ "from": from, "to": to, "secrets": written }))?;
            tx.audit("key_epoch.rewrapped", "key_epoch", None, None, detail)?;
            // What was wrapped under the old key is still in the files.
            tx.erase_after_commit(None)?;
        }
        Ok(Some(batch))
    })?;
    Ok(batch)
}

fn binding(row: &SecretRow) -> Binding<'_> {
    Binding {
        organization: row.org_id.0,
        owner_kind: row.owner_kind.as_str(),
        owner: row.owner_id.0,
        field: &row.field,
        record: row.record_id.0,
        generation: row.generation,
    }
}

/// Retires an epoch that no secret is under any more.
fn retire(services: &Services, by: By, epoch: Epoch) -> Result<()> {
    services.store.write(|conn| {
        let now = conn.now()?;
        if conn.retire_epoch(epoch.get(), now)? == 0 {
            return Err(KeysError::Overtaken);
        }
        audit_everywhere(conn, by, "key_epoch.retired", &json!({ "epoch": epoch }))
    })
}

/// Wraps what is under an epoch anew and retires it.
pub fn retire_by_hand(services: &Services, epoch: Epoch, by: By) -> Result<Progress> {
    require_keys(services)?;
    services.store.read(|conn| {
        let epochs = Epochs::read(conn)?;
        let (row, primary) = (epochs.find(epoch)?, epochs.primary()?);
        if row.destroyed_at.is_some() {
            return refuse(format!("key epoch {epoch} is destroyed"));
        }
        if row.is_primary || row.epoch > primary.epoch {
            return refuse(format!(
                "key epoch {epoch} is not behind us: `reprieve keys rotate` makes a new one first"
            ));
        }
        Ok(())
    })?;
    let mut progress = Progress::default();
    rewrap(services, by, epoch, &mut progress)?;
    match retire(services, by, epoch) {
        Ok(()) => progress.retired.push(epoch),
        Err(KeysError::Overtaken) => {}
        Err(error) => return Err(error),
    }
    Ok(progress)
}

/// Whether the primary epoch has been that for so long that another one is due; never while a rotation is under way.
pub fn is_due(services: &Services, interval: Duration) -> Result<bool> {
    services.store.read(|conn| {
        let epochs = Epochs::read(conn)?;
        let now = conn.now()?;
        let primary = epochs.primary()?;
        let since = primary.primary_since.unwrap_or(primary.created_at);
        Ok(epochs.next()?.is_none() && since.plus(span(interval)) <= now)
    })
}

/// The retired epochs whose time is over.
pub fn overdue(services: &Services, grace: Duration) -> Result<Vec<Epoch>> {
    services.store.read(|conn| {
        let now = conn.now()?;
        let over = |row: &&KeyEpochRow| {
            let retired = row.retired_at.filter(|_| row.destroyed_at.is_none());
            retired.is_some_and(|at| at.plus(span(grace)) <= now)
        };
        let epochs = Epochs::read(conn)?;
        epochs.0.iter().filter(over).map(number).collect()
    })
}

fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX)
}

/// Destroys a key that has been retired for `grace`: marked in the database first, then removed from the keyring. The
/// other services remove theirs when they look the next time.
pub fn destroy(services: &Services, epoch: Epoch, grace: Duration, by: By) -> Result<()> {
    let marked = services.store.write(|conn| {
        let row = {
            let epochs = Epochs::read(conn)?;
            epochs.find(epoch)?.clone()
        };
        if row.destroyed_at.is_some() {
            return Ok(false);
        }
        let now = conn.now()?;
        match row.retired_at {
            _ if row.is_primary => {
                return refuse(format!(
                    "key epoch {epoch} is the primary one: `reprieve keys rotate` makes another one first"
                ));
            }
            None => {
                return refuse(format!(
                    "secrets may be under key epoch {epoch}: `reprieve keys retire {epoch}` wraps them anew first"
                ));
            }
            Some(at) if at.plus(span(grace)) > now => {
                return refuse(format!(
                    "key epoch {epoch} can be destroyed from {} on; --now does it before",
                    at.plus(span(grace))
                ));
            }
            Some(_) => {}
        }
        audit_everywhere(conn, by, "key_epoch.destroyed", &json!({ "epoch": epoch, "lost": false }))?;
        conn.lock_epochs()?;
        if conn.mark_epoch_destroyed(epoch.get(), now)? == 0 {
            return refuse(format!("a secret is under key epoch {epoch} again: a service of an older version runs beside"));
        }
        Ok(true)
    })?;
    // Also what an earlier try left.
    services.vault.reload(&services.store)?;
    services.vault.sweep(&services.store)?;
    if marked {
        tracing::warn!(%epoch, "a key epoch is destroyed: what was sealed under it is gone from every copy of the database");
    }
    Ok(())
}

/// An audit record in each organization: keys are everybody's, and no organization is theirs.
fn audit_everywhere(
    conn: &mut Conn,
    by: By,
    action: &str,
    detail: &serde_json::Value,
) -> Result<()> {
    let (at, detail): (Ts, JsonText) = (conn.now()?, to_json(detail)?);
    audit::append_everywhere(conn, |org| {
        audit::row(&by(org), at, action, "key_epoch", detail.clone())
    })?;
    Ok(())
}

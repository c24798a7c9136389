//! Bringing the database up to the shred log: what was shredded after the backup that it comes from is shredded again.
//!
//! Made before the service is ready. What must stay true: no live secret whose record the log names is left afterwards,
//! whatever a crash or another replica that starts did to an earlier run; nothing else of a connection changes but what
//! a lost secret means; nothing is done to a database that is not behind its log.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::Services;
use super::alarms;
use super::caller::Caller;
use super::error::{Error, Result};
use super::receipts;
use super::secrets;
use super::unit::Tx;
use super::webhooks;
use crate::connectors;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, IntegrationId, OrgId, RecordId, RootId, WebhookId};
use crate::domain::kinds::{OwnerKind, Status};
use crate::jobs::shred_writer::KEPT_FOR;
use crate::secrets::shred_log::ShredLogError;
use crate::store::rows::{SecretRow, ShredRow};
use crate::store::{Conn, StoreError, StoreResult};

/// Owners that one transaction shreds again.
const BATCH: usize = 20;
/// Rows that are noted with one statement.
const ROWS: usize = 1_000;

/// How often a database that is busy is tried, and how long is waited before each: replicas that start together wait for
/// each other's locks.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Lines of the log that are of organizations of this database.
    pub lines: usize,
    /// Whether the database is one from before the newest of them.
    pub behind: bool,
    /// Secrets that were shredded again.
    pub secrets: usize,
}

/// Why the database was not brought up to the log.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] ShredLogError),
    /// The database refused.
    #[error("the database could not be brought up to the shred log: {0}")]
    Service(#[from] Error),
}

/// Brings the database up to the log, if its folder is there.
pub fn apply(services: &Services) -> std::result::Result<Applied, ApplyError> {
    let log = services.shreds.log();
    if !log.has_folder() {
        tracing::warn!(log = %log.path().display(), "there is no shred log: its folder is missing, as the keyring is");
        return Ok(Applied::default());
    }
    let callers = callers(services)?;
    let organizations: BTreeSet<OrgId> = callers.iter().map(|caller| caller.org).collect();
    let mut records = Vec::new();
    let mut newest: Option<ShredRow> = None;
    log.read(|row| {
        // Others are of an organization that came after the backup, or of another database.
        if !organizations.contains(&row.org_id) {
            return;
        }
        records.push(row.record_id);
        if newest.is_none_or(|newest| newest.shredded_at < row.shredded_at) {
            newest = Some(row);
        }
    })?;
    let mut applied = Applied {
        lines: records.len(),
        ..Applied::default()
    };
    if let Some(newest) = newest {
        records.sort_unstable();
        applied.behind = is_behind(services, &newest)?;
        if applied.behind {
            tracing::warn!(
                newest = %newest.shredded_at,
                "the database is from before the newest line of the shred log, as after a restore from a backup"
            );
            void_what_was_open(services, &callers, &newest)?;
        }
        applied.secrets = shred_again(services, &records)?;
    }
    services.shreds.set_applied();
    Ok(applied)
}

/// Looks for the keys again; what a log says that was missing like them is done before a secret can be opened.
pub fn unlock(services: &Services) -> Option<String> {
    if !services.shreds.is_applied()
        && services.shreds.log().has_folder()
        && let Err(error) = apply(services)
    {
        return Some(error.to_string());
    }
    services.vault.refresh(&services.store)
}

/// Whether the database does not know the newest line. A row of the table stays for a week, and the newest one for ever;
/// a log with an older last line is that of a replica that was away.
fn is_behind(services: &Services, newest: &ShredRow) -> Result<bool> {
    Ok(services.store.read(|conn| {
        if conn.knows_shred(newest)? {
            return Ok(false);
        }
        if newest.shredded_at > conn.now()?.plus(-KEPT_FOR) {
            return Ok(true);
        }
        let known = conn.newest_shred()?;
        StoreResult::Ok(known.is_none_or(|known| known < newest.shredded_at))
    })?)
}

/// Ends the re-entry sessions of the backup, forgets its stored answers, and notes the lines that other replicas would
/// find missing. What another replica has begun to serve meanwhile stays: it is younger.
fn void_what_was_open(
    services: &Services,
    callers: &[Caller],
    newest: &ShredRow,
) -> std::result::Result<(), ApplyError> {
    let now = services.store.read(Conn::now).map_err(Error::from)?;
    let week_ago = now.plus(-KEPT_FOR);
    let mut recent = Vec::new();
    services.shreds.log().read(|row| {
        if row.shredded_at >= week_ago && row.record_id != newest.record_id {
            recent.push(row);
        }
    })?;
    for caller in callers {
        let work = |tx: &mut Tx<'_>| {
            let (sessions, answers) = tx.conn.drop_open_before(caller.org, now)?;
            tx.record(
                "organization.restored_from_backup",
                "organization",
                RootId(caller.org.0),
                None,
                &json!({ "newest_shred": newest.shredded_at, "reentry_sessions": sessions, "stored_answers": answers }),
            )
        };
        patiently(|| services.write_once(caller, work))?;
    }
    services
        .store
        .write(|conn| {
            for rows in recent.chunks(ROWS) {
                conn.insert_shreds(rows)?;
            }
            conn.insert_shreds(&[*newest])
        })
        .map_err(Error::from)?;
    Ok(())
}

/// The service in each organization.
fn callers(services: &Services) -> Result<Vec<Caller>> {
    let mut callers: Vec<Caller> = Vec::new();
    loop {
        let after = callers.last().map(|caller| caller.org);
        let page = services
            .store
            .read(|conn| conn.list_organizations(after, 500))?;
        if page.is_empty() {
            return Ok(callers);
        }
        callers.extend(page.iter().map(|row| Caller::service(row.id)));
    }
}

/// Does it again while the database is busy.
fn patiently<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match work() {
            Err(Error::Store(StoreError::Unavailable(cause))) if attempt < ATTEMPTS => {
                tracing::info!(cause, attempt, "the database is busy; trying again");
                attempt += 1;
                sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// An owner of secrets.
type Owner = (OwnerKind, RootId);

/// Shreds the live secrets that these records, in order, are of.
fn shred_again(services: &Services, records: &[RecordId]) -> Result<usize> {
    let mut owners: BTreeMap<OrgId, Vec<Owner>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = services.store.read(|conn| conn.live_records(after))?;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        for (org, kind, owner, record) in page {
            if records.binary_search(&record).is_ok() {
                let owners = owners.entry(org).or_default();
                if owners.last() != Some(&(kind, owner)) {
                    owners.push((kind, owner));
                }
            }
        }
    }
    let mut secrets = 0;
    for (org, owners) in owners {
        let caller = Caller::service(org);
        let mut lost = Lost::default();
        for batch in owners.chunks(BATCH) {
            let work = |tx: &mut Tx<'_>| {
                let (before, mut lost) = (lost.secrets, lost);
                for &owner in batch {
                    lost.add(owner, shred_owner(tx, owner, records)?);
                }
                if lost.secrets > before {
                    tx.erase_after_commit(None)?;
                    let detail = lost.to_string();
                    alarms::raise(
                        tx.conn,
                        Some(org),
                        AlarmCode::BackupOlderThanShred,
                        "",
                        &detail,
                    )?;
                }
                Ok(lost)
            };
            lost = patiently(|| services.write_once(&caller, work))?;
        }
        secrets += lost.secrets;
    }
    Ok(secrets)
}

/// What an organization lost again.
#[derive(Debug, Default, Clone, Copy)]
struct Lost {
    connections: usize,
    integrations: usize,
    webhooks: usize,
    secrets: usize,
}

impl Lost {
    fn add(&mut self, (kind, _): Owner, secrets: usize) {
        let lost = usize::from(secrets > 0);
        match kind {
            OwnerKind::Connection => self.connections += lost,
            OwnerKind::Integration => self.integrations += lost,
            OwnerKind::Webhook => self.webhooks += lost,
            // Nobody has to enter it again.
            OwnerKind::Signer => {}
        }
        self.secrets += secrets;
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Shredded again at the start on {}: secrets {}, of connections {}, of integrations {}, of webhook endpoints {}.",
            Ts::now(),
            self.secrets,
            self.connections,
            self.integrations,
            self.webhooks
        )
    }
}

/// Shreds those secrets of one owner that the log names; how many there still were.
fn shred_owner(tx: &mut Tx<'_>, (kind, owner): Owner, records: &[RecordId]) -> Result<usize> {
    match kind {
        OwnerKind::Connection => shred_connection(tx, ConnectionId(owner.0), records),
        OwnerKind::Integration => shred_integration(tx, IntegrationId(owner.0), records),
        OwnerKind::Signer => shred_signer(tx, owner, records),
        OwnerKind::Webhook => shred_webhook(tx, WebhookId(owner.0), records),
    }
}

/// The secrets that the log names, and the others.
fn split(facts: Vec<SecretRow>, records: &[RecordId]) -> (Vec<SecretRow>, Vec<SecretRow>) {
    facts
        .into_iter()
        .partition(|row| records.binary_search(&row.record_id).is_ok())
}

fn fields(rows: &[SecretRow]) -> Vec<&str> {
    rows.iter().map(|row| row.field.as_str()).collect()
}

fn shred_connection(tx: &mut Tx<'_>, id: ConnectionId, records: &[RecordId]) -> Result<usize> {
    let org = tx.caller.org;
    let Some(mut row) = tx.conn.lock_connection(org, id)? else {
        return Ok(0);
    };
    let facts = tx.conn.secrets_of(org, OwnerKind::Connection, id.into())?;
    let (dead, live) = split(facts, records);
    if dead.is_empty() {
        return Ok(0);
    }
    let fields = fields(&dead);
    tx.conn
        .shred_fields(org, OwnerKind::Connection, id.into(), &fields, tx.at)?;
    if live.is_empty() {
        // As a deletion does: nothing that was sealed for it opens any more. What is left is sealed for this one.
        row.generation += 1;
    }
    row.status = match connectors::find(&row.connector) {
        Some(connector) => secrets::status_of(connector, &live),
        None => Status::NeedsCredentials,
    };
    row.last_test = None;
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_connection(&row)?;
    let now = tx.conn.now()?;
    tx.conn.end_sessions(org, id, now)?;
    // Perhaps the connection was deleted after the backup: a token that ended with that works never again.
    tx.conn.drop_access_tokens(org, id)?;
    tx.conn.close_connect_tokens(org, id, now)?;
    tx.record(
        "connection.shredded_again",
        "connection",
        id.into(),
        None,
        &json!({ "name": row.name, "fields": fields, "status": row.status }),
    )?;
    Ok(dead.len())
}

fn shred_integration(tx: &mut Tx<'_>, id: IntegrationId, records: &[RecordId]) -> Result<usize> {
    let org = tx.caller.org;
    let Some(found) = tx.conn.find_integration(org, id)? else {
        return Ok(0);
    };
    let locked = tx.conn.lock_integration(org, &found.key)?;
    let Some(mut row) = locked.filter(|row| row.id == id) else {
        return Ok(0);
    };
    let facts = tx.conn.secrets_of(org, OwnerKind::Integration, id.into())?;
    let (dead, live) = split(facts, records);
    if dead.is_empty() {
        return Ok(0);
    }
    let fields = fields(&dead);
    tx.conn
        .shred_fields(org, OwnerKind::Integration, id.into(), &fields, tx.at)?;
    if live.is_empty() {
        row.generation += 1;
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_integration(&row)?;
    tx.record(
        "integration.shredded_again",
        "integration",
        id.into(),
        None,
        &json!({ "key": row.key, "fields": fields }),
    )?;
    Ok(dead.len())
}

/// A key that was given up after the backup signs no more here either; the next receipt gets a new one.
fn shred_signer(tx: &mut Tx<'_>, id: RootId, records: &[RecordId]) -> Result<usize> {
    let org = tx.caller.org;
    tx.conn.lock_organization(org)?;
    let current = tx.conn.current_receipt_key(org)?;
    let Some(row) = current.filter(|row| RootId::from(row.id) == id) else {
        return Ok(0);
    };
    let facts = tx.conn.secrets_of(org, OwnerKind::Signer, id)?;
    let (dead, _) = split(facts, records);
    if dead.is_empty() {
        return Ok(0);
    }
    tx.conn
        .shred_fields(org, OwnerKind::Signer, id, &fields(&dead), tx.at)?;
    receipts::retire(tx, &row)?;
    Ok(dead.len())
}

/// An endpoint that was deleted, or whose secret was rotated, after the backup. Without its present secret it is disabled
/// until it has another.
fn shred_webhook(tx: &mut Tx<'_>, id: WebhookId, records: &[RecordId]) -> Result<usize> {
    let org = tx.caller.org;
    let Some(row) = tx.conn.lock_webhook(org, id)? else {
        return Ok(0);
    };
    let (dead, _) = split(
        tx.conn.secrets_of(org, OwnerKind::Webhook, id.into())?,
        records,
    );
    if dead.is_empty() {
        return Ok(0);
    }
    let fields = fields(&dead);
    tx.conn
        .shred_fields(org, OwnerKind::Webhook, id.into(), &fields, tx.at)?;
    webhooks::stop_without_secret(tx, row)?;
    Ok(dead.len())
}

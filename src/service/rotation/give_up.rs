//! The way out for secrets whose key is lost: an older copy of the database was put back, and its key is destroyed, or
//! nobody has a copy of it. They can't be opened ever; what is left to do is to say so and to ask for them again.
//!
//! Resumable: the epoch is marked as destroyed last, when nothing is under it any more.

use serde_json::json;

use super::{
    By, Epochs, KeysError, Progress, Result, audit_everywhere, has, is_alive, key_above, number,
    refuse, retire, rewrap,
};
use crate::domain::ids::{OrgId, RootId, WebhookId};
use crate::domain::kinds::OwnerKind;
use crate::secrets::keyring::Epoch;
use crate::secrets::{KeySource, claimed, read_source};
use crate::service::Services;
use crate::service::error::Result as ServiceResult;
use crate::service::receipts;
use crate::service::secrets::{Owner, shred, status_of};
use crate::service::unit::Tx;
use crate::service::views::connector_of;
use crate::service::webhooks;

/// What was given up.
#[derive(Debug, Default)]
pub struct GivenUp {
    /// Secrets that were shredded.
    pub secrets: usize,
    /// Connections, integrations and signing keys that lost some.
    pub owners: usize,
    /// A new primary epoch, if the lost one was it.
    pub primary: Option<Epoch>,
    /// The key is there after all, so the epoch is only retired.
    pub retired: bool,
}

/// Gives up the secrets under an epoch that do not open any more; those that do are wrapped anew.
pub fn give_up(services: &Services, epoch: Epoch, by: By) -> Result<GivenUp> {
    let mut given_up = GivenUp::default();
    let has_key = read_source(services.vault.source())?.is_some_and(|ring| ring.has(epoch));
    let is_primary = services.store.read(|conn| {
        let epochs = Epochs::read(conn)?;
        let row = epochs.find(epoch)?;
        if row.destroyed_at.is_some() && !conn.epoch_in_use(epoch.get())? {
            return refuse(format!("key epoch {epoch} is destroyed already"));
        }
        let now = conn.now()?;
        let holder = conn
            .list_replicas()?
            .into_iter()
            .find(|replica| !has_key && is_alive(replica, now) && has(replica, epoch));
        match holder {
            Some(replica) => refuse(format!(
                "the key of epoch {epoch} is not lost: {} has it; copy it from there",
                replica.name
            )),
            None => Ok(row.is_primary),
        }
    })?;
    if has_key {
        if is_primary {
            return refuse(format!(
                "the key of epoch {epoch} is not lost, and new secrets are sealed under it"
            ));
        }
        super::require_keys(services)?;
        let mut progress = Progress::default();
        rewrap(services, by, epoch, &mut progress)?;
        if progress.busy > 0 {
            return refuse("somebody else works on some of these secrets: try again");
        }
    } else if is_primary {
        given_up.primary = Some(replace_primary(services, epoch, by)?);
    }
    let organizations = services
        .store
        .read(|conn| conn.organizations_under(epoch.get()))?;
    for org in organizations {
        give_up_in(services, org, epoch, by, &mut given_up)?;
    }
    if has_key {
        match retire(services, by, epoch) {
            Ok(()) | Err(KeysError::Overtaken) => given_up.retired = true,
            Err(error) => return Err(error),
        }
    } else {
        mark_lost(services, epoch, by)?;
    }
    services.vault.reload(&services.store)?;
    Ok(given_up)
}

/// New secrets need a key: one that the keyring has beyond those that the database knows, the one of a rotation that was
/// under way, or a new one.
fn replace_primary(services: &Services, lost: Epoch, by: By) -> Result<Epoch> {
    let KeySource::Folder(folder) = services.vault.source() else {
        return refuse(
            "the key is given as one file (--key-file): name a folder with --keys instead",
        );
    };
    services.store.write(|conn| {
        audit_everywhere(
            conn,
            by,
            "key_epoch.switched",
            &json!({ "from": lost, "lost": true }),
        )?;
        conn.lock_epochs()?;
        let epochs = Epochs::read(conn)?;
        let next = epochs.next()?.map(number).transpose()?;
        let ring = read_source(services.vault.source())?;
        let has_next = next.filter(|next| ring.is_some_and(|ring| ring.has(*next)));
        let epoch = if let Some(next) = has_next {
            next
        } else {
            let (ring, epoch) = key_above(folder, epochs.highest()?)?;
            let row = claimed(conn, &ring, epoch, false)?;
            conn.insert_key_epoch(&row)?;
            epoch
        };
        let now = conn.now()?;
        if conn.switch_primary(lost.get(), epoch.get(), now)? == 0 {
            return Err(KeysError::Overtaken);
        }
        Ok(epoch)
    })
}

fn give_up_in(
    services: &Services,
    org: OrgId,
    epoch: Epoch,
    by: By,
    given_up: &mut GivenUp,
) -> Result<()> {
    let mut after = 0;
    loop {
        let page = services
            .store
            .read(|conn| conn.secrets_under(org, epoch.get(), after, super::BATCH))?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.slot_id;
        let mut owners: Vec<(OwnerKind, RootId)> = page
            .iter()
            .map(|row| (row.owner_kind, row.owner_id))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        for (kind, owner) in owners {
            let shredded = services.write_once(&by(org), |tx| match kind {
                OwnerKind::Connection => of_connection(tx, owner, epoch),
                OwnerKind::Integration => of_integration(tx, owner, epoch),
                OwnerKind::Signer => of_signer(tx, owner, epoch),
                OwnerKind::Webhook => of_webhook(tx, owner, epoch),
            })?;
            given_up.secrets += shredded;
            given_up.owners += usize::from(shredded > 0);
        }
    }
}

/// The fields of an owner under the epoch, shredded.
fn shred_lost(tx: &mut Tx<'_>, owner: Owner, epoch: Epoch) -> ServiceResult<Vec<String>> {
    let lost: Vec<String> = owner
        .facts(tx)?
        .into_iter()
        .filter(|row| row.key_epoch == epoch.get())
        .map(|row| row.field)
        .collect();
    let fields: Vec<&str> = lost.iter().map(String::as_str).collect();
    shred(tx, owner, &fields)?;
    Ok(lost)
}

fn of_connection(tx: &mut Tx<'_>, id: RootId, epoch: Epoch) -> ServiceResult<usize> {
    let (org, connection) = (tx.caller.org, crate::domain::ids::ConnectionId(id.0));
    let Some(mut row) = tx.conn.lock_connection(org, connection)? else {
        return Ok(0);
    };
    let lost = shred_lost(tx, Owner::from(&row), epoch)?;
    if lost.is_empty() {
        return Ok(0);
    }
    let left = Owner::from(&row).facts(tx)?;
    row.status = status_of(connector_of(&row)?, &left);
    row.last_test = None;
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_connection(&row)?;
    tx.record(
        "connection.credentials_lost",
        "connection",
        id,
        None,
        &json!({ "fields": lost, "key_epoch": epoch, "status": row.status }),
    )?;
    Ok(lost.len())
}

fn of_integration(tx: &mut Tx<'_>, id: RootId, epoch: Epoch) -> ServiceResult<usize> {
    let (org, integration) = (tx.caller.org, crate::domain::ids::IntegrationId(id.0));
    let Some(found) = tx.conn.find_integration(org, integration)? else {
        return Ok(0);
    };
    let Some(mut row) = tx.conn.lock_integration(org, &found.key)? else {
        return Ok(0);
    };
    if row.id != integration {
        return Ok(0);
    }
    let lost = shred_lost(tx, Owner::from(&row), epoch)?;
    if lost.is_empty() {
        return Ok(0);
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_integration(&row)?;
    tx.record(
        "integration.credentials_lost",
        "integration",
        id,
        None,
        &json!({ "fields": lost, "key_epoch": epoch }),
    )?;
    Ok(lost.len())
}

/// What it has signed stays signed; the next receipt gets a new key.
fn of_signer(tx: &mut Tx<'_>, id: RootId, epoch: Epoch) -> ServiceResult<usize> {
    let org = tx.caller.org;
    tx.conn.lock_organization(org)?;
    let current = tx.conn.current_receipt_key(org)?;
    let Some(row) = current.filter(|row| RootId::from(row.id) == id) else {
        return Ok(0);
    };
    let lost = shred_lost(tx, Owner::from(&row), epoch)?;
    if !lost.is_empty() {
        receipts::retire(tx, &row)?;
    }
    Ok(lost.len())
}

/// What an endpoint's messages are signed by. Without its present secret it is disabled until it has another.
fn of_webhook(tx: &mut Tx<'_>, id: RootId, epoch: Epoch) -> ServiceResult<usize> {
    let Some(row) = tx.conn.lock_webhook(tx.caller.org, WebhookId(id.0))? else {
        return Ok(0);
    };
    let lost = shred_lost(tx, Owner::from(&row), epoch)?;
    if !lost.is_empty() {
        webhooks::stop_without_secret(tx, row)?;
    }
    Ok(lost.len())
}

fn mark_lost(services: &Services, epoch: Epoch, by: By) -> Result<()> {
    services.store.write(|conn| {
        let now = conn.now()?;
        let detail = json!({ "epoch": epoch, "lost": true });
        audit_everywhere(conn, by, "key_epoch.destroyed", &detail)?;
        conn.lock_epochs()?;
        match conn.mark_epoch_destroyed(epoch.get(), now)? {
            0 => refuse("somebody else works on some of these secrets: try again"),
            _ => Ok(()),
        }
    })
}

//! Housekeeping, once a minute: writes down when keys were last used, forgets expired idempotent answers, re-entry
//! sessions and sign-ins, looks for interrupted imports and revocations, and for a key that was missing.

use std::time::Duration;

use crate::domain::clock::Ts;
use crate::service::Services;
use crate::service::{revoke, shreds, sign_ins, transfer};
use crate::store::StoreResult;

/// How long an expired re-entry session or connect token is kept, for whoever asks what became of it.
const SESSION_KEPT_FOR: chrono::Duration = chrono::Duration::days(1);
/// How often.
pub const PERIOD: Duration = Duration::from_mins(1);

/// One round; what fails is tried again in the next.
pub fn round(services: &Services) {
    if let Err(error) = services.last_use.flush(&services.store) {
        tracing::warn!(%error, "the last use of keys could not be written down");
    }
    if let Err(error) = forget_expired(services) {
        tracing::warn!(%error, "expired answers and sessions could not be forgotten");
    }
    if let Err(error) = services.shreds.drop_old(&services.store) {
        tracing::warn!(%error, "what is in the shred log could not be forgotten");
    }
    if let Err(error) = transfer::interrupt_stale(services) {
        tracing::warn!(%error, "interrupted imports could not be closed");
    }
    if let Err(error) = revoke::settle_stale(services) {
        tracing::warn!(%error, "interrupted revocations could not be closed");
    }
    if let Some(problem) = shreds::unlock(services) {
        tracing::warn!(problem, "secrets can't be entered or read");
    }
}

/// Writes down who used what is in the trash: more often, since people look at it and a purge may wait for it.
pub fn write_uses(services: &Services) {
    if let Err(error) = services.uses.flush(&services.store) {
        tracing::warn!(%error, "uses of what is in the trash could not be written down; it is tried again");
    }
}

fn forget_expired(services: &Services) -> StoreResult<()> {
    let mut after = None;
    loop {
        let page = services
            .store
            .read(|conn| conn.list_organizations(after, 200))?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for organization in &page {
            // One organization a transaction: no statement spans two.
            services.store.write(|conn| {
                let now = Ts::now();
                conn.drop_expired_idempotent(organization.id, now)?;
                let long_ago = now.plus(-SESSION_KEPT_FOR);
                conn.drop_expired_sign_ins(organization.id, now, now.plus(-sign_ins::IDLE))?;
                conn.drop_expired_connect_tokens(organization.id, long_ago)?;
                conn.drop_expired_sessions(organization.id, long_ago)
            })?;
        }
    }
}

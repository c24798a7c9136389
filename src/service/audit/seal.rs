//! The sealer: gives records their number and their hash.
//!
//! What must stay true: a number is given when nothing older can commit any more, so whoever has read up to a number has
//! read everything up to it. On PostgreSQL that is a while after the commit (`jobs::sealer`); a chain in the transaction of the
//! change itself makes the writers of an organization wait for each other (measured 569 instead of 828 deletions a second).
//! SQLite has one writer, who does it before the commit.

use super::AuditView;
use super::chain::{BEGINNING, Walk};
use crate::domain::ids::OrgId;
use crate::service::unit::lock_number;
use crate::store::rows::Sealed;
use crate::store::{Conn, Store, StoreResult};

/// Records in one transaction.
const BATCH: i64 = 500;

/// Seals whatever can be sealed of all organizations; answers how many records.
pub fn round(store: &Store) -> StoreResult<usize> {
    let mut sealed = 0;
    for org in store.read(Conn::unsealed_organizations)? {
        loop {
            let some = store.write(|conn| {
                // Who does not get it leaves the work to whoever has it.
                if !conn.try_lock(lock_number(&[b"seal", org.0.as_bytes()]))? {
                    return Ok(0);
                }
                seal(conn, org)
            })?;
            sealed += some;
            if some < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                break;
            }
        }
    }
    Ok(sealed)
}

/// Seals a batch of an organization's records; answers how many. Nobody else must seal meanwhile.
pub(in crate::service) fn seal(conn: &mut Conn, org: OrgId) -> StoreResult<usize> {
    let rows = conn.unsealed(org, BATCH)?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (seq, hash) = conn.audit_head(org)?.unwrap_or((0, BEGINNING.to_owned()));
    let mut walk = Walk::after(org, seq, hash);
    let seals: Vec<Sealed> = rows
        .into_iter()
        .map(|row| {
            let record = row.id;
            let (seq, hash) = walk.append(&AuditView::new((row, None, None)));
            Sealed { record, seq, hash }
        })
        .collect();
    conn.put_seals(org, &seals)
}

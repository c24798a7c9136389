//! Entries of many rows: marked as `purging` first, with no way back, and then without their rows, batch by batch.

use std::thread::sleep;
use std::time::Duration;

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::Result;
use super::super::unit::Tx;
use super::failures::{failed, is_of_an_entry};
use super::run::{PAUSE, Report, acting, organizations};
use super::{record, size};
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::EntryState;
use crate::store::rows::OrganizationRow;

/// How many entries that wait for their batches are gone on with in one run.
const UNFINISHED: i64 = 1_000;
/// How often an entry that somebody else has locked is looked at again: it may be another purge that goes on with it, but
/// also the eraser, who has it for a moment only.
const LOOKS: u32 = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Goes on with the large entries that are being purged already, whatever the clock says.
pub fn go_on(services: &Services) -> Result<Report> {
    let mut report = Report::default();
    let organizations = organizations(services, None)?;
    go_on_with(services, &organizations, &mut report)?;
    Ok(report)
}

pub(super) fn go_on_with(
    services: &Services,
    organizations: &[OrganizationRow],
    report: &mut Report,
) -> Result<()> {
    for organization in organizations {
        let waiting = services
            .store
            .read(|conn| conn.purging_entries(organization.id, UNFINISHED))?;
        for entry in waiting {
            finish(services, None, organization.id, entry, report)?;
        }
    }
    Ok(())
}

/// Goes on with an entry that is being purged, until nothing is left of it or somebody else keeps working on it.
pub(super) fn finish(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    entry: EntryId,
    report: &mut Report,
) -> Result<()> {
    let mut looks = 0;
    loop {
        match finish_some(services, caller, org, entry) {
            Ok(Progress::Some) => looks = 0,
            Ok(Progress::Done(rows)) => {
                report.add(org, 1, rows);
                return Ok(());
            }
            Ok(Progress::Elsewhere) if looks < LOOKS => {
                looks += 1;
                sleep(BETWEEN_LOOKS);
            }
            Ok(Progress::Elsewhere | Progress::None) => return Ok(()),
            Err(error) if is_of_an_entry(&error) => {
                return failed(services, org, entry, &error, report);
            }
            Err(error) => return Err(error),
        }
        if services.purging.is_halted() {
            return Ok(());
        }
        sleep(PAUSE);
    }
}

enum Progress {
    /// Some of its rows are gone.
    Some,
    /// It is gone, with so many rows.
    Done(u64),
    /// Somebody else has it locked.
    Elsewhere,
    /// It is to be tried again later, or somebody else was done with it.
    None,
}

fn finish_some(
    services: &Services,
    caller: Option<&Caller>,
    org: OrgId,
    entry: EntryId,
) -> Result<Progress> {
    services.write_once(&acting(caller, org), |tx: &mut Tx<'_>| {
        let now = tx.conn.now()?;
        let waits = tx.conn.purge_failures_of(org, Some(&[entry]), 1)?;
        if waits.first().is_some_and(|failure| failure.retry_at > now) {
            return Ok(Progress::None);
        }
        let Some(row) = tx.conn.claim_purging(org, entry)? else {
            let entry = tx.conn.find_entry(org, entry)?;
            let goes_on = entry.is_some_and(|entry| entry.state == EntryState::Purging);
            return Ok(if goes_on {
                Progress::Elsewhere
            } else {
                Progress::None
            });
        };
        tx.conn.allow_long_statements()?;
        let rows = services.purging.limits.batch_rows;
        let gone = tx.conn.purge_some_rows(org, entry, rows)?;
        if gone > 0 {
            return Ok(Progress::Some);
        }
        tx.conn.finish_purging(org, entry)?;
        record(tx, &row, EntryState::Purged, false)?;
        Ok(Progress::Done(u64::try_from(size(&row)).unwrap_or(0)))
    })
}

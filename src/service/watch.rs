//! Watches what nobody may notice otherwise: raises alarms or ends them, and announces what is purged soon. Writes only when one changes or is still open.

use chrono::Duration;
use serde_json::json;

use super::Services;
use super::alarms;
use super::caller::Caller;
use super::error::Result;
use super::purge::{due, is_valid, organizations};
use super::unit::Tx;
use super::views::Counts;
use crate::domain::alarms::AlarmCode;
use crate::domain::ids::OrgId;
use crate::store::rows::{EntryRow, OrganizationRow};
use crate::store::{Conn, StoreResult};

/// What could have gone so long ago should be gone.
const PURGE_OVERDUE: Duration = Duration::days(1);
/// Promise 4 says 60 seconds; a reader may be in the way for longer.
const ERASURE_OVERDUE_SQLITE: Duration = Duration::minutes(10);
/// Promise 4: within a day, whatever the cycle.
const ERASURE_OVERDUE_POSTGRES: Duration = Duration::days(1);

/// So many days before its purge an entry is announced.
const WARNINGS: [i32; 2] = [7, 1];
/// Entries that are announced in one transaction.
const AT_ONCE: i64 = 200;

/// Looks at everything once.
pub fn round(services: &Services) -> Result<()> {
    // By a clock that jumped everything is overdue, or nothing; that alarm is enough.
    let jumped = services
        .store
        .read(|conn| conn.is_alarm_open(alarms::SERVICE, AlarmCode::ClockJump))?;
    if !jumped {
        let overdue = services.store.read(erasure_overdue)?;
        set(services, None, AlarmCode::ErasureOverdue, overdue)?;
    }
    for organization in organizations(services, None)? {
        let (blocked, overdue) = services
            .store
            .read_snapshot(|conn| purge(conn, &organization))?;
        set(
            services,
            Some(organization.id),
            AlarmCode::PurgeBlocked,
            blocked,
        )?;
        if !jumped {
            set(
                services,
                Some(organization.id),
                AlarmCode::PurgeOverdue,
                overdue,
            )?;
            warn_of_purges(services, organization.id)?;
        }
    }
    Ok(())
}

/// Announces what is purged soon, each entry once for each of [`WARNINGS`]; not what lives no longer than that anyway.
fn warn_of_purges(services: &Services, org: OrgId) -> Result<()> {
    for days in WARNINGS {
        let ahead = Duration::days(i64::from(days));
        loop {
            let unwarned = services.store.read(|conn| {
                let now = conn.now()?;
                conn.unwarned_entries(org, days, now, now.plus(ahead), AT_ONCE)
            })?;
            if unwarned.is_empty() {
                break;
            }
            services.write_once(&Caller::service(org), |tx| {
                for entry in &unwarned {
                    warn(tx, entry, days, ahead)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn warn(tx: &mut Tx<'_>, entry: &EntryRow, days: i32, ahead: Duration) -> Result<()> {
    let first = tx
        .conn
        .insert_purge_warning(entry.org_id, entry.id, days, entry.purge_at)?
        > 0;
    if !first || entry.deleted_at.plus(ahead) >= entry.purge_at {
        return Ok(());
    }
    tx.record(
        "trash.purge_soon",
        entry.root_kind.as_str(),
        entry.root_id,
        Some(entry.id),
        &json!({ "name": entry.root_name, "days": days, "purge_at": entry.purge_at, "rows": Counts::of(entry) }),
    )
}

/// Raises an alarm that has a reason, ends one that has none. Writes only if something changes for somebody.
fn set(
    services: &Services,
    org: Option<OrgId>,
    code: AlarmCode,
    reason: Option<String>,
) -> Result<()> {
    let open = services
        .store
        .read(|conn| conn.is_alarm_open(org.unwrap_or(alarms::SERVICE), code))?;
    match reason {
        Some(detail) => services
            .store
            .write(|conn| alarms::raise(conn, org, code, "", &detail))?,
        None if open => services
            .store
            .write(|conn| alarms::resolve(conn, org, code, ""))?,
        None => false,
    };
    Ok(())
}

fn purge(
    conn: &mut Conn,
    organization: &OrganizationRow,
) -> StoreResult<(Option<String>, Option<String>)> {
    let org = organization.id;
    let blocked = conn.count_purge_failures(org)?;
    let blocked = (blocked > 0).then(|| {
        format!("{blocked} entries could not be purged and are tried again by themselves.")
    });
    let mut overdue = None;
    // What stops it on purpose, or has an alarm of its own, makes nothing overdue.
    if organization.purge_paused_at.is_none() && is_valid(organization) {
        // Those that were due a day ago already, and not merely past their date: a hold may have ended since.
        let then = conn.now()?.plus(-PURGE_OVERDUE);
        let due = due(conn, org, then)?;
        if let [oldest] = conn.peek_due(org, &due, None, 1)?.as_slice() {
            overdue = Some(format!(
                "The entry {} should have been purged on {}; nothing keeps it.",
                oldest.id, oldest.purge_at
            ));
        }
    }
    Ok((blocked, overdue))
}

fn erasure_overdue(conn: &mut Conn) -> StoreResult<Option<String>> {
    let patience = if conn.is_sqlite() {
        ERASURE_OVERDUE_SQLITE
    } else {
        ERASURE_OVERDUE_POSTGRES
    };
    let (jobs, now) = (conn.open_erasure_jobs()?, conn.now()?);
    let oldest = jobs.iter().min_by_key(|job| job.created_at);
    Ok(oldest
        .filter(|job| job.created_at.plus(patience) < now)
        .map(|job| {
            let problem = job
                .last_problem
                .as_deref()
                .unwrap_or("nothing tried it yet");
            format!(
                "{} erasures wait, the oldest since {}: {problem}.",
                jobs.len(),
                job.created_at
            )
        }))
}

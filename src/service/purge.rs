//! The purge: removes for good what is past its date, unless something keeps it.
//!
//! What must stay true (promises 6 and 7):
//! * Every condition stands in the statement that claims the entry; what other tables hold against it (holds, uses) is
//!   asked again behind the lock. So any number of purges, restores and holds at once are safe; nothing else guards them.
//! * The record of a purge is in its transaction: no record, no purge.
//! * One bad entry never stops the rest: it is tried again alone, later, and listed meanwhile.
//! * A large entry is first committed as `purging`, with no way back, and then goes in batches; whoever comes next goes
//!   on with what a kill left behind.

mod failures;
pub mod guard;
mod large;
mod plan;
mod run;
pub mod status;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};

use chrono::Duration;
use serde_json::json;

pub use large::go_on;
pub use plan::{OrganizationPlan, Plan, plan};
pub(super) use run::organizations;
pub use run::{Failed, Gone, Report, Stop, run};

use super::audit;
use super::error::Result;
use super::unit::Tx;
use super::views::Counts;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId};
use crate::domain::kinds::EntryState;
use crate::metrics::{Fact, Purge};
use crate::store::filters::Due;
use crate::store::rows::{EntryRow, OrganizationRow};
use crate::store::{Conn, StoreResult};
use guard::Guard;

/// The longest retention there is; what an unreadable one means for a deletion (promise 6).
pub const LONGEST_RETENTION_DAYS: i32 = 3_650;
/// An ended hold never means purged within a day.
pub(crate) const AFTER_A_HOLD: Duration = Duration::days(1);
/// How long a use keeps an entry, where the organization says that it does.
pub(crate) const AFTER_A_USE: Duration = Duration::days(1);

/// How much a purge may do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Nothing goes sooner after its deletion, whoever asks: days; 0 is no floor.
    pub min_retention_days: i32,
    /// Entries in one run.
    pub run: u64,
    /// Entries of an organization within an hour; without one 1,000, or a tenth of its entries if that is more.
    pub hourly: Option<u64>,
    /// Entries in one transaction.
    pub batch: i64,
    /// An entry of more rows goes in batches of its own.
    pub large: i64,
    /// Rows of a large entry in one transaction.
    pub batch_rows: i64,
    /// Longer than the service is ever down: a clock further ahead after a start has jumped.
    pub max_downtime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_retention_days: 0,
            run: 10_000,
            hourly: None,
            batch: 100,
            large: 10_000,
            batch_rows: 1_000,
            max_downtime: Duration::days(7),
        }
    }
}

/// What the purge needs besides the database.
#[derive(Debug, Default)]
pub struct Purging {
    /// How much it may do.
    pub limits: Limits,
    /// Whether the clock can be believed.
    pub guard: Guard,
    /// When it runs by itself, in words; none if it does not.
    pub schedule: Option<String>,
    nudges: Mutex<Option<SyncSender<()>>>,
    halted: AtomicBool,
}

impl Purging {
    /// With these limits.
    pub fn new(limits: Limits, schedule: Option<String>) -> Self {
        Self {
            limits,
            schedule,
            ..Self::default()
        }
    }

    /// Whom to tell that an entry is to be gone on with.
    pub fn listen(&self, nudges: SyncSender<()>) {
        *self.nudges.lock().unwrap_or_else(PoisonError::into_inner) = Some(nudges);
    }

    /// Ends runs after the transaction they are in: the service stops.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Whether runs are to end.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Says that a large entry waits for its batches. Never waits: one nudge in the queue stands for all.
    pub fn nudge(&self) {
        let nudges = self.nudges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nudges) = nudges.as_ref() {
            let _ = nudges.try_send(());
        }
    }
}

/// Which entries a purge is about.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// One organization; without it all.
    pub organization: Option<OrgId>,
    /// These entries alone, of that organization.
    pub ids: Option<Vec<EntryId>>,
    /// No more than so many.
    pub limit: Option<u64>,
}

/// By what entries of an organization are due now.
pub(super) fn due(conn: &mut Conn, org: OrgId, now: Ts) -> StoreResult<Due> {
    let brake = conn.open_brake(org)?;
    let organization = conn.find_organization(org)?;
    let hold_while_used = organization.is_some_and(|organization| organization.hold_while_used);
    Ok(Due {
        now,
        held_since: now.plus(-AFTER_A_HOLD),
        used_since: if hold_while_used {
            now.plus(-AFTER_A_USE)
        } else {
            Ts::FAR
        },
        braked_from: brake.map_or(Ts::FAR, |brake| brake.covers_from),
    })
}

/// Whether a retention is one.
pub fn is_valid(organization: &OrganizationRow) -> bool {
    (1..=LONGEST_RETENTION_DAYS).contains(&organization.retention_days)
}

/// All rows of an entry but its links.
pub(super) fn size(entry: &EntryRow) -> i64 {
    entry.connections_count + entry.models_count + entry.content_count
}

/// Removes these entries, which are locked and nothing keeps, with all their rows, or only marks a large one as `purging`,
/// for [`large::finish`]. Writes down who did it.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    rows: &[EntryRow],
    state: EntryState,
    at: Ts,
    by_hand: bool,
) -> Result<()> {
    let (org, actor) = (tx.caller.org, tx.caller.actor.clone());
    let ids: Vec<EntryId> = rows.iter().map(|row| row.id).collect();
    if state == EntryState::Purged {
        tx.conn.purge_rows_of(org, &ids)?;
    }
    tx.conn
        .close_entries(org, &ids, state, at, &actor.id, actor.name.as_deref())?;
    for row in rows {
        tx.count(Fact::Purge(if by_hand {
            Purge::ByHand
        } else {
            Purge::Due
        }));
        record(tx, row, state, by_hand)?;
    }
    Ok(())
}

fn record(tx: &mut Tx<'_>, row: &EntryRow, state: EntryState, by_hand: bool) -> Result<()> {
    tx.record(
        &format!("trash.{state}"),
        row.root_kind.as_str(),
        row.root_id,
        Some(row.id),
        &json!({
            "name": row.root_name,
            "by_hand": by_hand,
            "purge_at": row.purge_at,
            "rows": audit::moved(&Counts::of(row), "trash", "purged"),
        }),
    )
}

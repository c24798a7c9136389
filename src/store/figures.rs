//! What a scrape of the metrics asks of the database as a whole: counts over all organizations.
//!
//! What must stay true: it costs a walk along the index of the entries that are in the trash, and of closed entries, rows
//! in the trash and records nothing, however many there are.

use std::collections::BTreeMap;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::types::Moment;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;

/// Counted from the organizations on, so that each count is a range of `trash_entries_purge`.
pub(super) const TOTALS: &str = "SELECT \
    (SELECT CAST(coalesce(sum((SELECT count(*) FROM trash_entries e WHERE e.org_id = o.id AND e.state = 'in_trash')), 0) AS bigint) \
        FROM organizations o) AS in_trash, \
    (SELECT CAST(coalesce(sum((SELECT count(*) FROM trash_entries e WHERE e.org_id = o.id AND e.state = 'purging')), 0) AS bigint) \
        FROM organizations o) AS purging, \
    (SELECT count(*) FROM erasure_jobs WHERE finished_at IS NULL) AS erasure_pending, \
    (SELECT min(created_at) FROM erasure_jobs WHERE finished_at IS NULL) AS erasure_oldest, \
    (SELECT coalesce(max(residue), 0) FROM canary_checks) AS residue, \
    (SELECT max(checked_at) FROM canary_checks) AS residue_checked, \
    (SELECT count(*) FROM (SELECT 1 FROM audit_seals WHERE seq IS NULL LIMIT 10000) counted) AS unsealed, \
    (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE finished_at IS NULL LIMIT 10000) counted) AS deliveries";

/// The entries that are due by `$3`, by what keeps them; a hold that ended after `$1` still does, and so does a use after
/// `$2`, where the organization says so. (SQLite numbers the binds as they come in the text, whatever they are called.)
pub(super) const DUE: &str = "SELECT standing, count(*) AS entries, min(purge_at) AS oldest FROM (\
    SELECT e.purge_at, CASE \
        WHEN EXISTS (SELECT 1 FROM holds h WHERE h.org_id = e.org_id AND h.entry_id = e.id \
            AND (h.ends_at IS NULL OR h.ends_at > $1)) THEN 'hold' \
        WHEN EXISTS (SELECT 1 FROM brakes b WHERE b.org_id = e.org_id AND b.released_at IS NULL \
            AND b.covers_from <= e.deleted_at) THEN 'brake' \
        WHEN o.hold_while_used AND EXISTS (SELECT 1 FROM trash_uses u WHERE u.org_id = e.org_id AND u.entry_id = e.id \
            AND u.last_used_at > $2) THEN 'use' \
        WHEN EXISTS (SELECT 1 FROM purge_failures f WHERE f.org_id = e.org_id AND f.entry_id = e.id) THEN 'failed' \
        WHEN o.purge_paused_at IS NOT NULL THEN 'paused' \
        WHEN o.retention_days NOT BETWEEN 1 AND 3650 THEN 'retention_invalid' \
        ELSE 'eligible' END AS standing \
    FROM organizations o CROSS JOIN trash_entries e \
    WHERE e.org_id = o.id AND e.state = 'in_trash' AND e.purge_at <= $3) due GROUP BY standing";

/// How an entry that is due stands; the first that is so, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A hold is on it, or was until a day ago.
    Hold,
    /// The brake on mass deletion keeps it.
    Brake,
    /// Somebody used it within a day, and its organization says that this keeps it.
    Use,
    /// It could not be purged.
    Failed,
    /// The purge of its organization is paused.
    Paused,
    /// The retention of its organization is not valid.
    RetentionInvalid,
    /// Nothing keeps it.
    Eligible,
}

impl Standing {
    /// What can keep an entry.
    pub const BLOCKED: [Self; 6] = [
        Self::Hold,
        Self::Brake,
        Self::Use,
        Self::Failed,
        Self::Paused,
        Self::RetentionInvalid,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Brake => "brake",
            Self::Use => "use",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::RetentionInvalid => "retention_invalid",
            Self::Eligible => "eligible",
        }
    }
}

/// The database in numbers.
#[derive(Debug, Clone)]
pub struct Figures {
    /// When they were counted, by the database's clock.
    pub at: Ts,
    /// Entries that can be restored.
    pub in_trash: i64,
    /// Entries that are being purged.
    pub purging: i64,
    /// Erasure jobs that are not done.
    pub erasure_pending: i64,
    /// When the oldest of them was made.
    pub erasure_oldest: Option<Ts>,
    /// Bytes of a deleted secret that the last standing check found.
    pub residue: i64,
    /// When that was.
    pub residue_checked: Option<Ts>,
    /// Audit records without a number, up to 10,000.
    pub unsealed: i64,
    /// Deliveries to webhook endpoints that are pending, up to 10,000.
    pub deliveries: i64,
    alarms: Vec<(AlarmCode, i64)>,
    due: BTreeMap<String, (i64, Option<Ts>)>,
}

#[derive(QueryableByName)]
pub(super) struct Totals {
    #[diesel(sql_type = BigInt)]
    in_trash: i64,
    #[diesel(sql_type = BigInt)]
    purging: i64,
    #[diesel(sql_type = BigInt)]
    erasure_pending: i64,
    #[diesel(sql_type = Nullable<Moment>)]
    erasure_oldest: Option<Ts>,
    #[diesel(sql_type = BigInt)]
    residue: i64,
    #[diesel(sql_type = Nullable<Moment>)]
    residue_checked: Option<Ts>,
    #[diesel(sql_type = BigInt)]
    unsealed: i64,
    #[diesel(sql_type = BigInt)]
    deliveries: i64,
}

#[derive(QueryableByName)]
pub(super) struct Due {
    #[diesel(sql_type = Text)]
    standing: String,
    #[diesel(sql_type = BigInt)]
    entries: i64,
    #[diesel(sql_type = Nullable<Moment>)]
    oldest: Option<Ts>,
}

impl Figures {
    pub(super) fn new(
        at: Ts,
        totals: Totals,
        due: Vec<Due>,
        alarms: Vec<(AlarmCode, i64)>,
    ) -> Self {
        Self {
            at,
            in_trash: totals.in_trash,
            purging: totals.purging,
            erasure_pending: totals.erasure_pending,
            erasure_oldest: totals.erasure_oldest,
            residue: totals.residue,
            residue_checked: totals.residue_checked,
            unsealed: totals.unsealed,
            deliveries: totals.deliveries,
            alarms,
            due: due
                .into_iter()
                .map(|row| (row.standing, (row.entries, row.oldest)))
                .collect(),
        }
    }

    /// How many entries that are due stand so, and since when the oldest of them is due.
    pub fn due(&self, standing: Standing) -> (i64, Option<Ts>) {
        self.due.get(standing.as_str()).copied().unwrap_or_default()
    }

    /// How many alarms of this code are open.
    pub fn alarms(&self, code: AlarmCode) -> i64 {
        let open = self.alarms.iter().find(|(open, _)| *open == code);
        open.map_or(0, |(_, count)| *count)
    }

    /// How long a moment has been over, in seconds; 0 for none.
    pub fn age(&self, since: Option<Ts>) -> f64 {
        let age = since.and_then(|since| (self.at.utc() - since.utc()).to_std().ok());
        age.unwrap_or_default().as_secs_f64()
    }
}

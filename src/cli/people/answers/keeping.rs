//! What the commands read out of the API's documents about retention, holds, alarms and brakes.

use serde::Deserialize;

use super::Actor;
use crate::domain::clock::Ts;
use crate::domain::ids::{AlarmId, BrakeId, EntryId, HoldId};

/// A hold.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Hold {
    pub(in crate::cli) id: HoldId,
    pub(in crate::cli) owner: String,
    pub(in crate::cli) reason: String,
    pub(in crate::cli) ends_at: Option<Ts>,
    pub(in crate::cli) active: bool,
    pub(in crate::cli) created_at: Ts,
}

/// An entry that could not be purged.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Blocked {
    pub(in crate::cli) entry_id: EntryId,
    pub(in crate::cli) code: String,
    pub(in crate::cli) attempts: i64,
    pub(in crate::cli) failed_at: Ts,
    pub(in crate::cli) retry_at: Ts,
}

/// How long deletions are kept.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Retention {
    #[serde(rename = "retention_days")]
    pub(in crate::cli) days: i32,
    pub(in crate::cli) valid: bool,
    #[serde(rename = "min_retention_days")]
    pub(in crate::cli) min_days: i32,
    pub(in crate::cli) purge_protection: bool,
    #[serde(default)]
    pub(in crate::cli) hold_while_used: bool,
    pub(in crate::cli) brake: BrakePolicy,
}

/// When the brake comes on.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct BrakePolicy {
    pub(in crate::cli) connections: i32,
    pub(in crate::cli) percent: i32,
    pub(in crate::cli) refuse_deletions: bool,
}

/// What the purge is about to do.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Status {
    pub(in crate::cli) schedule: Option<String>,
    pub(in crate::cli) pause: Pause,
    pub(in crate::cli) stopped: Option<String>,
    pub(in crate::cli) would_purge: u64,
    pub(in crate::cli) past_date: u64,
    pub(in crate::cli) held: u64,
    pub(in crate::cli) braked: u64,
    #[serde(default)]
    pub(in crate::cli) used: u64,
    pub(in crate::cli) oldest: Option<Ts>,
    pub(in crate::cli) purging: Vec<EntryId>,
    pub(in crate::cli) blocked: Vec<Blocked>,
    pub(in crate::cli) blocked_count: u64,
}

/// The pause switch.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Pause {
    pub(in crate::cli) paused: bool,
    pub(in crate::cli) since: Option<Ts>,
    pub(in crate::cli) by: Option<String>,
    pub(in crate::cli) reason: Option<String>,
}

/// The trash in numbers.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Summary {
    pub(in crate::cli) entries: Kinds,
    pub(in crate::cli) purges: Vec<Day>,
}

/// Entries by the kind of their root.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Kinds {
    pub(in crate::cli) all: i64,
    pub(in crate::cli) integration: i64,
    pub(in crate::cli) connection: i64,
    pub(in crate::cli) model: i64,
    pub(in crate::cli) content: i64,
}

/// What has its date on one day.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Day {
    pub(in crate::cli) date: String,
    pub(in crate::cli) entries: i64,
    #[serde(default)]
    pub(in crate::cli) held: i64,
}

/// An alarm.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Alarm {
    pub(in crate::cli) id: AlarmId,
    pub(in crate::cli) code: String,
    pub(in crate::cli) of_service: bool,
    pub(in crate::cli) title: String,
    pub(in crate::cli) detail: String,
    pub(in crate::cli) next: String,
    pub(in crate::cli) raised_at: Ts,
    pub(in crate::cli) last_seen_at: Ts,
    pub(in crate::cli) acknowledged_at: Option<Ts>,
    pub(in crate::cli) acknowledged_by: Option<Actor>,
    pub(in crate::cli) resolved_at: Option<Ts>,
}

/// A brake on mass deletion.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Brake {
    pub(in crate::cli) id: BrakeId,
    pub(in crate::cli) started_at: Ts,
    pub(in crate::cli) covers_from: Ts,
    pub(in crate::cli) connections: i64,
    pub(in crate::cli) of_connections: i64,
    pub(in crate::cli) released_at: Option<Ts>,
    pub(in crate::cli) released_by: Option<String>,
}

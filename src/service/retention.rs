//! How long deletions of an organization stay in the trash, who may shorten that, the brake, and the pause switch.
//!
//! What must stay true (promise 6): a shorter retention never reaches back; purge protection is on for everything at
//! once and off only for later deletions; nothing goes below the floor that was set at start.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Services;
use super::alarms;
use super::caller::Caller;
use super::connections::check_version;
use super::delete::check_reason;
use super::error::{Error, Result};
use super::purge::{LONGEST_RETENTION_DAYS, is_valid};
use super::unit::Tx;
use crate::domain::FieldError;
use crate::domain::alarms::AlarmCode;
use crate::domain::clock::Ts;
use crate::domain::ids::RootId;
use crate::domain::merge_patch::not_null;
use crate::domain::scopes::Scope;
use crate::store::Conn;
use crate::store::rows::OrganizationRow;

/// The fewest connections that a brake lets be deleted within an hour.
pub const LEAST_BRAKE: i32 = 20;

/// How long deletions are kept, and what keeps them longer.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionView {
    /// Days a deletion stays in the trash, stored in each entry when it is made.
    pub retention_days: i32,
    /// Whether that is a retention; nothing of the organization is purged while it is not.
    pub valid: bool,
    /// The floor set at start: nothing is purged sooner after its deletion, whoever asks.
    pub min_retention_days: i32,
    /// Whether nobody may purge anything before its date.
    pub purge_protection: bool,
    /// Whether an entry that was used within a day is not purged by its date: somebody still calls for what is in it.
    pub hold_while_used: bool,
    /// The brake on mass deletion.
    pub brake: BrakePolicy,
    /// Raised by every change of the organization; the ETag.
    pub version: i64,
}

/// When the brake on mass deletion comes on: above both numbers within an hour.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct BrakePolicy {
    /// So many connections.
    pub connections: i32,
    /// And so many percent of all of the organization.
    pub percent: i32,
    /// Whether further deletions are refused until it is released.
    pub refuse_deletions: bool,
}

/// A change; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionChange {
    /// 1 to 3650; for deletions from now on.
    #[serde(default, deserialize_with = "not_null")]
    pub retention_days: Option<i32>,
    /// On: for all that is in the trash, at once. Off: for deletions from now on.
    #[serde(default, deserialize_with = "not_null")]
    pub purge_protection: Option<bool>,
    /// Whether an entry that was used within a day is not purged by its date.
    #[serde(default, deserialize_with = "not_null")]
    pub hold_while_used: Option<bool>,
    /// The brake on mass deletion.
    #[serde(default, deserialize_with = "not_null")]
    pub brake: Option<BrakeChange>,
}

/// A change of the brake; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrakeChange {
    /// 20 or more.
    #[serde(default, deserialize_with = "not_null")]
    pub connections: Option<i32>,
    /// 1 to 100.
    #[serde(default, deserialize_with = "not_null")]
    pub percent: Option<i32>,
    /// Whether further deletions are refused until it is released.
    #[serde(default, deserialize_with = "not_null")]
    pub refuse_deletions: Option<bool>,
}

/// The pause switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseChange {
    /// Whether the purge is to stand still.
    pub paused: bool,
    /// Why, for whoever wonders.
    #[serde(default, deserialize_with = "not_null")]
    pub reason: Option<String>,
}

/// Whether the purge of the organization stands still.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseView {
    /// Whether it does.
    pub paused: bool,
    /// Since when.
    pub since: Option<Ts>,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl PauseView {
    pub(super) fn of(row: &OrganizationRow) -> Self {
        Self {
            paused: row.purge_paused_at.is_some(),
            since: row.purge_paused_at,
            by: row.purge_paused_by.clone(),
            reason: row.purge_pause_reason.clone(),
        }
    }
}

fn view(row: &OrganizationRow, floor: i32) -> RetentionView {
    RetentionView {
        retention_days: row.retention_days,
        valid: is_valid(row),
        min_retention_days: floor,
        purge_protection: row.purge_protection,
        hold_while_used: row.hold_while_used,
        brake: BrakePolicy {
            connections: row.brake_deletions,
            percent: row.brake_percent,
            refuse_deletions: row.brake_refuses,
        },
        version: row.version,
    }
}

/// The policy of the caller's organization.
pub fn get(services: &Services, conn: &mut Conn, caller: &Caller) -> Result<RetentionView> {
    caller.require(Scope::RetentionRead)?;
    let row = conn
        .find_organization(caller.org)?
        .ok_or_else(|| Error::not_found("organization"))?;
    Ok(view(&row, services.purging.limits.min_retention_days))
}

/// Changes it.
pub fn put(
    tx: &mut Tx<'_>,
    if_match: Option<i64>,
    change: &RetentionChange,
) -> Result<RetentionView> {
    tx.caller.require(Scope::RetentionWrite)?;
    let floor = tx.purging.limits.min_retention_days;
    check(change, floor)?;
    let mut row = lock(tx)?;
    check_version(row.version, if_match)?;
    let before = view(&row, floor);
    row.retention_days = change.retention_days.unwrap_or(row.retention_days);
    row.purge_protection = change.purge_protection.unwrap_or(row.purge_protection);
    row.hold_while_used = change.hold_while_used.unwrap_or(row.hold_while_used);
    if let Some(brake) = &change.brake {
        row.brake_deletions = brake.connections.unwrap_or(row.brake_deletions);
        row.brake_percent = brake.percent.unwrap_or(row.brake_percent);
        row.brake_refuses = brake.refuse_deletions.unwrap_or(row.brake_refuses);
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_organization(&row)?;
    let protected = if row.purge_protection {
        tx.conn.allow_long_statements()?;
        tx.conn.protect_entries(row.id)?
    } else {
        0
    };
    if is_valid(&row) {
        alarms::resolve(tx.conn, Some(row.id), AlarmCode::RetentionInvalid, "")?;
    }
    let after = view(&row, floor);
    tx.record(
        "retention.updated",
        "organization",
        RootId(row.id.0),
        None,
        &json!({ "before": before, "after": after, "entries_protected": protected }),
    )?;
    Ok(after)
}

fn check(change: &RetentionChange, floor: i32) -> Result<()> {
    let mut errors = Vec::new();
    let mut within = |pointer: &str, value: Option<i32>, least: i32, most: i32| {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            let detail = format!("It goes from {least} to {most}.");
            errors.push(FieldError::new(pointer, "out_of_range", detail));
        }
    };
    within(
        "/retention_days",
        change.retention_days,
        floor.max(1),
        LONGEST_RETENTION_DAYS,
    );
    if let Some(brake) = &change.brake {
        within(
            "/brake/connections",
            brake.connections,
            LEAST_BRAKE,
            1_000_000,
        );
        within("/brake/percent", brake.percent, 1, 100);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.into())
    }
}

/// Pauses the purge of the organization, or lets it go on. Purging by hand works meanwhile.
pub fn pause(tx: &mut Tx<'_>, change: &PauseChange) -> Result<PauseView> {
    tx.caller.require(Scope::RetentionWrite)?;
    let reason = check_reason(change.reason.as_deref(), "/reason")?;
    let mut row = lock(tx)?;
    if change.paused {
        row.purge_paused_at = Some(row.purge_paused_at.unwrap_or(tx.conn.now()?));
        row.purge_paused_by = Some(tx.caller.actor.id.clone());
        row.purge_pause_reason = reason;
    } else {
        (
            row.purge_paused_at,
            row.purge_paused_by,
            row.purge_pause_reason,
        ) = (None, None, None);
    }
    row.version += 1;
    row.updated_at = tx.at;
    tx.conn.update_organization(&row)?;
    let action = if change.paused {
        "purge.paused"
    } else {
        "purge.resumed"
    };
    tx.record(
        action,
        "organization",
        RootId(row.id.0),
        None,
        &json!({ "reason": row.purge_pause_reason }),
    )?;
    Ok(PauseView::of(&row))
}

fn lock(tx: &mut Tx<'_>) -> Result<OrganizationRow> {
    tx.conn
        .lock_organization(tx.caller.org)?
        .ok_or_else(|| Error::not_found("organization"))
}

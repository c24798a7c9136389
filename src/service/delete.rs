//! Delete: a row and all that hangs on it leave for the trash in one step, its secrets shredded.
//!
//! What must stay true: all or nothing moves (promise 1), the secrets are shredded in the same transaction
//! (promise 3), its receipt is written with the move, and `purge_at` is written once (promise 6).

use chrono::Duration;
use serde_json::json;

use super::alarms;
use super::audit;
use super::brakes;
use super::caller::Caller;
use super::connections::{absent, check_version};
use super::dependents::absent_dependent;
use super::error::{Error, Problem, Result};
use super::impact::{self, ImpactView, Root, Target};
use super::integrations::absent as absent_integration;
use super::purge::{LONGEST_RETENTION_DAYS, is_valid};
use super::revoke;
use super::trash::whole_view;
use super::unit::{Tx, to_json};
use super::views::{
    Counts, EntryView, connector_named, connector_of, integration_secret_views, secret_views,
};
use crate::domain::alarms::AlarmCode;
use crate::domain::codes::Code;
use crate::domain::ids::EntryId;
use crate::domain::json::JsonText;
use crate::domain::kinds::{EntryState, OwnerKind, RootKind};
use crate::domain::text::{Name, Reason};
use crate::metrics::Fact;
use crate::store::rows::{EntryRow, OrganizationRow};
use crate::store::{Binds, Conn};

/// How to delete.
#[derive(Debug, Default, Clone)]
pub struct DeleteRequest {
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// The plan the caller has seen.
    pub plan_token: Option<String>,
    /// The version the caller has seen.
    pub if_match: Option<i64>,
    /// The plan of this one among many, links aside; no caller's.
    pub rows_token: Option<String>,
}

/// Deletes: moves the root and all that hangs on it into the trash and shreds its secrets.
pub fn delete(tx: &mut Tx<'_>, target: &Target, request: &DeleteRequest) -> Result<EntryView> {
    let (caller, org) = (tx.caller, tx.caller.org);
    let reason = reason(request)?;
    let root = lock_root(tx, target)?;
    check_version(root.version(), request.if_match)?;
    let entry = EntryId::mint();
    let binds = root.binds(org, entry);
    if root.kind() != RootKind::Content {
        // Counting and moving a large cascade takes longer than a request usually may.
        tx.conn.allow_long_statements()?;
    }
    tx.conn.lock_scope(root.kind(), binds)?;
    let row = tx.conn.impact(root.kind(), binds)?;
    if let Some(protected) = impact::protected(tx.conn, &root, binds, &row)? {
        return Err(impact::deletion_protected(&protected).into());
    }
    let stale = |token: &Option<String>, now: String| token.as_ref().is_some_and(|it| *it != now);
    if stale(&request.plan_token, impact::plan_token(&root, &row))
        || stale(&request.rows_token, impact::rows_token(&root, &row))
    {
        let now = impact::describe(tx.conn, caller, &root)?;
        return Err(Problem::new(
            Code::PlanStale,
            "What would be deleted has changed since the plan.",
        )
        .with("plan", now)
        .into());
    }
    let counts = impact::counts(&row);
    let organization = tx
        .conn
        .find_organization(org)?
        .ok_or_else(|| Error::Internal(format!("organization {org} is missing")))?;
    brakes::refuse(tx, &organization)?;
    let (new, fields) = entry_row(
        tx,
        &organization,
        &root,
        binds,
        counts,
        row.references,
        reason,
    )?;
    tx.conn.insert_entry(&new)?;
    revoke::prepare(tx, &root, entry)?;
    let shredded = tx.conn.shred_scope(root.kind(), binds, tx.at)?;
    let shredded = i64::try_from(shredded).unwrap_or(i64::MAX);
    let moved = tx.conn.move_out(root.kind(), binds, &to_json(&fields)?)?;
    if impact::moved(moved) != counts || shredded != new.secrets_shredded {
        // A row left the root between the count and the move; the next attempt counts again.
        return Err(crate::store::StoreError::Conflict.into());
    }
    if shredded > 0 {
        tx.erase_after_commit(Some(entry))?;
    }
    brakes::watch(tx, &organization, &new)?;
    tx.count(Fact::Deleted(root.kind()));
    let view = whole_view(tx.conn, caller, new, tx.at)?;
    tx.record(
        &format!("{}.trashed", root.kind()),
        root.kind().as_str(),
        root.id(),
        Some(entry),
        &json!({ "name": view.root.name, "rows": audit::moved(&view.impact.rows, "live", "trash"), "references": view.impact.references, "secrets_shredded": shredded, "revocation": view.secrets.revocation, "purge_at": view.purge_at }),
    )?;
    if shredded > 0 {
        tx.record(
            &format!("{}.secrets_shredded", root.kind()),
            root.kind().as_str(),
            root.id(),
            Some(entry),
            &json!({ "secrets_shredded": shredded, "key_epoch": view.secrets.key_epoch }),
        )?;
    }
    Ok(view)
}

/// What a deletion would answer: the same checks, nothing changed.
pub fn preview(
    conn: &mut Conn,
    caller: &Caller,
    target: &Target,
    request: &DeleteRequest,
) -> Result<ImpactView> {
    reason(request)?;
    let root = impact::find(conn, caller, target)?;
    check_version(root.version(), request.if_match)?;
    let view = impact::describe(conn, caller, &root)?;
    if let Some(protected) = &view.protected {
        return Err(impact::deletion_protected(protected).into());
    }
    if request
        .plan_token
        .as_ref()
        .is_some_and(|token| *token != view.plan_token)
    {
        return Err(Problem::new(
            Code::PlanStale,
            "What would be deleted has changed since the plan.",
        )
        .with("plan", view)
        .into());
    }
    Ok(view)
}

fn reason(request: &DeleteRequest) -> Result<Option<String>> {
    check_reason(request.reason.as_deref(), "reason")
}

/// The reason as it is stored.
pub(super) fn check_reason(reason: Option<&str>, pointer: &str) -> Result<Option<String>> {
    let reason = reason.map(Reason::parse).transpose();
    Ok(reason
        .map_err(|problem| problem.at(pointer))?
        .map(Reason::into_string))
}

fn lock_root(tx: &mut Tx<'_>, target: &Target) -> Result<Root> {
    let org = tx.caller.org;
    let caller = &tx.caller.deleting();
    match *target {
        Target::Integration(ref key) => match tx.conn.lock_integration_to_delete(org, key)? {
            Some(row) => Ok(Root::Integration(Box::new(row))),
            None => Err(absent_integration(tx.conn, caller, key)?),
        },
        Target::Connection(id) => match tx.conn.lock_connection_to_delete(org, id)? {
            Some(row) => Ok(Root::Connection(Box::new(row))),
            None => Err(absent(tx.conn, caller, id)?),
        },
        Target::Dependent(kind, id) => match tx.conn.lock_dependent(kind, org, id)? {
            Some(row) => Ok(Root::Dependent(kind, Box::new(row))),
            None => Err(absent_dependent(tx.conn, caller, kind, id)?),
        },
    }
}

/// How long this deletion stays in the trash: never shorter than the floor, and the longest there is where the
/// organization's retention is none.
fn retention_days(tx: &mut Tx<'_>, organization: &OrganizationRow) -> Result<i32> {
    let days = organization.retention_days;
    if is_valid(organization) {
        return Ok(days.max(tx.purging.limits.min_retention_days));
    }
    let detail = format!(
        "The retention is {days} days; it goes from 1 to 3650. Until it is set deletions are kept for 3650."
    );
    alarms::raise(
        tx.conn,
        Some(organization.id),
        AlarmCode::RetentionInvalid,
        "",
        &detail,
    )?;
    Ok(LONGEST_RETENTION_DAYS)
}

/// The entry, and the names of the secret fields that go with it.
fn entry_row(
    tx: &mut Tx<'_>,
    organization: &OrganizationRow,
    root: &Root,
    binds: Binds,
    counts: Counts,
    references: i64,
    reason: Option<String>,
) -> Result<(EntryRow, Vec<String>)> {
    let org = tx.caller.org;
    let now = tx.conn.now()?;
    let days = retention_days(tx, organization)?;
    // Deleting again after a restore never gets an earlier date (promise 6).
    let before = tx
        .conn
        .newest_entry_of_root(org, root.kind(), root.id())?
        .map(|entry| entry.purge_at);
    let purge_at = tx
        .purging
        .guard
        .counts_from(now)
        .plus(Duration::days(i64::from(days)))
        .max(before.unwrap_or(now));
    let (mut secrets, mut fields) = ((0, None), Vec::new());
    let (connector, integration, shape, model_id) = match root {
        Root::Integration(row) => {
            secrets = tx.conn.secrets_in_scope(root.kind(), binds)?;
            fields = tx.conn.secret_fields_in_scope(root.kind(), binds)?;
            let own = tx
                .conn
                .secrets_of(org, OwnerKind::Integration, row.id.into())?;
            let shape = to_json(&integration_secret_views(
                connector_named(&row.connector)?,
                &own,
            ))?;
            (row.connector.clone(), row.key.clone(), shape, None)
        }
        Root::Connection(row) => {
            let own = tx
                .conn
                .secrets_of(org, OwnerKind::Connection, row.id.into())?;
            secrets.0 = i64::try_from(own.len()).unwrap_or(i64::MAX);
            secrets.1 = own.iter().map(|secret| secret.key_epoch).max();
            fields.extend(own.iter().map(|secret| secret.field.clone()));
            let shape = to_json(&secret_views(connector_of(row)?, &own))?;
            (row.connector.clone(), row.integration.clone(), shape, None)
        }
        Root::Dependent(_, row) => {
            let connection = tx
                .conn
                .find_connection(org, row.connection_id)?
                .ok_or_else(|| Error::Internal(format!("{} has no connection", row.id)))?;
            (
                connection.connector,
                connection.integration,
                JsonText::empty_object(),
                row.parent,
            )
        }
    };
    let (secrets_shredded, key_epoch) = secrets;
    let view = root.view();
    let name_key = Name::fold(&view.name);
    let row = EntryRow {
        org_id: org,
        id: binds.entry,
        state: EntryState::InTrash,
        root_kind: view.kind,
        root_id: view.id,
        root_name: view.name,
        root_name_key: name_key,
        root_external_id: view.external_id,
        connector,
        integration,
        connection_id: root.connection_id(),
        model_id,
        deleted_at: now,
        deleted_by: tx.caller.actor.id.clone(),
        deleted_by_name: tx.caller.actor.name.clone(),
        key_id: tx.caller.key_id,
        reason,
        purge_at,
        purge_protected: organization.purge_protection,
        connections_count: counts.connections,
        models_count: counts.models,
        content_count: counts.content,
        links_count: counts.links,
        references_count: references,
        secret_shape: shape,
        secrets_shredded,
        shredded_at: (secrets_shredded > 0).then_some(now),
        erased_at: None,
        key_epoch,
        closed_at: None,
        closed_by: None,
        closed_by_name: None,
    };
    Ok((row, fields))
}

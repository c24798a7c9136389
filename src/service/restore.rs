//! Restore: brings back exactly the rows that one deletion removed, by the deletion's id and never by time.
//!
//! What must stay true: all or nothing; same ids; byte for byte but for what promise 2 lists; a restored
//! connection has no secret and says so (promise 5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::audit;
use super::caller::Caller;
use super::connections::missing_of;
use super::error::{Error, Problem, Result};
use super::impact;
use super::restore_plan::{Plan, PlannedRoot, check_ancestors, of_ancestor, plan};
use super::secrets;
use super::trash::{is_large, lock_open};
use super::unit::Tx;
use super::views::{ConnectionView, Counts, IntegrationView, connector_named, connector_of};
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{DependentKind, EntryState, RootKind};
use crate::domain::scopes::Scope;
use crate::metrics::Fact;
use crate::store::rows::{EntryRow, Moved, Place};
use crate::store::{Binds, Conn, StoreError};

/// How to restore.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Another name for the root.
    pub name: Option<String>,
    /// Another external id for the root; another key for an integration.
    pub external_id: Option<String>,
    /// Where to attach it instead of its old place.
    pub target: Option<RestoreTarget>,
    /// Restores the entries of trashed parents first, in the same transaction.
    #[serde(default)]
    pub with_ancestors: bool,
    /// Only says what would happen.
    #[serde(default)]
    pub validate_only: bool,
    /// The plan the caller has seen.
    pub plan_token: Option<String>,
}

/// A new place: for a model or content a connection, for a connection an integration.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreTarget {
    /// The connection for a model or content.
    pub connection_id: Option<ConnectionId>,
    /// The integration for a connection, of the same connector; the connector's own key means none.
    pub integration: Option<String>,
    /// The model of content, the base of a model; none without one.
    pub model_id: Option<DependentId>,
}

/// What a restore brought back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestoreView {
    /// The entry.
    pub entry_id: EntryId,
    /// The connection concerned: the root, or the one it belongs to; none for an integration.
    pub connection: Option<ConnectionView>,
    /// The integration, if it is the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationView>,
    /// Rows that are live again, those of ancestors with them.
    pub restored: RestoredCounts,
    /// The secrets to enter again: the required ones that the connection lacks, or those an integration had. Each of
    /// its connections lists its own.
    pub needs_credentials: Vec<String>,
    /// What could not come back, and why.
    pub not_restored: Vec<NotRestored>,
    /// Entries of ancestors that were restored with it.
    pub ancestors: Vec<EntryId>,
}

/// Rows that are live again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RestoredCounts {
    /// Integrations.
    pub integrations: i64,
    /// Connections.
    pub connections: i64,
    /// Models.
    pub models: i64,
    /// Content.
    pub content: i64,
    /// Links; those whose other end is still in the trash come back with it.
    pub links: i64,
}

impl RestoredCounts {
    /// What a plan would bring back.
    pub(super) fn of(
        conn: &mut Conn,
        caller: &Caller,
        plan: &Plan,
        before: &[EntryId],
    ) -> Result<Self> {
        let mut restores = Self::default();
        let mut entries = before.to_vec();
        for entry in plan.ancestors.iter().chain([&plan.entry]) {
            let rows = Counts::of(entry);
            restores.integrations += rows.integrations;
            restores.connections += rows.connections;
            restores.models += rows.models;
            restores.content += rows.content;
            entries.push(entry.id);
        }
        // Not what the entries counted: other ends may have left since, and come back with another entry.
        restores.links = conn.links_to_return(caller.org, &entries)?
            - conn.links_to_return(caller.org, before)?;
        Ok(restores)
    }
}

/// Something that could not come back.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotRestored {
    /// Of which kind.
    pub kind: &'static str,
    /// How many.
    pub count: i64,
    /// Why.
    pub reason: &'static str,
}

/// What a restore would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestorePlanView {
    /// The entry.
    pub entry_id: EntryId,
    /// The name its root would have.
    pub name: String,
    /// Rows that would be live again, those of ancestors with them.
    pub restores: RestoredCounts,
    /// Entries of ancestors that would be restored first.
    pub ancestors: Vec<EntryId>,
    /// Send it with the restore: it is refused if any of this has changed.
    pub plan_token: String,
}

/// Restores an entry.
pub fn restore(tx: &mut Tx<'_>, id: EntryId, request: &RestoreRequest) -> Result<RestoreView> {
    tx.caller.require(Scope::TrashRestore)?;
    let entry = lock_open(tx, id)?;
    if is_large(&entry) {
        tx.conn.allow_long_statements()?;
    }
    let plan = plan(tx.conn, tx.caller, entry, request)?;
    check_token(&plan, request)?;
    let mut counts = RestoredCounts::default();
    let mut lost_links = 0;
    let ancestors: Vec<EntryId> = plan.ancestors.iter().map(|entry| entry.id).collect();
    for ancestor in &ancestors {
        let entry = match lock_open(tx, *ancestor) {
            // Another restore brought this ancestor back while we waited for it: plan again.
            Err(Error::Problem(problem)) if problem.code == Code::EntryClosed => {
                return Err(StoreError::Conflict.into());
            }
            other => other?,
        };
        let (id, kind) = (entry.id, entry.root_kind);
        let root = super::restore_plan::plan(tx.conn, tx.caller, entry, &RestoreRequest::default())
            .map_err(|error| of_ancestor(id, kind, error))?;
        bring_back(tx, root, &mut counts, &mut lost_links)?;
    }
    // With its ancestors live, the plan sees what is in the way among what came back with them.
    let plan = if ancestors.is_empty() {
        plan
    } else {
        super::restore_plan::plan(tx.conn, tx.caller, plan.entry, request)?
    };
    let shape = plan.entry.secret_shape.clone();
    let (connection, integration, needs_credentials) =
        match bring_back(tx, plan, &mut counts, &mut lost_links)? {
            Concerned::Connection(id) => {
                // Nobody enters a secret between this look and the commit: the answer would be older than the restore.
                let Some(row) = tx.conn.share_connection(tx.caller.org, id)? else {
                    return Err(StoreError::Conflict.into());
                };
                let missing = missing_of(tx.conn, &row)?;
                (Some(ConnectionView::load(tx.conn, row)?), None, missing)
            }
            Concerned::Integration(key) => {
                let view = super::integrations::get(tx.conn, tx.caller, &key)?;
                (None, Some(view), were_set(&shape)?)
            }
        };
    let not_restored = if lost_links > 0 {
        vec![NotRestored {
            kind: "link",
            count: lost_links,
            reason: "the other end is gone for good",
        }]
    } else {
        Vec::new()
    };
    Ok(RestoreView {
        entry_id: id,
        connection,
        integration,
        restored: counts,
        needs_credentials,
        not_restored,
        ancestors,
    })
}

/// The entry that holds a connection which was deleted by itself, for those who know its id and not the entry's.
pub fn entry_of_connection(conn: &mut Conn, caller: &Caller, id: ConnectionId) -> Result<EntryId> {
    let entry = match conn.place_of_connection(caller.org, id)? {
        Some(Place::Trash(entry)) => entry,
        Some(Place::Live) => {
            return Err(
                Problem::new(Code::NotInTrash, "This connection is not in the trash.").into(),
            );
        }
        None => return Err(Error::not_found("connection")),
    };
    let row = conn
        .find_entry(caller.org, entry)?
        .ok_or_else(|| Error::not_found("connection"))?;
    if row.root_kind == RootKind::Connection {
        return Ok(entry);
    }
    let mut problem = Problem::new(
        Code::ParentInTrash,
        "This connection was deleted with its integration: restore that.",
    );
    if caller.may(Scope::TrashRead) {
        problem = problem.with("entry_id", entry);
    }
    Err(problem.into())
}

/// What [`restore`] would do: the same plan, nothing changed.
pub fn preview(
    conn: &mut Conn,
    caller: &Caller,
    id: EntryId,
    request: &RestoreRequest,
) -> Result<RestorePlanView> {
    caller.require(Scope::TrashRestore)?;
    let entry = conn
        .find_entry(caller.org, id)?
        .ok_or_else(|| Error::not_found("trash entry"))?;
    let plan = plan(conn, caller, entry, request)?;
    check_token(&plan, request)?;
    check_ancestors(conn, caller, &plan, request.external_id.is_some(), &[])?;
    let restores = RestoredCounts::of(conn, caller, &plan, &[])?;
    let name = match &plan.root {
        PlannedRoot::Integration(row) => row.name.clone(),
        PlannedRoot::Connection(row) => row.name.clone(),
        PlannedRoot::Dependent { row, .. } => row.name.clone(),
    };
    Ok(RestorePlanView {
        entry_id: id,
        name,
        restores,
        ancestors: plan.ancestors.iter().map(|entry| entry.id).collect(),
        plan_token: plan.token(),
    })
}

fn check_token(plan: &Plan, request: &RestoreRequest) -> Result<()> {
    let now = plan.token();
    match &request.plan_token {
        Some(token) if *token != now => Err(Problem::new(
            Code::PlanStale,
            "What would be restored has changed since the plan.",
        )
        .with("plan_token", now)
        .into()),
        _ => Ok(()),
    }
}

/// What a restore is about.
enum Concerned {
    Integration(String),
    Connection(ConnectionId),
}

/// The secrets that the shape in an entry says were set.
fn were_set(shape: &JsonText) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Field {
        set: bool,
    }
    let fields: BTreeMap<String, Field> = serde_json::from_str(shape.as_str())
        .map_err(|error| Error::Internal(format!("an entry has a damaged shape: {error}")))?;
    let set = fields.into_iter().filter(|(_, field)| field.set);
    Ok(set.map(|(name, _)| name).collect())
}

/// Moves the rows of one entry back.
fn bring_back(
    tx: &mut Tx<'_>,
    plan: Plan,
    counts: &mut RestoredCounts,
    lost_links: &mut i64,
) -> Result<Concerned> {
    let Plan { entry, root, .. } = plan;
    let org = tx.caller.org;
    let concerned = match root {
        PlannedRoot::Integration(mut row) => {
            row.generation += 1;
            row.version += 1;
            row.updated_at = tx.at;
            tx.conn.update_trashed_integration(&row)?;
            for connector in tx.conn.connectors_of_entry(org, entry.id)? {
                let status = secrets::status_of(connector_named(&connector)?, &[]);
                tx.conn.update_connections_of_entry(
                    org, entry.id, &connector, &row.key, status, tx.at,
                )?;
            }
            Concerned::Integration(row.key)
        }
        PlannedRoot::Connection(mut row) => {
            row.status = secrets::status_of(connector_of(&row)?, &[]);
            row.generation += 1;
            row.version += 1;
            row.updated_at = tx.at;
            row.last_test = None;
            tx.conn.update_trashed_connection(&row)?;
            Concerned::Connection(row.id)
        }
        PlannedRoot::Dependent {
            kind,
            mut row,
            moved,
        } => {
            if moved {
                for table in [DependentKind::Model, DependentKind::Content] {
                    tx.conn
                        .retarget_dependents(table, org, entry.id, row.connection_id)?;
                }
            }
            row.version += 1;
            row.updated_at = tx.at;
            tx.conn.update_trashed_dependent(kind, &row)?;
            Concerned::Connection(row.connection_id)
        }
    };
    if is_large(&entry) {
        tx.conn.allow_long_statements()?;
    }
    let binds = Binds {
        org,
        root: entry.root_id,
        parent: entry.root_id,
        entry: entry.id,
    };
    let moved = tx.conn.move_back(entry.root_kind, binds)?;
    check_complete(&entry, moved)?;
    tx.conn.lock_other_ends(binds)?;
    let (links, lost) = tx.conn.return_links(binds)?;
    let links = i64::try_from(links).unwrap_or(i64::MAX);
    *lost_links += i64::try_from(lost).unwrap_or(i64::MAX);
    counts.integrations += moved.integrations;
    counts.connections += moved.connections;
    counts.models += moved.models;
    counts.content += moved.content;
    counts.links += links;
    let now = tx.conn.now()?;
    let actor = &tx.caller.actor;
    tx.conn.close_entries(
        org,
        &[entry.id],
        EntryState::Restored,
        now,
        &actor.id,
        actor.name.as_deref(),
    )?;
    tx.count(Fact::Restored(entry.root_kind));
    tx.record(
        &format!("{}.restored", entry.root_kind),
        entry.root_kind.as_str(),
        entry.root_id,
        Some(entry.id),
        &json!({ "name": entry.root_name, "rows": audit::moved(&Counts { links, ..impact::moved(moved) }, "trash", "live") }),
    )?;
    Ok(concerned)
}

/// A restore is complete or not at all.
fn check_complete(entry: &EntryRow, moved: Moved) -> Result<()> {
    let expected = Counts {
        links: 0,
        ..Counts::of(entry)
    };
    if impact::moved(moved) == expected {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "entry {} holds {moved:?} instead of {expected:?} rows",
        entry.id
    )))
}

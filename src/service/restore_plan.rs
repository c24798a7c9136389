//! What a restore will do, found out before it does anything: the same plan for the blockers of an entry, for
//! `validate_only` and for the restore itself.

mod ancestors;

use super::caller::Caller;
use super::connections::{external_id_taken, name_taken};
use super::error::{Error, Problem, Result};
use super::impact::digest;
use super::integrations::{self, fits};
use super::restore::{RestoreRequest, RestoreTarget};
use super::trash::refuse_closed;
use super::views::{Blocker, connector_of};
use crate::domain::FieldError;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId};
use crate::domain::kinds::{DependentKind, RootKind};
use crate::domain::text::{ExternalId, IntegrationKey, Name};
use crate::store::rows::{ConnectionRow, DependentRow, EntryRow, IntegrationRow};
use crate::store::{Conn, StoreError};

pub(super) use ancestors::{check_ancestors, of_ancestor};
use ancestors::{find_ancestors, find_integration};

/// A restore that nothing stands in the way of.
pub(super) struct Plan {
    /// Entries of ancestors to restore first, outermost first.
    pub(super) ancestors: Vec<EntryRow>,
    /// The entry.
    pub(super) entry: EntryRow,
    /// Its root as it will be.
    pub(super) root: PlannedRoot,
}

pub(super) enum PlannedRoot {
    Integration(Box<IntegrationRow>),
    Connection(Box<ConnectionRow>),
    /// A model or content, and whether all rows of the entry change their connection.
    Dependent {
        kind: DependentKind,
        row: Box<DependentRow>,
        moved: bool,
    },
}

impl Plan {
    /// Changes when anything does that the plan saw.
    pub(super) fn token(&self) -> String {
        let ancestors: Vec<EntryId> = self.ancestors.iter().map(|entry| entry.id).collect();
        let root = match &self.root {
            PlannedRoot::Integration(row) => format!("{} {} {}", row.key, row.name, row.version),
            PlannedRoot::Connection(row) => format!(
                "{} {:?} {} {:?}",
                row.name, row.external_id, row.version, row.integration_id
            ),
            PlannedRoot::Dependent { row, moved, .. } => format!(
                "{} {:?} {} {} {:?} {moved}",
                row.name, row.external_id, row.version, row.connection_id, row.parent
            ),
        };
        digest(&format!(
            "restore {} {} {ancestors:?} {root}",
            self.entry.id, self.entry.state
        ))
    }
}

/// Why an entry can't be restored as it stands; empty if it can.
pub(super) fn blockers(conn: &mut Conn, caller: &Caller, entry: &EntryRow) -> Result<Vec<Blocker>> {
    match plan(conn, caller, entry.clone(), &RestoreRequest::default()) {
        Ok(_) => Ok(Vec::new()),
        Err(Error::Problem(problem)) => Ok(vec![Blocker {
            code: problem.code.as_str(),
            entry_id: parent_entry(&problem),
            detail: problem.detail,
        }]),
        Err(other) => Err(other),
    }
}

/// Plans the restore of an entry that comes after others, whose rows will be live then; its ancestors are those that
/// are not among them.
pub(super) fn plan_after(
    conn: &mut Conn,
    caller: &Caller,
    entry: EntryRow,
    with_ancestors: bool,
    before: &[EntryId],
) -> Result<Plan> {
    if !with_ancestors {
        let alone = plan(conn, caller, entry.clone(), &RestoreRequest::default());
        if !alone.as_ref().is_err_and(|error| waits_for(error, before)) {
            let planned = alone?;
            check_ancestors(conn, caller, &planned, false, before)?;
            return Ok(planned);
        }
    }
    let all = RestoreRequest {
        with_ancestors: true,
        ..RestoreRequest::default()
    };
    let mut planned = plan(conn, caller, entry.clone(), &all)?;
    planned
        .ancestors
        .retain(|ancestor| !before.contains(&ancestor.id));
    if !planned.ancestors.is_empty() && !with_ancestors {
        // This says which parent is in the trash.
        planned = plan(conn, caller, entry, &RestoreRequest::default())?;
    }
    check_ancestors(conn, caller, &planned, false, before)?;
    Ok(planned)
}

/// Whether a restore is only refused for a parent in one of these entries.
fn waits_for(error: &Error, entries: &[EntryId]) -> bool {
    matches!(error, Error::Problem(problem) if problem.code == Code::ParentInTrash
        && parent_entry(problem).is_some_and(|entry| entries.contains(&entry)))
}

/// The entry of the parent that a refusal names.
fn parent_entry(problem: &Problem) -> Option<EntryId> {
    problem
        .members
        .get("entry_id")
        .and_then(|id| id.as_str())
        .and_then(EntryId::parse)
}

/// Plans the restore of an entry; a [`Problem`] says what is in the way.
pub(super) fn plan(
    conn: &mut Conn,
    caller: &Caller,
    entry: EntryRow,
    request: &RestoreRequest,
) -> Result<Plan> {
    let entry = refuse_closed(entry)?;
    let mut errors = Vec::new();
    let name = match request.name.as_deref().map(Name::parse) {
        Some(Err(problem)) => {
            errors.push(problem.at("/name"));
            None
        }
        Some(Ok(name)) => Some(name),
        None => None,
    };
    let external_id = match request.external_id.as_deref().map(ExternalId::parse) {
        Some(Err(problem)) => {
            errors.push(problem.at("/external_id"));
            None
        }
        Some(Ok(id)) => Some(id),
        None => None,
    };
    if !errors.is_empty() {
        return Err(errors.into());
    }
    match entry.root_kind {
        RootKind::Integration => plan_integration(conn, caller, entry, request, name),
        RootKind::Connection => plan_connection(conn, caller, entry, request, name, external_id),
        RootKind::Model => plan_dependent(
            conn,
            caller,
            DependentKind::Model,
            entry,
            request,
            name,
            external_id,
        ),
        RootKind::Content => plan_dependent(
            conn,
            caller,
            DependentKind::Content,
            entry,
            request,
            name,
            external_id,
        ),
    }
}

fn plan_integration(
    conn: &mut Conn,
    caller: &Caller,
    entry: EntryRow,
    request: &RestoreRequest,
    name: Option<Name>,
) -> Result<Plan> {
    if request.target.is_some() {
        return Err(Error::field(
            "/target",
            "not_allowed",
            "An integration has no parent to be attached to.",
        ));
    }
    let mut row = conn
        .integration_of_entry(caller.org, entry.id)?
        // Restored between two looks, by whoever planned with it as an ancestor: plan again.
        .ok_or(StoreError::Conflict)?;
    if let Some(key) = &request.external_id {
        let key = IntegrationKey::parse(key).map_err(|problem| problem.at("/external_id"))?;
        fits(key.as_str(), &row.connector).map_err(|error| FieldError {
            pointer: "/external_id".to_owned(),
            ..error
        })?;
        row.key = key.into_string();
    }
    if let Some(name) = name {
        row.name = name.into_string();
    }
    check_integration(conn, caller, &entry, &row)?;
    Ok(Plan {
        ancestors: Vec::new(),
        entry,
        root: PlannedRoot::Integration(Box::new(row)),
    })
}

/// Refuses when the key is taken, or a live connection under it has what one that would come back has.
fn check_integration(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryRow,
    row: &IntegrationRow,
) -> Result<()> {
    if let Some(holder) = conn.find_integration_by_key(caller.org, &row.key)? {
        return Err(if holder.id == row.id {
            // It came back between two looks: plan again.
            StoreError::Conflict.into()
        } else {
            external_id_taken(holder.id)
        });
    }
    refuse_conflict(conn.connection_conflict(caller.org, entry.id, &row.key)?)
}

/// Refuses when a connection that comes back with its integration finds its name or external id taken.
fn refuse_conflict(conflict: Option<(ConnectionId, ConnectionId, bool)>) -> Result<()> {
    match conflict {
        None => Ok(()),
        Some((connection, holder, false)) => Err(Problem::new(
            Code::ExternalIdTaken,
            "A live connection has the external id of one that would come back: change that, or restore the integration \
             under another key (`external_id`).",
        )
        .with("connection_id", connection)
        .with("id", holder)
        .into()),
        Some((connection, holder, true)) => Err(Problem::new(
            Code::NameTaken,
            "A live connection has the name of one that would come back: rename it, or restore the integration under \
             another key (`external_id`).",
        )
        .with("connection_id", connection)
        .with("id", holder)
        .into()),
    }
}

fn plan_connection(
    conn: &mut Conn,
    caller: &Caller,
    entry: EntryRow,
    request: &RestoreRequest,
    name: Option<Name>,
    external_id: Option<ExternalId>,
) -> Result<Plan> {
    let mut row = trashed_root(conn, caller, &entry)?;
    if let Some(external_id) = external_id {
        row.external_id = Some(external_id.into_string());
    }
    if let Some(name) = name {
        row.name_key = name.key();
        row.name = name.into_string();
    }
    let mut ancestors = Vec::new();
    if let Some(target) = &request.target {
        let key = integration_of(target)?;
        row.integration_id =
            integrations::home(conn, caller, key, connector_of(&row)?)?.map_err(|error| {
                FieldError {
                    pointer: "/target/integration".to_owned(),
                    ..error
                }
            })?;
        key.clone_into(&mut row.integration);
    } else {
        find_integration(
            conn,
            caller,
            &mut row,
            request.with_ancestors,
            &mut ancestors,
        )?;
    }
    check_connection(conn, caller, &row)?;
    Ok(Plan {
        ancestors,
        entry,
        root: PlannedRoot::Connection(Box::new(row)),
    })
}

fn integration_of(target: &RestoreTarget) -> Result<&String> {
    if target.connection_id.is_some() || target.model_id.is_some() {
        return Err(Error::field(
            "/target",
            "not_allowed",
            "A connection is attached to an integration and to nothing else.",
        ));
    }
    target.integration.as_ref().ok_or_else(|| {
        Error::field(
            "/target/integration",
            "required",
            "A connection is attached to an integration; its connector's own key means none.",
        )
    })
}

/// The connection that an entry is about.
fn trashed_root(conn: &mut Conn, caller: &Caller, entry: &EntryRow) -> Result<ConnectionRow> {
    let rows = conn.connections_of_entry(caller.org, entry.id, None, 1)?;
    // Restored between two looks, by whoever planned with it as an ancestor: plan again.
    Ok(rows.into_iter().next().ok_or(StoreError::Conflict)?)
}

/// Refuses when a live connection of the integration has the external id or the name.
fn check_connection(conn: &mut Conn, caller: &Caller, row: &ConnectionRow) -> Result<()> {
    if let Some(external_id) = row.external_id.as_deref()
        && let Some(holder) =
            conn.find_connection_by_external_id(caller.org, &row.integration, external_id)?
    {
        return Err(if holder.id == row.id {
            // It came back between two looks: plan again.
            StoreError::Conflict.into()
        } else {
            external_id_taken(holder.id)
        });
    }
    let Some(holder) = conn.find_connection_by_name(caller.org, &row.integration, &row.name_key)?
    else {
        return Ok(());
    };
    if holder.id == row.id {
        return Err(StoreError::Conflict.into());
    }
    let name = Name::parse(&row.name)
        .map_err(|_| Error::Internal(format!("{} has a damaged name", row.id)))?;
    Err(name_taken(conn, caller, &row.integration, &name)?)
}

fn plan_dependent(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    entry: EntryRow,
    request: &RestoreRequest,
    name: Option<Name>,
    external_id: Option<ExternalId>,
) -> Result<Plan> {
    let root_id = DependentId(entry.root_id.0);
    let mut row = conn
        .trashed_dependent_row(kind, caller.org, root_id)?
        .ok_or(StoreError::Conflict)?;
    let renamed = external_id.is_some();
    if let Some(name) = name {
        row.name = name.into_string();
    }
    if let Some(external_id) = external_id {
        row.external_id = Some(external_id.into_string());
    }
    let mut ancestors = Vec::new();
    let mut moved = false;
    match &request.target {
        Some(target) => {
            let connection_id = check_target(conn, caller, target)?;
            moved = connection_id != row.connection_id;
            row.connection_id = connection_id;
            row.parent = target.model_id;
        }
        None => find_ancestors(conn, caller, &row, request.with_ancestors, &mut ancestors)?,
    }
    check_external_ids(conn, caller, kind, &entry, &row, renamed)?;
    Ok(Plan {
        ancestors,
        entry,
        root: PlannedRoot::Dependent {
            kind,
            row: Box::new(row),
            moved,
        },
    })
}

fn check_target(conn: &mut Conn, caller: &Caller, target: &RestoreTarget) -> Result<ConnectionId> {
    let (Some(connection), None) = (target.connection_id, &target.integration) else {
        return Err(Error::field(
            "/target/connection_id",
            "required",
            "A model or content is attached to a connection (`connection_id`).",
        ));
    };
    if conn.find_connection(caller.org, connection)?.is_none() {
        return Err(Error::field(
            "/target/connection_id",
            "unknown_connection",
            "There is no live connection with this id.",
        ));
    }
    if let Some(model) = target.model_id {
        let found = conn.connections_of_dependents(DependentKind::Model, caller.org, &[model])?;
        if !found.iter().any(|(_, of)| *of == connection) {
            return Err(Error::field(
                "/target/model_id",
                "unknown_model",
                "The connection has no live model with this id.",
            ));
        }
    }
    Ok(connection)
}

/// Refuses when a live row of the connection has the external id of a row that would come back.
fn check_external_ids(
    conn: &mut Conn,
    caller: &Caller,
    kind: DependentKind,
    entry: &EntryRow,
    root: &DependentRow,
    renamed: bool,
) -> Result<()> {
    if renamed
        && let Some(external_id) = root.external_id.as_deref()
        && let Some((holder, _)) = conn
            .dependents_by_external_ids(kind, caller.org, root.connection_id, &[external_id])?
            .into_iter()
            .next()
    {
        return Err(external_id_taken(holder));
    }
    // A row that comes back beside the root may have the one that the call gives to the root.
    if renamed
        && let Some(external_id) = root.external_id.as_deref()
        && let Some(other) =
            conn.with_external_id_in_entries(kind, caller.org, &[entry.id], external_id, root.id)?
    {
        return Err(external_id_taken(other));
    }
    for table in [DependentKind::Model, DependentKind::Content] {
        // The root's own external id gives way to the one in the call.
        let except = (renamed && table == kind).then_some(root.id);
        if let Some(row) =
            conn.external_id_conflict(table, caller.org, entry.id, root.connection_id, except)?
        {
            if table == kind && row == root.id {
                return Err(external_id_taken(row));
            }
            return Err(Problem::new(
                Code::ExternalIdTaken,
                "A live row has the external id of a row that would come back with it.",
            )
            .with("id", row)
            .with("row_id", row)
            .into());
        }
    }
    Ok(())
}

//! What a restore will do, found out before it does anything: the same plan for the blockers of an entry, for
//! `validate_only` and for the restore itself.

use std::collections::BTreeSet;

use super::caller::Caller;
use super::connections::{external_id_taken, name_taken};
use super::dependents;
use super::error::{Error, Problem, Result};
use super::impact::digest;
use super::restore::RestoreRequest;
use super::trash::refuse_closed;
use super::views::Blocker;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, RootId};
use crate::domain::kinds::{DependentKind, EntryState, RootKind};
use crate::domain::text::{ExternalId, Name};
use crate::store::rows::{ConnectionRow, DependentRow, EntryRow};
use crate::store::{Conn, StoreError};

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
            PlannedRoot::Connection(row) => {
                format!("{} {:?} {}", row.name, row.external_id, row.version)
            }
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
        Err(Error::Problem(problem)) => {
            let parent = problem
                .members
                .get("entry_id")
                .and_then(|id| id.as_str())
                .and_then(EntryId::parse);
            Ok(vec![Blocker {
                code: problem.code.as_str(),
                detail: problem.detail,
                entry_id: parent,
            }])
        }
        Err(other) => Err(other),
    }
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
        RootKind::Connection | RootKind::Integration => {
            plan_connection(conn, caller, entry, request, name, external_id)
        }
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

fn plan_connection(
    conn: &mut Conn,
    caller: &Caller,
    entry: EntryRow,
    request: &RestoreRequest,
    name: Option<Name>,
    external_id: Option<ExternalId>,
) -> Result<Plan> {
    if request.target.is_some() {
        return Err(Error::field(
            "/target",
            "not_allowed",
            "A connection has no parent to be attached to.",
        ));
    }
    let mut row = conn
        .connections_of_entry(caller.org, entry.id)?
        .into_iter()
        .next()
        // Restored between two looks, by whoever planned with it as an ancestor: plan again.
        .ok_or(StoreError::Conflict)?;
    if let Some(external_id) = external_id {
        row.external_id = Some(external_id.into_string());
    }
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
    if let Some(name) = name {
        row.name_key = name.key();
        row.name = name.into_string();
    }
    if let Some(holder) =
        conn.find_connection_by_name(caller.org, &row.integration, &row.name_key)?
    {
        if holder.id == row.id {
            return Err(StoreError::Conflict.into());
        }
        let name = Name::parse(&row.name)
            .map_err(|_| Error::Internal(format!("{} has a damaged name", row.id)))?;
        return Err(name_taken(conn, caller, &row.integration, &name)?);
    }
    Ok(Plan {
        ancestors: Vec::new(),
        entry,
        root: PlannedRoot::Connection(Box::new(row)),
    })
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
            check_target(conn, caller, target.connection_id, target.model_id)?;
            moved = target.connection_id != row.connection_id;
            row.connection_id = target.connection_id;
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

fn check_target(
    conn: &mut Conn,
    caller: &Caller,
    connection: ConnectionId,
    model: Option<DependentId>,
) -> Result<()> {
    if conn.find_connection(caller.org, connection)?.is_none() {
        return Err(Error::field(
            "/target/connection_id",
            "unknown_connection",
            "There is no live connection with this id.",
        ));
    }
    if let Some(model) = model {
        let found = conn.connections_of_dependents(DependentKind::Model, caller.org, &[model])?;
        if !found.iter().any(|(_, of)| *of == connection) {
            return Err(Error::field(
                "/target/model_id",
                "unknown_model",
                "The connection has no live model with this id.",
            ));
        }
    }
    Ok(())
}

/// Refuses when a row that would come back has the external id of one that an ancestor's entry brings back before
/// it. A restore finds that out by itself, with its ancestors live; a preview has to ask.
pub(super) fn check_ancestors(
    conn: &mut Conn,
    caller: &Caller,
    plan: &Plan,
    renamed: bool,
) -> Result<()> {
    let PlannedRoot::Dependent { kind, row, .. } = &plan.root else {
        return Ok(());
    };
    let (org, connection) = (caller.org, row.connection_id);
    let mut earlier: Vec<EntryId> = Vec::new();
    for entry in plan.ancestors.iter().chain([&plan.entry]) {
        for table in [DependentKind::Model, DependentKind::Content] {
            let except = (renamed && table == *kind && entry.id == plan.entry.id).then_some(row.id);
            let mut conflict =
                conn.external_id_conflict_in_trash(table, org, entry.id, &earlier, except)?;
            // Nothing live is beside the rows of a connection in the trash.
            if conflict.is_none() && entry.root_kind != RootKind::Connection {
                conflict = conn.external_id_conflict(table, org, entry.id, connection, except)?;
            }
            if let Some(row) = conflict {
                return Err(external_id_taken(row));
            }
        }
        earlier.push(entry.id);
    }
    if let Some(external_id) = row.external_id.as_deref().filter(|_| renamed)
        && let Some(other) = conn.with_external_id_in_entries(*kind, org, &earlier, external_id)?
        && other != row.id
    {
        return Err(external_id_taken(other));
    }
    Ok(())
}

/// Finds the entries that hold the parents of a row, and those of their parents, outermost first.
fn find_ancestors(
    conn: &mut Conn,
    caller: &Caller,
    row: &DependentRow,
    allowed: bool,
    ancestors: &mut Vec<EntryRow>,
) -> Result<()> {
    let mut brought_back: BTreeSet<EntryId> = BTreeSet::new();
    visit_parents(conn, caller, row, allowed, &mut brought_back, ancestors)
}

fn visit_parents(
    conn: &mut Conn,
    caller: &Caller,
    row: &DependentRow,
    allowed: bool,
    brought_back: &mut BTreeSet<EntryId>,
    ancestors: &mut Vec<EntryRow>,
) -> Result<()> {
    visit(
        conn,
        caller,
        ParentRef::Connection(row.connection_id),
        allowed,
        brought_back,
        ancestors,
    )?;
    match row.parent {
        Some(model) => visit(
            conn,
            caller,
            ParentRef::Model(model, row.connection_id),
            allowed,
            brought_back,
            ancestors,
        ),
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
enum ParentRef {
    Connection(ConnectionId),
    /// A model, and the connection it was of.
    Model(DependentId, ConnectionId),
}

fn is_live(conn: &mut Conn, caller: &Caller, parent: ParentRef) -> Result<bool> {
    Ok(match parent {
        ParentRef::Connection(id) => conn.find_connection(caller.org, id)?.is_some(),
        ParentRef::Model(id, _) => conn
            .find_dependent(DependentKind::Model, caller.org, id)?
            .is_some(),
    })
}

fn visit(
    conn: &mut Conn,
    caller: &Caller,
    parent: ParentRef,
    allowed: bool,
    brought_back: &mut BTreeSet<EntryId>,
    ancestors: &mut Vec<EntryRow>,
) -> Result<()> {
    let (live, holder, what) = match parent {
        ParentRef::Connection(id) => (
            conn.find_connection(caller.org, id)?.is_some(),
            conn.trashed_connection(caller.org, id)?,
            "connection",
        ),
        ParentRef::Model(id, of) => {
            let live = conn.find_dependent(DependentKind::Model, caller.org, id)?;
            let trashed = conn.trashed_dependent_row(DependentKind::Model, caller.org, id)?;
            if live
                .as_ref()
                .or(trashed.as_ref())
                .is_some_and(|model| model.connection_id != of)
            {
                return Err(Problem::new(
                    Code::ParentMoved,
                    "The model this belonged to is in another connection now.",
                )
                .into());
            }
            (
                live.is_some(),
                conn.trashed_dependent(DependentKind::Model, caller.org, id)?,
                "model",
            )
        }
    };
    if live {
        return Ok(());
    }
    let Some(holder) = holder else {
        if is_live(conn, caller, parent)? {
            // It came back between two looks.
            return Ok(());
        }
        return Err(Problem::new(
            Code::ParentPurged,
            format!("The {what} this belonged to is gone for good."),
        )
        .into());
    };
    if !allowed {
        return Err(Problem::new(
            Code::ParentInTrash,
            format!("The {what} this belongs to is in the trash."),
        )
        .with("entry_id", holder)
        .into());
    }
    if !brought_back.insert(holder) {
        return Ok(());
    }
    let entry = conn
        .find_entry(caller.org, holder)?
        .filter(|entry| entry.state == EntryState::InTrash)
        // It was restored between two looks: plan again.
        .ok_or(StoreError::Conflict)?;
    // An ancestor that was itself deleted under a parent which is now in another entry needs that one first.
    if entry.root_kind == RootKind::Model {
        let model = dependents_row(conn, caller, entry.root_id)?;
        visit_parents(conn, caller, &model, allowed, brought_back, ancestors)?;
    } else {
        plan_connection(
            conn,
            caller,
            entry.clone(),
            &RestoreRequest::default(),
            None,
            None,
        )?;
    }
    ancestors.push(entry);
    Ok(())
}

fn dependents_row(conn: &mut Conn, caller: &Caller, id: RootId) -> Result<DependentRow> {
    match conn.trashed_dependent_row(DependentKind::Model, caller.org, DependentId(id.0))? {
        Some(row) => Ok(row),
        None => dependents::get(conn, caller, DependentKind::Model, DependentId(id.0)),
    }
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
    for table in [DependentKind::Model, DependentKind::Content] {
        // The root's own external id gives way to the one in the call.
        let except = (renamed && table == kind).then_some(root.id);
        if let Some(row) =
            conn.external_id_conflict(table, caller.org, entry.id, root.connection_id, except)?
        {
            return Err(external_id_taken(row));
        }
    }
    Ok(())
}

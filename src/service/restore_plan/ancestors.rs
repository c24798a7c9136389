//! The parents of what a restore brings back: live, in the trash, or gone.

use std::collections::BTreeSet;

use super::super::caller::Caller;
use super::super::connections::{external_id_taken, name_taken};
use super::super::dependents;
use super::super::error::{Error, Problem, Result};
use super::{
    Plan, PlannedRoot, check_connection, check_integration, refuse_conflict, trashed_root,
};
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, IntegrationId, RootId};
use crate::domain::kinds::{DependentKind, EntryState, RootKind};
use crate::domain::text::Name;
use crate::store::rows::{ConnectionRow, DependentRow, EntryRow, Place};
use crate::store::{Conn, StoreError};

/// Finds the entries that hold the parents of a model or content, and those of their parents, outermost first.
pub(super) fn find_ancestors(
    conn: &mut Conn,
    caller: &Caller,
    row: &DependentRow,
    allowed: bool,
    ancestors: &mut Vec<EntryRow>,
) -> Result<()> {
    let mut walk = Walk::new(caller, allowed, ancestors);
    walk.parents_of(conn, row)
}

/// The same for the integration of a connection, whose key is the connection's then.
pub(super) fn find_integration(
    conn: &mut Conn,
    caller: &Caller,
    row: &mut ConnectionRow,
    allowed: bool,
    ancestors: &mut Vec<EntryRow>,
) -> Result<()> {
    let mut walk = Walk::new(caller, allowed, ancestors);
    walk.integration_of(conn, row)
}

/// The refusal of a name or an external id that is taken, said of an ancestor: `entry_id` is its entry then.
pub(in crate::service) fn of_ancestor(entry: EntryId, kind: RootKind, error: Error) -> Error {
    let mut problem = match error {
        // An ancestor of an ancestor has said so itself.
        Error::Problem(problem) if !problem.members.contains_key("entry_id") => problem,
        other => return other,
    };
    let of_connection = problem.members.contains_key("connection_id");
    let taken = match (problem.code, kind) {
        (Code::NameTaken, _) => "name",
        (Code::ExternalIdTaken, RootKind::Integration) if !of_connection => "key",
        (Code::ExternalIdTaken, _) => "external id",
        _ => return Error::Problem(problem),
    };
    problem.detail = match kind {
        RootKind::Integration if of_connection => {
            format!("The {taken} of a connection of the integration this belongs to is taken.")
        }
        RootKind::Integration | RootKind::Connection => {
            format!("The {taken} of the {kind} this belongs to is taken.")
        }
        RootKind::Model | RootKind::Content => {
            format!(
                "The {taken} of the {kind} this belongs to, or of what would come back with it, is taken."
            )
        }
    };
    problem.with("entry_id", entry).into()
}

/// Refuses when a row that would come back has the external id or the name of one that an ancestor's entry brings back
/// before it, or one of the entries that come back `before` all of them. A restore finds that out by itself, with them
/// live; a preview has to ask.
pub(in crate::service) fn check_ancestors(
    conn: &mut Conn,
    caller: &Caller,
    plan: &Plan,
    renamed: bool,
    before: &[EntryId],
) -> Result<()> {
    let mut earlier = before.to_vec();
    for entry in plan.ancestors.iter().chain([&plan.entry]) {
        let checked = check_entry(conn, caller, plan, renamed, entry, &earlier);
        checked.map_err(|error| {
            if entry.id == plan.entry.id {
                error
            } else {
                of_ancestor(entry.id, entry.root_kind, error)
            }
        })?;
        earlier.push(entry.id);
    }
    if let PlannedRoot::Dependent { kind, row, .. } = &plan.root
        && let Some(external_id) = row.external_id.as_deref().filter(|_| renamed)
        && let Some(other) =
            conn.with_external_id_in_entries(*kind, caller.org, &earlier, external_id, row.id)?
    {
        return Err(external_id_taken(other));
    }
    Ok(())
}

/// The same of one entry, with those `earlier` live.
fn check_entry(
    conn: &mut Conn,
    caller: &Caller,
    plan: &Plan,
    renamed: bool,
    entry: &EntryRow,
    earlier: &[EntryId],
) -> Result<()> {
    if entry.root_kind == RootKind::Integration && !earlier.is_empty() {
        let key = if let PlannedRoot::Integration(row) = &plan.root {
            row.key.clone()
        } else {
            let row = conn.integration_of_entry(caller.org, entry.id)?;
            row.ok_or(StoreError::Conflict)?.key
        };
        if let Some(holder) = conn.integration_in_entries(caller.org, earlier, &key)? {
            return Err(external_id_taken(holder));
        }
        refuse_conflict(conn.connection_conflict_in_entries(caller.org, entry.id, &key, earlier)?)?;
    }
    if entry.root_kind == RootKind::Connection && !earlier.is_empty() {
        let row = match &plan.root {
            PlannedRoot::Connection(row) if entry.id == plan.entry.id => (**row).clone(),
            _ => trashed_root(conn, caller, entry)?,
        };
        check_beside(conn, caller, earlier, &row)?;
    }
    if let PlannedRoot::Dependent { kind, row, .. } = &plan.root {
        let except =
            |table| (renamed && table == *kind && entry.id == plan.entry.id).then_some(row.id);
        check_rows(conn, caller, entry, earlier, row.connection_id, except)?;
    }
    Ok(())
}

fn check_beside(
    conn: &mut Conn,
    caller: &Caller,
    earlier: &[EntryId],
    row: &ConnectionRow,
) -> Result<()> {
    let like = conn.connection_like_in_entries(
        caller.org,
        earlier,
        &row.integration,
        &row.name_key,
        row.external_id.as_deref(),
    )?;
    match like {
        None => Ok(()),
        Some((holder, false)) => Err(external_id_taken(holder)),
        Some((_, true)) => {
            let name = Name::parse(&row.name)
                .map_err(|_| Error::Internal(format!("{} has a damaged name", row.id)))?;
            Err(name_taken(conn, caller, &row.integration, &name)?)
        }
    }
}

fn check_rows(
    conn: &mut Conn,
    caller: &Caller,
    entry: &EntryRow,
    earlier: &[EntryId],
    connection: ConnectionId,
    except: impl Fn(DependentKind) -> Option<DependentId>,
) -> Result<()> {
    for table in [DependentKind::Model, DependentKind::Content] {
        let except = except(table);
        let mut conflict =
            conn.external_id_conflict_in_trash(table, caller.org, entry.id, earlier, except)?;
        // Nothing live is beside the rows of a connection in the trash.
        let of_dependent = matches!(entry.root_kind, RootKind::Model | RootKind::Content);
        if conflict.is_none() && of_dependent {
            conflict =
                conn.external_id_conflict(table, caller.org, entry.id, connection, except)?;
        }
        if let Some(row) = conflict {
            return Err(external_id_taken(row));
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Parent {
    Integration(IntegrationId),
    Connection(ConnectionId),
    Model(DependentId),
}

impl Parent {
    fn word(self) -> &'static str {
        match self {
            Self::Integration(_) => "integration",
            Self::Connection(_) => "connection",
            Self::Model(..) => "model",
        }
    }

    fn place(self, conn: &mut Conn, caller: &Caller) -> Result<Option<Place>> {
        Ok(match self {
            Self::Integration(id) => conn.place_of_integration(caller.org, id)?,
            Self::Connection(id) => conn.place_of_connection(caller.org, id)?,
            Self::Model(id) => conn.place_of_dependent(DependentKind::Model, caller.org, id)?,
        })
    }
}

/// A walk from what comes back to its outermost parent.
struct Walk<'a> {
    caller: &'a Caller,
    /// Whether ancestors may be restored with it.
    allowed: bool,
    brought_back: BTreeSet<EntryId>,
    ancestors: &'a mut Vec<EntryRow>,
}

impl<'a> Walk<'a> {
    fn new(caller: &'a Caller, allowed: bool, ancestors: &'a mut Vec<EntryRow>) -> Self {
        Self {
            caller,
            allowed,
            brought_back: BTreeSet::new(),
            ancestors,
        }
    }

    fn parents_of(&mut self, conn: &mut Conn, row: &DependentRow) -> Result<()> {
        self.visit(conn, Parent::Connection(row.connection_id))?;
        match row.parent {
            Some(model) => {
                self.check_place(conn, model, row.connection_id)?;
                self.visit(conn, Parent::Model(model))
            }
            None => Ok(()),
        }
    }

    fn integration_of(&mut self, conn: &mut Conn, row: &mut ConnectionRow) -> Result<()> {
        let Some(id) = row.integration_id else {
            return Ok(());
        };
        self.visit(conn, Parent::Integration(id))?;
        let org = self.caller.org;
        let home = match conn.place_of_integration(org, id)? {
            Some(Place::Live) => conn.find_integration(org, id)?,
            Some(Place::Trash(entry)) => conn.integration_of_entry(org, entry)?,
            None => None,
        };
        // It left between two looks: plan again.
        row.integration = home.ok_or(StoreError::Conflict)?.key;
        Ok(())
    }

    /// A model may have been restored into another connection since.
    fn check_place(&self, conn: &mut Conn, id: DependentId, of: ConnectionId) -> Result<()> {
        let org = self.caller.org;
        let model = match conn.find_dependent(DependentKind::Model, org, id)? {
            Some(live) => Some(live),
            None => conn.trashed_dependent_row(DependentKind::Model, org, id)?,
        };
        if model.is_some_and(|model| model.connection_id != of) {
            return Err(Problem::new(
                Code::ParentMoved,
                "The model this belonged to is in another connection now.",
            )
            .into());
        }
        Ok(())
    }

    fn visit(&mut self, conn: &mut Conn, parent: Parent) -> Result<()> {
        let (caller, what) = (self.caller, parent.word());
        let holder = match parent.place(conn, caller)? {
            Some(Place::Live) => return Ok(()),
            Some(Place::Trash(holder)) => holder,
            None => {
                return Err(Problem::new(
                    Code::ParentPurged,
                    format!("The {what} this belonged to is gone for good."),
                )
                .into());
            }
        };
        if !self.allowed {
            return Err(Problem::new(
                Code::ParentInTrash,
                format!("The {what} this belongs to is in the trash."),
            )
            .with("entry_id", holder)
            .into());
        }
        if !self.brought_back.insert(holder) {
            return Ok(());
        }
        let entry = conn
            .find_entry(caller.org, holder)?
            .filter(|entry| entry.state == EntryState::InTrash)
            // It was restored between two looks: plan again.
            .ok_or(StoreError::Conflict)?;
        let refused = |error| of_ancestor(entry.id, entry.root_kind, error);
        // An ancestor that was itself deleted under a parent which is now in another entry needs that one first.
        match entry.root_kind {
            RootKind::Integration => {
                let row = conn
                    .integration_of_entry(caller.org, entry.id)?
                    .ok_or(StoreError::Conflict)?;
                check_integration(conn, caller, &entry, &row).map_err(refused)?;
            }
            RootKind::Connection => {
                let mut row = trashed_root(conn, caller, &entry)?;
                self.integration_of(conn, &mut row)?;
                check_connection(conn, caller, &row).map_err(refused)?;
            }
            RootKind::Model | RootKind::Content => {
                let model = model_row(conn, caller, entry.root_id)?;
                self.parents_of(conn, &model)?;
            }
        }
        self.ancestors.push(entry);
        Ok(())
    }
}

fn model_row(conn: &mut Conn, caller: &Caller, id: RootId) -> Result<DependentRow> {
    match conn.trashed_dependent_row(DependentKind::Model, caller.org, DependentId(id.0))? {
        Some(row) => Ok(row),
        None => dependents::get(conn, caller, DependentKind::Model, DependentId(id.0)),
    }
}

//! Restoring many entries: the undo of a mass deletion is one call.
//!
//! The newest deletion comes first: what a parent's deletion left behind in an entry of its own was deleted before the
//! parent, and finds it live again.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Services;
use super::super::caller::Caller;
use super::super::error::{Error, Result};
use super::super::pages::{Cursor, PageQuery};
use super::super::restore::{self, RestoreRequest, RestoredCounts};
use super::super::restore_plan;
use super::super::unit::{Once, to_json};
use super::{MAX_ROWS, Outcome, RowProblem, check_ids, choose, each};
use crate::domain::FieldError;
use crate::domain::clock::Ts;
use crate::domain::ids::EntryId;
use crate::domain::json::JsonText;
use crate::domain::kinds::{EntryState, RootKind};
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::store::Conn;
use crate::store::filters::{EntryFilter, EntryOrder};

/// Which entries to restore: by id, or by a filter.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRestore {
    /// Up to 1000 entries.
    pub ids: Option<Vec<EntryId>>,
    /// Those in the trash that fit all of its fields, of which there must be one; up to 1000 in one call.
    pub filter: Option<BulkFilter>,
    /// Restores the entries of trashed parents first, each with what needs it.
    #[serde(default)]
    pub with_ancestors: bool,
    /// Only says what would happen.
    #[serde(default)]
    pub validate_only: bool,
    /// Goes on behind the entries of a call before, with the same filter.
    pub page_token: Option<String>,
}

/// What entries have in common.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkFilter {
    /// The kind of what was deleted.
    pub kind: Option<RootKind>,
    /// Part of its name, whatever its case.
    pub q: Option<String>,
    /// The id of the actor who deleted it.
    pub deleted_by: Option<String>,
    /// Deleted at or after this moment (RFC 3339).
    pub deleted_after: Option<String>,
    /// Deleted before this moment (RFC 3339).
    pub deleted_before: Option<String>,
    /// To be purged before this moment (RFC 3339).
    pub purge_before: Option<String>,
}

/// What became of each entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkRestoreView {
    /// One outcome an entry, the newest deletion first.
    #[schema(value_type = Vec<RestoreOutcome>)]
    pub data: Vec<JsonText>,
    /// How many were restored, or would be.
    pub restored: usize,
    /// How many failed.
    pub failed: usize,
    /// There are more that fit the filter: send it as `page_token`.
    pub next_page_token: Option<String>,
}

/// What became of one entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct RestoreOutcome {
    /// The entry.
    pub entry_id: EntryId,
    /// What became of it.
    pub outcome: Outcome,
    /// The name of its root, now or as it was.
    pub name: Option<String>,
    /// Rows that are live again, those of ancestors with them; none if it came back with another entry of this call.
    pub restored: Option<RestoredCounts>,
    /// The required secrets to enter before its connection can be used.
    pub needs_credentials: Vec<String>,
    /// Entries of ancestors that were restored with it.
    pub ancestors: Vec<EntryId>,
    /// Why it failed.
    pub problem: Option<RowProblem>,
}

impl RestoreOutcome {
    /// Of an entry that came back as the ancestor of another one of the same call.
    fn with_another(entry_id: EntryId, name: Option<String>, outcome: Outcome) -> Self {
        Self {
            entry_id,
            outcome,
            name,
            restored: None,
            needs_credentials: Vec::new(),
            ancestors: Vec::new(),
            problem: None,
        }
    }

    fn failed(entry_id: EntryId, name: Option<String>, error: &Error) -> Self {
        Self {
            entry_id,
            outcome: Outcome::Failed,
            name,
            restored: None,
            needs_credentials: Vec::new(),
            ancestors: Vec::new(),
            problem: Some(RowProblem::of(error)),
        }
    }
}

/// What was chosen: entries with the names of their roots, and whether the filter has more.
#[derive(Debug, Serialize, Deserialize)]
struct Choice {
    entries: Vec<(EntryId, Option<String>)>,
    next_page_token: Option<String>,
}

/// Restores many entries, each in a unit of work of its own. Answers also whether the call was made before.
pub fn restore(
    services: &Services,
    caller: &Caller,
    once: Option<&Once>,
    request: &BulkRestore,
) -> Result<(BulkRestoreView, bool)> {
    caller.require(Scope::TrashRestore)?;
    let (choice, replayed) = choose(services, caller, once, |tx| {
        chosen(tx.conn, tx.caller, request)
    })?;
    let how = single(request);
    let mut answer = Answer::default();
    let mut with_another = BTreeSet::new();
    for (id, name) in choice.entries {
        if with_another.contains(&id) {
            let outcome = RestoreOutcome::with_another(id, name, Outcome::Restored);
            answer.keep(to_json(&outcome)?, true);
            continue;
        }
        let mut ancestors = Vec::new();
        let done = each(services, caller, once, &id.to_string(), |tx| {
            let done = restore::restore(tx, id, &how)?;
            ancestors.clone_from(&done.ancestors);
            Ok(RestoreOutcome {
                entry_id: id,
                outcome: Outcome::Restored,
                name: name.clone(),
                restored: Some(done.restored),
                needs_credentials: done.needs_credentials,
                ancestors: done.ancestors,
                problem: None,
            })
        });
        match done {
            Ok(outcome) => {
                with_another.extend(ancestors);
                answer.keep(outcome, true);
            }
            Err(error) => {
                let outcome = RestoreOutcome::failed(id, name, &error);
                answer.keep(to_json(&outcome)?, false);
            }
        }
    }
    Ok((answer.view(choice.next_page_token), replayed))
}

/// What [`restore`] would do; nothing is changed.
pub fn plan_restore(
    conn: &mut Conn,
    caller: &Caller,
    request: &BulkRestore,
) -> Result<BulkRestoreView> {
    caller.require(Scope::TrashRestore)?;
    let choice = chosen(conn, caller, request)?;
    let mut answer = Answer::default();
    // As they come back one after the other, so each is planned with those before it.
    let mut earlier: Vec<EntryId> = Vec::new();
    for (id, name) in choice.entries {
        if earlier.contains(&id) {
            let outcome = RestoreOutcome::with_another(id, name, Outcome::WouldRestore);
            answer.keep(to_json(&outcome)?, true);
            continue;
        }
        let planned = plan_one(conn, caller, id, request.with_ancestors, &mut earlier);
        let (outcome, fine) = match planned {
            Ok((restored, ancestors)) => {
                let outcome = RestoreOutcome {
                    entry_id: id,
                    outcome: Outcome::WouldRestore,
                    name,
                    restored: Some(restored),
                    needs_credentials: Vec::new(),
                    ancestors,
                    problem: None,
                };
                (outcome, true)
            }
            Err(error) => (RestoreOutcome::failed(id, name, &error), false),
        };
        answer.keep(to_json(&outcome)?, fine);
    }
    Ok(answer.view(choice.next_page_token))
}

fn plan_one(
    conn: &mut Conn,
    caller: &Caller,
    id: EntryId,
    with_ancestors: bool,
    earlier: &mut Vec<EntryId>,
) -> Result<(RestoredCounts, Vec<EntryId>)> {
    let entry = conn
        .find_entry(caller.org, id)?
        .ok_or_else(|| Error::not_found("trash entry"))?;
    let plan = restore_plan::plan_after(conn, caller, entry, with_ancestors, earlier)?;
    let ancestors: Vec<EntryId> = plan.ancestors.iter().map(|entry| entry.id).collect();
    let restored = RestoredCounts::of(conn, caller, &plan, earlier)?;
    earlier.extend(&ancestors);
    earlier.push(id);
    Ok((restored, ancestors))
}

fn single(request: &BulkRestore) -> RestoreRequest {
    RestoreRequest {
        with_ancestors: request.with_ancestors,
        ..RestoreRequest::default()
    }
}

fn chosen(conn: &mut Conn, caller: &Caller, request: &BulkRestore) -> Result<Choice> {
    match (&request.ids, &request.filter) {
        (Some(ids), None) if request.page_token.is_none() => by_ids(conn, caller, ids),
        (None, Some(filter)) => by_filter(conn, caller, filter, request.page_token.clone()),
        (Some(_), None) => Err(Error::field(
            "/page_token",
            "not_allowed",
            "A page_token goes with a filter.",
        )),
        _ => Err(Error::field(
            "",
            "ambiguous",
            "Name the entries by `ids` or by a `filter`.",
        )),
    }
}

fn by_ids(conn: &mut Conn, caller: &Caller, ids: &[EntryId]) -> Result<Choice> {
    check_ids(ids)?;
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        let row = conn.find_entry(caller.org, *id)?;
        entries.push((
            row.as_ref().map(|row| row.deleted_at),
            *id,
            row.map(|row| row.root_name),
        ));
    }
    entries.sort_by_key(|(deleted_at, id, _)| Reverse((*deleted_at, *id)));
    Ok(Choice {
        entries: entries
            .into_iter()
            .map(|(_, id, name)| (id, name))
            .collect(),
        next_page_token: None,
    })
}

fn by_filter(
    conn: &mut Conn,
    caller: &Caller,
    filter: &BulkFilter,
    page_token: Option<String>,
) -> Result<Choice> {
    let parsed = parse(filter)?;
    let page = PageQuery::whole(MAX_ROWS, page_token);
    let cursor: Option<(Ts, EntryId)> = page.cursor("bulk", &parsed)?.map(|cursor| cursor.0);
    let now = conn.now()?;
    let order = EntryOrder::DeletedAt(cursor);
    let mut rows = conn.list_entries(caller.org, &parsed, order, now, page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor((row.deleted_at, row.id)));
    Ok(Choice {
        next_page_token: page.next("bulk", &parsed, more, last),
        entries: rows
            .into_iter()
            .map(|row| (row.id, Some(row.root_name)))
            .collect(),
    })
}

/// What a filter narrows a list of entries to; it must say something.
pub(in crate::service) fn parse(filter: &BulkFilter) -> Result<EntryFilter> {
    let mut errors = Vec::new();
    let mut moment = |field: &str, text: &Option<String>| {
        let text = text.as_deref()?;
        let parsed = Ts::parse(text);
        if parsed.is_none() {
            errors.push(FieldError::new(
                format!("/filter/{field}"),
                "invalid_value",
                "Expected an RFC 3339 timestamp.",
            ));
        }
        parsed
    };
    let parsed = EntryFilter {
        kind: filter.kind,
        state: Some(EntryState::InTrash),
        q: filter
            .q
            .as_deref()
            .filter(|q| !q.is_empty())
            .map(Name::fold),
        deleted_by: filter.deleted_by.clone(),
        deleted_after: moment("deleted_after", &filter.deleted_after),
        deleted_before: moment("deleted_before", &filter.deleted_before),
        purge_before: moment("purge_before", &filter.purge_before),
        held: None,
        restorable: None,
    };
    if !errors.is_empty() {
        return Err(errors.into());
    }
    // A client that lost its fields must not restore everything.
    let nothing = parsed.kind.is_none()
        && parsed.q.is_none()
        && parsed.deleted_by.is_none()
        && parsed.deleted_after.is_none()
        && parsed.deleted_before.is_none()
        && parsed.purge_before.is_none();
    if nothing {
        return Err(Error::field(
            "/filter",
            "required",
            "A filter needs at least one field.",
        ));
    }
    Ok(parsed)
}

#[derive(Default)]
struct Answer {
    data: Vec<JsonText>,
    restored: usize,
    failed: usize,
}

impl Answer {
    fn keep(&mut self, outcome: JsonText, fine: bool) {
        self.data.push(outcome);
        if fine {
            self.restored += 1;
        } else {
            self.failed += 1;
        }
    }

    fn view(self, next_page_token: Option<String>) -> BulkRestoreView {
        BulkRestoreView {
            data: self.data,
            restored: self.restored,
            failed: self.failed,
            next_page_token,
        }
    }
}

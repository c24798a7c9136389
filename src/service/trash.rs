//! The trash: delete into it, look into it, purge one entry by hand. Restoring is in [`super::restore`].
//!
//! What must stay true: a deletion moves all or nothing (promise 1), shreds the secrets in the same transaction
//! (promise 3) and writes `purge_at` once (promise 6).

use chrono::Duration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::caller::{Actor, Caller};
use super::connections::{absent, check_version};
use super::dependents::absent_dependent;
use super::error::{Error, Problem, Result};
use super::impact::{self, ImpactView, Root, Target};
use super::pages::{Cursor, PageQuery};
use super::restore_plan;
use super::unit::{Tx, to_json};
use super::views::{
    Blocker, ConnectionView, ContentView, Counts, EntryView, Erasure, ErasureView, ImpactCounts,
    LinkView, ModelView, Page, RootView, connector_of, secret_views,
};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{DependentId, EntryId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{DependentKind, EntryState, OwnerKind, RootKind};
use crate::domain::scopes::Scope;
use crate::domain::text::{Name, Reason};
use crate::store::filters::{EntryFilter, EntryOrder};
use crate::store::rows::{EntryRow, SecretRow};
use crate::store::{Binds, Conn};

/// Above so many rows a move may take longer than a request usually may.
const LARGE_MOVE: i64 = 1_000;
/// What an unreadable retention means: nothing goes before the longest there is (promise 6).
const LONGEST_RETENTION_DAYS: i32 = 3_650;

/// How to delete.
#[derive(Debug, Default, Clone)]
pub struct DeleteRequest {
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// The plan the caller has seen.
    pub plan_token: Option<String>,
    /// The version the caller has seen.
    pub if_match: Option<i64>,
}

/// The name of what is to be purged, typed by whoever wants it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// The exact name of the entry's root.
    pub confirm: String,
}

/// The trash in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummaryView {
    /// Entries by the kind of their root.
    pub entries: SummaryCounts,
    /// How many will be purged on each of the next 30 days (UTC); days without any are left out.
    pub purges: Vec<PurgeDay>,
}

/// Entries by the kind of their root.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct SummaryCounts {
    /// All of them.
    pub all: i64,
    /// Deleted connections.
    pub connection: i64,
    /// Deleted models.
    pub model: i64,
    /// Deleted content.
    pub content: i64,
}

/// What is purged on one day.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeDay {
    /// The day, UTC.
    pub date: String,
    /// Entries.
    pub entries: i64,
}

/// The rows of an entry, a page of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ItemsView {
    /// The connection, without secrets: they are gone.
    Connections(Page<ConnectionView>),
    /// Models.
    Models(Page<ModelView>),
    /// Content.
    Content(Page<ContentView>),
}

/// Deletes: moves the root and all that hangs on it into the trash and shreds its secrets.
pub fn delete(tx: &mut Tx<'_>, target: Target, request: &DeleteRequest) -> Result<EntryView> {
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
    tx.conn.lock_models_in_scope(root.kind(), binds)?;
    let row = tx.conn.impact(root.kind(), binds)?;
    if let Some(protected) = impact::protected(tx.conn, &root, binds, &row)? {
        return Err(impact::deletion_protected(&protected).into());
    }
    if request
        .plan_token
        .as_ref()
        .is_some_and(|token| *token != impact::plan_token(&root, &row))
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
    let secrets = shred_secrets(tx, &root)?;
    let new = entry_row(tx, &root, entry, counts, row.references, reason, &secrets)?;
    tx.conn.insert_entry(&new)?;
    let moved = tx.conn.move_out(root.kind(), binds)?;
    if (moved.connections, moved.models, moved.content, moved.links)
        != (
            counts.connections,
            counts.models,
            counts.content,
            counts.links,
        )
    {
        // A row left the root between the count and the move; the next attempt counts again.
        return Err(crate::store::StoreError::Conflict.into());
    }
    if !secrets.is_empty() {
        tx.erase_after_commit(Some(entry))?;
    }
    let view = whole_view(tx.conn, caller, new, tx.at)?;
    tx.record(
        &format!("{}.trashed", root.kind()),
        root.kind().as_str(),
        root.id(),
        Some(entry),
        &json!({ "name": view.root.name, "impact": view.impact, "secrets_shredded": secrets.len(), "purge_at": view.purge_at }),
    )?;
    Ok(view)
}

/// What a deletion would answer: the same checks, nothing changed.
pub fn preview(
    conn: &mut Conn,
    caller: &Caller,
    target: Target,
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
    let reason = request.reason.as_deref().map(Reason::parse).transpose();
    Ok(reason
        .map_err(|problem| problem.at("reason"))?
        .map(Reason::into_string))
}

/// One entry, whatever its state.
pub fn get(conn: &mut Conn, caller: &Caller, id: EntryId) -> Result<EntryView> {
    let Some(row) = conn.find_entry(caller.org, id)? else {
        return Err(Error::not_found("trash entry"));
    };
    let now = conn.now()?;
    whole_view(conn, caller, row, now)
}

/// A page of entries.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    filter: &EntryFilter,
    by_purge_date: bool,
    page: &PageQuery,
) -> Result<Page<EntryView>> {
    let named = (filter, by_purge_date);
    let cursor: Option<(Ts, EntryId)> = page.cursor("trash", &named)?.map(|cursor| cursor.0);
    let order = if by_purge_date {
        EntryOrder::PurgeAt(cursor)
    } else {
        EntryOrder::DeletedAt(cursor)
    };
    let now = conn.now()?;
    let mut rows = conn.list_entries(caller.org, filter, order, now, page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| {
        Cursor((
            if by_purge_date {
                row.purge_at
            } else {
                row.deleted_at
            },
            row.id,
        ))
    });
    let ids: Vec<EntryId> = rows.iter().map(|row| row.id).collect();
    let held = conn.held_among(caller.org, &ids, now)?;
    let restorable = conn.restorable_among(caller.org, &ids)?;
    let data = rows
        .into_iter()
        .map(|row| {
            let facts = Facts {
                held: row.state == EntryState::InTrash && held.contains(&row.id),
                restorable: restorable.contains(&row.id),
                blockers: None,
                broken_links: None,
            };
            view(row, facts)
        })
        .collect();
    Ok(Page {
        data,
        next_page_token: page.next("trash", &named, more, last),
    })
}

/// The trash in numbers.
pub fn summary(conn: &mut Conn, caller: &Caller) -> Result<SummaryView> {
    let mut entries = SummaryCounts::default();
    for (kind, count) in conn.count_entries(caller.org)? {
        entries.all += count;
        match kind {
            RootKind::Connection => entries.connection += count,
            RootKind::Model => entries.model += count,
            RootKind::Content => entries.content += count,
            RootKind::Integration => {}
        }
    }
    let horizon = conn.now()?.plus(Duration::days(30));
    let mut purges: Vec<PurgeDay> = Vec::new();
    for at in conn.purge_dates(caller.org, horizon)? {
        let date = at.utc().date_naive().to_string();
        match purges.last_mut() {
            Some(day) if day.date == date => day.entries += 1,
            _ => purges.push(PurgeDay { date, entries: 1 }),
        }
    }
    Ok(SummaryView { entries, purges })
}

/// A page of the rows of an entry, of one kind.
pub fn items(
    conn: &mut Conn,
    caller: &Caller,
    id: EntryId,
    kind: RootKind,
    page: &PageQuery,
) -> Result<ItemsView> {
    if conn.find_entry(caller.org, id)?.is_none() {
        return Err(Error::not_found("trash entry"));
    }
    let dependent = match kind {
        RootKind::Model => DependentKind::Model,
        RootKind::Content => DependentKind::Content,
        RootKind::Connection | RootKind::Integration => {
            let data = conn
                .connections_of_entry(caller.org, id)?
                .into_iter()
                .map(|row| ConnectionView::new(row, &[]))
                .collect::<Result<_>>()?;
            return Ok(ItemsView::Connections(Page {
                data,
                next_page_token: None,
            }));
        }
    };
    let filter = (id, kind);
    let cursor: Option<Cursor<DependentId>> = page.cursor("items", &filter)?;
    let mut rows = conn.dependents_of_entry(
        dependent,
        caller.org,
        id,
        cursor.map(|c| c.0),
        page.limit() + 1,
    )?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    let next_page_token = page.next("items", &filter, more, last);
    Ok(match dependent {
        DependentKind::Model => ItemsView::Models(Page {
            data: rows.into_iter().map(ModelView::from).collect(),
            next_page_token,
        }),
        DependentKind::Content => ItemsView::Content(Page {
            data: rows.into_iter().map(ContentView::from).collect(),
            next_page_token,
        }),
    })
}

/// Purges one entry by hand, by whoever types its name: no way back.
pub fn purge(tx: &mut Tx<'_>, id: EntryId, request: &PurgeRequest) -> Result<EntryView> {
    tx.caller.require(Scope::TrashPurge)?;
    let org = tx.caller.org;
    let row = lock_open(tx, id)?;
    let typed = Name::parse(&request.confirm)
        .map(Name::into_string)
        .unwrap_or_default();
    if typed != row.root_name {
        return Err(Problem::new(
            Code::ConfirmMismatch,
            "`confirm` is not the name of what was deleted.",
        )
        .into());
    }
    let now = tx.conn.now()?;
    if !tx.conn.held_among(org, &[id], now)?.is_empty() {
        return Err(Problem::new(Code::Held, "A hold keeps this entry.").into());
    }
    if row.purge_protected && row.purge_at > now {
        return Err(Problem::new(
            Code::PurgeProtected,
            "Nobody may purge this entry before its date.",
        )
        .with("purge_at", row.purge_at)
        .into());
    }
    if row.models_count + row.content_count > LARGE_MOVE {
        tx.conn.allow_long_statements()?;
    }
    let binds = Binds {
        org,
        root: row.root_id,
        parent: row.root_id,
        entry: id,
    };
    tx.conn.purge_rows(binds)?;
    let actor = &tx.caller.actor;
    tx.conn.close_entry(
        org,
        id,
        EntryState::Purged,
        now,
        &actor.id,
        actor.name.as_deref(),
    )?;
    tx.record(
        "trash.purged",
        row.root_kind.as_str(),
        row.root_id,
        Some(id),
        &json!({ "name": row.root_name, "by_hand": true }),
    )?;
    get(tx.conn, tx.caller, id)
}

/// An entry that is still in the trash, locked until the transaction ends.
pub(super) fn lock_open(tx: &mut Tx<'_>, id: EntryId) -> Result<EntryRow> {
    match tx.conn.lock_entry(tx.caller.org, id)? {
        None => Err(Error::not_found("trash entry")),
        Some(row) => refuse_closed(row),
    }
}

/// Refuses an entry that has left the trash.
pub(super) fn refuse_closed(row: EntryRow) -> Result<EntryRow> {
    if row.state == EntryState::InTrash {
        return Ok(row);
    }
    Err(
        Problem::new(Code::EntryClosed, format!("This entry is {}.", row.state))
            .with("state", row.state)
            .into(),
    )
}

fn lock_root(tx: &mut Tx<'_>, target: Target) -> Result<Root> {
    let org = tx.caller.org;
    match target {
        Target::Connection(id) => match tx.conn.lock_connection_to_delete(org, id)? {
            Some(row) => Ok(Root::Connection(Box::new(row))),
            None => Err(absent(tx.conn, tx.caller, id)?),
        },
        Target::Dependent(kind, id) => match tx.conn.lock_dependent(kind, org, id)? {
            Some(row) => Ok(Root::Dependent(kind, Box::new(row))),
            None => Err(absent_dependent(tx.conn, tx.caller, kind, id)?),
        },
    }
}

/// Shreds all secrets of a connection that goes; models and content have none.
fn shred_secrets(tx: &mut Tx<'_>, root: &Root) -> Result<Vec<SecretRow>> {
    let Root::Connection(row) = root else {
        return Ok(Vec::new());
    };
    let (org, owner) = (row.org_id, RootId::from(row.id));
    let secrets = tx.conn.secrets_of(org, OwnerKind::Connection, owner)?;
    let fields: Vec<&str> = secrets.iter().map(|secret| secret.field.as_str()).collect();
    if !fields.is_empty() {
        tx.conn
            .shred_slots(org, OwnerKind::Connection, owner, &fields)?;
        tx.conn
            .delete_secrets(org, OwnerKind::Connection, owner, &fields)?;
    }
    Ok(secrets)
}

fn entry_row(
    tx: &mut Tx<'_>,
    root: &Root,
    id: EntryId,
    counts: Counts,
    references: i64,
    reason: Option<String>,
    secrets: &[SecretRow],
) -> Result<EntryRow> {
    let org = tx.caller.org;
    let organization = tx
        .conn
        .find_organization(org)?
        .ok_or_else(|| Error::Internal(format!("organization {org} is missing")))?;
    let now = tx.conn.now()?;
    let days = match organization.retention_days {
        days @ 1..=LONGEST_RETENTION_DAYS => days,
        unreadable => {
            tracing::error!(%org, unreadable, "the retention of this organization is not valid; keeping the longest there is");
            LONGEST_RETENTION_DAYS
        }
    };
    // Deleting again after a restore never gets an earlier date (promise 6).
    let before = tx
        .conn
        .newest_entry_of_root(org, root.id())?
        .map(|entry| entry.purge_at);
    let purge_at = now
        .plus(Duration::days(i64::from(days)))
        .max(before.unwrap_or(now));
    let (connector, integration, shape, model_id) = match root {
        Root::Connection(row) => {
            let shape = to_json(&secret_views(connector_of(row)?, secrets))?;
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
    let view = root.view();
    let name_key = Name::fold(&view.name);
    Ok(EntryRow {
        org_id: org,
        id,
        state: EntryState::InTrash,
        root_kind: view.kind,
        root_id: view.id,
        root_name: view.name,
        root_name_key: name_key,
        root_external_id: view.external_id,
        connector,
        integration,
        connection_id: Some(root.connection_id()),
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
        secrets_shredded: i64::try_from(secrets.len()).unwrap_or(i64::MAX),
        shredded_at: (!secrets.is_empty()).then_some(now),
        erased_at: None,
        key_epoch: secrets.iter().map(|secret| secret.key_epoch).max(),
        closed_at: None,
        closed_by: None,
        closed_by_name: None,
    })
}

/// What is looked up beside an entry's row.
struct Facts {
    held: bool,
    restorable: bool,
    blockers: Option<Vec<Blocker>>,
    broken_links: Option<Vec<LinkView>>,
}

/// One entry with all that is known of it.
fn whole_view(conn: &mut Conn, caller: &Caller, row: EntryRow, now: Ts) -> Result<EntryView> {
    let blockers = restore_plan::blockers(conn, caller, &row)?;
    let facts = Facts {
        held: row.state == EntryState::InTrash
            && !conn.held_among(row.org_id, &[row.id], now)?.is_empty(),
        restorable: blockers.is_empty(),
        blockers: Some(blockers),
        broken_links: Some(
            conn.broken_links(row.org_id, row.id)?
                .into_iter()
                .map(LinkView::from)
                .collect(),
        ),
    };
    Ok(view(row, facts))
}

fn view(row: EntryRow, facts: Facts) -> EntryView {
    let erasure = match (row.shredded_at, row.erased_at) {
        (None, _) => Erasure::None,
        (Some(_), None) => Erasure::Pending,
        (Some(_), Some(_)) => Erasure::Done,
    };
    EntryView {
        id: row.id,
        state: row.state,
        root: RootView {
            kind: row.root_kind,
            id: row.root_id,
            name: row.root_name,
            external_id: row.root_external_id,
        },
        connector: row.connector,
        integration: row.integration,
        connection_id: row.connection_id,
        deleted_at: row.deleted_at,
        deleted_by: Actor {
            id: row.deleted_by,
            name: row.deleted_by_name,
        },
        reason: row.reason,
        purge_at: row.purge_at,
        purge_protected: row.purge_protected,
        held: facts.held,
        impact: ImpactCounts {
            rows: Counts {
                connections: row.connections_count,
                models: row.models_count,
                content: row.content_count,
                links: row.links_count,
            },
            references: row.references_count,
        },
        secrets: ErasureView {
            shredded: row.secrets_shredded,
            shredded_at: row.shredded_at,
            erasure,
            erased_at: row.erased_at,
            key_epoch: row.key_epoch,
            shape: row.secret_shape,
        },
        restorable: facts.restorable,
        blockers: facts.blockers,
        broken_links: facts.broken_links,
        closed_at: row.closed_at,
        closed_by: row.closed_by.map(|id| Actor {
            id,
            name: row.closed_by_name,
        }),
    }
}

//! The trash: look into it, purge one entry by hand. [`super::delete`] fills it, [`super::restore`] empties it.
//!
//! What must stay true: an entry answers for ever with its state; nothing held or protected is purged (promise 6).

mod kept;

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Actor, Caller};
use super::error::{Error, Problem, Result};
use super::holds::HoldView;
use super::pages::{Cursor, PageQuery};
use super::purge::{self, status::BlockedView};
use super::restore_plan;
use super::revoke::{self, Revoked};
use super::rotation::destroyed_up_to;
use super::unit::Tx;
use super::uses::{self, UsesView};
use super::views::{
    Blocker, ConnectionView, ContentView, Counts, EntryView, Erasure, ErasureView, ImpactCounts,
    IntegrationView, LinkView, ModelView, Page, RootView, connector_of, shredded_views,
};
use crate::domain::clock::Ts;
use crate::domain::codes::Code;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, RootId};
use crate::domain::kinds::{DependentKind, EntryState, Keep, OwnerKind, RootKind};
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::store::Conn;
use crate::store::filters::{EntryFilter, EntryOrder};
use crate::store::rows::EntryRow;

use kept::refuse_kept;
pub use kept::why_kept;
pub(super) use kept::{refuse_below_floor, refuse_protected};

/// Above so many rows a move may take longer than a request usually may.
const LARGE_MOVE: i64 = 1_000;

/// Whether to move the rows of an entry may take longer than a request usually may.
pub(super) fn is_large(entry: &EntryRow) -> bool {
    entry.connections_count + entry.models_count + entry.content_count > LARGE_MOVE
}

/// The name of what is to be purged, typed by whoever wants it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// The exact name of the entry's root; white space at its ends does not matter.
    pub confirm: String,
}

/// The trash in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummaryView {
    /// Entries by the kind of their root.
    pub entries: SummaryCounts,
    /// How many have their date on each of the next 30 days (UTC), or had it before and are still there; days without
    /// any are left out.
    pub purges: Vec<PurgeDay>,
}

/// Entries by the kind of their root.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct SummaryCounts {
    /// All of them.
    pub all: i64,
    /// Deleted integrations.
    pub integration: i64,
    /// Deleted connections.
    pub connection: i64,
    /// Deleted models.
    pub model: i64,
    /// Deleted content.
    pub content: i64,
}

/// What has its date on one day.
#[derive(Debug, Serialize, ToSchema)]
pub struct PurgeDay {
    /// The day, UTC.
    pub date: String,
    /// Entries.
    pub entries: i64,
    /// Of those, on hold now: they stay until a day after every hold has ended.
    pub held: i64,
}

/// The rows of an entry, a page of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ItemsView {
    /// The integration, without secrets: they are gone.
    Integrations(Page<IntegrationView>),
    /// Connections, without secrets, but with what is known of them.
    Connections(Page<ConnectionView>),
    /// Models.
    Models(Page<ModelView>),
    /// Content.
    Content(Page<ContentView>),
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
    let mut revocations = revoke::of_entries(conn, caller.org, &rows)?;
    let mut uses = uses::of_entries(conn, caller.org, &ids)?;
    let epochs = conn.list_key_epochs()?;
    let data = rows
        .into_iter()
        .map(|row| {
            let facts = Facts {
                held: row.state == EntryState::InTrash && held.contains(&row.id),
                uses: uses.remove(&row.id).unwrap_or_default(),
                restorable: restorable.contains(&row.id),
                blockers: None,
                broken_links: None,
                holds: None,
                blocked: None,
                kept_by: None,
                revocation: revocations.remove(&row.id).unwrap_or_default(),
                crypto_erased_at: destroyed_up_to(&epochs, row.key_epoch),
            };
            view(row, facts)
        })
        .collect();
    Ok(Page {
        data,
        next_page_token: page.next("trash", &named, more, last),
    })
}

/// Who deleted what is in the trash, by name: those of the newest 1,000 entries, since no index leads to all of them, and
/// at most 50.
pub fn deleters(conn: &mut Conn, caller: &Caller) -> Result<Vec<Actor>> {
    let mut found: Vec<Actor> = Vec::new();
    for (id, name) in conn.newest_deleters(caller.org, 1_000)? {
        // The newest entry has the latest name.
        if found.len() < 50 && found.iter().all(|actor| actor.id != id) {
            found.push(Actor { id, name });
        }
    }
    found.sort_by_cached_key(|actor| Name::fold(actor.name.as_deref().unwrap_or(&actor.id)));
    Ok(found)
}

/// How many entries are in the trash, of all kinds or of one, counted no further than `most`: what every page tells must
/// not cost more the more there is.
pub fn count_up_to(
    conn: &mut Conn,
    caller: &Caller,
    kind: Option<RootKind>,
    most: i64,
) -> Result<i64> {
    let count = conn.count_entries_up_to(caller.org, kind, most)?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
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
            RootKind::Integration => entries.integration += count,
        }
    }
    let purges = purges(conn, caller)?;
    Ok(SummaryView { entries, purges })
}

/// What has its date on which of the next 30 days, or had it before and is still there.
pub fn purges(conn: &mut Conn, caller: &Caller) -> Result<Vec<PurgeDay>> {
    let now = conn.now()?;
    let horizon = now.plus(Duration::days(30));
    let mut held: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for (_, at) in conn.held_dates(caller.org, horizon, now)? {
        if let Some(at) = at {
            *held.entry(at.utc().date_naive()).or_default() += 1;
        }
    }
    let days = conn.purge_days(caller.org, horizon)?.into_iter();
    Ok(days
        .filter_map(|(first, entries)| {
            let date = first?.utc().date_naive();
            Some(PurgeDay {
                held: held.get(&date).copied().unwrap_or_default(),
                date: date.to_string(),
                entries,
            })
        })
        .collect())
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
        RootKind::Connection => return connection_items(conn, caller, id, page),
        RootKind::Integration => {
            let row = conn.integration_of_entry(caller.org, id)?;
            let view = row.map(|row| IntegrationView::new(row, &[])).transpose()?;
            return Ok(ItemsView::Integrations(Page {
                data: view.into_iter().collect(),
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

fn connection_items(
    conn: &mut Conn,
    caller: &Caller,
    id: EntryId,
    page: &PageQuery,
) -> Result<ItemsView> {
    let filter = (id, RootKind::Connection);
    let cursor: Option<Cursor<ConnectionId>> = page.cursor("items", &filter)?;
    let mut rows =
        conn.connections_of_entry(caller.org, id, cursor.map(|c| c.0), page.limit() + 1)?;
    let more = page.cut(&mut rows);
    let last = rows.last().map(|row| Cursor(row.id));
    let owners: Vec<RootId> = rows.iter().map(|row| row.id.into()).collect();
    let shredded = conn.shredded_of_many(caller.org, id, OwnerKind::Connection, &owners)?;
    let revocations = conn.revocations_of_many(caller.org, id, OwnerKind::Connection, &owners)?;
    let mut data = Vec::with_capacity(rows.len());
    for row in rows {
        let (connector, owner) = (connector_of(&row)?, RootId::from(row.id));
        let own: Vec<_> = shredded
            .iter()
            .filter(|one| one.owner_id == owner)
            .collect();
        let mut view = ConnectionView::new(row, &[])?;
        view.secrets = shredded_views(connector, &own);
        if let Some(found) = revocations.iter().find(|one| one.owner_id == owner) {
            let told = Revoked::one(found.outcome);
            (view.revocation, view.revocation_detail) = (Some(told.state()), Some(told.sentence()));
        }
        data.push(view);
    }
    Ok(ItemsView::Connections(Page {
        data,
        next_page_token: page.next("items", &filter, more, last),
    }))
}

/// Purges one entry by hand, by whoever types its name: no way back. A use does not stop them, since they have seen it in
/// the entry. A large one answers as `purging` and loses its rows in batches.
pub fn purge(tx: &mut Tx<'_>, id: EntryId, request: &PurgeRequest) -> Result<EntryView> {
    tx.caller.require(Scope::TrashPurge)?;
    let row = lock_open(tx, id)?;
    if !Name::is_typed(&row.root_name, &request.confirm) {
        return Err(Problem::new(
            Code::ConfirmMismatch,
            "`confirm` is not the name of what was deleted.",
        )
        .into());
    }
    let now = tx.conn.now()?;
    refuse_kept(tx.conn, &tx.purging.limits, &row, now)?;
    let state = if purge::size(&row) > tx.purging.limits.large {
        EntryState::Purging
    } else {
        EntryState::Purged
    };
    if is_large(&row) {
        tx.conn.allow_long_statements()?;
    }
    purge::remove(tx, std::slice::from_ref(&row), state, now, true)?;
    if state == EntryState::Purging {
        tx.purge_after_commit();
    }
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

/// What is looked up beside an entry's row.
pub(super) struct Facts {
    held: bool,
    uses: UsesView,
    restorable: bool,
    blockers: Option<Vec<Blocker>>,
    broken_links: Option<Vec<LinkView>>,
    revocation: Revoked,
    crypto_erased_at: Option<Ts>,
    holds: Option<Vec<HoldView>>,
    blocked: Option<BlockedView>,
    kept_by: Option<Vec<Keep>>,
}

/// One entry with all that is known of it.
pub(super) fn whole_view(
    conn: &mut Conn,
    caller: &Caller,
    row: EntryRow,
    now: Ts,
) -> Result<EntryView> {
    let blockers = restore_plan::blockers(conn, caller, &row)?;
    let mut revocations = revoke::of_entries(conn, row.org_id, std::slice::from_ref(&row))?;
    let holds: Vec<HoldView> = conn
        .holds_of(row.org_id, row.id)?
        .into_iter()
        .map(|hold| HoldView::new(hold, now))
        .collect();
    let blocked = conn.purge_failures_of(row.org_id, Some(&[row.id]), 1)?;
    let uses = uses::of_entry(conn, row.org_id, row.id)?;
    let facts = Facts {
        crypto_erased_at: destroyed_up_to(&conn.list_key_epochs()?, row.key_epoch),
        revocation: revocations.remove(&row.id).unwrap_or_default(),
        held: row.state == EntryState::InTrash && holds.iter().any(|hold| hold.active),
        kept_by: Some(kept_by(conn, &row, &holds, &uses, now)?),
        uses,
        holds: Some(holds),
        blocked: blocked.into_iter().next().map(BlockedView::from),
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

/// What keeps an entry from being purged, besides its date.
fn kept_by(
    conn: &mut Conn,
    row: &EntryRow,
    holds: &[HoldView],
    uses: &UsesView,
    now: Ts,
) -> Result<Vec<Keep>> {
    let mut kept = Vec::new();
    if row.state != EntryState::InTrash {
        return Ok(kept);
    }
    let due = purge::due(conn, row.org_id, now)?;
    if holds.iter().any(|hold| hold.active) {
        kept.push(Keep::Hold);
    } else if holds
        .iter()
        .any(|hold| hold.ends_at.is_some_and(|end| end > due.held_since))
    {
        kept.push(Keep::EndedHold);
    }
    if row.deleted_at >= due.braked_from {
        kept.push(Keep::Brake);
    }
    if uses.last_used_at.is_some_and(|last| last > due.used_since) {
        kept.push(Keep::Use);
    }
    Ok(kept)
}

pub(super) fn view(row: EntryRow, facts: Facts) -> EntryView {
    let erasure = match (row.shredded_at, row.erased_at) {
        (None, _) => Erasure::None,
        (Some(_), None) => Erasure::Pending,
        (Some(_), Some(_)) => Erasure::Done,
    };
    let (revocation, revocation_detail) = facts.revocation.told(&row);
    let rows = Counts::of(&row);
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
        uses: facts.uses,
        impact: ImpactCounts {
            rows,
            references: row.references_count,
        },
        secrets: ErasureView {
            shredded: row.secrets_shredded,
            shredded_at: row.shredded_at,
            erasure,
            erased_at: row.erased_at,
            revocation,
            revocation_detail,
            key_epoch: row.key_epoch,
            crypto_erased_at: facts.crypto_erased_at,
            shape: row.secret_shape,
        },
        restorable: facts.restorable,
        blockers: facts.blockers,
        broken_links: facts.broken_links,
        kept_by: facts.kept_by,
        holds: facts.holds,
        purge_problem: facts.blocked,
        closed_at: row.closed_at,
        closed_by: row.closed_by.map(|id| Actor {
            id,
            name: row.closed_by_name,
        }),
    }
}

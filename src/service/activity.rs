//! The record for people: who did what to what, by name, newest first.
//!
//! A record holds ids and, where it had one, a name; here the names of the rest are looked up. What must stay true: a name
//! or a link that the record itself does not hold is told only to those who may read where it comes from.

use std::collections::HashMap;

use serde_json::Value;

use super::audit::AuditView;
use super::caller::Caller;
use super::error::Result;
use super::pages::{Cursor, PageQuery};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, EntryId, KeyId, RecordId, RootId};
use crate::domain::kinds::RootKind;
use crate::domain::scopes::Scope;
use crate::domain::text::Name;
use crate::store::Conn;
use crate::store::filters::AuditFilter;

/// How many records are in memory at once while a name is looked for.
const STEP: i64 = 500;
/// How many are looked through for one page; the next goes on from there.
const LOOKED_THROUGH: i64 = 5_000;
/// Where a record's detail holds a name, the best first.
const NAMES: [&str; 4] = ["name", "key", "display_name", "host"];

/// Which records are asked for.
#[derive(Debug, Default, Clone)]
pub struct ActivityQuery {
    /// By what the database finds them.
    pub filter: AuditFilter,
    /// Part of the name of what it was done to, or of who did it, whatever its case.
    pub text: Option<String>,
}

/// Something that was done or refused.
#[derive(Debug)]
pub struct Activity {
    /// As it is on record.
    pub record: AuditView,
    /// What it was done to is called so.
    pub name: Option<String>,
    /// Where that can be seen.
    pub place: Option<Place>,
    /// What the key is called that it was done with.
    pub key: Option<String>,
}

/// Where something can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the trash, or what became of it there.
    Entry(EntryId),
    /// Among the connections.
    Connection(ConnectionId),
}

/// A page of what was done.
#[derive(Debug)]
pub struct ActivityPage {
    /// Newest first.
    pub data: Vec<Activity>,
    /// The token of the next page.
    pub next: Option<String>,
    /// So far back was looked, where a name was looked for and there is more.
    pub looked_back_to: Option<Ts>,
}

/// A page of what was done, newest first. A name is looked for record by record, some thousands for a page.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    query: &ActivityQuery,
    page: &PageQuery,
) -> Result<ActivityPage> {
    caller.require(Scope::AuditRead)?;
    let cursor: Option<Cursor<RecordId>> = page.cursor("activity", query)?;
    let mut before = cursor.map(|c| c.0);
    let text = query.text.as_deref().map(Name::fold);
    let (most, step) = match text {
        Some(_) => (LOOKED_THROUGH, STEP),
        None => (0, page.limit() + 1),
    };
    let (mut data, mut looked) = (Vec::new(), 0);
    let wanted = usize::try_from(page.limit() + 1).unwrap_or(usize::MAX);
    loop {
        let rows = conn.list_audit(caller.org, &query.filter, before, step)?;
        let records: Vec<AuditView> = rows.into_iter().map(AuditView::new).collect();
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let last = records.last().map(|record| (record.id, record.at));
        let found = with_names(conn, caller, records)?;
        data.extend(found.into_iter().filter(|one| one.has(text.as_deref())));
        looked += count;
        if data.len() >= wanted {
            data.truncate(wanted);
            page.cut(&mut data);
            let end = data.last().map(|one| Cursor(one.record.id));
            return Ok(ActivityPage {
                looked_back_to: None,
                next: page.next("activity", query, true, end),
                data,
            });
        }
        let Some((id, at)) = last.filter(|_| count == step) else {
            return Ok(ActivityPage {
                data,
                next: None,
                looked_back_to: None,
            });
        };
        before = Some(id);
        if looked >= most {
            return Ok(ActivityPage {
                data,
                next: page.next("activity", query, true, Some(Cursor(id))),
                looked_back_to: Some(at),
            });
        }
    }
}

impl Activity {
    fn has(&self, folded: Option<&str>) -> bool {
        let Some(folded) = folded else { return true };
        let actor = &self.record.actor;
        [self.name.as_deref(), actor.name.as_deref(), Some(&actor.id)]
            .into_iter()
            .flatten()
            .any(|name| Name::fold(name).contains(folded))
    }
}

/// What was looked up for some records.
#[derive(Default)]
struct Known {
    keys: HashMap<KeyId, String>,
    live: HashMap<ConnectionId, String>,
    entries: HashMap<EntryId, String>,
    roots: HashMap<RootId, (EntryId, String)>,
}

impl Known {
    fn look_up(conn: &mut Conn, caller: &Caller, records: &[AuditView]) -> Result<Self> {
        let org = caller.org;
        let keys = distinct(records.iter().filter_map(|record| record.key_id));
        let mut known = Self::default();
        if caller.may(Scope::KeysAdmin) {
            known.keys = conn.names_of_keys(org, &keys)?.into_iter().collect();
        }
        let connections = distinct(records.iter().filter_map(connection_of));
        if caller.may(Scope::ConnectionsRead) {
            let live = conn.names_of_connections(org, &connections)?;
            known.live = live.into_iter().collect();
        }
        if caller.may(Scope::TrashRead) {
            let entries = distinct(records.iter().filter_map(|record| record.entry_id));
            let entries = conn.entries_among(org, &entries)?.into_iter();
            known.entries = entries.map(|row| (row.id, row.root_name)).collect();
            let gone: Vec<RootId> = connections
                .into_iter()
                .filter(|id| !known.live.contains_key(id))
                .map(RootId::from)
                .collect();
            for (root, entry, name) in conn.entries_of_roots(org, RootKind::Connection, &gone)? {
                known.roots.insert(root, (entry, name));
            }
        }
        Ok(known)
    }

    fn of(&self, record: AuditView) -> Activity {
        let connection = connection_of(&record);
        let live = connection.and_then(|id| Some((id, self.live.get(&id)?)));
        let entry = record
            .entry_id
            .and_then(|id| Some((id, self.entries.get(&id)?)));
        let root = connection.and_then(|id| self.roots.get(&RootId::from(id)));
        // Of a deletion the entry is what one looks for, of anything else the connection.
        let in_trash = record.action.starts_with("trash.") || record.action.ends_with(".trashed");
        let live_place = live.map(|(id, _)| Place::Connection(id));
        let entry_place = entry
            .map(|(id, _)| id)
            .or(root.map(|(id, _)| *id))
            .map(Place::Entry);
        let place = if in_trash {
            entry_place.or(live_place)
        } else {
            live_place.or(entry_place)
        };
        let is_connection = record.subject.kind == "connection";
        let name = name_in(&record)
            .or_else(|| entry.map(|(_, name)| name.clone()))
            .or_else(|| live.filter(|_| is_connection).map(|(_, name)| name.clone()))
            .or_else(|| root.filter(|_| is_connection).map(|(_, name)| name.clone()));
        Activity {
            key: record.key_id.and_then(|id| self.keys.get(&id).cloned()),
            name,
            place,
            record,
        }
    }
}

fn with_names(conn: &mut Conn, caller: &Caller, records: Vec<AuditView>) -> Result<Vec<Activity>> {
    let known = Known::look_up(conn, caller, &records)?;
    Ok(records.into_iter().map(|record| known.of(record)).collect())
}

fn distinct<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The connection that a record is about, itself or what hangs on it.
fn connection_of(record: &AuditView) -> Option<ConnectionId> {
    if record.subject.kind == "connection" {
        return record.subject.id.map(|id| ConnectionId(id.0));
    }
    let detail: Value = serde_json::from_str(record.detail.as_str()).ok()?;
    ConnectionId::parse(detail.get("connection_id")?.as_str()?)
}

/// The name that a record holds.
fn name_in(record: &AuditView) -> Option<String> {
    let detail: Value = serde_json::from_str(record.detail.as_str()).ok()?;
    let found = NAMES.iter().find_map(|name| detail.get(name)?.as_str());
    found.filter(|name| !name.is_empty()).map(str::to_owned)
}

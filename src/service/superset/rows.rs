//! Datasets, charts and dashboards become models and content: one way for all three.
//!
//! Looked up and written in chunks. A row that is not written is not locked either; one that somebody changed between
//! the look-up and the update is noticed by its version, and the whole import begins again.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::domain::ids::{ConnectionId, DependentId};
use crate::domain::json::JsonText;
use crate::domain::kinds::DependentKind;
use crate::service::dependents::MAX_BODY;
use crate::service::error::Result;
use crate::service::unit::Tx;
use crate::store::StoreError;
use crate::store::rows::DependentRow;

use super::{CHUNK, Homes, Report, fault, name_of, some_of};

/// What sort of things a file lists.
pub(super) struct Sort {
    /// What they become.
    pub(super) kind: DependentKind,
    /// What Superset calls one, which is also the kind word of its row.
    pub(super) word: &'static str,
    /// What the file has it on, if that alone decides where it belongs.
    pub(super) built_on: Option<&'static str>,
}

/// One thing as the file states it.
pub(super) struct Item<'a> {
    pub(super) uuid: Uuid,
    pub(super) entry: &'a str,
    pub(super) name: &'a str,
    pub(super) body: &'a str,
    /// Where it belongs; nowhere if what it is built on is in the trash.
    pub(super) place: Option<Place>,
}

/// Where a thing belongs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) connection: ConnectionId,
    /// The model it hangs on, if it hangs on one.
    pub(super) model: Option<DependentId>,
}

/// A row that is live after the import.
#[derive(Clone, Copy)]
pub(super) struct Live {
    pub(super) id: DependentId,
    pub(super) connection: ConnectionId,
    /// Whether the import wrote it.
    pub(super) written: bool,
}

/// What became of things of one sort.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) created: usize,
    pub(super) updated: usize,
    /// The rows that are live.
    pub(super) live: HashMap<Uuid, Live>,
}

/// Creates and changes the rows of one sort.
pub(super) fn import(
    tx: &mut Tx<'_>,
    homes: &Homes,
    sort: &Sort,
    items: &[Item<'_>],
    report: &mut Report,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let (mut in_trash, mut moved): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for chunk in items.chunks(CHUNK) {
        let mut found = look_up(tx, homes, sort, chunk)?;
        let trashed = look_up_trashed(tx, homes, sort, chunk, &found)?;
        let mut new = Vec::new();
        for item in chunk {
            let external_id = item.uuid.to_string();
            let row = found
                .remove(&external_id)
                .and_then(|rows| choose(rows, item.place));
            let live = match (row, item.place) {
                (Some(row), place) => {
                    if place.is_some_and(|place| place.connection != row.connection_id) {
                        moved.push(item.entry);
                    }
                    update(tx, sort, item, row, &mut outcome)?
                }
                (None, Some(place)) if !trashed.contains(&external_id) => {
                    let row = create(tx, sort, item, place)?;
                    let live = Live {
                        id: row.id,
                        connection: row.connection_id,
                        written: true,
                    };
                    new.push(row);
                    live
                }
                (None, place) => {
                    report.skipped_in_trash += 1;
                    // What is built on something in the trash goes without saying.
                    in_trash.extend(place.map(|_| item.entry));
                    continue;
                }
            };
            outcome.live.insert(item.uuid, live);
        }
        outcome.created += tx.conn.insert_dependents(sort.kind, &new)?;
    }
    say_what_is_in_trash(sort, &in_trash, report);
    if let (false, Some(built_on)) = (moved.is_empty(), sort.built_on) {
        report.notices.push(format!(
            "the {built_on} of these is of another connection now; a {} can't change its connection, so they stay where they are: {}",
            sort.word,
            some_of(&moved)
        ));
    }
    Ok(outcome)
}

fn say_what_is_in_trash(sort: &Sort, entries: &[&str], report: &mut Report) {
    let word = sort.word;
    let what = match entries.len() {
        0 => return,
        1 => format!("1 {word} is in the trash and stays there"),
        many => format!("{many} {word}s are in the trash and stay there"),
    };
    let with = if sort.kind == DependentKind::Model {
        ", with what is built on them"
    } else {
        ""
    };
    report
        .notices
        .push(format!("{what}{with}: {}", some_of(entries)));
}

type Found = HashMap<String, Vec<DependentRow>>;

fn look_up(tx: &mut Tx<'_>, homes: &Homes, sort: &Sort, items: &[Item<'_>]) -> Result<Found> {
    let mut found = Found::new();
    if homes.before.is_empty() {
        return Ok(found);
    }
    let ids: Vec<String> = items.iter().map(|item| item.uuid.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for row in
        tx.conn
            .dependent_rows_by_external_ids(sort.kind, tx.caller.org, &homes.before, &ids)?
    {
        found
            .entry(row.external_id.clone().unwrap_or_default())
            .or_default()
            .push(row);
    }
    Ok(found)
}

/// Those of the missing that are in the trash. What belongs nowhere is left out in any case.
fn look_up_trashed(
    tx: &mut Tx<'_>,
    homes: &Homes,
    sort: &Sort,
    items: &[Item<'_>],
    found: &Found,
) -> Result<HashSet<String>> {
    let placed = items.iter().filter(|item| item.place.is_some());
    let missing: Vec<String> = placed
        .map(|item| item.uuid.to_string())
        .filter(|id| !found.contains_key(id))
        .collect();
    if missing.is_empty() || homes.with_trash.is_empty() {
        return Ok(HashSet::new());
    }
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    let trashed =
        tx.conn
            .trashed_external_ids(sort.kind, tx.caller.org, &homes.with_trash, &missing)?;
    Ok(trashed.into_iter().flatten().collect())
}

/// External ids are unique within a connection only: of several rows the one in the place the file names, else the
/// oldest.
fn choose(mut rows: Vec<DependentRow>, place: Option<Place>) -> Option<DependentRow> {
    rows.sort_unstable_by_key(|row| row.id);
    let wanted = place.map(|place| place.connection);
    let at = rows
        .iter()
        .position(|row| Some(row.connection_id) == wanted)
        .unwrap_or_default();
    (at < rows.len()).then(|| rows.swap_remove(at))
}

fn create(tx: &Tx<'_>, sort: &Sort, item: &Item<'_>, place: Place) -> Result<DependentRow> {
    Ok(DependentRow {
        org_id: tx.caller.org,
        id: DependentId::mint(),
        connection_id: place.connection,
        parent: place.model,
        name: name_of(item.entry, item.name)?.into_string(),
        kind: sort.word.to_owned(),
        external_id: Some(item.uuid.to_string()),
        body: body(item)?,
        deletion_protection: false,
        created_at: tx.at,
        updated_at: tx.at,
        version: 1,
    })
}

/// The file decides name, body and, within the connection, the model; all else is as it was.
fn update(
    tx: &mut Tx<'_>,
    sort: &Sort,
    item: &Item<'_>,
    mut row: DependentRow,
    outcome: &mut Outcome,
) -> Result<Live> {
    let name = name_of(item.entry, item.name)?.into_string();
    let model = item
        .place
        .filter(|place| place.connection == row.connection_id)
        .and_then(|place| place.model);
    let parent = model.or(row.parent);
    let written = row.name != name || row.body.as_str() != item.body || row.parent != parent;
    if written {
        row.name = name;
        row.body = body(item)?;
        row.parent = parent;
        row.version += 1;
        row.updated_at = tx.at;
        if tx.conn.update_dependent(sort.kind, &row)? == 0 {
            return Err(StoreError::Conflict.into());
        }
        outcome.updated += 1;
    }
    Ok(Live {
        id: row.id,
        connection: row.connection_id,
        written,
    })
}

fn body(item: &Item<'_>) -> Result<JsonText> {
    if item.body.len() > MAX_BODY {
        let what = format!(
            "it has more than {MAX_BODY} bytes as JSON: make it smaller or leave it out of the export"
        );
        return Err(fault(item.entry, &what));
    }
    JsonText::parse(item.body).map_err(|problem| {
        fault(
            item.entry,
            &format!(
                "it holds what can't be stored ({problem}): correct it in Superset and export again"
            ),
        )
    })
}

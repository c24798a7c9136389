//! Where a dashboard belongs, and its links to charts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::domain::ids::DependentId;
use crate::domain::kinds::DependentKind;
use crate::import::superset::{Dashboard, Export};
use crate::service::error::Result;
use crate::service::links::MAX_LINKS;
use crate::service::unit::Tx;
use crate::store::rows::LinkRow;

use super::rows::{Live, Outcome};
use super::{CHUNK, Homes, Item, Place, Report, fault, some_of};

/// The dashboards of a file, each in the connection that most of its charts belong to.
pub(super) fn items<'a>(
    export: &'a Export,
    homes: &Homes,
    report: &mut Report,
) -> Result<Vec<Item<'a>>> {
    let databases: HashMap<Uuid, Uuid> = export
        .datasets
        .iter()
        .map(|dataset| (dataset.uuid, dataset.database_uuid))
        .collect();
    let databases: HashMap<Uuid, Uuid> = export
        .charts
        .iter()
        .filter_map(|chart| Some((chart.uuid, *databases.get(&chart.dataset_uuid)?)))
        .collect();
    let ids = || export.databases.iter().map(|database| database.uuid);
    let first = ids()
        .find(|uuid| homes.live.contains_key(uuid))
        .or_else(|| ids().next());
    let mut without_charts = Vec::new();
    let mut items = Vec::with_capacity(export.dashboards.len());
    for dashboard in &export.dashboards {
        let entry = dashboard.entry.as_str();
        if dashboard.chart_uuids.len() > MAX_LINKS {
            return Err(fault(
                entry,
                &format!(
                    "it shows more than {MAX_LINKS} charts: divide it in Superset and export again"
                ),
            ));
        }
        let home = home(dashboard, &databases);
        if home.is_none() {
            without_charts.push(entry);
        }
        let Some(home) = home.or(first) else {
            let what = "it shows no chart and the file has no database, so it belongs to no connection: leave it out of the export";
            return Err(fault(entry, what));
        };
        let place = homes.live.get(&home).map(|connection| Place {
            connection: *connection,
            model: None,
        });
        let (uuid, name, body) = (dashboard.uuid, &dashboard.name, &dashboard.body_json);
        items.push(Item {
            uuid,
            entry,
            name,
            body,
            place,
        });
    }
    if !without_charts.is_empty() {
        report.notices.push(format!(
            "these dashboards show no chart of the file and belong to its first database: {}",
            some_of(&without_charts)
        ));
    }
    Ok(items)
}

/// The database that most charts of a dashboard are built on; of several the one that comes first in it.
fn home(dashboard: &Dashboard, databases: &HashMap<Uuid, Uuid>) -> Option<Uuid> {
    let mut charts: Vec<(Uuid, usize)> = Vec::new();
    for database in dashboard
        .chart_uuids
        .iter()
        .filter_map(|chart| databases.get(chart))
    {
        match charts.iter_mut().find(|(uuid, _)| uuid == database) {
            Some((_, count)) => *count += 1,
            None => charts.push((*database, 1)),
        }
    }
    // The last of equal ones is taken, so from the end.
    charts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map(|(uuid, _)| uuid)
}

type Links = BTreeMap<DependentId, BTreeSet<DependentId>>;

/// Makes the charts of each dashboard all its links. A link to a chart in the trash waits there if the file still has
/// it, and is forgotten if not: a restore must not bring back what was taken off the dashboard meanwhile.
pub(super) fn link(
    tx: &mut Tx<'_>,
    export: &Export,
    charts: &HashMap<Uuid, Live>,
    boards: &mut Outcome,
) -> Result<()> {
    let org = tx.caller.org;
    for chunk in export.dashboards.chunks(CHUNK) {
        let ids: Vec<DependentId> = chunk
            .iter()
            .filter_map(|dashboard| boards.live.get(&dashboard.uuid))
            .map(|row| row.id)
            .collect();
        let mut linked = by_source(tx.conn.links_from(org, &ids)?);
        let mut waiting = by_source(tx.conn.trashed_links_from(org, &ids)?);
        let external_ids = external_ids(tx, &waiting)?;
        let (mut new, mut touched) = (Vec::new(), Vec::new());
        for dashboard in chunk {
            let Some(&Live {
                id: from_id,
                written,
                ..
            }) = boards.live.get(&dashboard.uuid)
            else {
                continue;
            };
            let stated: BTreeSet<DependentId> = dashboard
                .chart_uuids
                .iter()
                .filter_map(|uuid| charts.get(uuid))
                .map(|row| row.id)
                .collect();
            let linked = linked.remove(&from_id).unwrap_or_default();
            let mut stale: Vec<DependentId> = linked.difference(&stated).copied().collect();
            let still_stated = |id: &DependentId| {
                external_ids
                    .get(id)
                    .is_some_and(|uuid| dashboard.chart_uuids.contains(uuid))
            };
            stale.extend(
                waiting
                    .remove(&from_id)
                    .into_iter()
                    .flatten()
                    .filter(|id| !still_stated(id)),
            );
            if !stale.is_empty() {
                tx.conn.delete_links(org, from_id, &stale)?;
            }
            let missing = stated.difference(&linked);
            new.extend(missing.map(|to_id| LinkRow {
                org_id: org,
                from_id,
                to_id: *to_id,
                created_at: tx.at,
            }));
            if !written && linked != stated {
                touched.push(from_id);
            }
        }
        tx.conn.insert_links(&new)?;
        boards.updated += tx
            .conn
            .touch_dependents(DependentKind::Content, org, &touched, tx.at)?;
    }
    Ok(())
}

fn by_source(pairs: Vec<(DependentId, DependentId)>) -> Links {
    let mut links = Links::new();
    for (from, to) in pairs {
        links.entry(from).or_default().insert(to);
    }
    links
}

/// Superset's ids of the content in the trash that links wait for.
fn external_ids(tx: &mut Tx<'_>, waiting: &Links) -> Result<HashMap<DependentId, Uuid>> {
    let targets: Vec<DependentId> = waiting.values().flatten().copied().collect();
    let mut ids = HashMap::new();
    for chunk in targets.chunks(CHUNK) {
        let found = tx
            .conn
            .external_ids_in_trash(DependentKind::Content, tx.caller.org, chunk)?;
        ids.extend(
            found
                .into_iter()
                .filter_map(|(id, text)| Some((id, Uuid::try_parse(&text?).ok()?))),
        );
    }
    Ok(ids)
}

//! What the database holds at one moment: one statement, so one snapshot, beside the running servers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reprieve::store::DatabaseUrl;

use super::plan::Load;
use super::record::{
    Answer, Call, ChildRow, ConnectionRow, Counts, EntryState, GONE_PARENT, Made, Record, Rows,
};
use crate::support::*;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Every row that can be in two places, with the reason of the deletion that took it (`client` gives each its
/// number). Rows of a closed entry that are still in the trash would be told by their reason, too.
const LOOK: &str = "\
    SELECT 'connection|' || c.name || '||' || CAST(c.version AS text) || '|' || (SELECT CAST(count(*) AS text) \
        FROM secrets s WHERE s.org_id = c.org_id AND s.owner_id = c.id) AS line FROM connections c \
    UNION ALL SELECT 'connection|' || c.name || '|' || e.reason || '|' || CAST(c.version AS text) || '|' || \
        (SELECT CAST(count(*) AS text) FROM secrets s WHERE s.org_id = c.org_id AND s.owner_id = c.id) \
        FROM trash_connections c JOIN trash_entries e ON e.org_id = c.org_id AND e.id = c.entry_id \
    UNION ALL SELECT 'model|' || m.name || '||' || coalesce(p.name, t.name, CASE WHEN m.base_model_id IS NULL \
        THEN '' ELSE 'gone' END) FROM models m \
        LEFT JOIN models p ON p.org_id = m.org_id AND p.id = m.base_model_id \
        LEFT JOIN trash_models t ON t.org_id = m.org_id AND t.id = m.base_model_id \
    UNION ALL SELECT 'model|' || m.name || '|' || e.reason || '|' || coalesce(p.name, t.name, \
        CASE WHEN m.base_model_id IS NULL THEN '' ELSE 'gone' END) FROM trash_models m \
        JOIN trash_entries e ON e.org_id = m.org_id AND e.id = m.entry_id \
        LEFT JOIN models p ON p.org_id = m.org_id AND p.id = m.base_model_id \
        LEFT JOIN trash_models t ON t.org_id = m.org_id AND t.id = m.base_model_id \
    UNION ALL SELECT 'content|' || k.name || '||' || coalesce(p.name, t.name, CASE WHEN k.model_id IS NULL \
        THEN '' ELSE 'gone' END) FROM content k \
        LEFT JOIN models p ON p.org_id = k.org_id AND p.id = k.model_id \
        LEFT JOIN trash_models t ON t.org_id = k.org_id AND t.id = k.model_id \
    UNION ALL SELECT 'content|' || k.name || '|' || e.reason || '|' || coalesce(p.name, t.name, \
        CASE WHEN k.model_id IS NULL THEN '' ELSE 'gone' END) FROM trash_content k \
        JOIN trash_entries e ON e.org_id = k.org_id AND e.id = k.entry_id \
        LEFT JOIN models p ON p.org_id = k.org_id AND p.id = k.model_id \
        LEFT JOIN trash_models t ON t.org_id = k.org_id AND t.id = k.model_id \
    UNION ALL SELECT 'entry|' || e.root_name || '|' || e.reason || '|' || e.state || '|' || \
        CAST(e.connections_count AS text) || '|' || CAST(e.models_count AS text) || '|' || \
        CAST(e.content_count AS text) || '|' || CAST(e.id AS text) FROM trash_entries e \
    UNION ALL SELECT 'stray|secret ' || s.field || ' of ' || CAST(s.owner_id AS text) FROM secrets s \
        WHERE NOT EXISTS (SELECT 1 FROM connections c WHERE c.org_id = s.org_id AND c.id = s.owner_id)";

/// The database at one moment.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) objects: BTreeMap<Made, Rows>,
    /// The entries by the ids that the database gave them.
    pub(crate) entries: BTreeMap<String, Made>,
    /// What is wrong whatever happened before.
    pub(crate) faults: Vec<String>,
}

/// The object and the number in a row's name: `c5`, `m5.17`, `k5.18`.
pub(crate) fn read_name(name: &str) -> (Made, Made) {
    let numbers = name.trim_start_matches(['c', 'm', 'k']);
    let (object, made) = numbers.split_once('.').unwrap_or((numbers, numbers));
    (object.parse().unwrap(), made.parse().unwrap())
}

/// What a deletion gives as its reason, so that its entry can be told without its id.
pub(crate) fn reason(number: Made) -> String {
    format!("call-{number}")
}

fn read_reason(reason: &str) -> Option<Made> {
    reason
        .strip_prefix("call-")
        .map(|number| number.parse().unwrap())
}

impl Snapshot {
    pub(crate) fn take(sql: &mut Sql) -> Self {
        Self::read(&sql.lines(LOOK))
    }

    fn read(lines: &[String]) -> Self {
        let mut snapshot = Self::default();
        for line in lines {
            let parts: Vec<&str> = line.split('|').collect();
            if parts[0] == "stray" {
                snapshot
                    .faults
                    .push(format!("{} has no live owner", parts[1]));
                continue;
            }
            let (object, made) = read_name(parts[1]);
            let rows = snapshot.objects.entry(object).or_default();
            let entry = read_reason(parts[2]);
            let twice = match parts[0] {
                "connection" => rows
                    .connection
                    .replace(ConnectionRow {
                        entry,
                        version: parts[3].parse().unwrap(),
                        secret: parts[4] != "0",
                    })
                    .is_some(),
                "entry" => {
                    let state =
                        serde_json::from_value(json!(parts[3])).unwrap_or(EntryState::InTrash);
                    let count = |n: usize| parts[n].parse().unwrap();
                    let counts = Counts {
                        connections: count(4),
                        models: count(5),
                        content: count(6),
                    };
                    snapshot.entries.insert(parts[7].to_owned(), entry.unwrap());
                    rows.entries
                        .insert(entry.unwrap(), (state, counts))
                        .is_some()
                }
                kind => {
                    let parent = match parts[3] {
                        "" => None,
                        "gone" => Some(GONE_PARENT),
                        name => Some(read_name(name).1),
                    };
                    let row = ChildRow {
                        model: kind == "model",
                        parent,
                        entry,
                    };
                    rows.children.insert(made, row).is_some()
                }
            };
            if twice {
                snapshot
                    .faults
                    .push(format!("{} {} is in two places", parts[0], parts[1]));
            }
        }
        snapshot.find_faults();
        snapshot
    }

    /// What no order of calls could ever lead to.
    fn find_faults(&mut self) {
        for (object, rows) in &self.objects {
            let live = rows
                .connection
                .as_ref()
                .is_some_and(|row| row.entry.is_none());
            let mut held: BTreeMap<Made, Counts> = BTreeMap::new();
            if let Some(entry) = rows.connection.as_ref().and_then(|row| row.entry) {
                held.entry(entry).or_default().connections += 1;
            }
            for (name, child) in &rows.children {
                let Some(entry) = child.entry else {
                    let parent_lives = child.parent.is_none_or(|parent| {
                        rows.children
                            .get(&parent)
                            .is_some_and(|row| row.entry.is_none())
                    });
                    if !live || !parent_lives {
                        self.faults.push(format!(
                            "child {name} of {object} is live under a parent that is not"
                        ));
                    }
                    continue;
                };
                let counts = held.entry(entry).or_default();
                if child.model {
                    counts.models += 1;
                } else {
                    counts.content += 1;
                }
            }
            for (name, (state, counts)) in &rows.entries {
                let expected = match state {
                    EntryState::InTrash => *counts,
                    EntryState::Restored | EntryState::Purged => Counts::default(),
                };
                let holds = held.remove(name).unwrap_or_default();
                if holds != expected {
                    self.faults.push(format!(
                        "entry {name} of {object} is {state:?} and says {counts:?}, but holds {holds:?}"
                    ));
                }
            }
        }
    }
}

/// Looks again and again until the load is stopped.
pub(crate) fn watch(load: &Load, url: &DatabaseUrl) -> Vec<(u64, u64, Snapshot)> {
    let mut sql = Sql::open(url);
    let mut seen = Vec::new();
    while !load.stopped.load(Ordering::Relaxed) {
        seen.push(look(load, &mut sql));
        std::thread::sleep(INTERVAL);
    }
    seen
}

/// One look, with its two moments.
pub(crate) fn look(load: &Load, sql: &mut Sql) -> (u64, u64, Snapshot) {
    let began = load.moment();
    let snapshot = Snapshot::take(sql);
    (began, load.moment(), snapshot)
}

/// The looks as reads of each object. A look that saw what the one before it saw, with no call on the object under
/// way since, tells nothing new and is left out.
pub(crate) fn records(looks: &[(u64, u64, Snapshot)], calls: &[Record]) -> Vec<Record> {
    let mut of_object: BTreeMap<Made, Vec<&Record>> = BTreeMap::new();
    for call in calls {
        of_object.entry(call.object).or_default().push(call);
    }
    let mut records = Vec::new();
    for (object, calls) in of_object {
        let born = calls
            .iter()
            .map(|call| call.began)
            .min()
            .unwrap_or_default();
        let mut before: Option<(u64, &Rows)> = None;
        let nothing = Rows::default();
        for (number, (began, ended, snapshot)) in looks.iter().enumerate() {
            let rows = snapshot.objects.get(&object).unwrap_or(&nothing);
            let quiet = |since: u64| {
                !calls
                    .iter()
                    .any(|call| call.began <= *ended && call.ended >= since)
            };
            if *ended < born || before.is_some_and(|(since, seen)| seen == rows && quiet(since)) {
                continue;
            }
            before = Some((*began, rows));
            records.push(Record {
                number: u32::try_from(number).unwrap(),
                object,
                client: 0,
                process: 0,
                began: *began,
                ended: *ended,
                call: Call::Look,
                answer: Answer::Rows(Box::new(rows.clone())),
            });
        }
    }
    records
}

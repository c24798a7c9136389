//! What is in the tables: read from the database itself, not from what the service says.

use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{QueryableByName, RunQueryDsl as _, SqliteConnection};

use anyhow::{Context as _, bail};

use crate::cli::output::table;
use crate::service::Services;
use crate::store::Conn;

/// The tables that are shown.
const TABLES: &[&str] = &[
    "integrations",
    "connections",
    "models",
    "content",
    "links",
    "secrets",
    "secret_slots",
    "trash_entries",
    "trash_integrations",
    "trash_connections",
    "trash_models",
    "trash_content",
    "trash_links",
    "audit_events",
];
/// Slots that hold something; a shredded one is all zeros.
const FILLED: &str = "SELECT 'secret_slots not zero' AS name, count(*) AS number FROM secret_slots WHERE record <> zeroblob(length(record))";
/// Everything of the rows that stand on a connection, one text a row.
const ROWS: &str = "
SELECT 'model' || '|' || m.id || '|' || m.connection_id || '|' || ifnull(m.base_model_id, '') || '|' || m.name || '|' || m.kind
       || '|' || ifnull(m.external_id, '') || '|' || m.body || '|' || m.created_at || '|' || m.updated_at || '|' || m.version AS line
  FROM models m WHERE m.connection_id = ?1
UNION ALL
SELECT 'content' || '|' || c.id || '|' || c.connection_id || '|' || ifnull(c.model_id, '') || '|' || c.name || '|' || c.kind
       || '|' || ifnull(c.external_id, '') || '|' || c.body || '|' || c.created_at || '|' || c.updated_at || '|' || c.version
  FROM content c WHERE c.connection_id = ?1
UNION ALL
SELECT 'link' || '|' || l.from_id || '|' || l.to_id || '|' || l.created_at
  FROM links l JOIN content c ON c.org_id = l.org_id AND c.id = l.from_id WHERE c.connection_id = ?1
ORDER BY line";
const SEALED: &str = "
SELECT x.owner_id, s.id AS slot, s.record
  FROM secrets x JOIN secret_slots s ON s.org_id = x.org_id AND s.id = x.slot_id ORDER BY s.id";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// A sealed secret as it lies in the database.
#[derive(QueryableByName, Clone)]
pub(super) struct Sealed {
    /// The connection or integration it belongs to.
    #[diesel(sql_type = Text)]
    pub(super) owner_id: String,
    /// Where it lies.
    #[diesel(sql_type = BigInt)]
    pub(super) slot: i64,
    /// Its bytes.
    #[diesel(sql_type = Binary)]
    pub(super) record: Vec<u8>,
}

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = Binary)]
    record: Vec<u8>,
}

/// The tables with the counts that were shown last.
#[derive(Default)]
pub(super) struct Tables {
    last: Vec<Count>,
}

impl Tables {
    /// Counts anew; answers the table to show: what has rows or has changed, and by how much.
    pub(super) fn look(&mut self, services: &Services) -> anyhow::Result<String> {
        let now = counts(services)?;
        let head = ["TABLE", "ROWS", "CHANGE"].map(str::to_owned);
        let mut rows = vec![head];
        for Count { name, number } in &now {
            let change = number - self.of(name);
            if *number != 0 || change != 0 {
                let shown = if change == 0 {
                    String::new()
                } else {
                    format!("{change:+}")
                };
                rows.push([name.clone(), number.to_string(), shown]);
            }
        }
        self.last = now;
        Ok(table(&rows))
    }

    /// By how much a table has changed since it was shown.
    pub(super) fn change(&self, services: &Services, name: &str) -> anyhow::Result<i64> {
        let now = counts(services)?;
        let count = now
            .iter()
            .find(|count| count.name == name)
            .with_context(|| format!("no table {name} is counted"))?;
        Ok(count.number - self.of(name))
    }

    fn of(&self, name: &str) -> i64 {
        let count = self.last.iter().find(|count| count.name == name);
        count.map_or(0, |count| count.number)
    }
}

fn counts(services: &Services) -> anyhow::Result<Vec<Count>> {
    let mut parts: Vec<String> = TABLES
        .iter()
        .map(|name| format!("SELECT '{name}' AS name, count(*) AS number FROM {name}"))
        .collect();
    let slots = TABLES.iter().position(|name| *name == "secret_slots");
    parts.insert(slots.map_or(0, |at| at + 1), FILLED.to_owned());
    let sql = parts.join(" UNION ALL ");
    read(services, |conn| Ok(diesel::sql_query(sql).load(conn)?))
}

/// Every column of the models, content and links of a connection that are live.
pub(super) fn rows_of(services: &Services, connection: &str) -> anyhow::Result<Vec<String>> {
    let lines: Vec<Line> = read(services, |conn| {
        let query = diesel::sql_query(ROWS).bind::<Text, _>(connection);
        Ok(query.load(conn)?)
    })?;
    Ok(lines.into_iter().map(|row| row.line).collect())
}

/// Every secret that is live.
pub(super) fn sealed(services: &Services) -> anyhow::Result<Vec<Sealed>> {
    read(services, |conn| Ok(diesel::sql_query(SEALED).load(conn)?))
}

/// What lies in a slot now.
pub(super) fn slot(services: &Services, id: i64) -> anyhow::Result<Vec<u8>> {
    let found: Record = read(services, |conn| {
        let query = diesel::sql_query("SELECT record FROM secret_slots WHERE id = ?1");
        Ok(query.bind::<BigInt, _>(id).get_result(conn)?)
    })?;
    Ok(found.record)
}

fn read<T>(
    services: &Services,
    work: impl FnOnce(&mut SqliteConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    services.store.read(|conn| match conn {
        Conn::Sqlite(conn) => work(conn),
        Conn::Pg(_) => bail!("the demo works on SQLite"),
    })
}

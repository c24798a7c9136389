//! Every row of an organization, column by column, as it is in the tables against as the model has it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel::{QueryResult, RunQueryDsl as _};
use reprieve::domain::ids::OrgId;
use reprieve::domain::kinds::{DependentKind, EntryState, RootKind};

use super::state::{Connection, Dependent, Entry, Id, Integration, Model, Place, name_key};
use crate::support::Sql;

/// Between two values of a row; no text of a test has one.
const BETWEEN: char = '\u{1f}';
/// What `NULL` is read as.
const NULL: &str = "\u{1e}";

/// A table, and its columns without the organization. A column that a migration adds has to be added here.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
}

const INTEGRATIONS: &[&str] = &[
    "id",
    "key",
    "name",
    "connector",
    "settings",
    "created_at",
    "updated_at",
    "version",
    "generation",
    "deletion_protection",
    "revoke_on_delete",
];
const CONNECTIONS: &[&str] = &[
    "id",
    "name",
    "name_key",
    "connector",
    "integration",
    "integration_id",
    "external_id",
    "settings",
    "tags",
    "metadata",
    "status",
    "generation",
    "deletion_protection",
    "last_test",
    "created_at",
    "updated_at",
    "version",
];
const MODELS: &[&str] = &[
    "id",
    "connection_id",
    "base_model_id",
    "name",
    "kind",
    "external_id",
    "body",
    "deletion_protection",
    "created_at",
    "updated_at",
    "version",
];
const CONTENT: &[&str] = &[
    "id",
    "connection_id",
    "model_id",
    "name",
    "kind",
    "external_id",
    "body",
    "deletion_protection",
    "created_at",
    "updated_at",
    "version",
];
const LINKS: &[&str] = &["from_id", "to_id", "created_at"];
const ENTRIES: &[&str] = &[
    "id",
    "state",
    "root_kind",
    "root_id",
    "root_name",
    "root_name_key",
    "root_external_id",
    "connector",
    "integration",
    "connection_id",
    "model_id",
    "deleted_at",
    "deleted_by",
    "deleted_by_name",
    "key_id",
    "reason",
    "purge_at",
    "purge_protected",
    "connections_count",
    "models_count",
    "content_count",
    "links_count",
    "references_count",
    "secret_shape",
    "secrets_shredded",
    "shredded_at",
    "erased_at",
    "key_epoch",
    "closed_at",
    "closed_by",
    "closed_by_name",
];
const HOLDS: &[&str] = &["id", "entry_id"];
const SECRETS: &[&str] = &[
    "owner_id",
    "field",
    "owner_kind",
    "generation",
    "source_hint",
];
const SHREDDED: &[&str] = &["entry_id", "owner_id", "field", "owner_kind", "source_hint"];

/// Live tables, then their mirrors, which have the entry as well.
const MIRRORED: [Table; 5] = [
    Table {
        name: "integrations",
        columns: INTEGRATIONS,
    },
    Table {
        name: "connections",
        columns: CONNECTIONS,
    },
    Table {
        name: "models",
        columns: MODELS,
    },
    Table {
        name: "content",
        columns: CONTENT,
    },
    Table {
        name: "links",
        columns: LINKS,
    },
];
const OTHERS: [Table; 4] = [
    Table {
        name: "trash_entries",
        columns: ENTRIES,
    },
    Table {
        name: "holds",
        columns: HOLDS,
    },
    Table {
        name: "secrets",
        columns: SECRETS,
    },
    Table {
        name: "shredded_secrets",
        columns: SHREDDED,
    },
];
/// What is counted alone, by a word.
const COUNTED: [(&str, &str, &str); 3] = [
    // Alarms are another matter: they stand until their cause is gone.
    ("audit_events", "action", " AND action <> 'alarm.raised'"),
    ("erasure_jobs", "'open'", " AND finished_at IS NULL"),
    ("secret_slots", "'used'", " AND NOT free"),
];

/// What a column of a row has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Cell {
    Is(String),
    Null,
    /// As it was when it was last seen, whatever that was.
    Kept,
    /// Not null.
    Any,
}

type Key = (&'static str, String);

/// Reads an organization whole.
pub(crate) struct Dump {
    sql: RefCell<Sql>,
    text: String,
    /// The names of the tables, in the order of the statement.
    tables: Vec<&'static str>,
    yes: &'static str,
    no: &'static str,
}

impl Dump {
    pub(crate) fn new(mut sql: Sql) -> Self {
        let is_sqlite = matches!(sql, Sql::Sqlite(_));
        let (org, yes, no) = if is_sqlite {
            ("{org}", "1", "0")
        } else {
            ("CAST({org} AS uuid)", "true", "false")
        };
        let mut tables = Vec::new();
        let mut parts = Vec::new();
        let mut add = |name: &'static str, values: &[String], rest: &str| {
            let values: Vec<String> = values
                .iter()
                .map(|value| format!("coalesce(CAST({value} AS text), '{NULL}')"))
                .collect();
            let number = tables.len();
            parts.push(format!(
                "SELECT '{number}' || '{BETWEEN}' || {} AS line FROM {name} WHERE org_id = {org}{rest}",
                values.join(&format!(" || '{BETWEEN}' || ")),
            ));
            tables.push(name);
        };
        for table in &MIRRORED {
            let trash = trash_of(table.name);
            let mut columns: Vec<String> = table
                .columns
                .iter()
                .map(|&column| column.to_owned())
                .collect();
            assert_whole(&mut sql, table.name, &columns);
            add(table.name, &columns, "");
            columns.push("entry_id".to_owned());
            assert_whole(&mut sql, trash, &columns);
            add(trash, &columns, "");
        }
        for table in &OTHERS {
            let columns: Vec<String> = table
                .columns
                .iter()
                .map(|&column| column.to_owned())
                .collect();
            if table.columns == ENTRIES {
                assert_whole(&mut sql, table.name, &columns);
            }
            add(table.name, &columns, "");
        }
        for (table, word, condition) in COUNTED {
            let grouped = if word.starts_with('\'') {
                String::new()
            } else {
                format!(" GROUP BY {word}")
            };
            let values = [word.to_owned(), "count(*)".to_owned()];
            add(table, &values, &format!("{condition}{grouped}"));
        }
        Self {
            sql: RefCell::new(sql),
            text: parts.join(" UNION ALL "),
            tables,
            yes,
            no,
        }
    }

    /// The rows of an organization, by table and key.
    pub(crate) fn read(&self, org: OrgId) -> Rows {
        let statement = Statement {
            text: &self.text,
            org: org.to_string(),
        };
        let lines: Vec<String> = match &mut *self.sql.borrow_mut() {
            Sql::Sqlite(conn) => statement.load(conn),
            Sql::Postgres(conn) => statement.load(conn),
        }
        .unwrap();
        lines
            .iter()
            .map(|line| {
                let mut values = line.split(BETWEEN);
                let table = self.tables[values.next().unwrap().parse::<usize>().unwrap()];
                let values: Vec<String> = values.map(str::to_owned).collect();
                (key(table, &values), values)
            })
            .collect()
    }

    fn flag(&self, value: bool) -> Cell {
        is(if value { self.yes } else { self.no })
    }
}

pub(crate) type Rows = BTreeMap<Key, Vec<String>>;

/// A migration that adds a column adds it here, too.
fn assert_whole(sql: &mut Sql, table: &str, columns: &[String]) {
    let mut there = sql.columns(table);
    there.retain(|column| column != "org_id");
    assert_eq!(there, columns, "the columns of {table}");
}

fn trash_of(table: &str) -> &'static str {
    match table {
        "integrations" => "trash_integrations",
        "connections" => "trash_connections",
        "models" => "trash_models",
        "content" => "trash_content",
        _ => "trash_links",
    }
}

fn key(table: &'static str, values: &[String]) -> Key {
    let key = match table {
        "links" | "trash_links" | "secrets" | "shredded_secrets" => {
            format!("{} {}", values[0], values[1])
        }
        _ => values[0].clone(),
    };
    (table, key)
}

/// Where a row stands if it is live: what it was there is what it has to be in the trash.
fn home(table: &'static str) -> &'static str {
    match table {
        "trash_integrations" => "integrations",
        "trash_connections" => "connections",
        "trash_models" => "models",
        "trash_content" => "content",
        "trash_links" => "links",
        other => other,
    }
}

/// Compares an organization with the model and remembers what the model leaves open.
#[derive(Default)]
pub(crate) struct Comparison {
    seen: BTreeMap<Key, Vec<String>>,
}

impl Comparison {
    /// The first difference, in words.
    pub(crate) fn check(&mut self, dump: &Dump, org: OrgId, model: &Model) -> Result<(), String> {
        let mut rows = dump.read(org);
        for (key, cells) in expected(dump, model) {
            let Some(row) = rows.remove(&key) else {
                return Err(format!("{} {} is missing", key.0, key.1));
            };
            let at_home = (home(key.0), key.1.clone());
            let before = self.seen.get(&at_home);
            if row.len() != cells.len() {
                return Err(format!("{} {} has {} columns", key.0, key.1, row.len()));
            }
            for (index, (value, cell)) in row.iter().zip(&cells).enumerate() {
                let fits = match cell {
                    Cell::Is(expected) => value == expected,
                    Cell::Null => value == NULL,
                    Cell::Any => value != NULL,
                    Cell::Kept => before.is_none_or(|before| before.get(index) == Some(value)),
                };
                if !fits {
                    return Err(format!(
                        "{} {}: column {} is {value:?}, not {cell:?}; the row: {row:?}, before: {before:?}",
                        key.0,
                        key.1,
                        column(key.0, index)
                    ));
                }
            }
            self.seen.insert(at_home, row);
        }
        match rows.into_iter().next() {
            Some(((table, key), row)) => Err(format!("{table} {key} should not be there: {row:?}")),
            None => Ok(()),
        }
    }
}

fn column(table: &str, index: usize) -> &'static str {
    MIRRORED
        .iter()
        .chain(&OTHERS)
        .find(|known| known.name == table || trash_of(known.name) == table)
        .and_then(|known| known.columns.get(index))
        .copied()
        .unwrap_or("entry_id or count")
}

fn is(value: impl ToString) -> Cell {
    Cell::Is(value.to_string())
}

fn maybe(value: Option<impl ToString>) -> Cell {
    value.map_or(Cell::Null, is)
}

/// A moment: of a row that the step may have changed it may be any.
fn moment(touched: bool) -> Cell {
    if touched { Cell::Any } else { Cell::Kept }
}

fn expected(dump: &Dump, model: &Model) -> Vec<(Key, Vec<Cell>)> {
    let mut rows = Vec::new();
    let mut add = |live: &'static str, key: String, place: Place, mut cells: Vec<Cell>| match place
    {
        Place::Live => rows.push(((live, key), cells)),
        Place::Trash(entry) => {
            cells.push(is(entry));
            rows.push(((trash_of(live), key), cells));
        }
    };
    for (id, row) in &model.integrations {
        add(
            "integrations",
            id.to_string(),
            row.place,
            integration(dump, model, *id, row),
        );
    }
    for (id, row) in &model.connections {
        add(
            "connections",
            id.to_string(),
            row.place,
            connection(dump, model, *id, row),
        );
    }
    for (id, row) in &model.dependents {
        let table = match row.kind {
            DependentKind::Model => "models",
            DependentKind::Content => "content",
        };
        add(
            table,
            id.to_string(),
            row.place,
            dependent(dump, model, *id, row),
        );
    }
    for ((from, to), place) in &model.links {
        let made = moment(model.touched_links.contains(&(*from, *to)));
        add(
            "links",
            format!("{from} {to}"),
            *place,
            vec![is(from), is(to), made],
        );
    }
    for (id, row) in &model.entries {
        rows.push((
            ("trash_entries", id.to_string()),
            entry(dump, model, *id, row),
        ));
    }
    for (id, (entry, _)) in &model.holds {
        rows.push((("holds", id.to_string()), vec![is(id), is(entry)]));
    }
    let owners = (model.integrations.iter())
        .map(|(id, row)| {
            (
                id,
                "integration",
                row.connector,
                row.generation,
                row.secret.is_some(),
            )
        })
        .chain((model.connections.iter()).map(|(id, row)| {
            (
                id,
                "connection",
                row.connector,
                row.generation,
                row.secret.is_some(),
            )
        }));
    let mut used = 0;
    for (id, kind, connector, generation, _) in owners.filter(|owner| owner.4) {
        used += 1;
        let field = connector.secret;
        let cells = vec![is(id), is(field), is(kind), is(generation), Cell::Null];
        rows.push((("secrets", format!("{id} {field}")), cells));
    }
    // An entry that was restored still tells what it shredded.
    for (entry, row) in model
        .entries
        .iter()
        .filter(|(_, row)| row.state != EntryState::Purged)
    {
        for (id, field) in &row.shredded_below {
            let cells = vec![is(entry), is(id), is(field), is("connection"), Cell::Null];
            rows.push((("shredded_secrets", format!("{entry} {id}")), cells));
        }
    }
    let mut counted = |table: &'static str, word: &str, count: i64| {
        rows.push(((table, word.to_owned()), vec![is(word), is(count)]));
    };
    for (event, count) in &model.events {
        counted("audit_events", event, *count);
    }
    if model.secrets_read > 0 {
        counted(
            "audit_events",
            "connection.secrets_read",
            model.secrets_read,
        );
    }
    counted("erasure_jobs", "open", model.erasures);
    counted("secret_slots", "used", used);
    rows
}

fn integration(dump: &Dump, model: &Model, id: Id, row: &Integration) -> Vec<Cell> {
    vec![
        is(id),
        is(&row.key),
        is(&row.name),
        is(row.connector.key),
        Cell::Kept,
        Cell::Kept,
        moment(model.touched.contains(&id)),
        is(row.version),
        is(row.generation),
        dump.flag(row.protected),
        dump.flag(true),
    ]
}

fn connection(dump: &Dump, model: &Model, id: Id, row: &Connection) -> Vec<Cell> {
    vec![
        is(id),
        is(&row.name),
        is(name_key(&row.name)),
        is(row.connector.key),
        is(&row.integration),
        maybe(row.integration_id),
        maybe(row.external_id.as_ref()),
        Cell::Kept,
        is("{}"),
        is(&row.metadata),
        is(row.status),
        is(row.generation),
        dump.flag(row.protected),
        Cell::Null,
        Cell::Kept,
        moment(model.touched.contains(&id)),
        is(row.version),
    ]
}

fn dependent(dump: &Dump, model: &Model, id: Id, row: &Dependent) -> Vec<Cell> {
    vec![
        is(id),
        is(row.connection),
        maybe(row.parent),
        is(&row.name),
        is(row.kind),
        maybe(row.external_id.as_ref()),
        is(&row.body),
        dump.flag(row.protected),
        Cell::Kept,
        moment(model.touched.contains(&id)),
        is(row.version),
    ]
}

fn entry(dump: &Dump, model: &Model, id: Id, row: &Entry) -> Vec<Cell> {
    let shredded = row.shredded > 0;
    let closing = |cell: Cell| if row.is_open() { Cell::Null } else { cell };
    vec![
        is(id),
        is(row.state),
        is(row.root_kind),
        is(row.root),
        is(&row.root_name),
        is(name_key(&row.root_name)),
        maybe(row.root_external_id.as_ref()),
        is(row.connector),
        is(&row.integration),
        maybe(row.connection),
        maybe(row.model),
        Cell::Kept,
        is("cli"),
        is("command line"),
        Cell::Null,
        maybe(row.reason.as_ref()),
        Cell::Kept,
        dump.flag(row.purge_protected),
        is(row.counts.connections),
        is(row.counts.models),
        is(row.counts.content),
        is(row.counts.links),
        is(row.references),
        match row.root_kind {
            RootKind::Integration | RootKind::Connection => Cell::Kept,
            RootKind::Model | RootKind::Content => is("{}"),
        },
        is(row.shredded),
        if shredded { moment(false) } else { Cell::Null },
        Cell::Null,
        if shredded { Cell::Kept } else { Cell::Null },
        closing(moment(model.touched.contains(&id))),
        closing(is("cli")),
        closing(is("command line")),
    ]
}

/// One statement for the whole organization, prepared once.
struct Statement<'a> {
    text: &'a str,
    org: String,
}

/// No static id: diesel then caches the prepared statement by its text.
impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Text;
}

impl<C> diesel::RunQueryDsl<C> for Statement<'_> {}

impl<DB> QueryFragment<DB> for Statement<'_>
where
    DB: diesel::backend::Backend,
    String: diesel::serialize::ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut texts = self.text.split("{org}");
        if let Some(first) = texts.next() {
            out.push_sql(first);
        }
        for text in texts {
            out.push_bind_param::<Text, _>(&self.org)?;
            out.push_sql(text);
        }
        Ok(())
    }
}

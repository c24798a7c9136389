//! What both databases say about their tables, in the same words.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::*;

/// A column as its database declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) nullable: bool,
    pub(super) default: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) unique: bool,
    pub(super) columns: Vec<String>,
    pub(super) partial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<String>,
    pub(super) table: String,
    pub(super) references: Vec<String>,
    pub(super) on_delete: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) primary_key: Vec<String>,
    /// By name; those behind constraints are in `uniques`.
    pub(super) indexes: BTreeMap<String, Index>,
    pub(super) uniques: BTreeSet<Vec<String>>,
    pub(super) foreign_keys: BTreeSet<ForeignKey>,
    /// The words that a CHECK allows.
    pub(super) words: BTreeSet<String>,
}

pub(super) type Catalogue = BTreeMap<String, Table>;

/// Reads the catalogue of a database, without diesel's own table.
pub(super) fn read(sql: &mut Sql) -> Catalogue {
    tables(sql)
        .into_iter()
        .map(|name| {
            let table = match sql {
                Sql::Sqlite(_) => sqlite(sql, &name),
                Sql::Postgres(_) => postgres(sql, &name),
            };
            (name, table)
        })
        .collect()
}

/// The names of all tables but diesel's own.
pub(super) fn tables(sql: &mut Sql) -> Vec<String> {
    let query = match sql {
        Sql::Sqlite(_) => {
            "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' \
             AND name <> '__diesel_schema_migrations' ORDER BY 1"
        }
        Sql::Postgres(_) => {
            "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname <> '__diesel_schema_migrations' ORDER BY 1"
        }
    };
    sql.lines(query)
}

/// A word for how both databases store a type, in SQLite's terms.
pub(super) fn stored(kind: &str) -> &str {
    match kind {
        "text" | "uuid" | "timestamp with time zone" | "TEXT" => "TEXT",
        "integer" | "bigint" | "boolean" | "INTEGER" => "INTEGER",
        "bytea" | "BLOB" => "BLOB",
        other => panic!("a type that was not expected: {other}"),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn parts<const N: usize>(line: &str) -> [&str; N] {
    line.split('|')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| panic!("{line}"))
}

/// The quoted words of a piece of SQL.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('\'')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn sqlite(sql: &mut Sql, name: &str) -> Table {
    let columns = sql.lines(&format!(
        "SELECT name || '|' || type || '|' || (\"notnull\" = 0 AND pk = 0) || '|' || (dflt_value IS NOT NULL) AS line \
         FROM pragma_table_info('{name}') ORDER BY cid"
    ));
    let primary_key = sql.lines(&format!(
        "SELECT name AS line FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk"
    ));
    let indexes = sql.lines(&format!(
        "SELECT l.name || '|' || l.\"unique\" || '|' || l.origin || '|' || l.partial || '|' || \
         (SELECT group_concat(i.name, ',' ORDER BY i.seqno) FROM pragma_index_info(l.name) i) AS line \
         FROM pragma_index_list('{name}') l"
    ));
    let foreign_keys = sql.lines(&format!(
        "SELECT group_concat(\"from\", ',' ORDER BY seq) || '|' || \"table\" || '|' || \
         group_concat(\"to\", ',' ORDER BY seq) || '|' || on_delete AS line \
         FROM pragma_foreign_key_list('{name}') GROUP BY id"
    ));
    let text = sql
        .lines(&format!(
            "SELECT sql AS line FROM sqlite_schema WHERE name = '{name}'"
        ))
        .remove(0);
    let mut table = Table {
        columns: columns.iter().map(|line| column(line)).collect(),
        primary_key,
        indexes: BTreeMap::new(),
        uniques: BTreeSet::new(),
        foreign_keys: foreign_keys.iter().map(|line| foreign_key(line)).collect(),
        words: quoted(&text),
    };
    for line in indexes {
        let [name, unique, origin, partial, columns] = parts(&line);
        match origin {
            "pk" => {}
            "u" => drop(table.uniques.insert(list(columns))),
            _ => {
                let index = Index {
                    unique: unique == "1",
                    columns: list(columns),
                    partial: partial == "1",
                };
                table.indexes.insert(name.to_owned(), index);
            }
        }
    }
    table
}

fn postgres(sql: &mut Sql, name: &str) -> Table {
    let columns = sql.lines(&format!(
        "SELECT concat_ws('|', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 0 ELSE 1 END, \
         CASE WHEN atthasdef THEN 1 ELSE 0 END) AS line FROM pg_attribute \
         WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ));
    let names = |keys: &str, table: &str| {
        format!(
            "(SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest({keys}) WITH ORDINALITY k(num, n) \
             JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.num)"
        )
    };
    let indexes = sql.lines(&format!(
        "SELECT concat_ws('|', c.relname, CASE WHEN i.indisunique THEN 1 ELSE 0 END, \
         CASE WHEN i.indisprimary THEN 'pk' WHEN EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid \
         AND contype = 'u') THEN 'u' ELSE 'c' END, CASE WHEN i.indpred IS NULL THEN 0 ELSE 1 END, {}) AS line \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = '{name}'::regclass",
        names("i.indkey::int2[]", "i.indrelid")
    ));
    let foreign_keys = sql.lines(&format!(
        "SELECT concat_ws('|', {}, f.confrelid::regclass, {}, CASE f.confdeltype WHEN 'a' THEN 'NO ACTION' \
         ELSE f.confdeltype::text END) AS line FROM pg_constraint f \
         WHERE f.conrelid = '{name}'::regclass AND f.contype = 'f'",
        names("f.conkey", "f.conrelid"),
        names("f.confkey", "f.confrelid")
    ));
    let checks = sql.lines(&format!(
        "SELECT pg_get_constraintdef(oid) AS line FROM pg_constraint \
         WHERE conrelid = '{name}'::regclass AND contype = 'c'"
    ));
    let mut table = Table {
        columns: columns.iter().map(|line| column(line)).collect(),
        primary_key: Vec::new(),
        indexes: BTreeMap::new(),
        uniques: BTreeSet::new(),
        foreign_keys: foreign_keys.iter().map(|line| foreign_key(line)).collect(),
        words: checks.iter().flat_map(|text| quoted(text)).collect(),
    };
    for line in indexes {
        let [name, unique, origin, partial, columns] = parts(&line);
        match origin {
            "pk" => table.primary_key = list(columns),
            "u" => drop(table.uniques.insert(list(columns))),
            _ => {
                let index = Index {
                    unique: unique == "1",
                    columns: list(columns),
                    partial: partial == "1",
                };
                table.indexes.insert(name.to_owned(), index);
            }
        }
    }
    table
}

fn column(line: &str) -> Column {
    let [name, kind, nullable, default] = parts(line);
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        nullable: nullable == "1",
        default: default == "1",
    }
}

fn foreign_key(line: &str) -> ForeignKey {
    let [columns, table, references, on_delete] = parts(line);
    ForeignKey {
        columns: list(columns),
        table: table.to_owned(),
        references: list(references),
        on_delete: on_delete.to_owned(),
    }
}

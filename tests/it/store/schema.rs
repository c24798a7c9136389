//! Both databases end with the same schema, and it is the one that the code believes in.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{self, Catalogue, Column, stored};
use crate::support::*;

/// Live tables with a mirror in the trash.
const MIRRORS: [(&str, &str); 5] = [
    ("integrations", "trash_integrations"),
    ("connections", "trash_connections"),
    ("models", "trash_models"),
    ("content", "trash_content"),
    ("links", "trash_links"),
];

fn catalogues() -> (Catalogue, Catalogue) {
    let [sqlite, postgres] = [Backend::Sqlite, Backend::Postgres].map(|backend| {
        let app = TestApp::start(backend);
        catalogue::read(&mut app.sql())
    });
    (sqlite, postgres)
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn both_databases_have_the_same_tables_columns_and_indexes() {
    let (sqlite, postgres) = catalogues();
    assert_eq!(
        sqlite.keys().collect::<Vec<_>>(),
        postgres.keys().collect::<Vec<_>>()
    );
    assert!(sqlite.len() >= 20, "the catalogue was not read");
    for (name, ours) in &sqlite {
        let theirs = &postgres[name];
        let plain = |column: &Column| {
            (
                column.name.clone(),
                stored(&column.kind).to_owned(),
                column.nullable,
            )
        };
        let [left, right] =
            [ours, theirs].map(|table| table.columns.iter().map(plain).collect::<Vec<_>>());
        assert_eq!(left, right, "columns of {name}");
        if name == "secret_slots" {
            // The row id is what is overwritten in place (docs/architecture.md, "Secrets").
            assert_eq!(ours.primary_key, ["id"]);
            assert_eq!(theirs.primary_key, ["org_id", "id"]);
        } else {
            assert_eq!(
                ours.primary_key, theirs.primary_key,
                "primary key of {name}"
            );
        }
        assert_eq!(ours.indexes, theirs.indexes, "indexes of {name}");
        assert_eq!(ours.uniques, theirs.uniques, "unique constraints of {name}");
        assert_eq!(
            ours.foreign_keys, theirs.foreign_keys,
            "foreign keys of {name}"
        );
        assert_eq!(ours.words, theirs.words, "words that {name} allows");
        for (ours, theirs) in ours.columns.iter().zip(&theirs.columns) {
            // SQLite counts its row ids without one.
            if (name.as_str(), ours.name.as_str()) != ("secret_slots", "id") {
                assert_eq!(
                    ours.default, theirs.default,
                    "default of {name}.{}",
                    ours.name
                );
            }
        }
    }
}

#[test]
fn the_organization_leads_every_key() {
    let (sqlite, postgres) = catalogues();
    let mut foreign_keys = 0;
    for (backend, catalogue) in [(Backend::Sqlite, &sqlite), (Backend::Postgres, &postgres)] {
        for (name, table) in catalogue {
            let leads =
                |columns: &[String]| columns.first().is_some_and(|column| column == "org_id");
            let exempt = match name.as_str() {
                "organizations" | "key_epochs" | "key_replicas" | "scheduler_ticks" => true,
                "secret_slots" => backend == Backend::Sqlite,
                _ => false,
            };
            assert!(
                exempt || leads(&table.primary_key),
                "{backend:?}: primary key of {name}"
            );
            for columns in &table.uniques {
                assert!(leads(columns), "{backend:?}: {columns:?} of {name}");
            }
            for (index, found) in &table.indexes {
                // Key epochs are the whole database's, and one of them is the primary.
                let global = matches!(name.as_str(), "organizations" | "key_epochs");
                // The shred log is the installation's, and read in the order of time.
                let exempt =
                    global || ["secret_slots_free", "shreds_time"].contains(&index.as_str());
                assert!(
                    exempt || leads(&found.columns),
                    "{backend:?}: index {index}"
                );
                // One open one for one cause; those that are closed stay.
                let one_open = matches!(
                    index.as_str(),
                    "alarms_open" | "brakes_open" | "receipt_keys_current"
                );
                assert!(
                    global || one_open || !found.partial || !found.unique,
                    "{backend:?}: index {index}"
                );
            }
            for key in &table.foreign_keys {
                foreign_keys += 1;
                assert!(leads(&key.columns), "{backend:?}: {key:?} of {name}");
                let expected = if key.table == "organizations" {
                    "id"
                } else {
                    "org_id"
                };
                assert_eq!(
                    key.references.first().unwrap(),
                    expected,
                    "{backend:?}: {key:?} of {name}"
                );
                assert_eq!(key.on_delete, "NO ACTION", "{backend:?}: {key:?} of {name}");
            }
        }
    }
    assert!(foreign_keys > 20, "the foreign keys were not read");
}

#[test]
fn a_trash_table_is_its_live_table_and_the_entry() {
    let (sqlite, postgres) = catalogues();
    for catalogue in [&sqlite, &postgres] {
        for (live, trash) in MIRRORS {
            let (live, mirror) = (&catalogue[live], &catalogue[trash]);
            let bare = |column: &Column| Column {
                default: false,
                ..column.clone()
            };
            let mut expected: Vec<Column> = live.columns.iter().map(bare).collect();
            let entry = mirror
                .columns
                .iter()
                .find(|column| column.name == "entry_id")
                .unwrap();
            expected.push(Column {
                nullable: false,
                ..entry.clone()
            });
            // Without defaults: a column that a move forgot must not fill itself.
            assert_eq!(mirror.columns, expected, "{trash}");
            assert_eq!(mirror.primary_key, live.primary_key, "{trash}");
            let [key] = &mirror.foreign_keys.iter().collect::<Vec<_>>()[..] else {
                panic!("{trash}: {mirror:?}")
            };
            assert_eq!(key.table, "trash_entries", "{trash}");
            assert_eq!(key.columns, ["org_id", "entry_id"], "{trash}");
            assert!(
                mirror.uniques.is_empty() && mirror.indexes.values().all(|index| !index.unique),
                "{trash}"
            );
        }
        let trash: BTreeSet<&str> = catalogue
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("trash_"))
            .collect();
        let known: BTreeSet<&str> = MIRRORS
            .iter()
            .map(|(_, trash)| *trash)
            .chain(["trash_entries", "trash_uses"])
            .collect();
        assert_eq!(trash, known, "a trash table that this test does not know");
    }
}

/// The tables that diesel is told of: primary key, and columns with their types.
fn declared() -> BTreeMap<String, (Vec<String>, Vec<Column>)> {
    let mut tables = BTreeMap::new();
    for block in include_str!("../../../src/store/schema.rs")
        .split("diesel::table! {")
        .skip(1)
    {
        let block = block.split("\n}\n").next().unwrap();
        let mut lines = block
            .lines()
            .map(str::trim)
            .skip_while(|line| !line.ends_with(") {"));
        let (name, key) = lines.next().unwrap().split_once(" (").unwrap();
        let key = key
            .trim_end_matches(") {")
            .split(", ")
            .map(str::to_owned)
            .collect();
        let mut columns = Vec::new();
        let mut sql_name = None;
        for line in lines.take_while(|line| *line != "}") {
            if let Some(given) = line.strip_prefix("#[sql_name = \"") {
                sql_name = Some(given.trim_end_matches("\"]").to_owned());
                continue;
            }
            let (column, kind) = line.trim_end_matches(',').split_once(" -> ").unwrap();
            let inner = kind
                .strip_prefix("Nullable<")
                .map(|inner| inner.trim_end_matches('>'));
            columns.push(Column {
                name: sql_name.take().unwrap_or_else(|| column.to_owned()),
                kind: inner.unwrap_or(kind).to_owned(),
                nullable: inner.is_some(),
                default: false,
            });
        }
        tables.insert(name.to_owned(), (key, columns));
    }
    tables
}

#[test]
fn the_code_declares_the_tables_as_they_are() {
    let (sqlite, postgres) = catalogues();
    let declared = declared();
    assert_eq!(
        declared.keys().collect::<Vec<_>>(),
        postgres.keys().collect::<Vec<_>>()
    );
    for (name, (key, columns)) in &declared {
        assert_eq!(*key, postgres[name].primary_key, "primary key of {name}");
        let postgres_type = |column: &Column| Column {
            kind: match column.kind.as_str() {
                "Id" => "uuid",
                "Moment" => "timestamp with time zone",
                "Text" => "text",
                "Bool" => "boolean",
                "Integer" => "integer",
                "BigInt" => "bigint",
                "Binary" => "bytea",
                other => panic!("{name}.{}: {other}", column.name),
            }
            .to_owned(),
            ..column.clone()
        };
        let expected: Vec<Column> = columns.iter().map(postgres_type).collect();
        let bare = |column: &Column| Column {
            default: false,
            ..column.clone()
        };
        let found: Vec<Column> = postgres[name].columns.iter().map(bare).collect();
        assert_eq!(found, expected, "{name} on PostgreSQL");
        assert_eq!(
            names(&sqlite[name].columns),
            names(&expected),
            "{name} on SQLite"
        );
    }
}

#[test]
fn on_sqlite_tables_are_strict_and_a_boolean_is_checked() {
    let app = TestApp::start(Backend::Sqlite);
    let mut sql = app.sql();
    let lax = sql.lines(
        "SELECT name AS line FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 \
         AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> '__diesel_schema_migrations'",
    );
    assert_eq!(lax, Vec::<String>::new());
    for (name, (_, columns)) in declared() {
        let text = sql
            .lines(&format!(
                "SELECT sql AS line FROM sqlite_schema WHERE name = '{name}'"
            ))
            .remove(0);
        for column in columns.iter().filter(|column| column.kind == "Bool") {
            let check = format!("CHECK ({} IN (0, 1))", column.name);
            assert!(text.contains(&check), "{name} lacks {check}");
        }
    }
}

#[test]
fn on_postgres_text_compares_by_bytes_and_json_is_text() {
    let app = TestApp::start(Backend::Postgres);
    let mut sql = app.sql();
    let columns = "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_collation l ON l.oid = a.attcollation WHERE c.relnamespace = 'public'::regnamespace \
         AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '__diesel_schema_migrations'";
    let wrong = sql.lines(&format!(
        "SELECT concat_ws(' ', c.relname, a.attname, t.typname, l.collname) AS line {columns} \
         AND (t.typname IN ('json', 'jsonb', 'varchar', 'bpchar', 'name') \
         OR t.typname = 'text' AND l.collname IS DISTINCT FROM 'C')"
    ));
    assert_eq!(wrong, Vec::<String>::new());
    let text = sql.lines(&format!(
        "SELECT a.attname::text AS line {columns} AND t.typname = 'text'"
    ));
    assert!(text.len() > 60, "the columns were not read");

    // The planner's statistics would keep copies, a compressed record would tell of its value.
    let record = sql.lines(&format!(
        "SELECT concat_ws(' ', a.attstattarget, a.attstorage) AS line {columns} AND c.relname = 'secret_slots' \
         AND a.attname = 'record'"
    ));
    assert_eq!(record, ["0 e"]);
    for table in ["trash_models", "trash_content"] {
        let storage = sql.lines(&format!(
            "SELECT a.attstorage::text AS line {columns} AND c.relname = '{table}' AND a.attname = 'body'"
        ));
        assert_eq!(storage, ["e"], "{table}");
    }
}

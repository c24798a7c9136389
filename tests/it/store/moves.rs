//! A move takes every column of every row, both ways, and nothing of it is prepared twice.

use std::collections::BTreeSet;

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _};
use reprieve::store::{Conn, Store, StoreError};
use serde_json::Value;

use crate::support::*;

const TABLES: [&str; 4] = ["connections", "models", "content", "links"];
/// No default, no round number: text that any rewriting of JSON would change.
const BODY: &str = r#"{"b" :  1.10e+40, "a":[ ],"a":"\u00e9","n":0.1}"#;
const MOMENT: &str = "2001-02-03T04:05:06.123457Z";

/// Gives every column of every live row a value that none has by itself.
fn fill(app: &TestApp) {
    let mut sql = app.sql();
    let org = app.org;
    let integration = "01900000-0000-7000-8000-000000000001";
    sql.run(&format!(
        "INSERT INTO integrations (org_id, id, key, name, connector, settings, created_at, updated_at) \
         VALUES ('{org}', '{integration}', 'main', 'Main', 'postgres', '{{}}', '{MOMENT}', '{MOMENT}')"
    ));
    sql.run(&format!(
        "UPDATE connections SET integration = 'main', integration_id = '{integration}', last_test = '{{\"ok\" : true}}', status = 'failing', \
         generation = 41, version = 17, created_at = '{MOMENT}', metadata = '{BODY}'"
    ));
    for table in ["models", "content"] {
        sql.run(&format!(
            "UPDATE {table} SET version = 9, created_at = '{MOMENT}', body = '{BODY}'"
        ));
        sql.run(&format!(
            "UPDATE {table} SET external_id = 'x-' || name WHERE external_id IS NULL"
        ));
    }
    sql.run("UPDATE secrets SET generation = 41");
    sql.run(&format!("UPDATE links SET created_at = '{MOMENT}'"));
    for table in TABLES {
        let rows = sql.rows(table);
        for column in sql.columns(table) {
            // A protected row can't be deleted. Like every other column without NULL it has no default in the
            // trash, so a move that forgets it fails.
            let known = |row: &Row| !row[&column].is_null() || column == "deletion_protection";
            assert!(
                rows.iter().any(known),
                "{table}.{column} has no value to lose"
            );
        }
    }
}

fn snapshot(app: &TestApp, prefix: &str) -> Vec<Vec<Row>> {
    let mut sql = app.sql();
    TABLES
        .iter()
        .map(|table| sql.rows(&format!("{prefix}{table}")))
        .collect()
}

/// The rows of the four tables that are in the trash, without their entry, which must be this one.
fn trashed(app: &TestApp, entry: &str) -> Vec<Vec<Row>> {
    let mut tables = snapshot(app, "trash_");
    for row in tables.iter_mut().flatten() {
        assert_eq!(row.remove("entry_id").unwrap(), entry);
    }
    tables
}

/// What is expected to change on one row.
fn change(tables: &mut [Vec<Row>], id: &str, columns: &[(&str, Value)]) {
    for row in tables
        .iter_mut()
        .flatten()
        .filter(|row| row.get("id").is_some_and(|own| own == id))
    {
        for (column, value) in columns {
            row.insert((*column).to_owned(), value.clone());
        }
    }
}

fn sorted(mut tables: Vec<Vec<Row>>) -> Vec<Vec<String>> {
    tables
        .iter_mut()
        .map(|rows| {
            let mut lines: Vec<String> = rows
                .iter()
                .map(|row| serde_json::to_string(row).unwrap())
                .collect();
            lines.sort();
            lines
        })
        .collect()
}

/// Rows of `before` that are not in `after`.
fn gone(before: &[Vec<Row>], after: &[Vec<Row>]) -> Vec<Vec<Row>> {
    let kept = |rows: &[Row], others: &[Row]| {
        rows.iter()
            .filter(|row| !others.contains(row))
            .cloned()
            .collect()
    };
    before
        .iter()
        .zip(after)
        .map(|(rows, others)| kept(rows, others))
        .collect()
}

fn column(tables: &[Vec<Row>], id: &str, name: &str) -> Value {
    let row = tables
        .iter()
        .flatten()
        .find(|row| row.get("id").is_some_and(|own| own == id));
    row.unwrap_or_else(|| panic!("no row {id}"))[name].clone()
}

on_both! {
    fn a_connection_goes_and_comes_back_with_every_column(app: &TestApp) {
        let id = app.sample_connection("warehouse");
        fill(app);
        let before = snapshot(app, "");
        let entry = app.delete_connection(&id);
        assert!(snapshot(app, "").iter().all(Vec::is_empty));
        let mut expected = before.clone();
        change(&mut expected, &id, &[("version", json!(18)), ("generation", json!(42))]);
        assert_eq!(sorted(trashed(app, &entry)), sorted(expected));

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert!(snapshot(app, "trash_").iter().all(Vec::is_empty));
        let after = snapshot(app, "");
        let mut expected = before;
        let updated_at = column(&after, &id, "updated_at");
        change(&mut expected, &id, &[
            ("version", json!(19)), ("generation", json!(43)), ("status", json!("needs_credentials")),
            ("last_test", Value::Null), ("updated_at", updated_at),
        ]);
        assert_eq!(sorted(after), sorted(expected));
    }

    fn an_integration_goes_and_comes_back_with_every_column(app: &TestApp) {
        app.sample_connection("warehouse");
        fill(app);
        let whole = |app: &TestApp, prefix: &str| {
            let mut tables = snapshot(app, prefix);
            tables.push(app.sql().rows(&format!("{prefix}integrations")));
            tables
        };
        let before = whole(app, "");
        let connection = before[0][0]["id"].as_str().unwrap().to_owned();
        let integration = before[4][0]["id"].as_str().unwrap().to_owned();
        let entry = app.admin.delete("/v1/integrations/main").ok(200)["id"].as_str().unwrap().to_owned();
        assert!(whole(app, "").iter().all(Vec::is_empty));
        let mut expected = before.clone();
        change(&mut expected, &connection, &[("version", json!(18)), ("generation", json!(42))]);
        change(&mut expected, &integration, &[("version", json!(2)), ("generation", json!(2))]);
        let mut trash = trashed(app, &entry);
        let mut own = app.sql().rows("trash_integrations");
        assert_eq!(own[0].remove("entry_id").unwrap(), entry);
        trash.push(own);
        assert_eq!(sorted(trash), sorted(expected));

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        assert!(whole(app, "trash_").iter().all(Vec::is_empty));
        let after = whole(app, "");
        let mut expected = before;
        let updated_at = column(&after, &connection, "updated_at");
        change(&mut expected, &connection, &[
            ("version", json!(19)), ("generation", json!(43)), ("status", json!("needs_credentials")),
            ("last_test", Value::Null), ("updated_at", updated_at),
        ]);
        let updated_at = column(&after, &integration, "updated_at");
        change(&mut expected, &integration, &[("version", json!(3)), ("generation", json!(3)), ("updated_at", updated_at)]);
        assert_eq!(sorted(after), sorted(expected));
    }

    fn a_model_goes_with_what_extends_it_and_comes_back_with_every_column(app: &TestApp) {
        app.sample_connection("warehouse");
        fill(app);
        let before = snapshot(app, "");
        let base = app.sql().lines("SELECT CAST(id AS text) AS line FROM models WHERE name = 'base'").remove(0);
        let entry = app.admin.delete(&format!("/v1/models/{base}")).ok(200);
        assert_eq!(entry["impact"], json!({"integrations": 0, "connections": 0, "models": 2, "content": 3, "links": 2, "references": 2}));
        let entry = entry["id"].as_str().unwrap();
        let mut expected = gone(&before, &snapshot(app, ""));
        change(&mut expected, &base, &[("version", json!(10))]);
        assert_eq!(sorted(trashed(app, entry)), sorted(expected));

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let after = snapshot(app, "");
        let mut expected = before;
        let updated_at = column(&after, &base, "updated_at");
        change(&mut expected, &base, &[("version", json!(11)), ("updated_at", updated_at)]);
        assert_eq!(sorted(after), sorted(expected));
    }

    fn content_goes_and_comes_back_with_every_column(app: &TestApp) {
        app.sample_connection("warehouse");
        fill(app);
        let before = snapshot(app, "");
        let chart = app.sql().lines("SELECT CAST(id AS text) AS line FROM content WHERE name = 'chart 0'").remove(0);
        let entry = app.admin.delete(&format!("/v1/content/{chart}")).ok(200)["id"].as_str().unwrap().to_owned();
        let mut expected = gone(&before, &snapshot(app, ""));
        assert_eq!(expected.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1, 1]);
        change(&mut expected, &chart, &[("version", json!(10))]);
        assert_eq!(sorted(trashed(app, &entry)), sorted(expected));

        app.admin.post(&format!("/v1/trash/{entry}/restore"), &json!({})).ok(200);
        let after = snapshot(app, "");
        let mut expected = before;
        let updated_at = column(&after, &chart, "updated_at");
        change(&mut expected, &chart, &[("version", json!(11)), ("updated_at", updated_at)]);
        assert_eq!(sorted(after), sorted(expected));
    }
}

/// The prepared statements of every session of the service.
fn prepared(store: &Store, sessions: u32) -> Vec<Vec<String>> {
    if sessions == 0 {
        return Vec::new();
    }
    let (own, mut others) = store
        .read(|conn| {
            // While this one is held, the pool gives another one.
            let others = prepared(store, sessions - 1);
            let Conn::Pg(conn) = conn else {
                panic!("not PostgreSQL")
            };
            let query = diesel::sql_query(
                "SELECT statement FROM pg_prepared_statements ORDER BY statement",
            );
            let own: Vec<Prepared> = query.load(conn).map_err(StoreError::from)?;
            Ok::<_, StoreError>((own, others))
        })
        .unwrap();
    others.push(own.into_iter().map(|prepared| prepared.statement).collect());
    others
}

#[derive(QueryableByName)]
struct Prepared {
    #[diesel(sql_type = Text)]
    statement: String,
}

#[test]
fn the_statements_of_a_move_are_prepared_once() {
    let app = TestApp::start_with(Backend::Postgres, |config| config.pool_size = 2);
    let ids: Vec<String> = (0..12)
        .map(|n| app.sample_connection(&format!("c{n}")))
        .collect();
    let away_and_back = |id: &String| {
        let entry = app.delete_connection(id);
        app.admin
            .post(&format!("/v1/trash/{entry}/restore"), &json!({}))
            .ok(200);
    };
    let known = || {
        let sessions = prepared(&app.services.store, 2);
        for statements in &sessions {
            let texts: BTreeSet<&String> = statements.iter().collect();
            assert_eq!(
                texts.len(),
                statements.len(),
                "a statement is prepared more than once: {statements:#?}"
            );
        }
        sessions.into_iter().flatten().collect::<BTreeSet<String>>()
    };
    ids.iter().take(6).for_each(away_and_back);
    let before = known();
    for part in ["gone_content", "out_content"] {
        assert!(
            before.iter().any(|text| text.contains(part)),
            "{part} is not among the prepared statements"
        );
    }
    ids.iter().skip(6).for_each(away_and_back);
    // The writer of the shred log works beside the deletions, when it comes to it.
    let new: Vec<String> = known()
        .difference(&before)
        .filter(|text| !text.contains("FROM \"shreds\""))
        .cloned()
        .collect();
    assert!(new.is_empty(), "these are new with each deletion: {new:#?}");
}

//! The database as someone sees it who reads its tables with SQL.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;
use reprieve::store::Conn;

use crate::support::*;

/// The column `value` of every row of a query.
#[track_caller]
pub(super) fn texts(app: &TestApp, sql: &str) -> Vec<String> {
    texts_on(&mut app.services.store.connect().unwrap(), sql)
}

#[track_caller]
pub(super) fn texts_on(conn: &mut Conn, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let rows: QueryResult<Vec<Row>> = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(sql).load(conn),
        Conn::Pg(conn) => diesel::sql_query(sql).load(conn),
    };
    rows.unwrap_or_else(|error| panic!("{error}: {sql}"))
        .into_iter()
        .map(|row| row.value)
        .collect()
}

#[track_caller]
pub(super) fn count(app: &TestApp, from: &str) -> i64 {
    texts(
        app,
        &format!("SELECT CAST(count(*) AS text) AS value FROM {from}"),
    )[0]
    .parse()
    .unwrap()
}

#[track_caller]
pub(super) fn execute(app: &TestApp, sql: &str) {
    app.services.store.connect().unwrap().batch(sql).unwrap();
}

/// Every table with all its columns as text, blobs in hexadecimal. The catalogue names the tables.
pub(crate) fn dump(app: &TestApp) -> BTreeMap<String, String> {
    let mut conn = app.services.store.connect().unwrap();
    let tables = match app.backend {
        Backend::Sqlite => "SELECT name AS value FROM sqlite_master WHERE type = 'table'",
        Backend::Postgres => {
            "SELECT CAST(c.oid::regclass AS text) AS value FROM pg_class c JOIN pg_namespace n \
             ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        }
    };
    let mut found = BTreeMap::new();
    for table in texts_on(&mut conn, tables) {
        let sql = match app.backend {
            Backend::Sqlite => {
                let columns: Vec<String> =
                    texts_on(&mut conn, &format!("SELECT name AS value FROM pragma_table_info('{table}')"))
                        .iter()
                        .map(|column| {
                            format!("CASE typeof(\"{column}\") WHEN 'blob' THEN lower(hex(\"{column}\")) ELSE coalesce(CAST(\"{column}\" AS text), '') END")
                        })
                        .collect();
                format!(
                    "SELECT {} AS value FROM \"{table}\"",
                    columns.join(" || '|' || ")
                )
            }
            Backend::Postgres => format!("SELECT CAST(t AS text) AS value FROM {table} t"),
        };
        found.insert(table, texts_on(&mut conn, &sql).join("\n"));
    }
    assert!(found.len() > 15, "the catalogue names {:?}", found.keys());
    found
}

/// The sealed records of live secrets by owner and field.
pub(super) fn records(app: &TestApp) -> BTreeMap<(String, String), Vec<u8>> {
    let hex = match app.backend {
        Backend::Sqlite => "lower(hex(s.record))",
        Backend::Postgres => "encode(s.record, 'hex')",
    };
    let sql = format!(
        "SELECT CAST(x.owner_id AS text) || ' ' || x.field || ' ' || {hex} AS value \
         FROM secrets x JOIN secret_slots s ON s.id = x.slot_id AND s.org_id = x.org_id"
    );
    texts(app, &sql)
        .iter()
        .map(|line| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            let (owner, field, record) = (
                parts.next().unwrap(),
                parts.next().unwrap(),
                parts.next().unwrap(),
            );
            ((owner, field), unhex(&record))
        })
        .collect()
}

#[track_caller]
pub(super) fn record_of(app: &TestApp, connection: &str, field: &str) -> Vec<u8> {
    records(app)
        .remove(&(connection.to_owned(), field.to_owned()))
        .expect("the secret is stored")
}

/// Writes bytes over the record of a secret, as someone could who may write to the database.
pub(super) fn overwrite_record(app: &TestApp, connection: &str, field: &str, record: &[u8]) {
    let literal = match app.backend {
        Backend::Sqlite => format!("x'{}'", hex(record)),
        Backend::Postgres => format!("'\\x{}'::bytea", hex(record)),
    };
    execute(
        app,
        &format!(
            "UPDATE secret_slots SET record = {literal} WHERE id = (SELECT slot_id FROM secrets \
             WHERE CAST(owner_id AS text) = '{connection}' AND field = '{field}')"
        ),
    );
    assert_eq!(
        record_of(app, connection, field),
        record,
        "the record was not replaced"
    );
}

/// Waits until nothing that was shredded waits for its erasure.
pub(crate) fn wait_until_erased(app: &TestApp) {
    TestApp::wait_for("every erasure", || {
        count(app, "erasure_jobs WHERE finished_at IS NULL") == 0
    });
}

/// What an entry says of the erasure of its secrets.
pub(super) fn erasure_of(app: &TestApp, entry: &str) -> String {
    app.admin.get(&format!("/v1/trash/{entry}")).ok(200)["secrets"]["erasure"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}

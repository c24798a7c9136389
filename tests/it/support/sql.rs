//! The database behind the service's back: what is really in its tables.

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};
use reprieve::store::DatabaseUrl;
use serde_json::{Map, Value};

use super::TestApp;

/// A connection of its own, beside those of the service.
pub(crate) enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A row, by column.
pub(crate) type Row = Map<String, Value>;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Sql {
    pub(crate) fn open(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                Self::Sqlite(conn)
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(url).unwrap();
                conn.batch_execute("SET TIME ZONE 'UTC'").unwrap();
                Self::Postgres(conn)
            }
        }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, sql: &str) {
        self.try_run(sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    pub(crate) fn try_run(&mut self, sql: &str) -> diesel::QueryResult<()> {
        match self {
            Self::Sqlite(conn) => conn.batch_execute(sql),
            Self::Postgres(conn) => conn.batch_execute(sql),
        }
    }

    /// What a query answers in its one text column, `line`.
    #[track_caller]
    pub(crate) fn lines(&mut self, sql: &str) -> Vec<String> {
        let lines: diesel::QueryResult<Vec<Line>> = match self {
            Self::Sqlite(conn) => diesel::sql_query(sql).load(conn),
            Self::Postgres(conn) => diesel::sql_query(sql).load(conn),
        };
        let lines = lines.unwrap_or_else(|error| panic!("{error}: {sql}"));
        lines.into_iter().map(|line| line.line).collect()
    }

    /// How many rows of `source`, a table with or without a condition, there are.
    #[track_caller]
    pub(crate) fn count(&mut self, source: &str) -> i64 {
        let lines = self.lines(&format!(
            "SELECT CAST(count(*) AS text) AS line FROM {source}"
        ));
        lines[0].parse().unwrap()
    }

    /// The columns of a table, in order.
    pub(crate) fn columns(&mut self, table: &str) -> Vec<String> {
        match self {
            Self::Sqlite(_) => {
                self.lines(&format!("SELECT name AS line FROM pragma_table_info('{table}') ORDER BY cid"))
            }
            Self::Postgres(_) => self.lines(&format!(
                "SELECT attname::text AS line FROM pg_attribute WHERE attrelid = '{table}'::regclass \
                 AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            )),
        }
    }

    /// The rows of `source`, a table with or without a condition, whole and in an order of their own.
    #[track_caller]
    pub(crate) fn rows(&mut self, source: &str) -> Vec<Row> {
        let table = source.split_whitespace().next().unwrap();
        let columns = self.columns(table);
        let lines = match self {
            Self::Sqlite(_) => {
                let value = |column: &String| match (table, column.as_str()) {
                    ("secret_slots", "record") => format!("'{column}', hex(\"{column}\")"),
                    _ => format!("'{column}', \"{column}\""),
                };
                let pairs: Vec<String> = columns.iter().map(value).collect();
                self.lines(&format!("SELECT json_object({}) AS line FROM {source} ORDER BY line", pairs.join(", ")))
            }
            Self::Postgres(_) => self.lines(&format!(
                "SELECT row_to_json(r)::text COLLATE \"C\" AS line FROM (SELECT * FROM {source}) r ORDER BY line"
            )),
        };
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl TestApp {
    /// A connection to its database.
    pub(crate) fn sql(&self) -> Sql {
        Sql::open(&self.config.database)
    }
}

//! Every row of every table as text, for whoever looks for what should be in none of them.
//!
//! What must stay true: the tables are the database's own list, not the code's, so that none can be forgotten: neither one that
//! a later version adds nor one that somebody else made.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::SqliteConnection;

use super::conn::Conn;
use super::error::StoreResult;
use super::types::Id;
use crate::domain::ids::OrgId;

/// Rows that PostgreSQL hands over at once.
const AT_ONCE: usize = 500;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    of_organizations: bool,
}

impl Conn {
    /// Shows each row that belongs to an organization, and each row of the tables whose rows belong to none: the table's name
    /// and the row's text, where bytes are hexadecimal digits. In a transaction of the caller; memory does not grow with the
    /// tables. How many tables there are.
    pub fn each_row(&mut self, org: OrgId, look: &mut dyn FnMut(&str, &str)) -> StoreResult<usize> {
        Ok(match self {
            Self::Sqlite(conn) => of_sqlite(conn, org, look),
            Self::Pg(conn) => of_postgres(conn, org, look),
        }?)
    }
}

fn of_sqlite(
    conn: &mut SqliteConnection,
    org: OrgId,
    look: &mut dyn FnMut(&str, &str),
) -> QueryResult<usize> {
    let tables: Vec<Table> = diesel::sql_query(
        "SELECT name, EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE name = 'org_id') AS of_organizations \
         FROM sqlite_schema s WHERE type = 'table' ORDER BY name",
    )
    .load(conn)?;
    for table in &tables {
        let columns: Vec<Line> = diesel::sql_query("SELECT name AS line FROM pragma_table_info(?)")
            .bind::<Text, _>(&table.name)
            .load(conn)?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| format!("quote({})", quoted(&column.line)))
            .collect();
        let text = format!(
            "SELECT {} AS line FROM {}",
            values.join(" || ' ' || "),
            quoted(&table.name)
        );
        if table.of_organizations {
            let query = diesel::sql_query(format!("{text} WHERE org_id = ?")).bind::<Id, _>(org);
            for line in query.load_iter::<Line, DefaultLoadingMode>(conn)? {
                look(&table.name, &line?.line);
            }
        } else {
            let query = diesel::sql_query(text);
            for line in query.load_iter::<Line, DefaultLoadingMode>(conn)? {
                look(&table.name, &line?.line);
            }
        }
    }
    Ok(tables.len())
}

fn of_postgres(
    conn: &mut PgConnection,
    org: OrgId,
    look: &mut dyn FnMut(&str, &str),
) -> QueryResult<usize> {
    let tables: Vec<Table> = diesel::sql_query(
        "SELECT c.relname::text AS name, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid \
           AND a.attname = 'org_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped) AS of_organizations \
         FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'm') \
         ORDER BY c.relname",
    )
    .load(conn)?;
    for table in &tables {
        // A cursor takes no binds: an id of ours and a name that the database gave.
        let only = if table.of_organizations {
            format!(" WHERE org_id = '{org}'")
        } else {
            String::new()
        };
        diesel::sql_query(format!(
            "DECLARE each_row NO SCROLL CURSOR FOR SELECT CAST(t AS text) AS line FROM {} t{only}",
            quoted(&table.name)
        ))
        .execute(conn)?;
        loop {
            let lines: Vec<Line> =
                diesel::sql_query(format!("FETCH {AT_ONCE} FROM each_row")).load(conn)?;
            for line in &lines {
                look(&table.name, &line.line);
            }
            if lines.len() < AT_ONCE {
                break;
            }
        }
        diesel::sql_query("CLOSE each_row").execute(conn)?;
    }
    Ok(tables.len())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

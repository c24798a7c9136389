//! Runs the checks of the database as a whole.

use diesel::prelude::*;

use super::Conn;
use crate::store::checks::{Check, Finding};

pub(in crate::store) fn run_check(
    conn: &mut Conn,
    check: &'static Check,
) -> QueryResult<Vec<Finding>> {
    diesel::sql_query(check.sql.as_str()).load(conn)
}

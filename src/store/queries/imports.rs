//! The records of imports.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{ImportId, OrgId};
use crate::domain::kinds::ImportState;
use crate::store::rows::ImportRow;
use crate::store::schema::imports;

pub(in crate::store) fn insert_import(conn: &mut Conn, row: &ImportRow) -> QueryResult<usize> {
    diesel::insert_into(imports::table)
        .values(row)
        .execute(conn)
}

pub(in crate::store) fn find_import(
    conn: &mut Conn,
    org: OrgId,
    id: ImportId,
) -> QueryResult<Option<ImportRow>> {
    imports::table
        .find((org, id))
        .select(ImportRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn touch_import(
    conn: &mut Conn,
    org: OrgId,
    id: ImportId,
    state: ImportState,
    rows_read: i64,
    rows_total: Option<i64>,
) -> QueryResult<usize> {
    let at = super::super::now(conn)?;
    diesel::update(
        imports::table
            .find((org, id))
            .filter(imports::finished_at.is_null()),
    )
    .set((
        imports::state.eq(state),
        imports::rows_read.eq(rows_read),
        imports::rows_total.eq(rows_total),
        imports::alive_at.eq(at),
    ))
    .execute(conn)
}

/// Whoever took the import for interrupted meanwhile was first: then nothing is written here.
pub(in crate::store) fn finish_import(conn: &mut Conn, row: &ImportRow) -> QueryResult<usize> {
    diesel::update(
        imports::table
            .find((row.org_id, row.id))
            .filter(imports::finished_at.is_null()),
    )
    .set((
        imports::state.eq(row.state),
        imports::rows_read.eq(row.rows_read),
        imports::rows_total.eq(row.rows_total),
        imports::report.eq(&row.report),
        imports::problems.eq(&row.problems),
        imports::finished_at.eq(row.finished_at),
    ))
    .execute(conn)
}

pub(in crate::store) fn stale_imports(conn: &mut Conn, since: Ts) -> QueryResult<Vec<ImportRow>> {
    imports::table
        .filter(imports::finished_at.is_null())
        .filter(imports::alive_at.lt(since))
        .order((imports::org_id, imports::id))
        .limit(1_000)
        .select(ImportRow::as_select())
        .load(conn)
}

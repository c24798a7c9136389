//! What was shredded, on its way into the shred log, and the live secrets that a log is held against.
//!
//! The log is the whole installation's, so these read over all organizations; no request does.

use diesel::prelude::*;
use diesel::sql_types::Text;
use uuid::Uuid;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, OrgId, RecordId, RootId};
use crate::domain::kinds::OwnerKind;
use crate::store::rows::{LiveRecord, ShredRow};
use crate::store::schema::shreds as s;
use crate::store::statement::{Binds, Statement};
use crate::store::types::Id;

pub(in crate::store) fn insert_shreds(conn: &mut Conn, rows: &[ShredRow]) -> QueryResult<usize> {
    diesel::insert_into(s::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)
}

pub(in crate::store) fn shreds_since(
    conn: &mut Conn,
    since: Option<Ts>,
    after: Option<(Ts, RecordId)>,
    limit: i64,
) -> QueryResult<Vec<ShredRow>> {
    let mut query = s::table
        .order((s::shredded_at, s::record_id))
        .limit(limit)
        .select(ShredRow::as_select())
        .into_boxed();
    if let Some(since) = since {
        query = query.filter(s::shredded_at.ge(since));
    }
    if let Some((at, record)) = after {
        let later = s::shredded_at
            .gt(at)
            .or(s::shredded_at.eq(at).and(s::record_id.gt(record)));
        // The first condition is what the index is read by.
        query = query.filter(s::shredded_at.ge(at)).filter(later);
    }
    query.load(conn)
}

pub(in crate::store) fn knows_shred(conn: &mut Conn, row: &ShredRow) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        s::table.find((row.org_id, row.record_id)),
    ))
    .get_result(conn)
}

pub(in crate::store) fn newest_shred(conn: &mut Conn) -> QueryResult<Option<Ts>> {
    s::table
        .order(s::shredded_at.desc())
        .select(s::shredded_at)
        .first(conn)
        .optional()
}

/// The newest stays: by it a start tells a log that is behind the database from a database that is behind the log.
pub(in crate::store) fn drop_shreds(conn: &mut Conn, before: Ts) -> QueryResult<usize> {
    let Some(newest) = newest_shred(conn)? else {
        return Ok(0);
    };
    diesel::delete(
        s::table
            .filter(s::shredded_at.lt(before))
            .filter(s::shredded_at.lt(newest)),
    )
    .execute(conn)
}

/// How many rows are read at a time; no owner has so many secrets.
const PAGE: usize = 10_000;
const AFTER_CONNECTION: &str = "SELECT org_id, owner_kind, owner_id, record_id FROM secrets \
    WHERE (org_id, owner_kind, owner_id) > ({org}, 'connection', {root}) \
    ORDER BY org_id, owner_kind, owner_id LIMIT 10000";
const AFTER_INTEGRATION: &str = "SELECT org_id, owner_kind, owner_id, record_id FROM secrets \
    WHERE (org_id, owner_kind, owner_id) > ({org}, 'integration', {root}) \
    ORDER BY org_id, owner_kind, owner_id LIMIT 10000";
const AFTER_SIGNER: &str = "SELECT org_id, owner_kind, owner_id, record_id FROM secrets \
    WHERE (org_id, owner_kind, owner_id) > ({org}, 'signer', {root}) \
    ORDER BY org_id, owner_kind, owner_id LIMIT 10000";
const AFTER_WEBHOOK: &str = "SELECT org_id, owner_kind, owner_id, record_id FROM secrets \
    WHERE (org_id, owner_kind, owner_id) > ({org}, 'webhook', {root}) \
    ORDER BY org_id, owner_kind, owner_id LIMIT 10000";

/// The secrets of the owners that follow one, all of each; none at the end.
pub(in crate::store) fn live_records(
    conn: &mut Conn,
    after: Option<LiveRecord>,
) -> QueryResult<Vec<LiveRecord>> {
    let (org, text, root) = match after {
        None => (OrgId(Uuid::nil()), AFTER_CONNECTION, RootId(Uuid::nil())),
        Some((org, OwnerKind::Connection, owner, _)) => (org, AFTER_CONNECTION, owner),
        Some((org, OwnerKind::Integration, owner, _)) => (org, AFTER_INTEGRATION, owner),
        Some((org, OwnerKind::Signer, owner, _)) => (org, AFTER_SIGNER, owner),
        Some((org, OwnerKind::Webhook, owner, _)) => (org, AFTER_WEBHOOK, owner),
    };
    let binds = Binds {
        org,
        root,
        parent: root,
        entry: EntryId(Uuid::nil()),
    };
    let mut rows: Vec<LiveRecord> = Statement::<(Id, Text, Id, Id)>::new(text, binds).load(conn)?;
    if rows.len() == PAGE
        && let Some(&(_, _, cut, _)) = rows.last()
    {
        // The rest of its secrets may be on the next page.
        while rows.last().is_some_and(|&(_, _, owner, _)| owner == cut) {
            rows.pop();
        }
    }
    Ok(rows)
}

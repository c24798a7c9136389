//! What a unit of work leaves behind: idempotent answers, erasure jobs.

use diesel::prelude::*;

use super::Conn;
use crate::domain::clock::Ts;
use crate::domain::ids::{EntryId, JobId, KeyId, OrgId};
use crate::store::rows::{ErasureJobRow, IdempotencyRow};
use crate::store::schema::{erasure_jobs, idempotency_keys, trash_entries};

pub(in crate::store) fn find_idempotent(
    conn: &mut Conn,
    org: OrgId,
    key_id: KeyId,
    key: &str,
) -> QueryResult<Option<IdempotencyRow>> {
    idempotency_keys::table
        .find((org, key_id, key))
        .select(IdempotencyRow::as_select())
        .first(conn)
        .optional()
}

pub(in crate::store) fn insert_idempotent(
    conn: &mut Conn,
    row: &IdempotencyRow,
) -> QueryResult<usize> {
    diesel::insert_into(idempotency_keys::table)
        .values(row)
        .execute(conn)
}

/// Forgets this key's answer if it has expired, so that the key can be used again.
pub(in crate::store) fn drop_expired_idempotent(
    conn: &mut Conn,
    org: OrgId,
    now: Ts,
) -> QueryResult<usize> {
    diesel::delete(
        idempotency_keys::table
            .filter(idempotency_keys::org_id.eq(org))
            .filter(idempotency_keys::expires_at.le(now)),
    )
    .execute(conn)
}

pub(in crate::store) fn insert_erasure_job(
    conn: &mut Conn,
    row: &ErasureJobRow,
) -> QueryResult<usize> {
    diesel::insert_into(erasure_jobs::table)
        .values(row)
        .execute(conn)
}

/// The open erasure jobs of all organizations.
pub(in crate::store) fn open_erasure_jobs(conn: &mut Conn) -> QueryResult<Vec<ErasureJobRow>> {
    erasure_jobs::table
        .filter(erasure_jobs::finished_at.is_null())
        .order((erasure_jobs::org_id, erasure_jobs::id))
        .limit(10_000)
        .select(ErasureJobRow::as_select())
        .load(conn)
}

/// Marks a job and its entry as erased.
pub(in crate::store) fn finish_erasure_job(
    conn: &mut Conn,
    org: OrgId,
    id: JobId,
    entry: Option<EntryId>,
    at: Ts,
) -> QueryResult<usize> {
    if let Some(entry) = entry {
        diesel::update(trash_entries::table.find((org, entry)))
            .set(trash_entries::erased_at.eq(at))
            .execute(conn)?;
    }
    diesel::update(erasure_jobs::table.find((org, id)))
        .set(erasure_jobs::finished_at.eq(at))
        .execute(conn)
}

/// Notes on every open job why it is still open.
pub(in crate::store) fn note_erasure_problem(conn: &mut Conn, problem: &str) -> QueryResult<usize> {
    diesel::update(erasure_jobs::table.filter(erasure_jobs::finished_at.is_null()))
        .set((
            erasure_jobs::attempts.eq(erasure_jobs::attempts + 1),
            erasure_jobs::last_problem.eq(problem),
        ))
        .execute(conn)
}

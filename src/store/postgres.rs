//! PostgreSQL: the queries compiled for it, and what only it does: row locks, statements that move several
//! tables at once, the erasure cycle.
//!
//! What must stay true (measured, docs/architecture.md "Locks"): a lock is a statement of its own before the
//! statement that moves rows, since a lock inside it shares its old snapshot; rows move by `DELETE ... RETURNING`,
//! never by copy-then-delete, which loses a concurrent update.

#![expect(
    clippy::unnecessary_wraps,
    reason = "both backends share the signatures that dispatch.rs lists"
)]

use std::collections::HashMap;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Text};

use super::cascade::{RETURN, Shred, back, cascade};
use super::due::{due_entries, due_entries_among};
use super::error::StoreResult;
use super::filters::Due;
use super::rows::{
    ConnectionRow, DependentRow, EntryRow, IntegrationRow, Moved, OrganizationRow, Rewrapped,
    SecretRow,
};
use super::schema::{
    connections, content, integrations, key_epochs, models, organizations, secret_slots, secrets,
    trash_entries,
};
use super::statement::{Binds, Statement};
use super::types::{Id, Moment};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId, RecordId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{DependentKind, EntryState, OwnerKind, RootKind};

pub(super) type Conn = PgConnection;

#[path = "queries/mod.rs"]
mod queries;
mod record;
mod webhooks;

pub(super) use queries::*;
pub(super) use record::*;
pub(super) use webhooks::*;

/// The day (UTC) of an entry's date.
const PURGE_DAY: &str = "CAST(trash_entries.purge_at AT TIME ZONE 'UTC' AS date)";

diesel::define_sql_function! {
    /// Where `needle` first stands in `haystack`; 0 if nowhere.
    #[sql_name = "strpos"]
    fn position_in(haystack: Text, needle: Text) -> Integer;
}

diesel::define_sql_function! {
    /// The earlier of two moments.
    #[sql_name = "least"]
    fn earlier(one: Moment, other: Moment) -> Moment;
}

diesel::define_sql_function! {
    /// The later of two moments.
    #[sql_name = "greatest"]
    fn later(one: Moment, other: Moment) -> Moment;
}

/// Limits of every session (docs/security.md, "The process"); a large move asks for more time on its own.
const SESSION: &str = "SET TIME ZONE 'UTC'; SET statement_timeout = '5s'; SET lock_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = 'warning'";

pub(super) fn open(url: &str) -> StoreResult<Conn> {
    let mut conn = PgConnection::establish(url)?;
    conn.batch_execute(SESSION)?;
    Ok(conn)
}

/// The clock that decides: the server's, not this host's.
pub(super) fn now(conn: &mut Conn) -> QueryResult<Ts> {
    diesel::select(diesel::dsl::sql::<Moment>("clock_timestamp()")).get_result(conn)
}

pub(super) fn lock_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .find((org, id))
        .select(ConnectionRow::as_select())
        .for_no_key_update()
        .first(conn)
        .optional()
}

/// Of those who only read several do this at once; whoever changes or deletes the connection waits for them.
pub(super) fn share_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .find((org, id))
        .select(ConnectionRow::as_select())
        .for_share()
        .first(conn)
        .optional()
}

/// Also keeps new children out: their foreign key waits for this lock.
pub(super) fn lock_connection_to_delete(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    connections::table
        .find((org, id))
        .select(ConnectionRow::as_select())
        .for_update()
        .first(conn)
        .optional()
}

pub(super) fn lock_dependent(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    id: DependentId,
) -> QueryResult<Option<DependentRow>> {
    let locked: Option<DependentId> = match kind {
        DependentKind::Model => models::table
            .find((org, id))
            .select(models::id)
            .for_update()
            .first(conn)
            .optional()?,
        DependentKind::Content => content::table
            .find((org, id))
            .select(content::id)
            .for_update()
            .first(conn)
            .optional()?,
    };
    match locked {
        Some(id) => find_dependent(conn, kind, org, id),
        None => Ok(None),
    }
}

pub(super) fn lock_integration(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<IntegrationRow>> {
    integrations::table
        .filter(integrations::org_id.eq(org))
        .filter(integrations::key.eq(key))
        .select(IntegrationRow::as_select())
        .for_no_key_update()
        .first(conn)
        .optional()
}

/// Also keeps new connections out: their foreign key waits for this lock.
pub(super) fn lock_integration_to_delete(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<IntegrationRow>> {
    integrations::table
        .filter(integrations::org_id.eq(org))
        .filter(integrations::key.eq(key))
        .select(IntegrationRow::as_select())
        .for_update()
        .first(conn)
        .optional()
}

/// Locks the connections and models a deletion takes along besides its root, outermost first and in the order of their
/// ids, so that nothing joins them meanwhile. Counted in the database: their ids never travel.
pub(super) fn lock_scope(conn: &mut Conn, kind: RootKind, binds: Binds) -> QueryResult<()> {
    const CONNECTIONS: &str = "SELECT count(*) FROM (SELECT id FROM connections WHERE org_id = {org} AND integration_id = {root} \
         ORDER BY id FOR UPDATE) locked";
    const MODELS_OF_INTEGRATION: &str = "SELECT count(*) FROM (SELECT id FROM models WHERE org_id = {org} AND connection_id IN \
         (SELECT id FROM connections WHERE org_id = {org} AND integration_id = {root}) ORDER BY id FOR UPDATE) locked";
    const MODELS_OF_CONNECTION: &str = "SELECT count(*) FROM (SELECT id FROM models WHERE org_id = {org} AND connection_id = {root} \
         ORDER BY id FOR UPDATE) locked";
    const MODELS_OF_MODEL: &str = "SELECT count(*) FROM (SELECT id FROM models WHERE org_id = {org} AND id IN (WITH RECURSIVE scope(id) AS (\
        SELECT id FROM models WHERE org_id = {org} AND id = {root} UNION SELECT m.id FROM models m \
        JOIN scope s ON m.base_model_id = s.id WHERE m.org_id = {org} AND m.connection_id = {parent}) \
        SELECT id FROM scope) ORDER BY id FOR UPDATE) locked";
    let texts: &[&'static str] = match kind {
        RootKind::Integration => &[CONNECTIONS, MODELS_OF_INTEGRATION],
        RootKind::Connection => &[MODELS_OF_CONNECTION],
        RootKind::Model => &[MODELS_OF_MODEL],
        RootKind::Content => &[],
    };
    for text in texts {
        let _locked: i64 = Statement::<BigInt>::new(text, binds).get_result(conn)?;
    }
    Ok(())
}

/// Locks the entries that hold the other ends of an entry's links, before those links are filed: one of them may
/// be restored or purged at the same moment, and a link must not be filed under an entry that has closed.
pub(super) fn lock_other_ends(conn: &mut Conn, binds: Binds) -> QueryResult<i64> {
    Statement::<BigInt>::new(&RETURN.lock_other_ends, binds).get_result(conn)
}

/// Keeps the erasure cycle from emptying the table of slots under a snapshot: TRUNCATE does not heed snapshots.
pub(super) fn hold_slots(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("LOCK TABLE secret_slots IN ACCESS SHARE MODE")
}

pub(super) fn lock_entry(
    conn: &mut Conn,
    org: OrgId,
    id: EntryId,
) -> QueryResult<Option<EntryRow>> {
    trash_entries::table
        .find((org, id))
        .select(EntryRow::as_select())
        .for_update()
        .first(conn)
        .optional()
}

/// The due entries that nobody else works on, locked. What keeps one by rows of other tables has to be asked again behind
/// the lock: this statement saw them as they were when it began (docs/reliability.md, "Races of the purge").
pub(super) fn claim_due(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
    ids: Option<&[EntryId]>,
    limit: i64,
) -> QueryResult<Vec<EntryRow>> {
    match ids {
        Some(ids) => due_entries_among!(org, due, ids, limit)
            .for_update()
            .skip_locked()
            .load(conn),
        None => due_entries!(org, due, limit)
            .for_update()
            .skip_locked()
            .load(conn),
    }
}

/// An entry that is being purged, locked, unless somebody else works on it.
pub(super) fn claim_purging(
    conn: &mut Conn,
    org: OrgId,
    id: EntryId,
) -> QueryResult<Option<EntryRow>> {
    trash_entries::table
        .find((org, id))
        .filter(trash_entries::state.eq(EntryState::Purging))
        .select(EntryRow::as_select())
        .for_update()
        .skip_locked()
        .first(conn)
        .optional()
}

/// An organization, locked against change until the transaction ends.
pub(super) fn lock_organization(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Option<OrganizationRow>> {
    organizations::table
        .find(org)
        .select(OrganizationRow::as_select())
        .for_no_key_update()
        .first(conn)
        .optional()
}

/// Puts off by so many seconds the purge of what was deleted from a moment on and is still in the trash.
pub(super) fn shift_purge_dates(
    conn: &mut Conn,
    org: OrgId,
    deleted_from: Ts,
    seconds: i64,
) -> QueryResult<usize> {
    diesel::update(
        trash_entries::table
            .filter(trash_entries::org_id.eq(org))
            .filter(trash_entries::state.eq(EntryState::InTrash))
            .filter(trash_entries::deleted_at.ge(deleted_from)),
    )
    .set(
        trash_entries::purge_at.eq(
            diesel::dsl::sql::<Moment>("purge_at + make_interval(secs => ")
                .bind::<BigInt, _>(seconds)
                .sql("::double precision)"),
        ),
    )
    .execute(conn)
}

/// Whether no other transaction works on a request with this idempotency key. Held until the transaction ends.
pub(super) fn try_lock(conn: &mut Conn, lock: i64) -> QueryResult<bool> {
    diesel::define_sql_function! { fn pg_try_advisory_xact_lock(lock: BigInt) -> diesel::sql_types::Bool; }
    diesel::select(pg_try_advisory_xact_lock(lock)).get_result(conn)
}

/// A large move may take longer than a request usually may.
pub(super) fn allow_long_statements(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("SET LOCAL statement_timeout = '10min'")
}

/// Between two batches of an export or import a disk may take its time; the client is never waited for.
pub(super) fn allow_long_transaction(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute(
        "SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '10min'",
    )
}

/// Tells the planner of rows that came in at once. Until autovacuum looks, it takes tables for as small as they were,
/// and then counting what a deletion of 20,000 rows would take along lasts longer than a request may (measured).
pub(super) fn refresh_statistics(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("ANALYZE connections, models, content, links")
}

/// Moves what the root takes along into the trash and writes the receipt, in one statement. No row leaves the database.
pub(super) fn move_out(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
    fields: &JsonText,
) -> QueryResult<Moved> {
    Statement::<(BigInt, BigInt, BigInt, BigInt, BigInt)>::new(&cascade(kind).out_postgres, binds)
        .fields(fields.clone())
        .get_result(conn)
}

/// Brings the rows of an entry back in one statement; links follow on their own.
pub(super) fn move_back(conn: &mut Conn, kind: RootKind, binds: Binds) -> QueryResult<Moved> {
    let (integrations, connections, models, content) =
        Statement::<(BigInt, BigInt, BigInt, BigInt)>::new(&back(kind).postgres, binds)
            .get_result(conn)?;
    Ok(Moved {
        integrations,
        connections,
        models,
        content,
        links: 0,
    })
}

/// Their bytes stay in the table's file until the erasure cycle.
pub(super) fn slots_text(shred: &'static Shred) -> &'static str {
    &shred.slots_postgres
}

/// One statement, since each is a round trip.
pub(super) fn ends_texts(shred: &'static Shred) -> &'static [String] {
    std::slice::from_ref(&shred.ends_postgres)
}

pub(super) fn fill_slot(conn: &mut Conn, org: OrgId, record: &[u8]) -> QueryResult<i64> {
    diesel::insert_into(secret_slots::table)
        .values((
            secret_slots::org_id.eq(org),
            secret_slots::size_class.eq(i32::try_from(record.len()).unwrap_or(i32::MAX)),
            secret_slots::free.eq(false),
            secret_slots::record.eq(record),
        ))
        .returning(secret_slots::id)
        .get_result(conn)
}

/// Shreds the slots of an owner's fields. Their bytes stay in the table's file until the erasure cycle.
fn shred_slots(
    conn: &mut Conn,
    org: OrgId,
    kind: OwnerKind,
    owner: RootId,
    fields: &[&str],
) -> QueryResult<usize> {
    let slots = secrets::table
        .filter(secrets::org_id.eq(org))
        .filter(secrets::owner_kind.eq(kind))
        .filter(secrets::owner_id.eq(owner))
        .filter(secrets::field.eq_any(fields))
        .select(secrets::slot_id);
    diesel::delete(
        secret_slots::table
            .filter(secret_slots::org_id.eq(org))
            .filter(secret_slots::id.eq_any(slots)),
    )
    .execute(conn)
}

/// The epoch that new secrets are sealed under; it stays the one until the transaction ends. Whoever waited for a
/// switch finds no row at first: the one that it waited for is not the primary one any more.
pub(super) fn share_primary_epoch(conn: &mut Conn) -> QueryResult<Option<i32>> {
    for _ in 0..3 {
        let epoch = key_epochs::table
            .filter(key_epochs::is_primary.eq(true))
            .select(key_epochs::epoch)
            .for_share()
            .first(conn)
            .optional()?;
        if epoch.is_some() {
            return Ok(epoch);
        }
    }
    Ok(None)
}

/// Waits for whoever seals secrets and keeps new ones waiting; readers go on. Of the table and not of its row, since
/// those who share a row pass by whoever waits for it: under load a switch would never get its turn.
pub(super) fn lock_epochs(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("LOCK TABLE key_epochs IN EXCLUSIVE MODE")
}

/// A page of the secrets of an organization under an epoch with their records, locked. It never waits, since whoever
/// deletes locks slots and secrets in another order: what somebody else works on is left out.
pub(super) fn lock_secrets_under(
    conn: &mut Conn,
    org: OrgId,
    epoch: i32,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<(SecretRow, Option<Vec<u8>>)>> {
    let rows = secrets::table
        .filter(secrets::org_id.eq(org))
        .filter(secrets::key_epoch.eq(epoch))
        .filter(secrets::slot_id.gt(after))
        .order(secrets::slot_id)
        .limit(limit)
        .select(SecretRow::as_select())
        .for_no_key_update()
        .skip_locked()
        .load(conn)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.slot_id).collect();
    let mut records: HashMap<i64, Vec<u8>> = secret_slots::table
        .filter(secret_slots::org_id.eq(org))
        .filter(secret_slots::id.eq_any(&ids))
        .filter(secret_slots::free.eq(false))
        .select((secret_slots::id, secret_slots::record))
        .for_no_key_update()
        .skip_locked()
        .load::<(i64, Vec<u8>)>(conn)?
        .into_iter()
        .collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let record = records.remove(&row.slot_id);
            (row, record)
        })
        .collect())
}

/// Writes records that were wrapped anew. The old ones stay in the table's file until the erasure cycle.
pub(super) fn store_rewrapped(
    conn: &mut Conn,
    org: OrgId,
    from: i32,
    to: i32,
    rewrapped: &[Rewrapped],
) -> QueryResult<usize> {
    let slots: Vec<i64> = rewrapped.iter().map(|one| one.slot_id).collect();
    let bytes: Vec<&[u8]> = rewrapped.iter().map(|one| one.record.as_slice()).collect();
    let ids: Vec<RecordId> = rewrapped.iter().map(|one| one.record_id).collect();
    let slots_written = diesel::sql_query(
        "UPDATE secret_slots s SET record = n.record FROM unnest($1, $2) AS n(id, record) \
         WHERE s.org_id = $3 AND s.id = n.id AND NOT s.free",
    )
    .bind::<Array<BigInt>, _>(&slots)
    .bind::<Array<Binary>, _>(bytes)
    .bind::<Id, _>(org)
    .execute(conn)?;
    let secrets_written = diesel::sql_query(
        "UPDATE secrets x SET key_epoch = $1 FROM unnest($2, $3) AS n(slot_id, record_id) \
         WHERE x.org_id = $4 AND x.key_epoch = $5 AND x.slot_id = n.slot_id AND x.record_id = n.record_id",
    )
    .bind::<Integer, _>(to)
    .bind::<Array<BigInt>, _>(&slots)
    .bind::<Array<Id>, _>(ids)
    .bind::<Id, _>(org)
    .bind::<Integer, _>(from)
    .execute(conn)?;
    Ok(slots_written.min(secrets_written))
}

/// Erases what was shredded from the table's files: the live rows are copied aside, the table is truncated
/// (which gives it new files), the rows are copied back, and a checkpoint removes the old files. `VACUUM` leaves
/// bytes in page holes, and `VACUUM FULL` silently keeps all that an old snapshot may see.
pub(super) fn erase(conn: &mut Conn) -> QueryResult<Result<(), String>> {
    let cycle = conn.transaction(|conn| {
        conn.batch_execute(
            "SET LOCAL statement_timeout = '5min'; \
             LOCK TABLE secret_slots IN ACCESS EXCLUSIVE MODE; \
             CREATE TEMPORARY TABLE kept_slots ON COMMIT DROP AS SELECT * FROM secret_slots; \
             TRUNCATE secret_slots; \
             INSERT INTO secret_slots SELECT * FROM kept_slots",
        )
    });
    if let Err(error) = cycle {
        return Ok(Err(format!(
            "the table of secrets could not be rewritten: {error}"
        )));
    }
    Ok(conn.batch_execute("CHECKPOINT").map_err(|error| {
        format!("the checkpoint failed (the role needs pg_checkpoint, or run one as a superuser): {error}")
    }))
}

pub(super) fn prepare_eraser(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

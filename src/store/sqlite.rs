//! SQLite: the queries compiled for it, and what only it does.
//!
//! What must stay true: every connection has the settings of [`SETTINGS`] (they are read back when it is
//! opened), above all `secure_delete`, which the bundled library has off by default.

#![expect(
    clippy::unnecessary_wraps,
    reason = "both backends share the signatures that dispatch.rs lists"
)]

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::{DefaultLoadingMode, SimpleConnection as _};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::SqliteConnection;
use sha2::{Digest as _, Sha256};

use super::cascade::{
    CONNECTIONS, CONTENT, INTEGRATIONS, MODELS, Shred, Step, Table, back, cascade,
};
use super::error::{StoreError, StoreResult};
use super::filters::Due;
use super::rows::{
    ConnectionRow, DependentRow, EntryRow, IntegrationRow, Moved, OrganizationRow, ReceiptRow,
    Rewrapped, SecretRow,
};
use super::schema::{key_epochs, receipts, secret_slots, secrets, trash_entries};
use super::statement::{Binds, Statement};
use super::types::{Id, Moment};
use crate::domain::clock::Ts;
use crate::domain::ids::{ConnectionId, DependentId, EntryId, OrgId, RootId};
use crate::domain::json::JsonText;
use crate::domain::kinds::{DependentKind, EntryState, OwnerKind, RootKind};

pub(super) type Conn = SqliteConnection;

#[path = "queries/mod.rs"]
mod queries;
mod record;
mod webhooks;

pub(super) use queries::*;
pub(super) use record::*;
pub(super) use webhooks::*;

/// The day (UTC) of an entry's date.
const PURGE_DAY: &str = "substr(trash_entries.purge_at, 1, 10)";

diesel::define_sql_function! {
    /// Where `needle` first stands in `haystack`; 0 if nowhere.
    #[sql_name = "instr"]
    fn position_in(haystack: Text, needle: Text) -> Integer;
}

diesel::define_sql_function! {
    /// The earlier of two moments.
    #[sql_name = "min"]
    fn earlier(one: Moment, other: Moment) -> Moment;
}

diesel::define_sql_function! {
    /// The later of two moments.
    #[sql_name = "max"]
    fn later(one: Moment, other: Moment) -> Moment;
}

/// Set on every connection and read back (docs/architecture.md, "Storage"): name, value as set, value as read.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("busy_timeout", "5000", "5000"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("secure_delete", "ON", "1"),
    ("foreign_keys", "ON", "1"),
    ("temp_store", "MEMORY", "2"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("journal_size_limit", "0", "0"),
];

/// How long a connection waits for its settings, as long as for any other lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the file and its folder, for their owner alone, if they are missing.
pub(super) fn prepare_file(path: &Path) -> StoreResult<()> {
    let refuse =
        |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(refuse)?;
    }
    // SQLite gives the -wal and -shm files the mode of the database file.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(refuse)?;
    Ok(())
}

pub(super) fn open(path: &Path) -> StoreResult<Conn> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    for (name, value, expected) in SETTINGS {
        set(&mut conn, &format!("PRAGMA {name} = {value}"))?;
        let read: String = read_setting(&mut conn, name)?;
        if read != *expected {
            return Err(StoreError::Internal(format!(
                "SQLite refused {name} = {value}: it reads {read}"
            )));
        }
    }
    Ok(conn)
}

/// SQLite's own timeout does not hold while several connections switch a new file to write-ahead logging, as the pools
/// and the migrations do at the first start, nor while the last one that leaves cleans up.
fn set(conn: &mut Conn, setting: &str) -> QueryResult<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match conn.batch_execute(setting) {
            Err(DieselError::DatabaseError(_, info))
                if info.message().contains("database is locked") && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

/// Copies the database into an empty file, without free pages and what may be left in them.
pub(super) fn copy_into(conn: &mut Conn, file: &Path) -> StoreResult<()> {
    let path = file
        .to_str()
        .ok_or_else(|| StoreError::Unavailable(format!("{} is no UTF-8 name", file.display())))?;
    diesel::sql_query("VACUUM INTO ?")
        .bind::<Text, _>(path)
        .execute(conn)?;
    Ok(())
}

/// Opens a file that nobody writes to, for reading; nothing is made beside it.
pub(super) fn open_copy(file: &Path) -> StoreResult<Conn> {
    let path = url::Url::from_file_path(file)
        .map_err(|()| StoreError::Unavailable(format!("{} is no path", file.display())))?;
    let mut conn = SqliteConnection::establish(&format!("{path}?mode=ro&immutable=1"))?;
    conn.batch_execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")?;
    Ok(conn)
}

/// What SQLite finds wrong with the file; nothing if it is whole.
pub(super) fn quick_check(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let found: Vec<String> = texts(conn, "SELECT quick_check AS value FROM pragma_quick_check")?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// How many rows all tables have.
pub(super) fn count_rows(conn: &mut Conn) -> QueryResult<i64> {
    let tables = texts(
        conn,
        "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' \
         AND name <> '__diesel_schema_migrations'",
    )?;
    let mut rows = 0;
    for table in tables {
        // A name from the schema itself; ours have no quotes.
        let sql = format!("(SELECT count(*) FROM \"{}\")", table.replace('"', "\"\""));
        rows += diesel::dsl::sql::<BigInt>(&format!("SELECT {sql}")).get_result::<i64>(conn)?;
    }
    Ok(rows)
}

/// The column `value` of a query.
fn texts(conn: &mut Conn, sql: &str) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let rows: Vec<Row> = diesel::sql_query(sql).load(conn)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

fn read_setting(conn: &mut Conn, name: &str) -> QueryResult<String> {
    // A pragma's table function takes its name as text; this one is from the list above.
    let sql = format!(
        "SELECT CAST({} AS TEXT) AS value FROM pragma_{name}",
        column_of(name)
    );
    texts(conn, &sql)?
        .pop()
        .ok_or(diesel::result::Error::NotFound)
}

/// The column of a pragma's table function: its own name, with one exception.
fn column_of(pragma: &str) -> &str {
    if pragma == "busy_timeout" {
        "timeout"
    } else {
        pragma
    }
}

/// The clock that decides: on SQLite the service and its database share one.
pub(super) fn now(_conn: &mut Conn) -> QueryResult<Ts> {
    Ok(Ts::now())
}

/// The write transaction is exclusive already.
pub(super) fn lock_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    find_connection(conn, org, id)
}

pub(super) fn share_connection(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    find_connection(conn, org, id)
}

pub(super) fn lock_connection_to_delete(
    conn: &mut Conn,
    org: OrgId,
    id: ConnectionId,
) -> QueryResult<Option<ConnectionRow>> {
    find_connection(conn, org, id)
}

pub(super) fn lock_dependent(
    conn: &mut Conn,
    kind: DependentKind,
    org: OrgId,
    id: DependentId,
) -> QueryResult<Option<DependentRow>> {
    find_dependent(conn, kind, org, id)
}

pub(super) fn lock_integration(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<IntegrationRow>> {
    find_integration_by_key(conn, org, key)
}

pub(super) fn lock_integration_to_delete(
    conn: &mut Conn,
    org: OrgId,
    key: &str,
) -> QueryResult<Option<IntegrationRow>> {
    find_integration_by_key(conn, org, key)
}

pub(super) fn lock_scope(_conn: &mut Conn, _kind: RootKind, _binds: Binds) -> QueryResult<()> {
    Ok(())
}

pub(super) fn lock_other_ends(_conn: &mut Conn, _binds: Binds) -> QueryResult<i64> {
    Ok(0)
}

pub(super) fn hold_slots(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

pub(super) fn lock_entry(
    conn: &mut Conn,
    org: OrgId,
    id: EntryId,
) -> QueryResult<Option<EntryRow>> {
    find_entry(conn, org, id)
}

/// Nobody else writes: nothing is to be locked or skipped.
pub(super) fn claim_due(
    conn: &mut Conn,
    org: OrgId,
    due: &Due,
    ids: Option<&[EntryId]>,
    limit: i64,
) -> QueryResult<Vec<EntryRow>> {
    peek_due(conn, org, due, ids, limit)
}

pub(super) fn claim_purging(
    conn: &mut Conn,
    org: OrgId,
    id: EntryId,
) -> QueryResult<Option<EntryRow>> {
    let row = find_entry(conn, org, id)?;
    Ok(row.filter(|row| row.state == EntryState::Purging))
}

pub(super) fn lock_organization(
    conn: &mut Conn,
    org: OrgId,
) -> QueryResult<Option<OrganizationRow>> {
    find_organization(conn, org)
}

/// The fraction of a second stays as it is: SQLite's own functions would round it to milliseconds.
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
        trash_entries::purge_at.eq(diesel::dsl::sql::<Moment>(
            "strftime('%Y-%m-%dT%H:%M:%S', substr(purge_at, 1, 19), ",
        )
        .bind::<Text, _>(format!("+{seconds} seconds"))
        .sql(") || substr(purge_at, 20)")),
    )
    .execute(conn)
}

/// A twin waits for the one writer and then finds the stored answer: there is nothing to try.
pub(super) fn try_lock(_conn: &mut Conn, _lock: i64) -> QueryResult<bool> {
    Ok(true)
}

pub(super) fn allow_long_statements(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

pub(super) fn allow_long_transaction(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// SQLite plans by its indexes alone, as long as nobody asks it to keep statistics.
pub(super) fn refresh_statistics(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// Moves what the root takes along into the trash and writes the receipt. No row leaves the database; the ids are hashed
/// one by one as they are read.
pub(super) fn move_out(
    conn: &mut Conn,
    kind: RootKind,
    binds: Binds,
    fields: &JsonText,
) -> QueryResult<Moved> {
    let cascade = cascade(kind);
    let mut moved = Moved::default();
    for step in &cascade.out_sqlite {
        take(conn, step, binds, &mut moved)?;
    }
    let mut hash = |table: &Table| -> QueryResult<String> {
        let mut digest = Sha256::new();
        let ids = cascade
            .ids_sqlite
            .iter()
            .find(|(one, _)| one.name == table.name);
        if let Some((_, text)) = ids {
            for id in
                Statement::<Id>::new(text, binds).load_iter::<RootId, DefaultLoadingMode>(conn)?
            {
                digest.update(id?.0);
            }
        }
        let pairs: Vec<String> = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(pairs.concat())
    };
    let row = ReceiptRow {
        org_id: binds.org,
        entry_id: binds.entry,
        fields: fields.clone(),
        integrations_sha256: hash(&INTEGRATIONS)?,
        connections_sha256: hash(&CONNECTIONS)?,
        models_sha256: hash(&MODELS)?,
        content_sha256: hash(&CONTENT)?,
    };
    diesel::insert_into(receipts::table)
        .values(&row)
        .execute(conn)?;
    Ok(moved)
}

/// Moves the rows of one table.
fn take(conn: &mut Conn, step: &'static Step, binds: Binds, moved: &mut Moved) -> QueryResult<()> {
    let copied = Statement::<()>::new(&step.copy, binds).execute(conn)?;
    let deleted = Statement::<()>::new(&step.delete, binds).execute(conn)?;
    if copied != deleted {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    moved.count(step.table.name, i64::try_from(deleted).unwrap_or(i64::MAX));
    Ok(())
}

/// Overwritten in place with as many zeros, never deleted or resized (measured: 0 of 8,380 dead values left in the
/// file, against 6).
pub(super) fn slots_text(shred: &'static Shred) -> &'static str {
    &shred.slots_sqlite
}

/// Several, since it changes nothing below `WITH`.
pub(super) fn ends_texts(shred: &'static Shred) -> &'static [String] {
    &shred.ends_sqlite
}

/// Brings the rows of an entry back, parents first; links follow on their own.
pub(super) fn move_back(conn: &mut Conn, kind: RootKind, binds: Binds) -> QueryResult<Moved> {
    let mut moved = Moved::default();
    for step in &back(kind).sqlite {
        take(conn, step, binds, &mut moved)?;
    }
    Ok(moved)
}

/// Puts a sealed record into a free slot of its class, else into a new one.
pub(super) fn fill_slot(conn: &mut Conn, org: OrgId, record: &[u8]) -> QueryResult<i64> {
    let class = i32::try_from(record.len()).unwrap_or(i32::MAX);
    let free: Option<i64> = secret_slots::table
        .filter(secret_slots::size_class.eq(class))
        // As a bare column, so that the partial index is used.
        .filter(diesel::dsl::sql::<Bool>("free"))
        .order(secret_slots::id)
        .select(secret_slots::id)
        .first(conn)
        .optional()?;
    if let Some(id) = free {
        diesel::update(secret_slots::table.filter(secret_slots::id.eq(id)))
            .set((
                secret_slots::org_id.eq(org),
                secret_slots::free.eq(false),
                secret_slots::record.eq(record),
            ))
            .execute(conn)?;
        return Ok(id);
    }
    diesel::insert_into(secret_slots::table)
        .values((
            secret_slots::org_id.eq(org),
            secret_slots::size_class.eq(class),
            secret_slots::free.eq(false),
            secret_slots::record.eq(record),
        ))
        .returning(secret_slots::id)
        .get_result(conn)
}

/// Shreds the slots of an owner's fields: overwritten in place with as many zeros, never deleted or resized
/// (measured: 0 of 8,380 dead values left in the file, against 6).
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
    diesel::update(secret_slots::table.filter(secret_slots::id.eq_any(slots)))
        .set((
            secret_slots::record.eq(diesel::dsl::sql::<diesel::sql_types::Binary>(
                "zeroblob(length(record))",
            )),
            secret_slots::free.eq(true),
        ))
        .execute(conn)
}

/// The epoch that new secrets are sealed under. The write transaction is exclusive already.
pub(super) fn share_primary_epoch(conn: &mut Conn) -> QueryResult<Option<i32>> {
    key_epochs::table
        .filter(key_epochs::is_primary.eq(true))
        .select(key_epochs::epoch)
        .first(conn)
        .optional()
}

pub(super) fn lock_epochs(_conn: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// A page of the secrets of an organization under an epoch, with their records.
pub(super) fn lock_secrets_under(
    conn: &mut Conn,
    org: OrgId,
    epoch: i32,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<(SecretRow, Option<Vec<u8>>)>> {
    secrets::table
        .left_join(
            secret_slots::table.on(secret_slots::id
                .eq(secrets::slot_id)
                .and(secret_slots::org_id.eq(secrets::org_id))
                .and(secret_slots::free.eq(false))),
        )
        .filter(secrets::org_id.eq(org))
        .filter(secrets::key_epoch.eq(epoch))
        .filter(secrets::slot_id.gt(after))
        .order(secrets::slot_id)
        .limit(limit)
        .select((SecretRow::as_select(), secret_slots::record.nullable()))
        .load(conn)
}

/// Writes records that were wrapped anew. In place and of the same size, as when they are shredded.
pub(super) fn store_rewrapped(
    conn: &mut Conn,
    org: OrgId,
    from: i32,
    to: i32,
    rewrapped: &[Rewrapped],
) -> QueryResult<usize> {
    let mut written = 0;
    for one in rewrapped {
        let slot = secret_slots::table
            .filter(secret_slots::id.eq(one.slot_id))
            .filter(secret_slots::org_id.eq(org))
            .filter(secret_slots::free.eq(false));
        let slots = diesel::update(slot)
            .set(secret_slots::record.eq(&one.record))
            .execute(conn)?;
        let secret = secrets::table
            .filter(secrets::org_id.eq(org))
            .filter(secrets::owner_kind.eq(one.owner_kind))
            .filter(secrets::owner_id.eq(one.owner_id))
            .filter(secrets::field.eq(&one.field))
            .filter(secrets::record_id.eq(one.record_id))
            .filter(secrets::key_epoch.eq(from));
        let rows = diesel::update(secret)
            .set(secrets::key_epoch.eq(to))
            .execute(conn)?;
        written += slots.min(rows);
    }
    Ok(written)
}

/// Erases what was shredded from the files: cuts the write-ahead log, which holds old page images. `Err` says
/// why some of it is still there; the caller tries again.
pub(super) fn erase(conn: &mut Conn) -> QueryResult<Result<(), String>> {
    #[derive(QueryableByName)]
    struct Checkpoint {
        #[diesel(sql_type = BigInt)]
        busy: i64,
        #[diesel(sql_type = BigInt)]
        log: i64,
        #[diesel(sql_type = BigInt)]
        checkpointed: i64,
    }
    let done: Checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
    Ok(
        if done.busy == 0 && done.log == 0 && done.checkpointed == 0 {
            Ok(())
        } else {
            Err("a reader keeps the write-ahead log from being cut".to_owned())
        },
    )
}

/// The eraser must not keep writers waiting while it waits for readers.
pub(super) fn prepare_eraser(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("PRAGMA busy_timeout = 200")
}

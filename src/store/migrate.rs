//! Migrations: one embedded folder a backend, the same numbers in both.
//!
//! What must stay true: one process migrates at a time; on SQLite foreign keys are off while tables are rebuilt
//! and checked before the commit, since `ALTER TABLE` there means a new table.

use diesel::connection::SimpleConnection as _;
use diesel::migration::{Migration, MigrationSource as _, MigrationVersion};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Store;
use super::conn::Conn;
use super::error::{StoreError, StoreResult};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number that no other program on the database uses: "reprieve" in ASCII.
const ADVISORY_LOCK: &str = "8243122658066687589";

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Applies what is pending; answers the versions applied. Fails on a database that a newer version of Reprieve
/// migrated.
pub fn up(store: &Store) -> StoreResult<Vec<String>> {
    on(store, |conn| match conn {
        Conn::Sqlite(conn) => {
            pending_of(conn, SQLITE)?;
            each_sqlite(conn, SQLITE, true)
        }
        Conn::Pg(conn) => locked(conn, |conn| {
            pending_of(conn, POSTGRES)?;
            Ok(conn
                .run_pending_migrations(POSTGRES)?
                .iter()
                .map(ToString::to_string)
                .collect())
        }),
    })
}

/// Reverts everything: for tests and for leaving.
pub fn down(store: &Store) -> StoreResult<Vec<String>> {
    on(store, |conn| match conn {
        Conn::Sqlite(conn) => each_sqlite(conn, SQLITE, false),
        Conn::Pg(conn) => locked(conn, |conn| {
            Ok(conn
                .revert_all_migrations(POSTGRES)?
                .iter()
                .map(ToString::to_string)
                .collect())
        }),
    })
}

/// The versions that are not applied yet. Fails on a database that a newer version of Reprieve migrated.
pub fn pending(store: &Store) -> StoreResult<Vec<String>> {
    on(store, |conn| match conn {
        Conn::Sqlite(conn) => pending_of(conn, SQLITE),
        Conn::Pg(conn) => {
            // The harness would make its table if it were not there, for which a role that only serves has no right.
            let text = |conn: &mut diesel::PgConnection, sql: &str| {
                diesel::select(diesel::dsl::sql::<Nullable<Text>>(sql))
                    .get_result::<Option<String>>(conn)
            };
            let table = "CAST(to_regclass('__diesel_schema_migrations') AS text)";
            let versions = "(SELECT string_agg(version, ' ') FROM __diesel_schema_migrations)";
            let applied = match text(conn, table)? {
                Some(_) => text(conn, versions)?.unwrap_or_default(),
                None => String::new(),
            };
            let applied: Vec<String> = applied.split_whitespace().map(str::to_owned).collect();
            pending_after(&applied, known_of::<diesel::pg::Pg>(POSTGRES)?)
        }
    })
}

fn on<T>(store: &Store, work: impl FnOnce(&mut Conn) -> Result<T, Problem>) -> StoreResult<T> {
    let mut conn = store.connect()?;
    work(&mut conn).map_err(|problem| StoreError::Internal(format!("migration failed: {problem}")))
}

fn pending_of<DB: diesel::backend::Backend>(
    conn: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<Vec<String>, Problem> {
    let applied: Vec<String> = conn
        .applied_migrations()?
        .iter()
        .map(MigrationVersion::to_string)
        .collect();
    pending_after(&applied, known_of::<DB>(source)?)
}

fn known_of<DB: diesel::backend::Backend>(
    source: EmbeddedMigrations,
) -> Result<Vec<String>, Problem> {
    let known: Vec<Box<dyn Migration<DB>>> = source.migrations()?;
    Ok(known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

fn pending_after(applied: &[String], known: Vec<String>) -> Result<Vec<String>, Problem> {
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Err(format!(
            "the database has migration {newer}, which this version does not know"
        )
        .into());
    }
    Ok(known
        .into_iter()
        .filter(|version| !applied.contains(version))
        .collect())
}

fn locked<T>(
    conn: &mut diesel::PgConnection,
    work: impl FnOnce(&mut diesel::PgConnection) -> Result<T, Problem>,
) -> Result<T, Problem> {
    conn.batch_execute(&format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({ADVISORY_LOCK})"
    ))?;
    let result = work(conn);
    conn.batch_execute(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))?;
    result
}

fn each_sqlite(
    conn: &mut diesel::SqliteConnection,
    source: EmbeddedMigrations,
    forward: bool,
) -> Result<Vec<String>, Problem> {
    // No effect inside a transaction, so before it.
    conn.batch_execute("PRAGMA foreign_keys = OFF")?;
    let mut done = Vec::new();
    let mut migrations: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> = source.migrations()?;
    migrations.sort_unstable_by_key(|migration| migration.name().version().to_string());
    if !forward {
        migrations.reverse();
    }
    for migration in migrations {
        let version = migration.name().version().to_string();
        conn.immediate_transaction::<(), Problem, _>(|conn| {
            let applied = conn
                .applied_migrations()?
                .iter()
                .any(|applied| applied.to_string() == version);
            if applied == forward {
                return Ok(());
            }
            if forward {
                conn.run_migration(&migration)?;
            } else {
                conn.revert_migration(&migration)?;
            }
            let broken: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(
                "SELECT count(*) FROM pragma_foreign_key_check",
            )
            .get_result(conn)?;
            if broken > 0 {
                return Err(
                    format!("migration {version} would break {broken} foreign keys").into(),
                );
            }
            done.push(version.clone());
            Ok(())
        })?;
    }
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    Ok(done)
}

//! Migrations: up, down and up again, side by side, and what is refused.

use std::process::{Command, Stdio};

use reprieve::app::{self, Application};
use reprieve::store::{DatabaseUrl, Store, migrate};

use super::catalogue;
use crate::support::*;

/// A database without tables, and whatever holds it.
struct Empty {
    url: DatabaseUrl,
    store: Store,
    folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

fn empty(backend: Backend) -> Empty {
    let folder = tempfile::tempdir().unwrap();
    let database = (backend == Backend::Postgres).then(TestDatabase::create_empty);
    let url = match &database {
        Some(database) => DatabaseUrl::parse(&database.url).unwrap(),
        None => DatabaseUrl::Sqlite(folder.path().join("reprieve.db")),
    };
    let store = Store::open(url.clone(), 2).unwrap();
    Empty {
        url,
        store,
        folder,
        _database: database,
    }
}

/// All that a database knows of its schema, as its own catalogue words it.
fn dump(sql: &mut Sql) -> Vec<String> {
    match sql {
        Sql::Sqlite(_) => sql.lines(
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema \
             WHERE name NOT LIKE '%diesel%' AND name <> 'sqlite_sequence' ORDER BY 1",
        ),
        Sql::Postgres(_) => sql.lines(
            "SELECT line FROM (\
             SELECT concat_ws(' ', c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
               a.attcollation, a.attstattarget, a.attstorage, a.attcompression, a.attidentity, \
               pg_get_expr(d.adbin, d.adrelid)) AS line \
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i' AND a.attnum > 0 \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
             UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint \
             WHERE connamespace = 'public'::regnamespace \
             UNION ALL SELECT concat_ws(' ', 'function', proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
             UNION ALL SELECT concat_ws(' ', 'type', typname) FROM pg_type WHERE typnamespace = 'public'::regnamespace \
             ) everything WHERE line NOT LIKE '%diesel%' ORDER BY line",
        ),
    }
}

#[test]
fn up_down_and_up_again_gives_the_same_schema() {
    let mut applied = Vec::new();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let empty = empty(backend);
        let up = migrate::up(&empty.store).unwrap();
        assert!(!up.is_empty());
        let mut sql = Sql::open(&empty.url);
        let first = dump(&mut sql);
        assert!(first.len() > 40, "{backend:?}: the catalogue was not read");
        assert_eq!(migrate::up(&empty.store).unwrap(), Vec::<String>::new());
        assert_eq!(
            migrate::pending(&empty.store).unwrap(),
            Vec::<String>::new()
        );

        let mut down = migrate::down(&empty.store).unwrap();
        down.reverse();
        assert_eq!(down, up);
        assert_eq!(
            dump(&mut Sql::open(&empty.url)),
            Vec::<String>::new(),
            "{backend:?}: left behind"
        );
        assert_eq!(migrate::pending(&empty.store).unwrap(), up);

        assert_eq!(migrate::up(&empty.store).unwrap(), up);
        assert_eq!(dump(&mut Sql::open(&empty.url)), first, "{backend:?}");
        applied.push(up);
    }
    assert_eq!(
        applied[0], applied[1],
        "the numbers are the same on both databases"
    );
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let empty = empty(backend);
        migrate::up(&empty.store).unwrap();
        Sql::open(&empty.url).run(
            "INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('29991231000001', CURRENT_TIMESTAMP)",
        );
        for migrate in [true, false] {
            let mut config = config(empty.folder.path(), empty.url.clone());
            config.migrate = migrate;
            let refusal = Application::build(config.clone())
                .err()
                .map(|error| format!("{error:#}"));
            let refusal =
                refusal.unwrap_or_else(|| panic!("{backend:?}, migrate {migrate}: it starts"));
            assert!(
                refusal.contains("29991231000001") && refusal.contains("does not know"),
                "{refusal}"
            );
            assert!(app::open_services(&config).is_err());
        }
        assert!(migrate::up(&empty.store).is_err(), "{backend:?}");
    }
}

#[test]
fn pending_migrations_are_refused_in_words() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let empty = empty(backend);
        let mut config = config(empty.folder.path(), empty.url.clone());
        config.migrate = false;
        for refusal in [
            Application::build(config.clone()).err(),
            app::open_services(&config).err(),
        ] {
            let refusal = format!("{:#}", refusal.unwrap());
            assert!(
                refusal.contains("pending") && refusal.contains("reprieve migrate"),
                "{refusal}"
            );
        }
        assert_eq!(
            catalogue::tables(&mut Sql::open(&empty.url)),
            Vec::<String>::new()
        );
        config.migrate = true;
        assert!(Application::build(config).is_ok());
    }
}

#[test]
fn several_processes_may_migrate_at_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let empty = empty(backend);
        let all = migrate::pending(&empty.store).unwrap();
        let url = match &empty.url {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        let processes: Vec<_> = (0..4)
            .map(|_| {
                Command::new(env!("CARGO_BIN_EXE_reprieve"))
                    .args(["migrate", "--data-dir"])
                    .arg(empty.folder.path())
                    .env_clear()
                    .env("REPRIEVE_DATABASE_URL", &url)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut applied = Vec::new();
        for process in processes {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{backend:?}: {output:?}");
            let said = String::from_utf8(output.stdout).unwrap();
            applied.extend(
                said.lines()
                    .filter_map(|line| line.strip_prefix("applied "))
                    .map(str::to_owned),
            );
        }
        // On SQLite they may take turns; none is applied twice.
        applied.sort();
        assert_eq!(applied, all, "{backend:?}");
        assert_eq!(
            migrate::pending(&empty.store).unwrap(),
            Vec::<String>::new()
        );
    }
}

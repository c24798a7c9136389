//! A PostgreSQL database for each test, copied from a template that is migrated once a run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use reprieve::store::{DatabaseUrl, Store, migrate};

/// A database that is dropped with its test.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    name: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the tests are told of their server"
)]
pub(crate) fn server() -> String {
    std::env::var("REPRIEVE_TEST_POSTGRES").expect(
        "REPRIEVE_TEST_POSTGRES names no server: run the tests with scripts/test, which starts one",
    )
}

/// The folder of the server's files, to look for bytes that should be gone.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the tests are told of their server"
)]
pub(crate) fn data_folder() -> PathBuf {
    std::env::var("REPRIEVE_TEST_POSTGRES_DATA")
        .expect("REPRIEVE_TEST_POSTGRES_DATA names no folder: run the tests with scripts/test, which starts a server of its own")
        .into()
}

/// A program of PostgreSQL's: from PATH, or else the newest that Debian keeps beside it.
pub(crate) fn tool(name: &str) -> Command {
    let mut beside: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.unwrap().path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    beside.sort();
    Command::new(beside.pop().unwrap_or_else(|| PathBuf::from(name)))
}

fn url_of(name: &str) -> String {
    let mut url = url::Url::parse(&server()).unwrap();
    url.set_path(name);
    url.to_string()
}

fn on_server(sql: &str) {
    PgConnection::establish(&server())
        .unwrap()
        .batch_execute(sql)
        .unwrap();
}

fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("reprieve_it_{}_template", std::process::id());
        on_server(&format!("DROP DATABASE IF EXISTS {name}"));
        on_server(&format!("CREATE DATABASE {name}"));
        let store = Store::open(DatabaseUrl::parse(&url_of(&name)).unwrap(), 1).unwrap();
        migrate::up(&store).unwrap();
        name
    })
}

impl TestDatabase {
    pub(crate) fn create() -> Self {
        let template = template();
        let name = Self::fresh_name();
        on_server(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self {
            url: url_of(&name),
            name,
        }
    }

    /// A database without tables.
    pub(crate) fn create_empty() -> Self {
        let name = Self::fresh_name();
        on_server(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        Self {
            url: url_of(&name),
            name,
        }
    }

    fn fresh_name() -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!(
            "reprieve_it_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        )
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        on_server(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

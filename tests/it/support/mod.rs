//! A whole service for one test: its own database, its own port, clients with keys of any scopes.

mod client;
mod door;
mod network;
pub(crate) mod node;
mod postgres;
pub(crate) use postgres::server as postgres_server;
pub(crate) mod process;
pub(crate) mod servers;
mod sql;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reprieve::app::Application;
use reprieve::config::Config;
use reprieve::domain::ids::OrgId;
use reprieve::http::dialects::Settings as Dialects;
use reprieve::jobs::deliverer::Limits as DeliveryLimits;
use reprieve::jobs::keykeeper::{LOOK, Times};
use reprieve::jobs::revoker::Limits;
use reprieve::secrets::KeySource;
use reprieve::service::caller::Caller;
use reprieve::service::probe::Allowance;
use reprieve::service::purge::Limits as PurgeLimits;
use reprieve::service::{Services, organizations, verify};
use reprieve::store::DatabaseUrl;
use serde_json::Value;
pub(crate) use serde_json::json;

pub(crate) use client::{Client, Reply};
pub(crate) use door::Door;
pub(crate) use network::Watched;
pub(crate) use postgres::{
    TestDatabase, data_folder as postgres_data_folder, tool as postgres_tool,
};
pub(crate) use sql::{Row, Sql};

/// Makes a test on SQLite and one on PostgreSQL of one body.
macro_rules! on_both {
    ($(fn $name:ident($app:ident: &TestApp) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every body needs all of them")]
            use super::*;

            fn check($app: &TestApp) $body

            #[test]
            fn on_sqlite() {
                check(&TestApp::start(Backend::Sqlite));
            }

            #[test]
            fn on_postgres() {
                check(&TestApp::start(Backend::Postgres));
            }
        }
    )+};
}

/// Makes a test on each database of a body that starts its services itself.
macro_rules! on_each {
    ($(fn $name:ident($backend:ident: Backend) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not every body needs all of them")]
            use super::*;

            fn check($backend: Backend) $body

            #[test]
            fn on_sqlite() {
                check(Backend::Sqlite);
            }

            #[test]
            fn on_postgres() {
                check(Backend::Postgres);
            }
        }
    )+};
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A running service. Dropping it stops the service and checks the database against the promises.
pub(crate) struct TestApp {
    pub(crate) backend: Backend,
    pub(crate) config: Config,
    pub(crate) services: Services,
    /// The way out to other systems.
    pub(crate) network: Watched,
    /// The organization `default`.
    pub(crate) org: OrgId,
    /// A client whose key may do everything.
    pub(crate) admin: Client,
    address: std::net::SocketAddr,
    metrics: Option<std::net::SocketAddr>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    verify: bool,
    /// The PostgreSQL databases that go with it.
    pub(crate) databases: Vec<TestDatabase>,
    folder: tempfile::TempDir,
}

impl TestApp {
    pub(crate) fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {})
    }

    /// Starts with another configuration than the tests' own.
    pub(crate) fn start_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = (backend == Backend::Postgres).then(postgres::TestDatabase::create);
        let url = match &database {
            Some(database) => DatabaseUrl::parse(&database.url).unwrap(),
            None => DatabaseUrl::Sqlite(folder.path().join("reprieve.db")),
        };
        let mut config = config(folder.path(), url);
        let network = Watched::default();
        config.network = Arc::new(network.clone());
        change(&mut config);
        let (address, metrics, services, stop, server) = serve(config.clone());
        let org = organizations::ensure_default(&services).unwrap().id;
        let admin = Client::new(address, &issue(&services, org, &["*"]));
        Self {
            backend,
            config,
            services,
            network,
            org,
            admin,
            address,
            metrics,
            stop: Some(stop),
            server: Some(server),
            verify: true,
            databases: database.into_iter().collect(),
            folder,
        }
    }

    /// A client of the organization `default` whose key has these scopes.
    pub(crate) fn client(&self, scopes: &[&str]) -> Client {
        Client::new(self.address, &issue(&self.services, self.org, scopes))
    }

    /// A client of an organization of its own, with every scope of it.
    pub(crate) fn other_organization(&self, name: &str) -> Client {
        let reply = self
            .admin
            .post("/v1/organizations", &json!({ "name": name }))
            .ok(201);
        Client::new(self.address, reply["admin_key"]["key"].as_str().unwrap())
    }

    /// A client without a key.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.address, "")
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// The address that serves metrics.
    pub(crate) fn metrics_address(&self) -> std::net::SocketAddr {
        self.metrics.expect("this test's service has no metrics")
    }

    /// The folder of the service's data.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The SQLite file and those beside it.
    pub(crate) fn database_files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("reprieve.db")
            })
            .collect()
    }

    /// Stops the service and starts it again on the same database.
    pub(crate) fn restart(&mut self) {
        self.halt();
        let (address, metrics, services, stop, server) = serve(self.config.clone());
        self.admin.move_to(address);
        self.address = address;
        self.metrics = metrics;
        self.services = services;
        self.stop = Some(stop);
        self.server = Some(server);
    }

    pub(crate) fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }

    /// This test leaves the database in a state that breaks a promise, on purpose.
    pub(crate) fn leave_broken(&mut self) {
        self.verify = false;
    }

    /// A connection with every required secret, three models and content on two of them; its id.
    pub(crate) fn sample_connection(&self, name: &str) -> String {
        let connection = self
            .admin
            .post("/v1/connections", &postgres_connection(name))
            .ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/v1/connections/{connection}");
        let base = self
            .admin
            .post(
                &format!("{path}/models"),
                &json!({"name": "base", "kind": "schema", "external_id": "m-base"}),
            )
            .ok(201)["id"]
            .clone();
        let extension = self
            .admin
            .post(
                &format!("{path}/models"),
                &json!({"name": "extension", "base_model_id": base, "external_id": "m-extension"}),
            )
            .ok(201)["id"]
            .clone();
        self.admin
            .post(&format!("{path}/models"), &json!({"name": "empty"}))
            .ok(201);
        for (index, model) in [&base, &base, &extension].into_iter().enumerate() {
            let body: Value = json!({"viz": "bar", "n": index});
            self.admin.post(&format!("{path}/content"), &json!({"name": format!("chart {index}"), "kind": "chart", "model_id": model, "external_id": format!("c-{index}"), "body": body})).ok(201);
        }
        let links = json!([{"external_id": "c-0"}, {"external_id": "c-2"}]);
        self.admin.post(&format!("{path}/content"), &json!({"name": "overview", "kind": "dashboard", "external_id": "d-0", "links": links})).ok(201);
        connection
    }

    /// Deletes a connection; the trash entry's id.
    pub(crate) fn delete_connection(&self, id: &str) -> String {
        self.admin.delete(&format!("/v1/connections/{id}")).ok(200)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits for something that another thread does.
    pub(crate) fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !happened() {
            assert!(Instant::now() < deadline, "waited a minute for: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The first panic is the one to read.
            drop(self.stop.take());
            return;
        }
        self.halt();
        if self.verify {
            let report = verify::verify(&self.services).unwrap();
            let problems: Vec<&String> = report
                .checks
                .iter()
                .flat_map(|check| &check.problems)
                .collect();
            assert!(
                problems.is_empty(),
                "the database breaks promises: {problems:#?}"
            );
        }
    }
}

/// What the tests run with: short waits, a free port.
pub(crate) fn config(folder: &Path, database: DatabaseUrl) -> Config {
    Config {
        data_dir: folder.to_owned(),
        database,
        keys: KeySource::Folder(folder.join("keys")),
        listen: "127.0.0.1:0".parse().unwrap(),
        metrics_listen: None,
        public_url: None,
        pool_size: 6,
        workers: 2,
        migrate: true,
        erasure_interval: Duration::from_millis(500),
        canary_interval: None,
        key_times: Times {
            rotation: None,
            destruction: None,
            look: LOOK,
        },
        body_timeout: Duration::from_secs(2),
        metrics_kept: Duration::ZERO,
        max_import_bytes: 64 * 1024 * 1024,
        allow_cidrs: vec!["127.0.0.0/8".parse().unwrap()],
        tests: Allowance {
            at_once: 64,
            a_minute: 10_000,
        },
        revocation: Limits {
            pauses: [Duration::from_millis(50); 2],
            ..Limits::default()
        },
        webhooks: DeliveryLimits {
            answer: Duration::from_secs(2),
            period: Duration::from_millis(50),
            ..DeliveryLimits::default()
        },
        purge: PurgeLimits::default(),
        purge_schedule: None,
        dialects: Dialects::default(),
        network: Arc::new(Watched::default()),
    }
}

/// A connection that needs nothing more.
pub(crate) fn postgres_connection(name: &str) -> Value {
    json!({
        "name": name,
        "connector": "postgres",
        "external_id": format!("ext-{name}"),
        "settings": {"host": "db.example.com", "port": 5432, "database": "sales", "username": "bi"},
        "tags": {"env": "prod"},
        "metadata": {"owner": "data team"},
        "secrets": {"password": "correct horse battery staple"},
    })
}

pub(crate) type Served = (
    std::net::SocketAddr,
    Option<std::net::SocketAddr>,
    Services,
    tokio::sync::oneshot::Sender<()>,
    JoinHandle<()>,
);

/// A service of its own beside that of the test.
pub(crate) fn serve(config: Config) -> Served {
    let (started, starting) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let application = Application::build(config).unwrap();
            started
                .send((
                    application.address(),
                    application.metrics_address(),
                    application.services().clone(),
                ))
                .unwrap();
            application
                .run_until(async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
    });
    let (address, metrics, services) = starting.recv().unwrap();
    (address, metrics, services, stop, server)
}

/// A key of an organization with these scopes.
pub(crate) fn issue(services: &Services, org: OrgId, scopes: &[&str]) -> String {
    let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
    services
        .write_once(&Caller::command_line(org), |tx| {
            organizations::issue_key(tx, "test", &scopes, None)
        })
        .unwrap()
        .key
}

pub(crate) mod log;

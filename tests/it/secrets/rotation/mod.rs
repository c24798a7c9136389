//! Rotation, retirement and destruction of the encryption keys while services run (promise 4; docs/security.md,
//! "Rotation").

mod copies;
mod killed;
mod lost;
mod many;
mod operator;
mod steps;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reprieve::app;
use reprieve::config::Config;
use reprieve::domain::ids::OrgId;
use reprieve::secrets::KeySource;
use reprieve::secrets::keyring::Epoch;
use reprieve::service::Services;
use reprieve::service::caller::Caller;
use reprieve::service::connections::{self, NewConnection};
use reprieve::service::rotation::{self, Begun, By, KeysError, Progress};

use super::database::{count, execute, records, texts};
use super::key_states::key_folder;
use crate::support::*;

/// Whom the steps are written down to.
const BY: By = Caller::command_line;
/// How often the keykeeper looks in these tests, unless it shall not.
const OFTEN: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_hours(1);

fn epoch(number: i32) -> Epoch {
    Epoch::try_from(number).unwrap()
}

/// A service whose keykeeper looks this often and begins nothing by itself.
fn looking(backend: Backend, look: Duration) -> TestApp {
    TestApp::start_with(backend, |config| config.key_times.look = look)
}

/// The database and the keys as another process sees them.
fn beside(app: &TestApp) -> Services {
    app::open_services(&app.config).unwrap()
}

/// Connections with a password each, by id.
fn create(app: &TestApp, names: &[&str]) -> BTreeMap<String, String> {
    let mut made = BTreeMap::new();
    for name in names {
        let mut body = postgres_connection(name);
        let password = format!("password of {name}");
        body["secrets"] = json!({ "password": password });
        let id = app.admin.post("/v1/connections", &body).ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        made.insert(id, password);
    }
    made
}

/// Many connections at once; their passwords are their names.
fn fill(services: &Services, org: OrgId, prefix: &str, number: usize) {
    let settings = json!({"host": "db.example.com", "database": "sales", "username": "bi"});
    services
        .write_once(&Caller::command_line(org), |tx| {
            for index in 0..number {
                let name = format!("{prefix} {index}");
                let body = json!({"name": name, "connector": "postgres", "settings": settings, "secrets": {"password": name}});
                let new: NewConnection = serde_json::from_value(body).unwrap();
                connections::create(tx, &new)?;
            }
            Ok(())
        })
        .unwrap();
}

#[track_caller]
fn opens(client: &Client, secrets: &BTreeMap<String, String>) {
    for (id, password) in secrets {
        let read = client.get(&format!("/v1/connections/{id}/secrets")).ok(200);
        assert_eq!(read["secrets"]["password"], json!(password));
    }
}

/// Begins and goes on until nothing is left to do.
#[track_caller]
fn rotate(services: &Services) -> Epoch {
    let Begun::New(epoch) = rotation::begin(services).unwrap() else {
        panic!("one is under way");
    };
    finish(services);
    epoch
}

/// Goes on until no epoch but the primary one is in use.
#[track_caller]
fn finish(services: &Services) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let done = go_on(services);
        let waits = done
            .as_ref()
            .is_none_or(|progress| progress.waits.is_some());
        let view = rotation::status(services, Duration::ZERO).unwrap();
        if !waits
            && view
                .epochs
                .iter()
                .all(|epoch| !matches!(epoch.state, "in_use" | "next"))
        {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "it does not end: {done:?} {view:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One round. Another process or a lock may be in its way; then the next one does it.
fn go_on(services: &Services) -> Option<Progress> {
    match rotation::go_on(services, BY) {
        Ok(progress) => Some(progress),
        Err(KeysError::Store(_) | KeysError::Service(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The state of each epoch, oldest first.
fn states(services: &Services) -> Vec<&'static str> {
    let view = rotation::status(services, Duration::ZERO).unwrap();
    view.epochs.iter().map(|epoch| epoch.state).collect()
}

fn key_files(app: &TestApp) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(key_folder(app))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "shreds.log")
        .collect();
    names.sort();
    names
}

/// The epochs that records name, and those that their rows name.
fn epochs_in_use(app: &TestApp) -> (Vec<u8>, Vec<String>) {
    let mut named: Vec<u8> = records(app).values().map(|record| record[4]).collect();
    named.sort_unstable();
    named.dedup();
    let rows = texts(
        app,
        "SELECT DISTINCT CAST(key_epoch AS text) AS value FROM secrets ORDER BY 1",
    );
    (named, rows)
}

/// Another service on the same database, with a key folder of its own or the same one.
struct Replica {
    config: Config,
    services: Services,
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Replica {
    fn start(app: &TestApp, own_keys: bool, look: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = app.config.clone();
        config.data_dir = folder.path().to_owned();
        config.key_times.look = look;
        let keys = if own_keys {
            let own = folder.path().join("keys");
            for name in key_files(app) {
                let key = std::fs::read(key_folder(app).join(&name)).unwrap();
                super::key_states::write_key(&own, &name, &key);
            }
            own
        } else {
            key_folder(app)
        };
        config.keys = KeySource::Folder(keys);
        let (address, _, services, stop, server) = serve(config.clone());
        Self {
            config,
            services,
            address,
            stop: Some(stop),
            server: Some(server),
            _folder: folder,
        }
    }

    fn keys(&self) -> PathBuf {
        match &self.config.keys {
            KeySource::Folder(folder) => folder.clone(),
            KeySource::File(_) => unreachable!(),
        }
    }

    fn client(&self, app: &TestApp) -> Client {
        Client::new(self.address, app.admin.key())
    }

    fn name(&self) -> String {
        let view = rotation::status(&self.services, Duration::ZERO).unwrap();
        let own = self.address.to_string();
        let found = view
            .replicas
            .iter()
            .find(|replica| replica.name.ends_with(&own));
        found.unwrap().name.clone()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

//! A run: a place with a database, servers on it, clients at them, and the judgement in the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use reprieve::store::DatabaseUrl;

use super::check::{Effort, check};
use super::plan::Load;
use super::record::{self, Made, Record, rename_entries};
use super::snapshot::{self, Snapshot};
use super::summary::Summary;
use super::{Settings, client};
use crate::support::process::{Machine, Served};
use crate::support::*;

/// A machine with a migrated database, on which servers can be started.
pub(crate) struct Place {
    pub(crate) backend: Backend,
    machine: Machine,
    url: DatabaseUrl,
    key: String,
    _database: Option<TestDatabase>,
}

impl Place {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::on_sqlite(),
            Backend::Postgres => {
                let database = TestDatabase::create_empty();
                let place = Self::on_postgres(&database.url);
                Self {
                    _database: Some(database),
                    ..place
                }
            }
        }
    }

    fn on_sqlite() -> Self {
        let machine = quiet_machine();
        let file = machine.path("reprieve-data/reprieve.db");
        Self::on(machine, Backend::Sqlite, DatabaseUrl::Sqlite(file))
    }

    /// On a PostgreSQL database that somebody else keeps.
    pub(crate) fn on_postgres(url: &str) -> Self {
        let machine = quiet_machine().with("REPRIEVE_DATABASE_URL", url);
        Self::on(machine, Backend::Postgres, DatabaseUrl::parse(url).unwrap())
    }

    fn on(machine: Machine, backend: Backend, url: DatabaseUrl) -> Self {
        machine.run(&["migrate"]).ok();
        let key = machine
            .run(&["key", "create", "--name", "admin", "--scope", "*"])
            .ok();
        // The clients delete more than anybody does by right; the brake is not what they are about.
        Sql::open(&url).run("UPDATE organizations SET brake_deletions = 1000000");
        Self {
            backend,
            machine,
            url,
            key: key.trim().to_owned(),
            _database: None,
        }
    }

    pub(crate) fn serve(&self) -> Served {
        self.machine.serve(&[])
    }

    /// A client of one of its servers that may do everything.
    pub(crate) fn client(&self, address: std::net::SocketAddr) -> Client {
        Client::new(address, &self.key)
    }

    /// The database behind the servers' back.
    pub(crate) fn database(&self) -> Sql {
        Sql::open(&self.url)
    }

    /// Runs `reprieve verify` beside the servers.
    pub(crate) fn verify(&self) {
        let report = self.machine.run(&["verify"]).ok();
        assert!(report.lines().count() > 5, "{report}");
    }
}

/// A line in the log for each request would only fill memory.
fn quiet_machine() -> Machine {
    Machine::new().with("REPRIEVE_LOG_LEVEL", "warn")
}

/// Servers and the clients at them.
pub(crate) struct Run<'a> {
    place: &'a Place,
    clients: usize,
    seed: u64,
    pub(crate) servers: Vec<Served>,
    load: Load,
    records: Vec<Record>,
    looks: Vec<(u64, u64, Snapshot)>,
}

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    pub(crate) effort: Effort,
    pub(crate) replays: u32,
    /// Attempts that ended without an answer.
    pub(crate) cut_off: u32,
    /// Changes that one of them had made all the same.
    pub(crate) made_unseen: u32,
    pub(crate) snapshots: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; {} snapshots, {} replays, {} attempts cut off ({} had been carried out), at most {} calls under way \
             and {} worlds possible, 0 differences",
            self.summary,
            self.snapshots,
            self.replays,
            self.cut_off,
            self.made_unseen,
            self.effort.overlap,
            self.effort.worlds
        )
    }
}

impl<'a> Run<'a> {
    pub(crate) fn start(place: &'a Place, settings: &Settings, seed: u64) -> Self {
        let processes = match place.backend {
            Backend::Sqlite => 1,
            Backend::Postgres => settings.processes,
        };
        let servers: Vec<Served> = (0..processes).map(|_| place.serve()).collect();
        let addresses = servers.iter().map(|server| server.address).collect();
        Self {
            place,
            clients: settings.clients,
            seed,
            servers,
            load: Load::new(seed, &place.key, addresses),
            records: Vec::new(),
            looks: Vec::new(),
        }
    }

    /// Lets the clients work for a while, with snapshots all the time.
    pub(crate) fn load_for(&mut self, time: Duration) {
        let (load, url) = (&self.load, &self.place.url);
        let looks = thread::scope(|scope| {
            let watching = scope.spawn(|| snapshot::watch(load, url));
            self.records
                .extend(work(load, self.clients, || thread::sleep(time)));
            watching.join().unwrap()
        });
        self.looks.extend(looks);
    }

    /// Lets the clients work; when `during` is done they begin no new calls, but end those they have begun. Then
    /// everything is read back, and the database checked.
    pub(crate) fn round(&mut self, during: impl FnOnce(&Place, &mut Vec<Served>, &Load)) {
        let (place, load, servers) = (self.place, &self.load, &mut self.servers);
        load.stopped.store(false, Ordering::Relaxed);
        let records = work(load, self.clients, || during(place, servers, load));
        self.records.extend(records);
        self.records.extend(client::read_back(load));
        self.looks
            .push(snapshot::look(load, &mut Sql::open(&place.url)));
        place.verify();
    }

    /// Stops the servers, looks a last time and judges. What fails leaves the history behind and says where.
    pub(crate) fn finish(mut self) -> Outcome {
        self.looks
            .push(snapshot::look(&self.load, &mut Sql::open(&self.place.url)));
        self.place.verify();
        for server in std::mem::take(&mut self.servers) {
            server.stop();
        }
        let last = &self.looks.last().unwrap().2;
        let names = self.load.entry_names(&last.entries);
        let name = |number: Made| names[usize::try_from(number).unwrap()];
        for record in &mut self.records {
            rename_entries(&mut record.answer, &name);
        }
        let mut records = snapshot::records(&self.looks, &self.records);
        records.append(&mut self.records);
        records.sort_by_key(|record| (record.began, record.ended));

        let folder = tempfile::Builder::new()
            .prefix(&format!(
                "reprieve-history-{:?}-{}-",
                self.place.backend, self.seed
            ))
            .tempdir()
            .unwrap();
        let file = folder.path().join("history.jsonl");
        record::keep(&records, &file);
        let mut faults = self.load.complaints.lock().unwrap().clone();
        faults.extend(self.looks.iter().flat_map(|look| look.2.faults.clone()));
        let judged = judge(&records);
        let told = faults.first().or(judged.as_ref().err());
        if let Some(told) = told {
            let kept = folder.keep().join("history.jsonl");
            panic!(
                "seed {} on {:?}: {} faults beside the history; the first:\n{told}\nThe history is kept in {}; \
                 judge it again with: scripts/history --check {}",
                self.seed,
                self.place.backend,
                faults.len(),
                kept.display(),
                kept.display()
            );
        }
        Outcome {
            summary: Summary::of(&records),
            effort: judged.unwrap(),
            replays: self.load.replays.load(Ordering::Relaxed),
            cut_off: self.load.cut_off.load(Ordering::Relaxed),
            made_unseen: self.load.made_unseen.load(Ordering::Relaxed),
            snapshots: self.looks.len(),
        }
    }
}

/// The clients at work until `until` is done.
fn work(load: &Load, clients: usize, until: impl FnOnce()) -> Vec<Record> {
    thread::scope(|scope| {
        let working: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || client::run(load, number)))
            .collect();
        // Also when `until` panics: the clients would go on for ever.
        let stop = StopAtEnd(load);
        until();
        drop(stop);
        working
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

struct StopAtEnd<'a>(&'a Load);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// Judges a history, one connection after the other; the most effort that one took.
pub(crate) fn judge(records: &[Record]) -> Result<Effort, String> {
    let mut objects: BTreeMap<Made, Vec<Record>> = BTreeMap::new();
    for record in records {
        objects
            .entry(record.object)
            .or_default()
            .push(record.clone());
    }
    let mut most = Effort::default();
    for records in objects.values() {
        let effort = check(records)?;
        most.worlds = most.worlds.max(effort.worlds);
        most.overlap = most.overlap.max(effort.overlap);
    }
    Ok(most)
}

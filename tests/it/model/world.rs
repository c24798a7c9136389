//! The service under test without its HTTP: one database, a fresh organization for each sequence, and a neighbour whose
//! rows no sequence may touch.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use reprieve::app;
use reprieve::domain::ids::OrgId;
use reprieve::domain::kinds::{DependentKind, RootKind};
use reprieve::service::caller::Caller;
use reprieve::service::error::{Error, Problem, Result as ServiceResult};
use reprieve::service::unit::Tx;
use reprieve::service::{Services, organizations, verify};
use reprieve::store::{Conn, DatabaseUrl, Store, migrate};

use super::compare::{Dump, Rows};
use super::run::Run;
use super::state::{CONNECTORS, Id};
use super::steps::{NewConnection, NewDependent, NewIntegration, Pick, Seen, Step};
use crate::support::{Backend, Sql, TestDatabase, config};

/// A folder in memory, where the system has one: that a disk keeps what it is given is not what this tests.
const IN_MEMORY: &str = "/dev/shm";

pub(crate) struct World {
    pub(crate) services: Services,
    pub(crate) dump: Dump,
    sql: RefCell<Sql>,
    neighbour: Caller,
    foreign: Vec<Id>,
    as_it_was: Rows,
    /// How often each step came to what: a test that never gets somewhere proves nothing about it.
    pub(crate) tally: RefCell<BTreeMap<String, u64>>,
    _database: Option<TestDatabase>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn open(backend: Backend) -> Self {
        let folder = if Path::new(IN_MEMORY).is_dir() {
            tempfile::tempdir_in(IN_MEMORY)
        } else {
            tempfile::tempdir()
        }
        .unwrap();
        let database = (backend == Backend::Postgres).then(TestDatabase::create);
        let url = match &database {
            Some(database) => DatabaseUrl::parse(&database.url).unwrap(),
            None => DatabaseUrl::Sqlite(folder.path().join("reprieve.db")),
        };
        let config = config(folder.path(), url);
        migrate::up(&Store::open(config.database.clone(), 1).unwrap()).unwrap();
        // Between two sequences everything is swept away, and that is no rule of the service.
        Sql::open(&config.database).run(match backend {
            Backend::Sqlite => "DROP TRIGGER audit_events_stay; DROP TRIGGER audit_seals_stay",
            Backend::Postgres => "DROP TRIGGER audit_events_stay ON audit_events; DROP TRIGGER audit_seals_stay ON audit_seals",
        });
        let services = app::open_services(&config).unwrap();
        let mut world = Self {
            neighbour: Caller::command_line(new_organization(&services, "neighbour")),
            foreign: Vec::new(),
            as_it_was: Rows::new(),
            tally: RefCell::default(),
            services,
            dump: Dump::new(Sql::open(&config.database)),
            sql: RefCell::new(Sql::open(&config.database)),
            _database: database,
            _folder: folder,
        };
        let mut run = Run::new(&world, world.neighbour.clone());
        run.run(&neighbours_rows()).unwrap();
        let model = run.model;
        world.foreign = (model.integrations.into_keys())
            .chain(model.connections.into_keys())
            .chain(model.dependents.into_keys())
            .chain(model.entries.into_keys())
            .collect();
        world.as_it_was = world.dump.read(world.neighbour.org);
        world
    }

    /// A caller of a fresh organization; the rows of the one before are removed.
    pub(crate) fn begin(&self) -> Caller {
        self.sweep();
        Caller::command_line(new_organization(&self.services, "sequence"))
    }

    /// What `verify` finds, and whether the neighbour is as it was.
    pub(crate) fn problems(&self) -> Vec<String> {
        let report = verify::verify(&self.services).unwrap();
        let mut problems: Vec<String> = report
            .checks
            .into_iter()
            .flat_map(|check| check.problems)
            .collect();
        if self.dump.read(self.neighbour.org) != self.as_it_was {
            problems.push("the rows of another organization have changed".to_owned());
        }
        problems
    }

    /// The id of another organization's row.
    pub(crate) fn foreign(&self, number: usize) -> Option<Id> {
        self.foreign
            .get(number % self.foreign.len().max(1))
            .copied()
    }

    /// One unit of work. What is no refusal is a bug.
    pub(crate) fn write<T>(
        &self,
        caller: &Caller,
        work: impl FnMut(&mut Tx<'_>) -> ServiceResult<T>,
    ) -> Answer<T> {
        answer(self.services.write_once(caller, work))
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&mut Conn) -> ServiceResult<T>) -> Answer<T> {
        answer(self.services.store.read(work))
    }

    /// What no service function does yet.
    pub(crate) fn run(&self, sql: &str) {
        self.sql.borrow_mut().run(sql);
    }

    fn sweep(&self) {
        let neighbour = self.neighbour.org;
        let statements: Vec<String> = EVERY_TABLE
            .iter()
            .map(|table| format!("DELETE FROM {table} WHERE org_id <> '{neighbour}';"))
            .chain([format!(
                "DELETE FROM organizations WHERE id <> '{neighbour}';"
            )])
            .collect();
        self.run(&format!("BEGIN; {} COMMIT;", statements.join(" ")));
    }
}

/// Children first.
const EVERY_TABLE: &[&str] = &[
    "links",
    "content",
    "models",
    "secrets",
    "secret_slots",
    "connections",
    "integrations",
    "trash_links",
    "shredded_secrets",
    "trash_content",
    "trash_models",
    "trash_connections",
    "trash_integrations",
    "holds",
    "revocations",
    "receipts",
    "trash_uses",
    "purge_warnings",
    "trash_entries",
    "erasure_jobs",
    "shreds",
    "audit_events",
    "audit_seals",
    "sign_ins",
];

/// What a call came to.
pub(crate) enum Answer<T> {
    Done(T),
    Refused(Box<Problem>),
    Broken(String),
}

pub(crate) fn answer<T>(result: ServiceResult<T>) -> Answer<T> {
    match result {
        Ok(value) => Answer::Done(value),
        Err(Error::Problem(problem)) => Answer::Refused(problem),
        Err(error) => Answer::Broken(error.to_string()),
    }
}

fn new_organization(services: &Services, name: &str) -> OrgId {
    let org = OrgId::mint();
    let new = organizations::NewOrganization {
        name: name.to_owned(),
        display_name: None,
    };
    services
        .write_once(&Caller::command_line(org), |tx| {
            organizations::create_bare(tx, &new)
        })
        .unwrap();
    // Sequences delete more than anybody does by right; the brake is not what they are about.
    services
        .store
        .write(|conn| {
            let mut row = conn.find_organization(org)?.unwrap();
            row.brake_deletions = 1_000_000;
            conn.update_organization(&row)
        })
        .unwrap();
    org
}

/// The same names and external ids as the sequences use, live and in the trash.
fn neighbours_rows() -> Vec<Step> {
    let connection = |name: &str, external_id: &str| {
        Step::CreateConnection(NewConnection {
            connector: CONNECTORS[0],
            integration: Some("a".to_owned()),
            insists: true,
            name: Some(name.to_owned()),
            external_id: Some(external_id.to_owned()),
            metadata: None,
            secret: Some("next door".to_owned()),
            protected: false,
            on_trashed: None,
        })
    };
    let row = |kind| Step::Create {
        kind,
        connection: Pick(0),
        items: vec![NewDependent {
            name: "prod".to_owned(),
            external_id: Some("a".to_owned()),
            parent: Some(Pick(0)),
            body: None,
            protected: false,
            links: None,
        }],
    };
    let delete = |kind, which| Step::Delete {
        climbs: false,
        kind,
        which: Pick(which),
        reason: None,
        version: Seen::Nothing,
        plan: Seen::Nothing,
        only_validate: false,
    };
    let integration = Step::CreateIntegration(NewIntegration {
        key: "a".to_owned(),
        name: Some("prod".to_owned()),
        connector: CONNECTORS[0],
        secret: Some("next door".to_owned()),
        protected: false,
    });
    vec![
        integration.clone(),
        connection("prod", "a"),
        row(DependentKind::Model),
        row(DependentKind::Content),
        delete(RootKind::Content, 0),
        row(DependentKind::Content),
        delete(RootKind::Integration, 0),
        integration,
        connection("prod", "a"),
        row(DependentKind::Model),
        row(DependentKind::Content),
        connection("stage", "b"),
        delete(RootKind::Connection, 0),
    ]
}

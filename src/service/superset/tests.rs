//! Imports into a database of their own.

use std::fs::File;
use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::*;
use crate::domain::ids::{DependentId, EntryId};
use crate::domain::kinds::{OwnerKind, Status};
use crate::import::superset::{Chart, Dashboard, Database, Dataset, ParsedUri, SettingValue};
use crate::jobs::deliverer::Deliverer;
use crate::jobs::eraser::Eraser;
use crate::jobs::shred_writer::ShredWriter;
use crate::secrets::value::SecretValue;
use crate::secrets::{KeySource, Vault};
use crate::service::delete::{self, DeleteRequest};
use crate::service::impact::Target;
use crate::service::restore::{self, RestoreRequest};
use crate::service::secrets::{self, PutSecrets};
use crate::service::{keys, organizations};
use crate::store::filters::{ConnectionFilter, DependentFilter};
use crate::store::rows::{ConnectionRow, DependentHead};
use crate::store::{DatabaseUrl, Store, migrate};

/// A database with one organization, and who works in it.
pub(in crate::service) struct Place {
    pub(in crate::service) services: Services,
    pub(in crate::service) caller: Caller,
    _folder: TempDir,
}

impl Place {
    pub(in crate::service) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(DatabaseUrl::Sqlite(folder.path().join("reprieve.db")), 2).unwrap();
        migrate::up(&store).unwrap();
        let vault = Vault::open(&store, KeySource::Folder(folder.path().join("keys"))).unwrap();
        let services = Services {
            store,
            vault: Arc::new(vault),
            eraser: Eraser::idle(),
            shreds: ShredWriter::of_tests(folder.path()),
            last_use: Arc::new(keys::LastUse::default()),
            uses: Arc::default(),
            importer: crate::jobs::importer::Importer::default(),
            prober: crate::service::probe::Prober::default(),
            revoker: crate::jobs::revoker::Revoker::default(),
            deliverer: Deliverer::default(),
            purging: Arc::default(),
            key_times: None,
            sealer: crate::jobs::sealer::Sealer::default(),
            metrics: crate::metrics::Metrics::default(),
            spool: crate::service::transfer::Spool::within(folder.path()),
        };
        let organization = organizations::ensure_default(&services).unwrap();
        Self {
            services,
            caller: Caller::command_line(organization.id),
            _folder: folder,
        }
    }

    pub(in crate::service) fn import(&self, export: &Export) -> Report {
        self.write(|tx| import(tx, export)).unwrap()
    }

    pub(in crate::service) fn write<T>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.services.write_once(&self.caller, work)
    }

    pub(in crate::service) fn connections(&self) -> Vec<ConnectionRow> {
        let filter = ConnectionFilter::default();
        self.services
            .store
            .read(|conn| conn.list_connections(self.caller.org, &filter, None, 1_000))
            .unwrap()
    }

    fn rows(&self, kind: DependentKind) -> Vec<DependentHead> {
        let filter = DependentFilter::default();
        self.services
            .store
            .read(|conn| conn.list_dependents(kind, self.caller.org, &filter, None, 1_000))
            .unwrap()
    }

    fn row(&self, kind: DependentKind, uuid: u128) -> DependentHead {
        let uuid = Some(Uuid::from_u128(uuid).to_string());
        self.rows(kind)
            .into_iter()
            .find(|row| row.external_id == uuid)
            .unwrap()
    }

    fn links(&self, from: DependentId) -> Vec<DependentId> {
        let links = self
            .services
            .store
            .read(|conn| conn.links_from(self.caller.org, &[from]))
            .unwrap();
        links.into_iter().map(|(_, to)| to).collect()
    }

    pub(in crate::service) fn delete(&self, target: Target) -> EntryId {
        self.write(|tx| delete::delete(tx, &target, &DeleteRequest::default()))
            .unwrap()
            .id
    }

    pub(in crate::service) fn restore(&self, entry: EntryId) {
        self.write(|tx| restore::restore(tx, entry, &RestoreRequest::default()))
            .unwrap();
    }

    fn enter(&self, field: &str) {
        let id = self.connections()[0].id;
        self.write(|tx| {
            let value = SecretValue::parse("hunter2".to_owned()).unwrap();
            let input = PutSecrets {
                test: false,
                secrets: [(field.to_owned(), Some(value))].into(),
                source_hints: [].into(),
            };
            secrets::put(tx, id, None, &input)
        })
        .unwrap();
    }

    fn secrets(&self) -> Vec<String> {
        let owner = self.connections()[0].id.into();
        let rows = self
            .services
            .store
            .read(|conn| conn.secrets_of(self.caller.org, OwnerKind::Connection, owner));
        rows.unwrap().into_iter().map(|row| row.field).collect()
    }
}

/// What Superset itself exported.
pub(in crate::service) fn real_export() -> Export {
    superset::read(File::open("tests/it/data/superset-export.zip").unwrap()).unwrap()
}

fn database(uuid: u128, name: &str, host: &str) -> Database {
    let text = |name: &str, value: &str| (name.to_owned(), SettingValue::Text(value.to_owned()));
    Database {
        uuid: Uuid::from_u128(uuid),
        name: name.to_owned(),
        uri: ParsedUri {
            connector: "postgres",
            settings: vec![
                text("host", host),
                text("database", "shop"),
                text("username", "ann"),
            ],
            secrets: Vec::new(),
            undeclared: Vec::new(),
        },
        options: Vec::new(),
        metadata_json: r#"{"cache_timeout":null,"expose_in_sqllab":true}"#.to_owned(),
        entry: format!("databases/{name}.yaml"),
    }
}

fn with_secret(mut database: Database, field: &str, value: &str) -> Database {
    database
        .uri
        .secrets
        .push((field.to_owned(), Zeroizing::new(value.to_owned())));
    database
}

/// Databases 1 and 2, a dataset on each (11, 12), charts on these (21, 22 and 23), a dashboard of all charts (31).
fn two_databases() -> Export {
    let text = |uuid: u128| {
        (
            Uuid::from_u128(uuid),
            format!("thing {uuid}"),
            format!("things/{uuid}.yaml"),
            "{}".to_owned(),
        )
    };
    let mut export = Export {
        databases: vec![
            database(1, "one", "a.example"),
            database(2, "two", "b.example"),
        ],
        ..Export::default()
    };
    for (id, parent) in [(11, 1), (12, 2)] {
        let (uuid, name, entry, body_json) = text(id);
        export.datasets.push(Dataset {
            uuid,
            name,
            database_uuid: Uuid::from_u128(parent),
            body_json,
            entry,
        });
    }
    for (id, parent) in [(21, 11), (22, 12), (23, 12)] {
        let (uuid, name, entry, body_json) = text(id);
        export.charts.push(Chart {
            uuid,
            name,
            dataset_uuid: Uuid::from_u128(parent),
            body_json,
            entry,
        });
    }
    let (uuid, name, entry, body_json) = text(31);
    let chart_uuids = [21, 22, 23].map(Uuid::from_u128).to_vec();
    export.dashboards.push(Dashboard {
        uuid,
        name,
        chart_uuids,
        body_json,
        entry,
    });
    export
}

/// Created and updated connections, models and content, and what was skipped.
fn numbers(report: &Report) -> [usize; 7] {
    [
        report.connections_created,
        report.models_created,
        report.content_created,
        report.connections_updated,
        report.models_updated,
        report.content_updated,
        report.skipped_in_trash,
    ]
}

#[test]
fn what_superset_exported_comes_in_once_however_often_it_is_imported() {
    let (place, export) = (Place::new(), real_export());
    let report = place.import(&export);
    assert_eq!(
        numbers(&report),
        [1, 11, 52, 0, 0, 0, 0],
        "{:?}",
        report.notices
    );
    assert_eq!(report.connections[0].missing_secrets, ["password"]);
    let before = place.connections();
    assert_eq!(
        before[0].settings.as_str(),
        r#"{"database":"examples","host":"127.0.0.1","port":5432,"username":"superset"}"#
    );
    assert_eq!(numbers(&place.import(&export)), [0; 7]);
    assert_eq!(place.connections(), before);
    assert!(
        place
            .rows(DependentKind::Content)
            .iter()
            .all(|row| row.version == 1)
    );

    let entry = place.delete(Target::Connection(before[0].id));
    let report = place.import(&export);
    assert_eq!(numbers(&report), [0, 0, 0, 0, 0, 0, 64]);
    assert_eq!(report.notices.len(), 1, "{:?}", report.notices);
    assert!(place.connections().is_empty() && place.rows(DependentKind::Content).is_empty());
    place.restore(entry);
    assert_eq!(numbers(&place.import(&export)), [0; 7]);
}

#[test]
fn the_file_decides_names_bodies_models_and_links() {
    let (place, mut export) = (Place::new(), two_databases());
    assert_eq!(numbers(&place.import(&export)), [2, 2, 4, 0, 0, 0, 0]);
    let board = place.row(DependentKind::Content, 31);
    assert_eq!(
        board.connection_id,
        place.connections()[1].id,
        "two of three charts are there"
    );
    assert_eq!(place.links(board.id).len(), 3);

    export.databases[0].name = "renamed".to_owned();
    export.charts[1].body_json = "[]".to_owned();
    export.dashboards[0].chart_uuids.truncate(1);
    assert_eq!(numbers(&place.import(&export)), [0, 0, 0, 1, 0, 2, 0]);
    assert_eq!(place.connections()[0].name, "renamed");
    assert_eq!(
        place.links(board.id),
        [place.row(DependentKind::Content, 21).id]
    );
    let after = place.row(DependentKind::Content, 31);
    assert_eq!(
        (after.connection_id, after.version),
        (board.connection_id, 2)
    );
    assert_eq!(numbers(&place.import(&export)), [0; 7]);
}

#[test]
fn what_is_in_the_trash_stays_there_with_what_is_built_on_it() {
    let (place, export) = (Place::new(), two_databases());
    place.import(&export);
    let model = place.row(DependentKind::Model, 12).id;
    let chart = place.row(DependentKind::Content, 21).id;
    let board = place.row(DependentKind::Content, 31);
    let entries = [
        place.delete(Target::Dependent(DependentKind::Model, model)),
        place.delete(Target::Dependent(DependentKind::Content, chart)),
    ];
    let report = place.import(&export);
    assert_eq!(numbers(&report), [0, 0, 0, 0, 0, 0, 4]);
    assert_eq!(report.notices.len(), 2, "{:?}", report.notices);
    assert!(place.links(board.id).is_empty());
    for entry in entries {
        place.restore(entry);
    }
    assert_eq!(
        place.links(board.id).len(),
        3,
        "the links of the file waited in the trash"
    );
    assert_eq!(numbers(&place.import(&export)), [0; 7]);
}

#[test]
fn settings_stay_while_a_secret_is_stored_that_the_file_does_not_bring() {
    let place = Place::new();
    let file = |host: &str| Export {
        databases: vec![database(1, "one", host)],
        ..Export::default()
    };
    let host = || {
        place.connections()[0]
            .settings
            .as_str()
            .contains("a.example")
    };
    place.import(&file("old.example"));
    assert_eq!(
        numbers(&place.import(&file("a.example"))),
        [0, 0, 0, 1, 0, 0, 0]
    );
    assert!(host());

    place.enter("password");
    let report = place.import(&file("evil.example"));
    assert_eq!(numbers(&report), [0; 7]);
    assert!(
        host() && report.notices[0].ends_with(": host"),
        "{:?}",
        report.notices
    );
    assert_eq!(
        (place.secrets(), place.connections()[0].status),
        (vec!["password".to_owned()], Status::Untested)
    );

    let mut with_options = file("evil.example");
    with_options.databases[0]
        .uri
        .undeclared
        .push(("a".to_owned(), Zeroizing::new("b".to_owned())));
    place.import(&with_options);
    assert_eq!(
        place.secrets(),
        ["password"],
        "options for one host are not sent to another"
    );

    let own = |host: &str, value: &str| Export {
        databases: vec![with_secret(database(1, "one", host), "password", value)],
        ..Export::default()
    };
    assert_eq!(
        numbers(&place.import(&own("a.example", "hunter2"))),
        [0; 7],
        "it is the one that is stored"
    );
    assert_eq!(
        numbers(&place.import(&own("b.example", "other"))),
        [0, 0, 0, 1, 0, 0, 0]
    );
    assert!(!host());
    place.enter("extra");
    assert_eq!(numbers(&place.import(&own("a.example", "other"))), [0; 7]);
    assert!(!host(), "`extra` was entered for another host");
}

#[test]
fn what_no_field_is_declared_for_is_kept_as_a_secret() {
    let (place, mut export) = (
        Place::new(),
        Export {
            databases: vec![database(1, "one", "a.example")],
            ..Export::default()
        },
    );
    let text = |value: &str| Zeroizing::new(value.to_owned());
    export.databases[0]
        .uri
        .undeclared
        .push(("options".to_owned(), text("-c hunter2")));
    export.databases[0]
        .options
        .push(("encrypted_extra".to_owned(), text(r#"{"key":"hunter2"}"#)));
    let report = place.import(&export);
    assert!(
        report.notices[0].ends_with("`extra`: options, encrypted_extra"),
        "{:?}",
        report.notices
    );
    assert_eq!(place.secrets(), ["extra"]);
    let again = place.import(&export);
    assert_eq!((numbers(&again), again.notices.len()), ([0; 7], 0));

    // Nothing else is stored, so settings and options may both follow the file.
    export.databases[0].uri.settings[0].1 = SettingValue::Text("b.example".to_owned());
    assert_eq!(numbers(&place.import(&export)), [0, 0, 0, 1, 0, 0, 0]);
    export.databases[0].options[0].1 = text(r#"{"key":"XXXXXXXXXX"}"#);
    assert_eq!(
        numbers(&place.import(&export)),
        [0; 7],
        "a mask is no new value"
    );
}

#[test]
fn a_name_that_another_connection_has_is_counted_on_and_stays() {
    let (place, mut export) = (Place::new(), two_databases());
    export.databases[1].name = "ONE".to_owned();
    let names = || {
        place
            .connections()
            .into_iter()
            .map(|row| row.name)
            .collect::<Vec<_>>()
    };
    assert!(place.import(&export).notices[0].contains("another connection is named \"ONE\""));
    assert_eq!(names(), ["one", "ONE (2)"]);
    assert_eq!(numbers(&place.import(&export)), [0; 7]);
    assert_eq!(names(), ["one", "ONE (2)"]);
}

#[test]
fn what_is_there_stays_in_its_connection_and_a_connection_keeps_its_connector() {
    let (place, mut export) = (Place::new(), two_databases());
    place.import(&export);
    let [model, chart] = [(DependentKind::Model, 11), (DependentKind::Content, 23)]
        .map(|(kind, uuid)| place.row(kind, uuid));
    export.datasets[0].database_uuid = Uuid::from_u128(2);
    export.charts[2].dataset_uuid = Uuid::from_u128(11);
    export.databases[0].uri.connector = "redshift";
    let report = place.import(&export);
    assert_eq!(numbers(&report), [0; 7]);
    assert_eq!(report.notices.len(), 3, "{:?}", report.notices);
    assert_eq!(
        place.row(DependentKind::Model, 11).connection_id,
        model.connection_id
    );
    assert_eq!(place.row(DependentKind::Content, 23).parent, chart.parent);
}

#[test]
fn without_the_key_only_a_file_with_secrets_is_refused() {
    let place = Place::new();
    let vault = Vault::open(&place.services.store, KeySource::Folder("/nowhere".into())).unwrap();
    let locked = Services {
        vault: Arc::new(vault),
        ..place.services.clone()
    };
    let mut export = two_databases();
    export.databases[1] = with_secret(database(2, "two", "b.example"), "password", "hunter2");
    let Err(Error::Problem(problem)) = locked.write_once(&place.caller, |tx| import(tx, &export))
    else {
        panic!("it is taken")
    };
    assert_eq!(problem.code, Code::Locked);
    assert!(
        problem.detail.starts_with("`databases/two.yaml`: "),
        "{}",
        problem.detail
    );
    assert!(place.connections().is_empty());
    assert!(
        locked
            .write_once(&place.caller, |tx| import(tx, &two_databases()))
            .is_ok()
    );
}

#[test]
fn one_bad_entry_and_nothing_is_imported() {
    let place = Place::new();
    let refusal = |change: fn(&mut Export)| {
        let mut export = two_databases();
        change(&mut export);
        let Err(Error::Problem(problem)) = place.write(|tx| import(tx, &export)) else {
            panic!("it is taken")
        };
        assert!(place.connections().is_empty(), "{}", problem.detail);
        (
            problem.members["entry"].as_str().unwrap().to_owned(),
            problem.detail,
        )
    };
    let (entry, detail) = refusal(|export| _ = export.databases[1].uri.settings.remove(0));
    assert_eq!(entry, "databases/two.yaml");
    assert!(
        detail.starts_with("`databases/two.yaml`: Host is required"),
        "{detail}"
    );
    let (entry, detail) =
        refusal(|export| export.charts[2].body_json = format!("\"{}\"", "x".repeat(256 * 1024)));
    assert_eq!(entry, "things/23.yaml");
    assert!(detail.contains("262144 bytes"), "{detail}");
    refusal(|export| export.dashboards[0].body_json = r#"{"a":"\u0000"}"#.to_owned());
    refusal(|export| export.datasets[0].name = " ".to_owned());
    refusal(|export| {
        export.dashboards[0].chart_uuids.clear();
        export.databases.clear();
    });
}

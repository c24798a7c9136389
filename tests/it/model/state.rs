//! What the model knows: every row, where it is, and what each deletion took. Plain maps, no SQL.
//!
//! Moments are not modelled. A row that was written in a step is in `touched`: its `updated_at` may be any then, and
//! has to stay what it was in every other step.

use std::collections::{BTreeMap, BTreeSet};

use reprieve::domain::clock::Ts;
use reprieve::domain::kinds::{DependentKind, EntryState, RootKind, Status};
use uuid::Uuid;

pub(crate) type Id = Uuid;

/// Where a row is. A row that is gone for good is in no map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Live,
    Trash(Id),
}

impl Place {
    pub(crate) fn is_live(self) -> bool {
        self == Self::Live
    }

    pub(crate) fn entry(self) -> Option<Id> {
        match self {
            Self::Live => None,
            Self::Trash(entry) => Some(entry),
        }
    }
}

/// A kind of system, and what the test knows of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Connector {
    pub(crate) key: &'static str,
    pub(crate) settings: &'static str,
    /// Its one required secret.
    pub(crate) secret: &'static str,
}

pub(crate) const CONNECTORS: [Connector; 2] = [
    Connector {
        key: "http-bearer",
        settings: r#"{"base_url":"https://api.example.com/v1"}"#,
        secret: "token",
    },
    Connector {
        key: "http-basic",
        settings: r#"{"base_url":"https://example.com","username":"bi"}"#,
        secret: "password",
    },
];

#[derive(Clone, Debug)]
pub(crate) struct Integration {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) connector: Connector,
    pub(crate) generation: i64,
    pub(crate) protected: bool,
    pub(crate) version: i64,
    pub(crate) secret: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) connector: Connector,
    /// The key of its integration as it was when the connection was last live, or its connector's. Names and external
    /// ids are unique among the live connections with the same one.
    pub(crate) integration: String,
    pub(crate) integration_id: Option<Id>,
    pub(crate) external_id: Option<String>,
    pub(crate) metadata: String,
    pub(crate) status: Status,
    pub(crate) generation: i64,
    pub(crate) protected: bool,
    pub(crate) version: i64,
    pub(crate) secret: Option<String>,
}

impl Connection {
    /// What the secrets it has make of it; nothing is ever tested here.
    pub(crate) fn status_by_secrets(&self) -> Status {
        match self.secret {
            Some(_) => Status::Untested,
            None => Status::NeedsCredentials,
        }
    }
}

/// A model or a piece of content.
#[derive(Clone, Debug)]
pub(crate) struct Dependent {
    pub(crate) place: Place,
    pub(crate) kind: DependentKind,
    pub(crate) connection: Id,
    pub(crate) parent: Option<Id>,
    pub(crate) name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) body: String,
    pub(crate) protected: bool,
    pub(crate) version: i64,
}

/// Rows by kind.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) integrations: i64,
    pub(crate) connections: i64,
    pub(crate) models: i64,
    pub(crate) content: i64,
    pub(crate) links: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hold {
    ForEver,
    Over,
    Running,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) state: EntryState,
    pub(crate) root_kind: RootKind,
    pub(crate) root: Id,
    pub(crate) root_name: String,
    pub(crate) root_external_id: Option<String>,
    pub(crate) connector: &'static str,
    pub(crate) integration: String,
    pub(crate) connection: Option<Id>,
    pub(crate) model: Option<Id>,
    pub(crate) reason: Option<String>,
    pub(crate) purge_at: Ts,
    pub(crate) purge_protected: bool,
    pub(crate) counts: Counts,
    pub(crate) references: i64,
    pub(crate) shredded: i64,
    /// The secret that the root had, if any: its field.
    pub(crate) root_secret: Option<&'static str>,
    /// Connections below the root that had a secret, with its field.
    pub(crate) shredded_below: Vec<(Id, &'static str)>,
}

impl Entry {
    pub(crate) fn is_open(&self) -> bool {
        self.state == EntryState::InTrash
    }
}

/// One organization as it ought to be.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) integrations: BTreeMap<Id, Integration>,
    pub(crate) connections: BTreeMap<Id, Connection>,
    pub(crate) dependents: BTreeMap<Id, Dependent>,
    /// From, to.
    pub(crate) links: BTreeMap<(Id, Id), Place>,
    pub(crate) entries: BTreeMap<Id, Entry>,
    /// The entry that a hold is on.
    pub(crate) holds: BTreeMap<Id, (Id, Hold)>,
    /// Ids of rows that are gone for good.
    pub(crate) gone: Vec<Id>,
    pub(crate) purge_protection: bool,
    pub(crate) retention_days: i32,
    /// How often each change was written down.
    pub(crate) events: BTreeMap<String, i64>,
    pub(crate) secrets_read: i64,
    pub(crate) erasures: i64,
    /// Rows whose moments this step may have changed.
    pub(crate) touched: BTreeSet<Id>,
    pub(crate) touched_links: BTreeSet<(Id, Id)>,
}

/// The key that names are unique by; the names of the test are ASCII.
pub(crate) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

impl Model {
    pub(crate) fn live_integrations(&self) -> Vec<Id> {
        self.integrations
            .iter()
            .filter(|(_, row)| row.place.is_live())
            .map(|(id, _)| *id)
            .collect()
    }

    /// The live integration with a key.
    pub(crate) fn integration_by_key(&self, key: &str) -> Option<Id> {
        self.live_integrations()
            .into_iter()
            .find(|id| self.integrations[id].key == key)
    }

    /// Where a connection belongs by the key of an integration: one, none if it is the connector's own key, nowhere.
    pub(crate) fn home(&self, key: &str, connector: Connector) -> Result<Option<Id>, ()> {
        match self.integration_by_key(key) {
            Some(id) if self.integrations[&id].connector == connector => Ok(Some(id)),
            None if key == connector.key => Ok(None),
            _ => Err(()),
        }
    }

    pub(crate) fn live_connections(&self) -> Vec<Id> {
        self.connections
            .iter()
            .filter(|(_, row)| row.place.is_live())
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn live_dependents(&self, kind: DependentKind) -> Vec<Id> {
        self.dependents
            .iter()
            .filter(|(_, row)| row.kind == kind && row.place.is_live())
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn live_models_of(&self, connection: Id) -> Vec<Id> {
        self.live_dependents(DependentKind::Model)
            .into_iter()
            .filter(|id| self.dependents[id].connection == connection)
            .collect()
    }

    pub(crate) fn open_entries(&self) -> Vec<Id> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.is_open())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Live rows that something in the trash hangs on.
    pub(crate) fn parents_of_trash(&self) -> Vec<(RootKind, Id)> {
        let connections = self.connections.values().filter(|row| !row.place.is_live());
        let dependents = || self.dependents.values().filter(|row| !row.place.is_live());
        let integrations: BTreeSet<Id> = connections.filter_map(|row| row.integration_id).collect();
        let of: BTreeSet<Id> = dependents().map(|row| row.connection).collect();
        let models: BTreeSet<Id> = dependents().filter_map(|row| row.parent).collect();
        let live = |kind, ids: Vec<Id>, parents: BTreeSet<Id>| {
            ids.into_iter()
                .filter(move |id| parents.contains(id))
                .map(move |id| (kind, id))
        };
        live(
            RootKind::Integration,
            self.live_integrations(),
            integrations,
        )
        .chain(live(RootKind::Connection, self.live_connections(), of))
        .chain(live(
            RootKind::Model,
            self.live_dependents(DependentKind::Model),
            models,
        ))
        .collect()
    }

    /// Open entries whose root hangs on something that is not live.
    pub(crate) fn orphaned_entries(&self) -> Vec<Id> {
        let mut found = self.open_entries();
        found.retain(|id| {
            let root = self.entries[id].root;
            let of_integration = self
                .connections
                .get(&root)
                .and_then(|row| row.integration_id);
            let row = self.dependents.get(&root);
            let of_model = row.and_then(|row| row.parent);
            of_integration.is_some_and(|id| !self.live_integrations().contains(&id))
                || row.is_some_and(|row| self.live_connection(row.connection).is_none())
                || of_model
                    .is_some_and(|id| self.live_dependent(DependentKind::Model, id).is_none())
        });
        found
    }

    pub(crate) fn live_connection(&self, id: Id) -> Option<&Connection> {
        self.connections.get(&id).filter(|row| row.place.is_live())
    }

    pub(crate) fn live_dependent(&self, kind: DependentKind, id: Id) -> Option<&Dependent> {
        self.dependents
            .get(&id)
            .filter(|row| row.kind == kind && row.place.is_live())
    }

    /// The live connection that has a name in an integration.
    pub(crate) fn named(&self, integration: &str, name: &str) -> Option<Id> {
        let key = name_key(name);
        self.find_connection(|row| row.integration == integration && name_key(&row.name) == key)
    }

    /// The live connection that has an external id in an integration.
    pub(crate) fn connection_by_external_id(
        &self,
        integration: &str,
        external_id: &str,
    ) -> Option<Id> {
        self.find_connection(|row| {
            row.integration == integration && row.external_id.as_deref() == Some(external_id)
        })
    }

    fn find_connection(&self, fits: impl Fn(&Connection) -> bool) -> Option<Id> {
        self.connections
            .iter()
            .find(|(_, row)| row.place.is_live() && fits(row))
            .map(|(id, _)| *id)
    }

    /// The live row of a connection that has an external id.
    pub(crate) fn dependent_by_external_id(
        &self,
        kind: DependentKind,
        connection: Id,
        external_id: &str,
    ) -> Option<Id> {
        self.dependents
            .iter()
            .find(|(_, row)| {
                row.place.is_live()
                    && row.kind == kind
                    && row.connection == connection
                    && row.external_id.as_deref() == Some(external_id)
            })
            .map(|(id, _)| *id)
    }

    pub(crate) fn is_held(&self, entry: Id) -> bool {
        self.holds
            .values()
            .any(|(on, hold)| *on == entry && *hold != Hold::Over)
    }

    /// A change was written down.
    pub(crate) fn happened(&mut self, event: impl Into<String>) {
        *self.events.entry(event.into()).or_default() += 1;
    }
}

//! The promises as rules over the model: what a deletion takes, what stands in the way of a restore, what each
//! leaves behind. Written from docs/promises.md and the decisions, not from the code under test.

use std::collections::{BTreeMap, BTreeSet};

use reprieve::domain::kinds::{DependentKind, EntryState, RootKind, Status};

use super::state::{CONNECTORS, Connector, Counts, Entry, Id, Model, Place, name_key};

/// Codes of which one has to be the answer; none of them: it has to be done.
pub(crate) type Refusals = BTreeSet<&'static str>;

/// What a deletion takes along.
#[derive(Clone, Default, Debug)]
pub(crate) struct Scope {
    pub(crate) integration: Option<Id>,
    pub(crate) connections: BTreeSet<Id>,
    pub(crate) dependents: BTreeSet<Id>,
    pub(crate) links: BTreeSet<(Id, Id)>,
    /// Links into it from content that stays.
    pub(crate) references: i64,
}

/// How a restore is asked for.
#[derive(Clone, Default, Debug)]
pub(crate) struct Overrides {
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) target: Option<Target>,
    pub(crate) with_ancestors: bool,
}

/// A new place for the root.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A connection, and a model of it.
    Rows(Id, Option<Id>),
    /// The key of an integration, or the connector's own.
    Integration(String),
}

/// What a restore came to, or would come to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Restored {
    pub(crate) counts: Counts,
    pub(crate) lost_links: i64,
    pub(crate) ancestors: Vec<Id>,
}

/// A key that is also a connector's is of an integration of that connector.
pub(crate) fn is_key_for(key: &str, connector: Connector) -> bool {
    key == connector.key || CONNECTORS.iter().all(|other| other.key != key)
}

pub(crate) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

// Deletion

impl Model {
    /// Why a row that is asked for by its id is not there; empty if it is live.
    pub(crate) fn absence(&self, kind: RootKind, id: Id) -> Refusals {
        let place = match kind {
            RootKind::Integration => self.integrations.get(&id).map(|row| row.place),
            RootKind::Connection => self.connections.get(&id).map(|row| row.place),
            RootKind::Model => self.place_of(DependentKind::Model, id),
            RootKind::Content => self.place_of(DependentKind::Content, id),
        };
        match place {
            Some(Place::Live) => Refusals::new(),
            Some(Place::Trash(_)) => Refusals::from(["in_trash"]),
            None => Refusals::from(["not_found"]),
        }
    }

    fn place_of(&self, kind: DependentKind, id: Id) -> Option<Place> {
        self.dependents
            .get(&id)
            .filter(|row| row.kind == kind)
            .map(|row| row.place)
    }

    /// What the deletion of a live row takes along.
    pub(crate) fn scope(&self, kind: RootKind, root: Id) -> Scope {
        let mut scope = Scope::default();
        match kind {
            RootKind::Integration => {
                scope.integration = Some(root);
                let live = self.live_connections().into_iter();
                scope
                    .connections
                    .extend(live.filter(|id| self.connections[id].integration_id == Some(root)));
            }
            RootKind::Connection => {
                scope.connections.insert(root);
            }
            RootKind::Model | RootKind::Content => {
                scope.dependents.insert(root);
            }
        }
        // Until nothing more is found that hangs on what goes.
        loop {
            let more: Vec<Id> = self
                .dependents
                .iter()
                .filter(|(id, row)| row.place.is_live() && !scope.dependents.contains(id))
                .filter(|(_, row)| {
                    scope.connections.contains(&row.connection)
                        || row
                            .parent
                            .is_some_and(|parent| scope.dependents.contains(&parent))
                })
                .map(|(id, _)| *id)
                .collect();
            if more.is_empty() {
                break;
            }
            scope.dependents.extend(more);
        }
        for ((from, to), _) in self.links.iter().filter(|(_, place)| place.is_live()) {
            let (from_goes, to_goes) = (
                scope.dependents.contains(from),
                scope.dependents.contains(to),
            );
            if from_goes || to_goes {
                scope.links.insert((*from, *to));
            }
            if to_goes && !from_goes {
                scope.references += 1;
            }
        }
        scope
    }

    pub(crate) fn counts_of(&self, scope: &Scope) -> Counts {
        let of = |kind| {
            count(
                scope
                    .dependents
                    .iter()
                    .filter(|id| self.dependents[id].kind == kind)
                    .count(),
            )
        };
        Counts {
            integrations: i64::from(scope.integration.is_some()),
            connections: count(scope.connections.len()),
            models: of(DependentKind::Model),
            content: of(DependentKind::Content),
            links: count(scope.links.len()),
        }
    }

    pub(crate) fn is_protected(&self, scope: &Scope) -> bool {
        scope
            .integration
            .is_some_and(|id| self.integrations[&id].protected)
            || scope
                .connections
                .iter()
                .any(|id| self.connections[id].protected)
            || scope
                .dependents
                .iter()
                .any(|id| self.dependents[id].protected)
    }

    /// Moves a scope into the trash.
    pub(crate) fn delete(&mut self, scope: &Scope, id: Id, entry: Entry) {
        let place = Place::Trash(id);
        if let Some(integration) = scope.integration {
            let row = self.integrations.get_mut(&integration).unwrap();
            row.place = place;
            row.generation += 1;
            row.secret = None;
        }
        for connection in &scope.connections {
            let row = self.connections.get_mut(connection).unwrap();
            row.place = place;
            row.generation += 1;
            row.secret = None;
            // Below an integration each is a connection that was deleted, too.
            if *connection != entry.root {
                row.version += 1;
            }
        }
        for dependent in &scope.dependents {
            self.dependents.get_mut(dependent).unwrap().place = place;
        }
        for link in &scope.links {
            self.links.insert(*link, place);
        }
        self.raise_version(entry.root);
        if entry.shredded > 0 {
            self.erasures += 1;
            self.happened(format!("{}.secrets_shredded", entry.root_kind));
        }
        self.happened(format!("{}.trashed", entry.root_kind));
        self.entries.insert(id, entry);
    }

    fn raise_version(&mut self, root: Id) {
        if let Some(row) = self.integrations.get_mut(&root) {
            row.version += 1;
        }
        if let Some(row) = self.connections.get_mut(&root) {
            row.version += 1;
        }
        if let Some(row) = self.dependents.get_mut(&root) {
            row.version += 1;
        }
    }
}

// Restore

impl Model {
    /// What a restore comes to: why it is refused, else the organization as it is afterwards.
    pub(crate) fn restore(&self, id: Id, asked: &Overrides) -> Result<(Self, Restored), Refusals> {
        let Some(entry) = self.entries.get(&id) else {
            return Err(Refusals::from(["not_found"]));
        };
        if !entry.is_open() {
            return Err(Refusals::from(["entry_closed"]));
        }
        let mut refusals = Refusals::new();
        let mut ancestors = Vec::new();
        match &asked.target {
            // Nothing more can be said of rows that have no place.
            Some(target) if !self.is_place_for(entry.root, target) => {
                return Err(Refusals::from(["invalid_input"]));
            }
            Some(_) => {}
            None => self.find_ancestors(
                entry.root,
                asked.with_ancestors,
                &mut ancestors,
                &mut refusals,
            ),
        }
        if entry.root_kind == RootKind::Integration
            && let Some(key) = &asked.external_id
            && !is_key_for(key, self.integrations[&entry.root].connector)
        {
            refusals.insert("invalid_input");
        }
        let mut after = self.clone();
        let mut restored = Restored::default();
        // Also beside another refusal: which one comes first is left open.
        for ancestor in &ancestors {
            refusals.extend(after.conflicts(*ancestor, &Overrides::default()));
            after.bring_back(*ancestor, &Overrides::default(), &mut restored);
        }
        refusals.extend(after.conflicts(id, asked));
        if !refusals.is_empty() {
            return Err(refusals);
        }
        after.bring_back(id, asked, &mut restored);
        restored.ancestors = ancestors;
        Ok((after, restored))
    }

    /// Whether the entry as it stands can be restored.
    pub(crate) fn blockers(&self, id: Id) -> Refusals {
        self.restore(id, &Overrides::default())
            .err()
            .unwrap_or_default()
    }

    /// Whether a trashed root could hang on something.
    fn is_place_for(&self, root: Id, target: &Target) -> bool {
        match target {
            Target::Rows(connection, model) => {
                self.dependents.contains_key(&root)
                    && self.live_connection(*connection).is_some()
                    && model.is_none_or(|model| self.live_models_of(*connection).contains(&model))
            }
            Target::Integration(key) => {
                let row = self.connections.get(&root);
                row.is_some_and(|row| self.home(key, row.connector).is_ok())
            }
        }
    }

    /// The entries that hold the parents of a trashed row, and those of their roots, outermost first.
    fn find_ancestors(&self, row: Id, allowed: bool, found: &mut Vec<Id>, refusals: &mut Refusals) {
        let mut parents = Vec::new();
        if let Some(integration) = self
            .connections
            .get(&row)
            .and_then(|row| row.integration_id)
        {
            parents.push(
                self.integrations
                    .get(&integration)
                    .map(|parent| parent.place),
            );
        }
        if let Some(row) = self.dependents.get(&row) {
            parents.push(
                self.connections
                    .get(&row.connection)
                    .map(|parent| parent.place),
            );
            if let Some(model) = row.parent {
                let model = self.dependents.get(&model);
                if model.is_some_and(|model| model.connection != row.connection) {
                    refusals.insert("parent_moved");
                } else {
                    parents.push(model.map(|model| model.place));
                }
            }
        }
        for parent in parents {
            match parent {
                None => {
                    refusals.insert("parent_purged");
                }
                Some(Place::Live) => {}
                Some(Place::Trash(_)) if !allowed => {
                    refusals.insert("parent_in_trash");
                }
                Some(Place::Trash(entry)) if found.contains(&entry) => {}
                Some(Place::Trash(entry)) => {
                    self.find_ancestors(self.entries[&entry].root, allowed, found, refusals);
                    found.push(entry);
                }
            }
        }
    }

    /// What of an entry is taken by live rows, with the overrides of the call in place.
    fn conflicts(&self, id: Id, asked: &Overrides) -> Refusals {
        let mut after = self.clone();
        after.bring_back(id, asked, &mut Restored::default());
        let mut refusals = Refusals::new();
        let integrations = after
            .integrations
            .values()
            .filter(|row| row.place.is_live());
        if twice(integrations.map(|row| &row.key)) {
            refusals.insert("external_id_taken");
        }
        let connections = || after.connections.values().filter(|row| row.place.is_live());
        if twice(connections().map(|row| (&row.integration, name_key(&row.name)))) {
            refusals.insert("name_taken");
        }
        let with_external_id = connections().filter(|row| row.external_id.is_some());
        if twice(with_external_id.map(|row| (&row.integration, &row.external_id))) {
            refusals.insert("external_id_taken");
        }
        let dependents = after
            .dependents
            .values()
            .filter(|row| row.place.is_live() && row.external_id.is_some());
        if twice(dependents.map(|row| (row.kind, row.connection, row.external_id.as_deref()))) {
            refusals.insert("external_id_taken");
        }
        refusals
    }

    /// Makes the rows of an entry live again.
    fn bring_back(&mut self, id: Id, asked: &Overrides, restored: &mut Restored) {
        let root = self.entries[&id].root;
        let place = Place::Trash(id);
        if let Some(row) = self.integrations.get_mut(&root) {
            restored.counts.integrations += 1;
            row.place = Place::Live;
            row.generation += 1;
            row.name
                .clone_from(asked.name.as_ref().unwrap_or(&row.name.clone()));
            row.key
                .clone_from(asked.external_id.as_ref().unwrap_or(&row.key.clone()));
        }
        for (connection, row) in self
            .connections
            .iter_mut()
            .filter(|(_, row)| row.place == place)
        {
            restored.counts.connections += 1;
            row.place = Place::Live;
            row.status = Status::NeedsCredentials;
            row.generation += 1;
            // Below an integration each is a connection that was restored, too.
            if *connection != root {
                row.version += 1;
            }
            // Its integration may have come back under another key meanwhile.
            if let Some(integration) = row.integration_id.and_then(|id| self.integrations.get(&id))
            {
                row.integration.clone_from(&integration.key);
            }
            self.touched.insert(*connection);
        }
        let moved_to = match asked.target {
            Some(Target::Rows(connection, _)) => Some(connection),
            _ => None,
        };
        for row in self
            .dependents
            .values_mut()
            .filter(|row| row.place == place)
        {
            match row.kind {
                DependentKind::Model => restored.counts.models += 1,
                DependentKind::Content => restored.counts.content += 1,
            }
            row.place = Place::Live;
            row.connection = moved_to.unwrap_or(row.connection);
        }
        self.raise_version(root);
        self.touched.insert(root);
        let home = match (&asked.target, self.connections.get(&root)) {
            (Some(Target::Integration(key)), Some(row)) => {
                self.home(key, row.connector).ok().map(|id| (key, id))
            }
            _ => None,
        };
        if let Some(row) = self.connections.get_mut(&root) {
            row.name
                .clone_from(asked.name.as_ref().unwrap_or(&row.name.clone()));
            row.external_id = asked.external_id.clone().or(row.external_id.take());
            if let Some((key, id)) = home {
                row.integration.clone_from(key);
                row.integration_id = id;
            }
        }
        if let Some(row) = self.dependents.get_mut(&root) {
            row.name
                .clone_from(asked.name.as_ref().unwrap_or(&row.name.clone()));
            row.external_id = asked.external_id.clone().or(row.external_id.take());
            if let Some(Target::Rows(_, model)) = asked.target {
                row.parent = model;
            }
        }
        self.bring_back_links(place, restored);
        let entry = self.entries.get_mut(&id).unwrap();
        entry.state = EntryState::Restored;
        let event = format!("{}.restored", entry.root_kind);
        self.touched.insert(id);
        self.happened(event);
    }

    /// Links of an entry whose rows are live again: back with both ends live, filed with the end that is still in the
    /// trash, else lost.
    fn bring_back_links(&mut self, place: Place, restored: &mut Restored) {
        let mut after = BTreeMap::new();
        for ((from, to), of) in &self.links {
            if *of != place {
                after.insert((*from, *to), *of);
                continue;
            }
            let ends = [from, to].map(|end| self.dependents.get(end).map(|row| row.place));
            match ends {
                [Some(Place::Live), Some(Place::Live)] => {
                    restored.counts.links += 1;
                    after.insert((*from, *to), Place::Live);
                }
                [Some(Place::Trash(other)), _] | [_, Some(Place::Trash(other))] => {
                    after.insert((*from, *to), Place::Trash(other));
                }
                _ => restored.lost_links += 1,
            }
        }
        self.links = after;
    }
}

// Purge

impl Model {
    pub(crate) fn purge_refusals(&self, id: Id, confirm: &str) -> Refusals {
        let Some(entry) = self.entries.get(&id) else {
            return Refusals::from(["not_found"]);
        };
        if !entry.is_open() {
            return Refusals::from(["entry_closed"]);
        }
        let mut refusals = Refusals::new();
        if confirm != entry.root_name {
            refusals.insert("confirm_mismatch");
        }
        if self.is_held(id) {
            refusals.insert("held");
        }
        // Retention is at least a day and no sequence takes that long.
        // Protection is on for everything at once.
        if entry.purge_protected || self.purge_protection {
            refusals.insert("purge_protected");
        }
        refusals
    }

    pub(crate) fn purge(&mut self, id: Id) {
        let place = Place::Trash(id);
        let in_it = |of: Place| of == place;
        let gone: Vec<Id> = (self
            .integrations
            .iter()
            .filter(|(_, row)| in_it(row.place))
            .map(|(id, _)| *id))
        .chain(
            self.connections
                .iter()
                .filter(|(_, row)| in_it(row.place))
                .map(|(id, _)| *id),
        )
        .chain(
            self.dependents
                .iter()
                .filter(|(_, row)| in_it(row.place))
                .map(|(id, _)| *id),
        )
        .collect();
        for row in &gone {
            self.integrations.remove(row);
            self.connections.remove(row);
            self.dependents.remove(row);
        }
        self.gone.extend(gone);
        self.links.retain(|_, of| *of != place);
        self.entries.get_mut(&id).unwrap().state = EntryState::Purged;
        self.touched.insert(id);
        self.happened("trash.purged");
    }
}

fn twice<T: Ord>(mut values: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    !values.all(|value| seen.insert(value))
}

//! Steps on models, content and links.

use reprieve::domain::ids::{ConnectionId, DependentId};
use reprieve::domain::json::JsonText;
use reprieve::domain::kinds::{DependentKind, RootKind};
use reprieve::service::dependents::{
    self, ContentPatch, ModelPatch, New, NewContent, NewModel, Patch,
};
use reprieve::service::links::LinkInput;
use reprieve::store::rows::DependentRow;

use super::connections::seen_version;
use super::{Agreement, Run};
use crate::model::rules::Refusals;
use crate::model::state::{Dependent, Id, Place};
use crate::model::steps::{NewDependent, Pick, Seen, Step};

/// A row to create with its picks resolved.
struct Item {
    kind: DependentKind,
    name: String,
    external_id: Option<String>,
    parent: Option<Id>,
    body: Option<&'static str>,
    protected: bool,
    links: Option<Vec<Id>>,
}

impl Run<'_> {
    pub(super) fn create(
        &mut self,
        kind: DependentKind,
        connection: Pick,
        items: &[NewDependent],
    ) -> Agreement {
        let Some(connection) = self.pick_connection(connection) else {
            return Ok(());
        };
        let items: Vec<Item> = items
            .iter()
            .map(|item| self.resolve(kind, connection, item))
            .collect();
        let mut expected = self.model.absence(RootKind::Connection, connection);
        if expected.is_empty() {
            for (index, item) in items.iter().enumerate() {
                expected.extend(self.creation_problems(connection, item));
                let twin = items.iter().skip(index + 1).any(|other| {
                    item.external_id.is_some() && other.external_id == item.external_id
                });
                if twin {
                    expected.insert("invalid_input");
                }
            }
        }
        let requests: Vec<Request> = items.iter().map(Request::new).collect();
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            if let [request] = requests.as_slice() {
                let row =
                    dependents::create(tx, kind, ConnectionId(connection), request.new_row())?;
                return Ok(vec![row.id.0]);
            }
            let news: Vec<New<'_>> = requests.iter().map(Request::new_row).collect();
            let made = dependents::create_batch(tx, kind, ConnectionId(connection), &news)?;
            Ok(made.data.into_iter().map(|item| item.id.0).collect())
        });
        let Some(ids) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        let event = if items.len() == 1 {
            "created"
        } else {
            "batch_created"
        };
        self.model.happened(format!("{kind}.{event}"));
        for (item, id) in items.into_iter().zip(ids) {
            self.made(connection, item, id);
        }
        Ok(())
    }

    fn resolve(&self, kind: DependentKind, connection: Id, item: &NewDependent) -> Item {
        Item {
            kind,
            name: item.name.clone(),
            external_id: item.external_id.clone(),
            parent: item
                .parent
                .and_then(|pick| self.pick_parent(connection, pick)),
            body: item.body,
            protected: item.protected,
            links: self.resolve_links(kind, item.links.as_deref()),
        }
    }

    fn resolve_links(&self, kind: DependentKind, links: Option<&[Pick]>) -> Option<Vec<Id>> {
        let links = links.filter(|_| kind == DependentKind::Content)?;
        Some(
            links
                .iter()
                .filter_map(|pick| self.pick_link(*pick))
                .collect(),
        )
    }

    /// What is wrong with a row to create in a live connection.
    fn creation_problems(&self, connection: Id, item: &Item) -> Refusals {
        let mut expected = Refusals::new();
        if item
            .parent
            .is_some_and(|parent| !self.model.live_models_of(connection).contains(&parent))
        {
            expected.insert("invalid_input");
        }
        if let Some(external_id) = &item.external_id
            && self
                .model
                .dependent_by_external_id(item.kind, connection, external_id)
                .is_some()
        {
            expected.insert("external_id_taken");
        }
        if self.links_are_dead(item.links.as_deref()) {
            expected.insert("invalid_input");
        }
        expected
    }

    fn links_are_dead(&self, links: Option<&[Id]>) -> bool {
        links.unwrap_or_default().iter().any(|to| {
            self.model
                .live_dependent(DependentKind::Content, *to)
                .is_none()
        })
    }

    fn made(&mut self, connection: Id, item: Item, id: Id) {
        let row = Dependent {
            place: Place::Live,
            kind: item.kind,
            connection,
            parent: item.parent,
            name: item.name,
            external_id: item.external_id,
            body: item.body.unwrap_or("{}").to_owned(),
            protected: item.protected,
            version: 1,
        };
        self.model.dependents.insert(id, row);
        if let Some(links) = item.links {
            self.link(id, &links);
        }
    }

    /// These are all links from a row now; what the trash kept of them is forgotten.
    fn link(&mut self, from: Id, to: &[Id]) {
        self.model.links.retain(|(source, _), _| *source != from);
        for to in to {
            self.model.links.insert((from, *to), Place::Live);
            self.model.touched_links.insert((from, *to));
        }
    }

    pub(super) fn upsert(
        &mut self,
        kind: DependentKind,
        connection: Pick,
        item: &NewDependent,
    ) -> Agreement {
        let (Some(connection), Some(external_id)) =
            (self.pick_connection(connection), item.external_id.clone())
        else {
            return Ok(());
        };
        let item = self.resolve(kind, connection, item);
        let mut expected = self.model.absence(RootKind::Connection, connection);
        let found = self
            .model
            .dependent_by_external_id(kind, connection, &external_id);
        if expected.is_empty() {
            expected = self.creation_problems(connection, &item);
            if found.is_some() {
                expected.remove("external_id_taken");
            }
            if let (Some(id), Some(parent)) = (found, item.parent)
                && self.is_cycle(kind, id, parent)
            {
                expected.insert("invalid_input");
            }
        }
        let request = Request::new(&item);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            dependents::upsert(
                tx,
                kind,
                ConnectionId(connection),
                &external_id,
                request.new_row(),
            )
        });
        let Some((created, row)) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        if created != found.is_none() {
            return Err(format!("created: {created}, and it was there as {found:?}"));
        }
        let Some(id) = found else {
            self.model.happened(format!("{kind}.created"));
            self.made(connection, item, row.id.0);
            return self.shows_row(&row);
        };
        let before = self.model.dependents[&id].clone();
        let after = self.model.dependents.get_mut(&id).unwrap();
        after.name = item.name;
        after.parent = item.parent.or(after.parent);
        after.body = item.body.map_or_else(|| before.body.clone(), str::to_owned);
        after.protected |= item.protected;
        self.row_changed(id, &before, item.links.as_deref());
        self.shows_row(&row)
    }

    pub(super) fn patch(&mut self, step: &Step) -> Agreement {
        let Step::Patch {
            kind,
            which,
            name,
            external_id,
            parent,
            protected,
            links,
            version,
        } = step
        else {
            return Ok(());
        };
        let kind = *kind;
        let Some(id) = self.pick_dependent(kind, *which) else {
            return Ok(());
        };
        self.tell(&format!("{kind} {id}"));
        let mut expected = self.model.absence(kind.into(), id);
        let links = self.resolve_links(kind, links.as_deref());
        let mut new_parent: Option<Option<Id>> = None;
        let mut if_match = None;
        if let Some(row) = self.model.live_dependent(kind, id) {
            if_match = seen_version(*version, row.version);
            if *version == Seen::Before {
                expected.insert("version_mismatch");
            }
            new_parent =
                parent.map(|pick| pick.and_then(|pick| self.pick_parent(row.connection, pick)));
            if let Some(Some(parent)) = new_parent {
                let live = self.model.live_models_of(row.connection).contains(&parent);
                if !live || self.is_cycle(kind, id, parent) {
                    expected.insert("invalid_input");
                }
            }
            if let Some(Some(external_id)) = external_id
                && row.external_id.as_ref() != Some(external_id)
                && self
                    .model
                    .dependent_by_external_id(kind, row.connection, external_id)
                    .is_some()
            {
                expected.insert("external_id_taken");
            }
            if self.links_are_dead(links.as_deref()) {
                expected.insert("invalid_input");
            }
        }
        let parent_id = new_parent.map(|parent| parent.map(DependentId));
        let model = ModelPatch {
            name: name.clone(),
            external_id: external_id.clone(),
            base_model_id: parent_id,
            deletion_protection: *protected,
            ..ModelPatch::default()
        };
        let content = ContentPatch {
            name: name.clone(),
            external_id: external_id.clone(),
            model_id: parent_id,
            deletion_protection: *protected,
            links: links.as_deref().map(inputs),
            ..ContentPatch::default()
        };
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            let patch = match kind {
                DependentKind::Model => Patch::from(&model),
                DependentKind::Content => Patch::from(&content),
            };
            dependents::patch(tx, kind, DependentId(id), if_match, &patch)
        });
        let Some(row) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        let before = self.model.dependents[&id].clone();
        let after = self.model.dependents.get_mut(&id).unwrap();
        after.name.clone_from(name.as_ref().unwrap_or(&before.name));
        if let Some(external_id) = external_id {
            after.external_id.clone_from(external_id);
        }
        after.parent = new_parent.unwrap_or(after.parent);
        after.protected = protected.unwrap_or(after.protected);
        self.row_changed(id, &before, links.as_deref());
        self.shows_row(&row)
    }

    /// A model may not extend itself, however far around.
    fn is_cycle(&self, kind: DependentKind, id: Id, parent: Id) -> bool {
        if kind == DependentKind::Content {
            return false;
        }
        let mut next = Some(parent);
        while let Some(current) = next {
            if current == id {
                return true;
            }
            next = self
                .model
                .dependents
                .get(&current)
                .and_then(|row| row.parent);
        }
        false
    }

    /// What a change leaves behind, if it is one. Writing links always is.
    fn row_changed(&mut self, id: Id, before: &Dependent, links: Option<&[Id]>) {
        let row = self.model.dependents.get_mut(&id).unwrap();
        let same = row.name == before.name
            && row.external_id == before.external_id
            && row.parent == before.parent
            && row.body == before.body
            && row.protected == before.protected;
        if same && links.is_none() {
            return;
        }
        row.version += 1;
        let event = format!("{}.updated", row.kind);
        self.model.touched.insert(id);
        self.model.happened(event);
        if let Some(links) = links {
            self.link(id, links);
        }
    }

    /// The answer shows the row as the model has it.
    fn shows_row(&self, view: &DependentRow) -> Agreement {
        let row = &self.model.dependents[&view.id.0];
        let parent = view.parent.map(|id| id.0);
        let shown = (
            &view.name,
            &view.external_id,
            parent,
            view.body.as_str(),
            view.version,
        );
        let known = (
            &row.name,
            &row.external_id,
            row.parent,
            row.body.as_str(),
            row.version,
        );
        if shown == known {
            Ok(())
        } else {
            Err(format!("the answer shows {shown:?}, not {known:?}"))
        }
    }
}

/// The request of an item, whose fields a unit of work borrows.
enum Request {
    Model(NewModel),
    Content(NewContent),
}

impl Request {
    fn new(item: &Item) -> Self {
        let body = item.body.map(|text| JsonText::parse(text).unwrap());
        match item.kind {
            DependentKind::Model => Self::Model(NewModel {
                name: item.name.clone(),
                kind: None,
                external_id: item.external_id.clone(),
                base_model_id: item.parent.map(DependentId),
                base_model_external_id: None,
                body,
                deletion_protection: item.protected,
            }),
            DependentKind::Content => Self::Content(NewContent {
                name: item.name.clone(),
                kind: None,
                external_id: item.external_id.clone(),
                model_id: item.parent.map(DependentId),
                model_external_id: None,
                body,
                deletion_protection: item.protected,
                links: item.links.as_deref().map(inputs),
            }),
        }
    }

    fn new_row(&self) -> New<'_> {
        match self {
            Self::Model(new) => new.into(),
            Self::Content(new) => new.into(),
        }
    }
}

fn inputs(links: &[Id]) -> Vec<LinkInput> {
    links
        .iter()
        .map(|to| LinkInput {
            content_id: Some(DependentId(*to)),
            external_id: None,
        })
        .collect()
}

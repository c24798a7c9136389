//! Steps on connections and their secrets.

use std::collections::BTreeMap;

use reprieve::domain::ids::ConnectionId;
use reprieve::domain::json::JsonText;
use reprieve::domain::kinds::{OnTrashed, RootKind, Status};
use reprieve::secrets::value::SecretValue;
use reprieve::service::connections::{self, ConnectionPatch};
use reprieve::service::secrets::{self, PutSecrets, SecretInput};
use reprieve::service::views::ConnectionView;

use super::{Agreement, Run};
use crate::model::rules::{Overrides, Refusals};
use crate::model::state::{Connection, Id, Place, name_key};
use crate::model::steps::{NewConnection, Pick, Seen, Step};

impl Run<'_> {
    /// What a step wants, in an integration that there is unless it insists.
    fn settled(&self, new: &NewConnection) -> NewConnection {
        let mut new = new.clone();
        if !new.insists
            && self
                .model
                .home(integration_of(&new), new.connector)
                .is_err()
        {
            new.integration = None;
        }
        new
    }

    pub(super) fn create_connection(&mut self, new: &NewConnection) -> Agreement {
        let new = &self.settled(new);
        let Some(name) = new.name.clone().or(new.external_id.clone()) else {
            return Ok(());
        };
        let (expected, twin) = self.creation_refusals(new, &name);
        let request = request(new);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| connections::create(tx, &request));
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        match twin {
            Some(entry) => self.restored_by_create(new, entry)?,
            None => self.created(new, name, view.id.0),
        }
        self.shows(&view)
    }

    /// Why a creation is refused, and the entry that it restores instead.
    fn creation_refusals(&self, new: &NewConnection, name: &str) -> (Refusals, Option<Id>) {
        let integration = integration_of(new);
        if self.model.home(integration, new.connector).is_err() {
            return (Refusals::from(["invalid_input"]), None);
        }
        let mut expected = Refusals::new();
        let twins = self.twins(new, name);
        let choice = new.on_trashed.unwrap_or(OnTrashed::New);
        if choice != OnTrashed::New && twins.len() > 1 {
            return (Refusals::from(["ambiguous"]), None);
        }
        let alone = |entry: &Id| self.model.entries[entry].root_kind == RootKind::Connection;
        if choice != OnTrashed::New
            && let [entry] = twins.as_slice()
            && (choice == OnTrashed::Fail || !alone(entry))
        {
            return (Refusals::from(["already_in_trash"]), None);
        }
        if let (OnTrashed::Restore, [entry]) = (choice, twins.as_slice()) {
            let asked = asked_by_create(new);
            let expected = self.model.restore(*entry, &asked).err();
            return (expected.unwrap_or_default(), Some(*entry));
        }
        if self.model.named(integration, name).is_some() {
            expected.insert("name_taken");
        }
        if let Some(external_id) = &new.external_id
            && self
                .model
                .connection_by_external_id(integration, external_id)
                .is_some()
        {
            expected.insert("external_id_taken");
        }
        (expected, None)
    }

    /// Entries with a connection like this: of its external id or, without one, of its name.
    fn twins(&self, new: &NewConnection, name: &str) -> Vec<Id> {
        self.model
            .connections
            .values()
            .filter(|row| row.integration == integration_of(new))
            .filter(|row| match &new.external_id {
                Some(external_id) => row.external_id.as_ref() == Some(external_id),
                None => name_key(&row.name) == name_key(name),
            })
            .filter_map(|row| row.place.entry())
            .collect()
    }

    fn created(&mut self, new: &NewConnection, name: String, id: Id) {
        let mut row = Connection {
            place: Place::Live,
            name,
            connector: new.connector,
            integration: integration_of(new).to_owned(),
            integration_id: self.model.home(integration_of(new), new.connector).unwrap(),
            external_id: new.external_id.clone(),
            metadata: new.metadata.clone().unwrap_or_else(|| "{}".to_owned()),
            status: Status::NeedsCredentials,
            generation: 1,
            protected: new.protected,
            version: 1,
            secret: new.secret.clone(),
        };
        row.status = row.status_by_secrets();
        self.model.connections.insert(id, row);
        self.model.happened("connection.created");
    }

    /// The twin is restored, then the request is applied to it.
    fn restored_by_create(&mut self, new: &NewConnection, entry: Id) -> Agreement {
        let (after, _) = self
            .model
            .restore(entry, &asked_by_create(new))
            .map_err(|refusals| format!("{refusals:?}"))?;
        self.model = after;
        let id = self.model.entries[&entry].root;
        let row = self.model.connections.get_mut(&id).unwrap();
        // Metadata is merged in by itself, protection and secrets in one change after it.
        if let Some(metadata) = &new.metadata {
            let merged = merged(&row.metadata, metadata);
            if merged != row.metadata {
                row.metadata = merged;
                row.version += 1;
                self.model.happened("connection.updated");
            }
        }
        let row = self.model.connections.get_mut(&id).unwrap();
        if new.secret.is_some() || (new.protected && !row.protected) {
            row.protected |= new.protected;
            row.secret.clone_from(&new.secret);
            row.status = row.status_by_secrets();
            row.version += 1;
            self.model.happened("connection.updated");
        }
        Ok(())
    }

    pub(super) fn upsert_connection(&mut self, new: &NewConnection) -> Agreement {
        let new = &self.settled(new);
        let Some(external_id) = &new.external_id else {
            return Ok(());
        };
        let Some(id) = self
            .model
            .connection_by_external_id(integration_of(new), external_id)
        else {
            return self.upserted_new(new, external_id);
        };
        let mut expected = Refusals::new();
        if self.model.home(integration_of(new), new.connector).is_err() {
            expected.insert("invalid_input");
        }
        if let Some(name) = &new.name
            && self
                .model
                .named(integration_of(new), name)
                .is_some_and(|other| other != id)
        {
            expected.insert("name_taken");
        }
        let request = request(new);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| connections::upsert(tx, &request));
        let Some(upserted) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        if upserted.created {
            return Err("an upsert made another connection".to_owned());
        }
        let row = self.model.connections.get_mut(&id).unwrap();
        let before = row.clone();
        row.name
            .clone_from(new.name.as_ref().unwrap_or(&before.name));
        row.metadata
            .clone_from(new.metadata.as_ref().unwrap_or(&before.metadata));
        row.protected |= new.protected;
        self.changed(id, &before, new.secret.as_deref());
        self.shows(&upserted.view)
    }

    fn upserted_new(&mut self, new: &NewConnection, external_id: &str) -> Agreement {
        let name = new.name.clone().unwrap_or_else(|| external_id.to_owned());
        let (expected, twin) = self.creation_refusals(new, &name);
        let request = request(new);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| connections::upsert(tx, &request));
        let Some(upserted) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        if !upserted.created {
            return Err("an upsert changed a connection that was not there".to_owned());
        }
        match twin {
            Some(entry) => self.restored_by_create(new, entry)?,
            None => self.created(new, name, upserted.view.id.0),
        }
        self.shows(&upserted.view)
    }

    pub(super) fn patch_connection(&mut self, step: &Step) -> Agreement {
        let Step::PatchConnection {
            which,
            name,
            external_id,
            metadata,
            protected,
            version,
        } = step
        else {
            return Ok(());
        };
        let Some(id) = self.pick_connection(*which) else {
            return Ok(());
        };
        self.tell(&format!("connection {id}"));
        let mut expected = self.model.absence(RootKind::Connection, id);
        let mut if_match = None;
        if let Some(row) = self.model.live_connection(id) {
            if_match = seen_version(*version, row.version);
            if *version == Seen::Before {
                expected.insert("version_mismatch");
            }
            let other = |holder: Option<Id>| holder.is_some_and(|holder| holder != id);
            if name
                .as_ref()
                .is_some_and(|name| other(self.model.named(&row.integration, name)))
            {
                expected.insert("name_taken");
            }
            if let Some(Some(external_id)) = external_id
                && other(
                    self.model
                        .connection_by_external_id(&row.integration, external_id),
                )
            {
                expected.insert("external_id_taken");
            }
        }
        let member = metadata.map(|number| format!(r#"{{"m":{number}}}"#));
        let patch = ConnectionPatch {
            name: name.clone(),
            external_id: external_id.clone(),
            metadata: member.clone().map(JsonText::from_trusted),
            deletion_protection: *protected,
            ..ConnectionPatch::default()
        };
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            connections::patch(tx, ConnectionId(id), if_match, &patch)
        });
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        let row = self.model.connections.get_mut(&id).unwrap();
        let before = row.clone();
        row.name.clone_from(name.as_ref().unwrap_or(&before.name));
        if let Some(external_id) = external_id {
            row.external_id.clone_from(external_id);
        }
        if let Some(member) = member {
            row.metadata = merged(&row.metadata, &member);
        }
        row.protected = protected.unwrap_or(row.protected);
        self.changed(id, &before, None);
        self.shows(&view)
    }

    /// What a change leaves behind, if it is one.
    fn changed(&mut self, id: Id, before: &Connection, secret: Option<&str>) {
        let row = self.model.connections.get_mut(&id).unwrap();
        let same = row.name == before.name
            && row.external_id == before.external_id
            && row.metadata == before.metadata
            && row.protected == before.protected;
        if same && secret.is_none() {
            return;
        }
        if let Some(secret) = secret {
            if row.secret.is_some() {
                self.model.erasures += 1;
            }
            row.secret = Some(secret.to_owned());
            row.status = row.status_by_secrets();
        }
        row.version += 1;
        self.model.touched.insert(id);
        self.model.happened("connection.updated");
    }

    pub(super) fn put_secret(&mut self, which: Pick, value: Option<&str>) -> Agreement {
        let Some(id) = self.pick_connection(which) else {
            return Ok(());
        };
        self.tell(&format!("connection {id}"));
        let expected = self.model.absence(RootKind::Connection, id);
        let field = self
            .model
            .connections
            .get(&id)
            .map_or("token", |row| row.connector.secret);
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            let input = PutSecrets {
                test: false,
                secrets: BTreeMap::from([(field.to_owned(), value.map(secret_value))]),
                source_hints: BTreeMap::new(),
            };
            secrets::put(tx, ConnectionId(id), None, &input)
        });
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        let row = self.model.connections.get_mut(&id).unwrap();
        if row.secret.is_some() {
            self.model.erasures += 1;
        }
        row.secret = value.map(str::to_owned);
        row.status = row.status_by_secrets();
        row.version += 1;
        self.model.touched.insert(id);
        self.model.happened("connection.credentials_entered");
        self.shows(&view)
    }

    pub(super) fn read_secrets(&mut self, which: Pick) -> Agreement {
        let Some(id) = self.pick_connection(which) else {
            return Ok(());
        };
        self.tell(&format!("connection {id}"));
        let mut expected = self.model.absence(RootKind::Connection, id);
        let stored = self
            .model
            .live_connection(id)
            .map(|row| (row.connector.secret, row.secret.clone()));
        if matches!(stored, Some((_, None))) {
            expected.insert("needs_credentials");
        }
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| secrets::read(tx, ConnectionId(id)));
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        self.model.secrets_read += 1;
        let read = serde_json::to_value(&view).unwrap();
        let (field, value) = stored.unwrap();
        if read != serde_json::json!({"secrets": {field: value}}) {
            return Err(format!("the secret of {id} is not what was entered"));
        }
        Ok(())
    }

    /// The answer shows the row as the model has it.
    fn shows(&self, view: &ConnectionView) -> Agreement {
        let row = &self.model.connections[&view.id.0];
        let shown = (
            &view.name,
            &view.external_id,
            view.status,
            view.version,
            view.deletion_protection,
        );
        let known = (
            &row.name,
            &row.external_id,
            row.status,
            row.version,
            row.protected,
        );
        if shown == known {
            Ok(())
        } else {
            Err(format!("the answer shows {shown:?}, not {known:?}"))
        }
    }
}

/// RFC 7396 for the members the test knows, which are never nested and keep their text.
fn merged(target: &str, patch: &str) -> String {
    match (target, patch) {
        (target, "{}") => target.to_owned(),
        ("{}", patch) => patch.to_owned(),
        _ => reprieve::domain::merge_patch::apply(
            &JsonText::from_trusted(target.to_owned()),
            &JsonText::from_trusted(patch.to_owned()),
        )
        .unwrap()
        .into_string(),
    }
}

/// The `If-Match` of a caller who has seen the row so.
pub(super) fn seen_version(seen: Seen, version: i64) -> Option<i64> {
    match seen {
        Seen::Nothing => None,
        Seen::Now => Some(version),
        Seen::Before => Some(version - 1),
    }
}

fn asked_by_create(new: &NewConnection) -> Overrides {
    Overrides {
        name: new.name.clone(),
        ..Overrides::default()
    }
}

fn integration_of(new: &NewConnection) -> &str {
    new.integration.as_deref().unwrap_or(new.connector.key)
}

pub(super) fn secret_value(text: &str) -> SecretValue {
    SecretValue::parse(text.to_owned()).unwrap()
}

fn request(new: &NewConnection) -> connections::NewConnection {
    let secrets: SecretInput = new
        .secret
        .iter()
        .map(|value| (new.connector.secret.to_owned(), Some(secret_value(value))))
        .collect();
    connections::NewConnection {
        name: new.name.clone(),
        connector: new.connector.key.to_owned(),
        integration: new.integration.clone(),
        external_id: new.external_id.clone(),
        settings: Some(JsonText::from_trusted(new.connector.settings.to_owned())),
        tags: None,
        metadata: new.metadata.clone().map(JsonText::from_trusted),
        secrets,
        source_hints: BTreeMap::new(),
        deletion_protection: new.protected,
        on_trashed: new.on_trashed,
    }
}

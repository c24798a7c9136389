//! Steps on integrations. The service knows them by their keys.

use std::collections::BTreeMap;

use reprieve::domain::json::JsonText;
use reprieve::domain::kinds::RootKind;
use reprieve::service::integrations::{self, IntegrationPatch};
use reprieve::service::secrets::SecretInput;

use super::connections::{secret_value, seen_version};
use super::{Agreement, Run};
use crate::model::rules::{Refusals, is_key_for};
use crate::model::state::{Id, Integration, Place};
use crate::model::steps::{NewIntegration, Seen, Step};

impl Run<'_> {
    /// The key of an integration; one that nothing has for those that are gone.
    pub(super) fn key_of(&self, id: Id) -> String {
        let row = self.model.integrations.get(&id);
        row.map_or_else(|| "gone".to_owned(), |row| row.key.clone())
    }

    pub(super) fn create_integration(&mut self, new: &NewIntegration) -> Agreement {
        let mut expected = Refusals::new();
        if !is_key_for(&new.key, new.connector) {
            expected.insert("invalid_input");
        }
        if self.model.integration_by_key(&new.key).is_some() {
            expected.insert("external_id_taken");
        }
        let request = integrations::NewIntegration {
            key: new.key.clone(),
            name: new.name.clone(),
            connector: new.connector.key.to_owned(),
            settings: Some(JsonText::from_trusted(new.connector.settings.to_owned())),
            secrets: (new.secret.iter())
                .map(|value| (new.connector.secret.to_owned(), Some(secret_value(value))))
                .collect(),
            source_hints: BTreeMap::new(),
            deletion_protection: new.protected,
            revoke_on_delete: true,
        };
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| integrations::create(tx, &request));
        let Some(view) = self.settle(&expected, answer)? else {
            return Ok(());
        };
        let row = Integration {
            place: Place::Live,
            key: new.key.clone(),
            name: new.name.clone().unwrap_or_else(|| new.key.clone()),
            connector: new.connector,
            generation: 1,
            protected: new.protected,
            version: 1,
            secret: new.secret.clone(),
        };
        self.model.integrations.insert(view.id.0, row);
        self.model.happened("integration.created");
        Ok(())
    }

    pub(super) fn patch_integration(&mut self, step: &Step) -> Agreement {
        let Step::PatchIntegration {
            which,
            name,
            protected,
            secret,
            version,
        } = step
        else {
            return Ok(());
        };
        let Some(id) = self.pick_integration(*which) else {
            return Ok(());
        };
        let key = self.key_of(id);
        // Another one may have the key of one that is in the trash.
        let id = self.model.integration_by_key(&key).unwrap_or(id);
        self.tell(&format!("integration {key} {id}"));
        let mut expected = self.model.absence(RootKind::Integration, id);
        let known = self.model.integrations.get(&id).cloned();
        let if_match = known
            .as_ref()
            .and_then(|row| seen_version(*version, row.version));
        if expected.is_empty() && *version == Seen::Before {
            expected.insert("version_mismatch");
        }
        let field = known.as_ref().map_or("token", |row| row.connector.secret);
        let secrets = || -> SecretInput {
            let value = secret
                .as_ref()
                .map(|value| value.as_deref().map(secret_value));
            value
                .into_iter()
                .map(|value| (field.to_owned(), value))
                .collect()
        };
        let (caller, world) = (self.caller.clone(), self.world);
        let answer = world.write(&caller, |tx| {
            let patch = IntegrationPatch {
                name: name.clone(),
                secrets: secrets(),
                deletion_protection: *protected,
                ..IntegrationPatch::default()
            };
            integrations::patch(tx, &key, if_match, &patch)
        });
        let (Some(view), Some(before)) = (self.settle(&expected, answer)?, known) else {
            return Ok(());
        };
        let row = self.model.integrations.get_mut(&id).unwrap();
        row.name.clone_from(name.as_ref().unwrap_or(&before.name));
        row.protected = protected.unwrap_or(before.protected);
        if row.name == before.name && row.protected == before.protected && secret.is_none() {
            return Ok(());
        }
        if let Some(value) = secret {
            if row.secret.is_some() {
                self.model.erasures += 1;
            }
            row.secret.clone_from(value);
        }
        row.version += 1;
        let shown = (view.name == row.name, view.version == row.version);
        self.model.touched.insert(id);
        self.model.happened("integration.updated");
        super::trash::agree("the answer", &shown, &(true, true))
    }
}

//! The credentials of a connection as Nango has them, and what our connectors keep of them.
//!
//! Each member of a type is a field of the connector: a secret, but for what is not secret there (`expires_at`, and say the
//! user name of `http-basic`). Objects are kept as one secret, as JSON text. What must stay true: nothing that a connector does
//! not declare is kept anywhere but in its secret `extra`.

mod members;
mod shown;

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::input::{Faults, Object, secret_json};
use super::providers::Form;
use crate::connectors::{Connector, EXTRA};
use crate::domain::json::JsonText;
use crate::secrets::value::SecretValue;
use crate::service::error::{Error, Result};
use crate::service::secrets::SecretInput;

use members::Kind;
pub(super) use members::members;

/// JSON by name, as it is sent.
pub(super) type Members = BTreeMap<String, Box<RawValue>>;

/// A copy of what was entered for one attempt of the unit of work: each takes it for itself.
pub(super) fn for_one_attempt(entered: &SecretInput) -> SecretInput {
    let copy = |value: &SecretValue| SecretValue::parse(value.expose().to_owned()).ok();
    entered
        .iter()
        .map(|(field, value)| (field.clone(), value.as_ref().and_then(copy)))
        .collect()
}

/// What is kept of credentials and of `connection_config`.
#[derive(Default)]
pub(super) struct Entered {
    /// Secrets by field; `None` shreds what an earlier entry left.
    pub(super) secrets: SecretInput,
    credentials: Members,
    config: Option<Members>,
}

impl Entered {
    /// The settings of a connection: those of the entry, and of `stored` what is not replaced by it.
    pub(super) fn settings(&self, form: &Form, stored: Option<&JsonText>) -> Result<JsonText> {
        let mut settings = match (&self.config, stored) {
            (Some(config), _) => copy(config),
            (None, Some(stored)) => object(stored.as_str())?,
            (None, None) => Members::new(),
        };
        for member in members(form.auth_mode) {
            settings.remove(form.field(member.name));
        }
        settings.extend(copy(&self.credentials));
        json(&settings)
    }
}

impl Form {
    /// The field of the connector in which a member is kept.
    pub(super) fn field<'a>(&'a self, member: &'a str) -> &'a str {
        self.fields.get(member).map_or(member, String::as_str)
    }

    /// What `connection_config` calls a setting.
    pub(super) fn config_name<'a>(&'a self, setting: &'a str) -> &'a str {
        let renamed = self.config.iter().find(|(_, ours)| *ours == setting);
        renamed.map_or(setting, |(theirs, _)| theirs.as_str())
    }

    /// Where a member is kept; nowhere, if the connector has no place for it.
    fn place(&self, connector: &Connector, member: &str) -> Option<Place> {
        let field = self.field(member);
        if connector.declares(field) {
            return Some(Place::Setting);
        }
        connector
            .secrets_of_connections()
            .any(|secret| secret.key == field)
            .then_some(Place::Secret)
    }

    /// Reads credentials, the object without its `type`.
    pub(super) fn enter(&self, mut object: Object<'_>, faults: &mut Faults) -> Entered {
        let mut entered = Entered::default();
        let Some(connector) = self.connector() else {
            return entered;
        };
        for member in members(self.auth_mode) {
            let Some(place) = self.place(connector, member.name) else {
                continue;
            };
            if member.required {
                object.need(member.name, "string", faults);
            }
            let path = object.at(member.name);
            let field = self.field(member.name).to_owned();
            if member.kind == Kind::Rest {
                let rest = object.rest();
                let value = (!rest.is_empty())
                    .then(|| serde_json::to_string(&rest).unwrap_or_default())
                    .and_then(|json| secret_json(json, &path, faults));
                entered.secrets.insert(field, value);
                continue;
            }
            let raw = object.take(member.name);
            if place == Place::Setting {
                let value = raw.and_then(|raw| member.setting(raw, &path, faults));
                if let Some(value) = value {
                    entered.credentials.insert(field, value);
                }
                continue;
            }
            let value = raw.and_then(|raw| member.secret(raw, &path, faults));
            entered.secrets.insert(field, value);
        }
        object.end(faults);
        entered
    }

    /// Reads `connection_config`: what the connector declares are settings, all else goes into its secret `extra`, since
    /// nobody knows whether it is harmless.
    pub(super) fn configure(
        &self,
        entered: &mut Entered,
        mut config: Object<'_>,
        faults: &mut Faults,
    ) {
        let Some(connector) = self.connector() else {
            return;
        };
        let path = config.path().to_vec();
        let (mut settings, mut others) = (Members::new(), BTreeMap::new());
        let credentials: Vec<&str> = members(self.auth_mode)
            .iter()
            .map(|member| self.field(member.name))
            .collect();
        for (name, raw) in config.rest() {
            let setting = self.config.get(&name).unwrap_or(&name);
            let declared = connector
                .settings
                .iter()
                .any(|field| field.key == *setting && !field.integration_only);
            if declared && !credentials.contains(&setting.as_str()) {
                settings.insert(setting.clone(), raw.to_owned());
            } else {
                others.insert(name, raw);
            }
        }
        let extra = (!others.is_empty())
            .then(|| serde_json::to_string(&others).unwrap_or_default())
            .and_then(|json| secret_json(json, &path, faults));
        entered.secrets.insert(EXTRA.to_owned(), extra);
        entered.config = Some(settings);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Setting,
    Secret,
}

fn copy(members: &Members) -> Members {
    members
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn json(members: &Members) -> Result<JsonText> {
    serde_json::to_string(members)
        .map(JsonText::from_trusted)
        .map_err(|_| damaged())
}

/// The members of an object that is stored.
pub(super) fn object(text: &str) -> Result<Members> {
    serde_json::from_str(text).map_err(|_| damaged())
}

/// A text as JSON.
pub(super) fn raw_text(text: &str) -> Result<Box<RawValue>> {
    to_raw_value(text).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::Internal("stored JSON can't be read".to_owned())
}
